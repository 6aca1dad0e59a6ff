"""What a Shapefile needs beside its .shp, and in which encoding its .dbf is. From `loaders.files.layers`.

Sources: ESRI Shapefile Technical Description (1998); dBASE III table file structure.
"""

from __future__ import annotations

import codecs
import glob
import struct
from dataclasses import dataclass
from pathlib import Path

from geoplatform.errors import BadSource


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


def encoding_of(file: Path) -> Encoding:
    """The encoding of the .dbf: what the .cpg says unless the bytes say otherwise."""
    table, page = companion(file, ".dbf"), companion(file, ".cpg")
    declared = page.read_text("ascii", "replace").strip().upper() if page else None
    content = table.read_bytes() if table else b""
    header_size = struct.unpack("<H", content[8:10])[0] if len(content) > 10 else 0
    body = content[header_size:]
    if body.isascii():
        return Encoding("UTF-8")
    try:
        body.decode("utf-8")
        is_utf8 = True
    except UnicodeDecodeError:
        is_utf8 = False
    says_utf8 = declared is not None and declared.replace("-", "") in ("UTF8", "65001")
    if declared is None:
        return Encoding(
            "UTF-8" if is_utf8 else "CP1252", (f"no .cpg: read as {'UTF-8' if is_utf8 else 'windows-1252'}",)
        )
    if is_utf8 != says_utf8:
        truth = "UTF-8" if is_utf8 else "windows-1252"
        return Encoding(
            "UTF-8" if is_utf8 else "CP1252", (f"the .cpg says {declared}, the bytes are {truth}: read so",)
        )
    return Encoding("UTF-8" if is_utf8 else _known(declared))


def _known(declared: str) -> str:
    """The declared encoding if it is one (`ISO-8859-15`, `850`, `ANSI 1252`), else windows-1252."""
    number = declared.removeprefix("ANSI").strip()
    for name in (declared, f"CP{number}"):
        try:
            return codecs.lookup(name).name.upper()
        except LookupError:
            continue
    return "CP1252"
