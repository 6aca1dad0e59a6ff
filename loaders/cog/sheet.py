"""One careful reader for INSEE's and La Poste's sheets: any delimiter, any of their encodings, columns by name.

From `loaders.cog.lists` and `loaders.cog.movements`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geoplatform.errors import BadSource

_BINARY = {b"PK\x03\x04": "a zip or xlsx file", b"\x1f\x8b": "a gzip file", b"%PDF": "a PDF"}


@dataclass(frozen=True)
class Row:
    """One line: its number in the file, from 1, and its cells by meaning (None where empty or without such a column)."""

    line: int
    cells: Mapping[str, str | None]

    def __getitem__(self, meaning: str) -> str | None:
        return self.cells.get(meaning)


class Sheet:
    """A delimited text file. BadSource names the file, line and value at fault."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise BadSource(f"{path} cannot be read: {error.strerror}", file=str(path)) from error
        text = _decoded(path, raw)
        first = text.split("\n", 1)[0].rstrip("\r")
        if not first.strip():
            raise BadSource(f"{path} is empty", file=str(path))
        self._delimiter = max(",;\t", key=first.count)
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter, strict=True)
        try:
            self.header = [name.strip().strip("#\ufeff").lower() for name in next(self._reader)]
        except csv.Error as error:
            raise BadSource(f"{path}, line 1: {error}", file=str(path), row=1) from error

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
            raise BadSource(f"{self.path} has no column {looked}; it has {', '.join(self.header)}", file=str(self.path))
        try:
            for cells in self._reader:
                if not any(cells):
                    continue
                if len(cells) != len(self.header):
                    reason = f"{len(cells)} cells, the header has {len(self.header)}: is the file cut off?"
                    raise BadSource(f"{self.path}, line {self._reader.line_num}: {reason}", row=self._reader.line_num)
                yield Row(self._reader.line_num, {m: cells[i].strip() or None for m, i in where.items()})
        except csv.Error as error:
            raise BadSource(f"{self.path}, line {self._reader.line_num}: {error}", row=self._reader.line_num) from error


def _decoded(path: Path, raw: bytes) -> str:
    """UTF-8 (with or without mark), else windows-1252, which INSEE and La Poste wrote before."""
    for start, what in _BINARY.items():
        if raw.startswith(start):
            raise BadSource(f"{path} is {what}, not a text", file=str(path))
    if raw[:512].lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise BadSource(f"{path} is a web page, not a list: was the download refused?", file=str(path))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def padded(code: str, length: int = 5) -> str:
    """A code that a spreadsheet took for a number, with its leading zeros again."""
    return code.zfill(length) if code.isascii() and code.isdigit() else code
