"""What a Shapefile needs beside its .shp, and in which encoding its .dbf is. From `loaders.files.layers`.

Sources: ESRI Shapefile Technical Description (1998); dBASE III table file structure.
"""

from __future__ import annotations

import codecs
import glob
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geoplatform.errors import BadSource

_END_OF_FIELDS = 0x0D


@dataclass(frozen=True)
class Encoding:
    """The encoding of a .dbf and, where the .cpg is missing or wrong, why that one."""

    name: str
    notes: tuple[str, ...] = ()


def companion(file: Path, suffix: str) -> Path | None:
    """The file of the same name with this suffix, in any case, or None."""
    return next(
        (other for other in file.parent.glob(glob.escape(file.stem) + ".*") if other.suffix.lower() == suffix), None
    )


def refuse_incomplete(shown: str, file: Path) -> None:
    """BadSource, naming the file, unless the .dbf and .shx are there and nothing is shorter than its header says."""
    for suffix, what in ((".dbf", "the names and codes"), (".shx", "the index of the shapes")):
        if companion(file, suffix) is None:
            raise BadSource(f"{shown}: {file.stem}{suffix} ({what}) is missing beside it", file=shown)
    header = file.open("rb").read(100)
    if len(header) < 100 or struct.unpack(">i", header[:4])[0] != 9994:
        raise BadSource(f"{shown} is no Shapefile: its header is not one", file=shown)
    _refuse_short(shown, file, 2 * struct.unpack(">i", header[24:28])[0])
    table = companion(file, ".dbf")
    if table is not None:
        head = table.open("rb").read(12)
        if len(head) < 12:
            raise BadSource(f"{shown}: {table.name} is truncated ({len(head)} bytes)", file=shown)
        rows, header_size, row_size = struct.unpack("<IHH", head[4:12])
        _refuse_short(shown, table, header_size + rows * row_size)


def _refuse_short(shown: str, file: Path, expected: int) -> None:
    found = file.stat().st_size
    if found < expected:
        reason = f"{shown}: {file.name} is truncated: {found} bytes of {expected}"
        raise BadSource(reason, file=str(file), expected=expected, found=found)


def encoding_of(file: Path, named: str | None = None) -> Encoding:
    """The encoding of the .dbf: what the .cpg says unless the bytes say otherwise. `named`: the operator says which.

    UTF-8 may be cut within a letter where a text fills its field: that is counted in the notes.
    """
    table, page = companion(file, ".dbf"), companion(file, ".cpg")
    declared = page.read_text("ascii", "replace").strip().upper() if page else None
    content = table.read_bytes() if table else b""
    header_size = struct.unpack("<H", content[8:10])[0] if len(content) > 10 else 0
    if content[header_size:].isascii():
        return Encoding(named or "UTF-8")
    says_utf8 = (named or declared or "").upper().replace("-", "") in ("UTF8", "65001")
    cut: dict[str, int] = {}
    try:
        content[header_size:].decode("utf-8")
        is_utf8 = True
    except UnicodeDecodeError:
        whole, cut, others = _texts_in_utf8(content)
        is_utf8 = others == 0 and (whole > 0 or says_utf8)
    truth, spelled = ("UTF-8", "UTF-8") if is_utf8 else ("CP1252", "windows-1252")
    notes = tuple(
        f"{count} texts of {name} are cut within a letter by the width of the field: read up to there"
        for name, count in cut.items()
        if is_utf8
    )
    if named is not None:
        return Encoding(named, notes if says_utf8 else ())
    if declared is None:
        return Encoding(truth, (f"no .cpg: read as {spelled}", *notes))
    if is_utf8 != says_utf8:
        return Encoding(truth, (f"the .cpg says {declared}, the bytes are {spelled}: read so", *notes))
    return Encoding("UTF-8" if is_utf8 else _known(declared), notes)


def up_to_a_whole_letter(text: bytes) -> str:
    """UTF-8 without the letter that its end cuts in two. UnicodeDecodeError for what is no UTF-8 before it."""
    return codecs.getincrementaldecoder("utf-8")().decode(text)


def _texts_in_utf8(content: bytes) -> tuple[int, dict[str, int], int]:
    """Of the texts beyond ASCII in a .dbf: how many are UTF-8, how many by field are but for their cut end, how many are not."""
    count, header_size, row_size = struct.unpack("<IHH", content[4:12])
    rows = np.frombuffer(content, np.uint8, count * row_size, header_size).reshape(count, row_size)
    whole, others, begin = 0, 0, 1  # a row begins with the mark of deletion
    cut: dict[str, int] = {}
    for at in range(32, header_size - 1, 32):
        if content[at] == _END_OF_FIELDS:
            break
        name, kind, width = (
            content[at : at + 11].split(b"\0")[0].decode("ascii", "replace"),
            content[at + 11],
            content[at + 16],
        )
        cells = rows[:, begin : begin + width]
        begin += width
        if kind != ord("C"):
            continue
        for cell in cells[(cells >= 0x80).any(axis=1)]:
            text = cell.tobytes().rstrip(b" \0")
            try:
                shorter = up_to_a_whole_letter(text)
            except UnicodeDecodeError:
                others += 1
                continue
            if len(shorter.encode()) == len(text):
                whole += 1
            elif len(text) == width:
                cut[name] = cut.get(name, 0) + 1
            else:
                others += 1
    return whole, cut, others


def _known(declared: str) -> str:
    """The declared encoding if it is one (`ISO-8859-15`, `850`, `ANSI 1252`), else windows-1252."""
    number = declared.removeprefix("ANSI").strip()
    for name in (declared, f"CP{number}"):
        try:
            return codecs.lookup(name).name.upper()
        except LookupError:
            continue
    return "CP1252"
