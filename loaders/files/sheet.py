"""One careful reader for delimited text: any delimiter, UTF-8 or what was written before, columns by name; row by row.

From `loaders.cog` and `loaders.addresses`.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from geoplatform.errors import BadSource

_BLOCK = 1 << 20
_BINARY = {b"PK\x03\x04": "a zip or xlsx file", b"\x1f\x8b": "a gzip file", b"%PDF": "a PDF"}


@dataclass(frozen=True)
class Row:
    """One line: its number in the file, from 1, and its cells by meaning (None where empty or without such a column)."""

    line: int
    cells: Mapping[str, str | None]

    def __getitem__(self, meaning: str) -> str | None:
        return self.cells.get(meaning)


class Sheet:
    """A delimited text file, called `name` in errors (its path). BadSource names the file, line and value at fault.

    `older`: its encoding where it is not UTF-8; BadSource if there is none.
    """

    def __init__(self, path: Path, name: str | None = None, older: str | None = "cp1252") -> None:
        self.path, self.name = path, name or str(path)
        try:
            self._encoding = _encoding_of(path, self.name, older)
            with self._text() as text:
                first = text.readline().rstrip("\r\n")
                if not first.strip():
                    raise BadSource(f"{self.name} is empty", file=self.name)
                self._delimiter = max(",;\t", key=first.count)
                text.seek(0)
                try:
                    self.header = [
                        name.strip().strip("#\ufeff").lower()
                        for name in next(csv.reader(text, delimiter=self._delimiter, strict=True))
                    ]
                except csv.Error as error:
                    raise BadSource(f"{self.name}, line 1: {error}", file=self.name, row=1) from error
        except OSError as error:
            raise BadSource(f"{self.name} cannot be read: {error.strerror}", file=self.name) from error

    def _text(self) -> TextIO:
        return self.path.open(encoding=self._encoding, errors="replace", newline="")

    def has(self, *names: str) -> bool:
        """Whether it has all these columns (lower case)."""
        return set(names) <= set(self.header)

    def rows(self, wanted: Mapping[str, Sequence[str]], required: Sequence[str]) -> Iterator[Row]:
        """Its lines with the columns of `wanted`, each under the first of its aliases that is there."""
        where = {
            m: self.header.index(a) for m, aliases in wanted.items() for a in reversed(aliases) if a in self.header
        }
        lacking = [meaning for meaning in required if meaning not in where]
        if lacking:
            looked = ", ".join("/".join(wanted[meaning]) for meaning in lacking)
            raise BadSource(f"{self.name} has no column {looked}; it has {', '.join(self.header)}", file=self.name)
        with self._text() as text:
            reader = csv.reader(text, delimiter=self._delimiter, strict=True)
            next(reader)  # the header
            try:
                for cells in reader:
                    if not any(cells):
                        continue
                    if len(cells) != len(self.header):
                        reason = f"{len(cells)} cells, the header has {len(self.header)}: is the file cut off?"
                        raise self.wrong(reader.line_num, reason)
                    yield Row(reader.line_num, {m: cells[i].strip() or None for m, i in where.items()})
            except csv.Error as error:
                raise self.wrong(reader.line_num, str(error)) from error

    def wrong(self, line: int, reason: str, **facts: object) -> BadSource:
        """What is wrong with a line of it."""
        return BadSource(f"{self.name}, line {line}: {reason}", file=self.name, row=line, **facts)


def _encoding_of(path: Path, name: str, older: str | None) -> str:
    """UTF-8 (with or without mark), else the older one: windows-1252 is what INSEE and La Poste wrote before."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 1
    with path.open("rb") as stream:
        _refuse_other_kinds(name, stream.read(512))
        stream.seek(0)
        try:
            while block := stream.read(_BLOCK):
                if b"\0" in block:
                    raise BadSource(f"{name} holds bytes that are 0: it is no text, or none in UTF-8", file=name)
                decoder.decode(block)
                lines += block.count(b"\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            if older is not None:
                return older
            line = lines + error.object[: error.start].count(b"\n")
            raise BadSource(
                f"{name}, line {line}: byte 0x{error.object[error.start]:02x} is not UTF-8", file=name, row=line
            ) from error
    return "utf-8-sig"


def _refuse_other_kinds(name: str, beginning: bytes) -> None:
    for start, what in _BINARY.items():
        if beginning.startswith(start):
            raise BadSource(f"{name} is {what}, not a text", file=name)
    if beginning.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise BadSource(f"{name} is a web page, not a list: was the download refused?", file=name)


def padded(code: str, length: int = 5) -> str:
    """A code that a spreadsheet took for a number, with its leading zeros again."""
    return code.zfill(length) if code.isascii() and code.isdigit() else code
