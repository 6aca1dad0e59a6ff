"""GeoJSON (RFC 7946) and newline-delimited GeoJSON, whose features PostgreSQL has spelled."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from exports.formats.packing import packed
from exports.formats.text import joined
from exports.slices import Slice
from geoplatform.encode import dumps

TAIL = b"\n]}\n"
_CHUNK = 1 << 20


def head(name: str, licence: str) -> bytes:
    """What stands before the first feature of a FeatureCollection."""
    return dumps({"type": "FeatureCollection", "name": name, "licence": licence})[:-1].encode() + b',"features":['


def write_collection(rows: Slice, target: Path) -> None:
    """One FeatureCollection, a feature a line."""
    with target.open("wb") as file, rows.features() as batches:
        file.write(head(rows.stem, rows.licence))
        separator = b"\n"
        for features in batches:
            file.write(separator + joined(features, ",\n"))
            separator = b",\n"
        file.write(TAIL)


def write_sequence(rows: Slice, target: Path) -> None:
    """Newline-delimited features, packed with gzip."""
    with packed(target) as pack, rows.features() as batches:
        for features in batches:
            pack(joined(features, "\n") + b"\n")


def count_collection(path: Path) -> int:
    """Number of features that are read back. ValueError if the file is not what it should be."""
    with path.open("rb") as file:
        if not file.readline().endswith(b'"features":[\n'):
            raise ValueError("no FeatureCollection begins here")
        found, is_ended = 0, False
        for lines in _whole_lines(file):
            is_ended = lines.endswith(TAIL) or lines == TAIL[1:]
            found += _counted(lines.removesuffix(TAIL[1:]).replace(b"}},\n", b"}}\n"))
        if not is_ended:
            raise ValueError("the FeatureCollection does not end")
        return found


def count_sequence(path: Path) -> int:
    """Number of features that are read back. ValueError if the file is not what it should be."""
    with gzip.open(path, "rb") as file:
        return sum(_counted(lines) for lines in _whole_lines(file))


class _Feature(msgspec.Struct, tag="Feature", tag_field="type"):
    id: str
    properties: msgspec.Raw
    geometry: msgspec.Raw


_decoder = msgspec.json.Decoder(_Feature)


def _counted(lines: bytes) -> int:
    """How many features these lines are. A `msgspec.DecodeError`, which is a ValueError, if one is none."""
    return len(_decoder.decode_lines(lines))


def _whole_lines(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    """What a file holds, in pieces that end where a line does."""
    rest = b""
    while piece := file.read(_CHUNK):
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = b""
        rest += piece[end:]
    if rest:
        yield rest
