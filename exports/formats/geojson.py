"""GeoJSON (RFC 7946) and newline-delimited GeoJSON, whose features PostgreSQL has spelled."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec
from isal.igzip import IGzipFile

from exports.formats.text import joined
from exports.slices import FEATURE, Slice
from geoplatform.encode import dumps

_LEVEL = 2
_CHUNK = 1 << 20


def write_collection(rows: Slice, target: Path) -> None:
    """One FeatureCollection, a feature a line."""
    head = {"type": "FeatureCollection", "name": rows.stem, "licence": rows.licence}
    with target.open("wb") as file, rows.batches([FEATURE]) as batches:
        file.write(dumps(head)[:-1].encode() + b',"features":[')
        separator = b"\n"
        for batch in batches:
            file.write(separator + joined(batch.column(0), ",\n"))
            separator = b",\n"
        file.write(b"\n]}\n")


def write_sequence(rows: Slice, target: Path) -> None:
    """Newline-delimited features, packed with gzip. The packed bytes name neither file nor time."""
    with (
        target.open("wb") as file,
        IGzipFile(filename="", mode="wb", fileobj=file, compresslevel=_LEVEL, mtime=0) as packed,
        rows.batches([FEATURE]) as batches,
    ):
        for batch in batches:
            packed.write(joined(batch.column(0), "\n") + b"\n")


def count_collection(path: Path) -> int:
    """Number of features that are read back. ValueError if the file is not what it should be."""
    with path.open("rb") as file:
        if not file.readline().endswith(b'"features":[\n'):
            raise ValueError("no FeatureCollection begins here")
        return sum(1 for _ in _features(line.rstrip(b",\n") for line in file if line != b"]}\n"))


def count_sequence(path: Path) -> int:
    """Number of features that are read back. ValueError if the file is not what it should be."""
    with gzip.open(path, "rb") as file:
        return sum(1 for _ in _features(file))


class _Feature(msgspec.Struct, tag="Feature", tag_field="type"):
    id: str
    properties: dict[str, object]
    geometry: msgspec.Raw


def _features(lines: Iterator[bytes]) -> Iterator[_Feature]:
    decoder = msgspec.json.Decoder(_Feature)
    for line in lines:
        if line.strip():
            yield decoder.decode(line)
