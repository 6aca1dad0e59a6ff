"""GeoJSON (RFC 7946) and newline-delimited GeoJSON, whose features PostgreSQL has spelled."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec

from exports.formats.packing import packed
from exports.formats.text import joined
from exports.slices import FEATURE, Slice
from geoplatform.encode import dumps

TAIL = b"\n]}\n"
_CHUNK = 1 << 20


def head(name: str, licence: str) -> bytes:
    """What stands before the first feature of a FeatureCollection."""
    return dumps({"type": "FeatureCollection", "name": name, "licence": licence})[:-1].encode() + b',"features":['


def write_collection(rows: Slice, target: Path) -> None:
    """One FeatureCollection, a feature a line."""
    with target.open("wb") as file, rows.batches([FEATURE]) as batches:
        file.write(head(rows.stem, rows.licence))
        separator = b"\n"
        for batch in batches:
            file.write(separator + joined(batch.column(0), ",\n"))
            separator = b",\n"
        file.write(TAIL)


def write_sequence(rows: Slice, target: Path) -> None:
    """Newline-delimited features, packed with gzip."""
    with packed(target) as pack, rows.batches([FEATURE]) as batches:
        for batch in batches:
            pack(joined(batch.column(0), "\n") + b"\n")


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
