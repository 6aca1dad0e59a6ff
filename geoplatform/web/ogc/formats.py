"""A list of features in each format that it can be had in. From `items` and `search`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from geoplatform.encode import dumps, inert
from geoplatform.store import collections
from geoplatform.store.collections import GEOMETRY, Collection
from geoplatform.web.ogc.answers import GEOJSON, Format

SEQUENCE = Format("geojsonseq", "application/geo+json-seq", "GeoJSON Text Sequences")
CSV = Format("csv", "text/csv", "CSV")
FLATGEOBUF = Format("fgb", "application/flatgeobuf", "FlatGeobuf")
GEOPARQUET = Format("parquet", "application/vnd.apache.parquet", "GeoParquet")
TABULAR = (SEQUENCE, CSV, FLATGEOBUF, GEOPARQUET)
#: Those of them that can be written while they are read.
STREAMED = (GEOJSON, SEQUENCE, CSV)
_SEPARATOR = b"\x1e"
_FLUSHED_AT = 32_768


def is_text(form: Format) -> bool:
    """Whether the format is made of features as PostgreSQL spells them."""
    return form in (GEOJSON, SEQUENCE)


def collection(features: Sequence[str], members: dict[str, Any]) -> bytes:
    """A GeoJSON FeatureCollection; `members`: what it says beside its features."""
    told = dumps(members)[1:]
    return ('{"type":"FeatureCollection","features":[' + ",\n".join(features) + "]," + told).encode()


def sequence(parts: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """GeoJSON text sequences (RFC 8142) of features in UTF-8."""
    for part in parts:
        if part:
            yield b"%b%b\n" % (_SEPARATOR, (b"\n" + _SEPARATOR).join([row[0] for row in part]))


def whole(parts: Iterable[Sequence[Any]], members: dict[str, Any]) -> Iterator[bytes]:
    """A GeoJSON FeatureCollection in pieces, of features in UTF-8."""
    yield b'{"type":"FeatureCollection","features":['
    count = 0
    for part in parts:
        yield (b",\n" if count else b"") + b",\n".join([row[0] for row in part])
        count += len(part)
    yield ("]," + dumps({"numberReturned": count, **members})[1:]).encode()


def rows(parts: Iterable[Sequence[Any]], header: Sequence[str], *, points: bool) -> Iterator[bytes]:
    """CSV (RFC 4180, UTF-8). `points`: the position in two columns; other geometries are left out."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([*header, *(("longitude", "latitude") if points else ())])
    for part in parts:
        for row in part:
            values = [inert(value) for value in row[: len(header)]]
            writer.writerow([*values, *row[len(header) :]])
        if buffer.tell() > _FLUSHED_AT:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def table(form: Format, of: Collection, names: Sequence[str], found: Sequence[Any]) -> bytes:
    """FlatGeobuf or GeoParquet of some rows whose columns are `names` and the geometry."""
    # GDAL and Arrow are 55 MB in each process: only where somebody wants these formats.
    from geoplatform import tabular

    columns = {name: [row[number] for row in found] for number, name in enumerate([*names, GEOMETRY])}
    types = {name: _type(of, name) for name in names}
    write = tabular.flatgeobuf if form is FLATGEOBUF else tabular.geoparquet
    return write(columns, types, of.geometry_type)


def _type(of: Collection, name: str) -> str:
    if name == "id" or collections.is_list(of.table.c[name]):
        return "string"
    told = collections.type_of(of.table.c[name])
    return told.value if told.value in ("integer", "number") else "string"
