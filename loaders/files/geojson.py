"""GeoJSON (RFC 7946) and GeoJSON text sequences (RFC 8142), read feature by feature. From `loaders.files.layers`.

GDAL's reader takes three times as long and names no line: here a thousand features at a time are decoded and handed to GEOS.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import shapely

from geoplatform.errors import BadSource, NoMap
from loaders import collector

_AT_ONCE = 2048
_IN_CACHE = 128  # features decoded at a time: more, and their million small values leave the processor's cache
_LOOKED_AT = 50
_RING = 4
_BYTE = re.compile(r"\(byte (\d+)\)")
_EPSG = re.compile(r"(?:urn:ogc:def:crs:)?EPSG:[\d.]*:?(\d+)$", re.IGNORECASE)
_SEQUENCES = (".geojsonl", ".geojsons")
#: RFC 7946 §4: without a legacy `crs` member, coordinates are WGS 84 longitude and latitude.
WGS84 = "OGC:CRS84"


class _Collection(msgspec.Struct):
    type: str | None = None
    features: list[msgspec.Raw] | None = None
    crs: dict[str, Any] | None = None


class _Feature(msgspec.Struct):
    type: str | None = None
    properties: dict[str, Any] | None = None
    geometry: msgspec.Raw = msgspec.Raw(b"null")
    id: Any = None


class _Polygon(msgspec.Struct, tag_field="type", tag="Polygon"):
    coordinates: list[list[tuple[float, float]]]

    def polygons(self) -> list[list[list[tuple[float, float]]]]:
        return [self.coordinates]


class _MultiPolygon(msgspec.Struct, tag_field="type", tag="MultiPolygon"):
    coordinates: list[list[list[tuple[float, float]]]]

    def polygons(self) -> list[list[list[tuple[float, float]]]]:
        return self.coordinates


class _Geometry(msgspec.Struct):
    type: str | None = None


class _Area(msgspec.Struct):
    """A Feature as nearly all are: with polygons in two dimensions, or no geometry. Read in one go."""

    type: Literal["Feature"]
    properties: dict[str, Any] | None = None
    geometry: _Polygon | _MultiPolygon | None = None


class GeoJson:
    """A FeatureCollection or a sequence of Features. BadSource names the line and column, or the feature, at fault.

    `fields` and `geometry_type` (None where there are several) are those of its first features.
    """

    def __init__(self, shown: str, file: Path) -> None:
        self.shown = shown
        self._bytes = _mapped(shown, file)
        if file.suffix.lower() in _SEQUENCES:
            text = bytes(self._bytes)
            records = text.split(b"\x1e") if b"\x1e" in text else text.splitlines()
            self._features: Sequence[Any] = [record for record in records if record.strip()]
            self.crs = WGS84
        else:
            whole = self._collection()
            self._features = whole.features or []
            self.crs = _crs_of(shown, whole.crs)
        self.count = len(self._features)
        first = [self._feature(number, raw) for number, raw in enumerate(self._features[:_LOOKED_AT], 1)]
        self.fields = tuple(dict.fromkeys(name for feature in first for name in feature.properties or {}))
        kinds = {_kind_of(feature.geometry) for feature in first} - {None}
        self.geometry_type = kinds.pop() if len(kinds) == 1 else None

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, list[Any]], np.ndarray]]:
        """(number of the first feature from 1, columns, shapes) by the thousand."""
        for begin in range(0, self.count, _AT_ONCE):
            raws = self._features[begin : begin + _AT_ONCE]
            try:
                with collector.paused():
                    properties, shapes = _areas(raws)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                # Something else is among them, or something broken: one by one.
                features = [self._feature(begin + offset, raw) for offset, raw in enumerate(raws, 1)]
                properties = [feature.properties for feature in features]
                shapes = self._shapes(begin, features)
            values = {name: [(those or {}).get(name) for those in properties] for name in columns}
            yield begin + 1, values, shapes

    def _shapes(self, begin: int, features: list[_Feature]) -> np.ndarray:
        texts = [bytes(feature.geometry) for feature in features]
        for offset, text in enumerate(texts, 1):
            self._refuse_broken(begin + offset, text)
        singly = shapely.from_geojson([None if text == b"null" else text for text in texts])
        shapes = np.asarray(shapely.force_2d(singly))
        parts, owner = shapely.get_parts(shapes, return_index=True)
        rings, part = shapely.get_rings(parts, return_index=True)
        short = np.flatnonzero(shapely.get_num_coordinates(rings) < _RING)
        if len(short):
            number = begin + int(owner[part[short[0]]]) + 1
            reason = f"{self.shown}, feature {number}: its geometry is broken: a ring has fewer than {_RING} positions"
            raise BadSource(reason, file=self.shown, row=number)
        return shapes

    def _refuse_broken(self, number: int, text: bytes) -> None:
        try:
            shapely.from_geojson(None if text == b"null" else text)
        except shapely.errors.GEOSException as error:
            reason = f"{self.shown}, feature {number}: its geometry is broken: {str(error).strip()}"
            raise BadSource(reason, file=self.shown, row=number) from error

    def _feature(self, number: int, raw: Any) -> _Feature:
        try:
            feature = _FEATURE.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadSource(f"{self.shown}, feature {number}: {error}", file=self.shown, row=number) from error
        if feature.type != "Feature":
            raise BadSource(
                f"{self.shown}, entry {number} is a {feature.type!r}, not a Feature", file=self.shown, row=number
            )
        return feature

    def _collection(self) -> _Collection:
        try:
            whole = _COLLECTION.decode(self._bytes)
        except msgspec.ValidationError as error:
            raise NoMap(f"{self.shown} is no FeatureCollection: {error}", file=self.shown) from error
        except msgspec.DecodeError as error:
            raise BadSource(f"{self.shown} is not JSON: {self._located(str(error))}", file=self.shown) from error
        except (UnicodeDecodeError, RecursionError) as error:
            raise BadSource(f"{self.shown} is not JSON: {error}", file=self.shown) from error
        if whole.type != "FeatureCollection" or whole.features is None:
            raise NoMap(f"{self.shown} is no FeatureCollection: its type is {whole.type!r}", file=self.shown)
        return whole

    def _located(self, message: str) -> str:
        found = _BYTE.search(message)
        if found is None:
            return f"{message}; the file ends after {len(self._bytes)} bytes: is it cut off?"
        at = int(found[1])
        before = self._bytes[:at]
        line, column = before.count(b"\n") + 1, at - (before.rfind(b"\n") + 1) + 1
        return f"{message} at line {line}, column {column}"


def _kind_of(geometry: msgspec.Raw) -> str | None:
    try:
        return _KIND.decode(geometry).type
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None  # null; or broken, which is told when it is read


def _areas(raws: Sequence[Any]) -> tuple[list[dict[str, Any] | None], np.ndarray]:
    """Properties and shapes (MultiPolygons, None for null) of Features with polygons in two dimensions.

    What msgspec raises if one is something else; ValueError if a polygon has no ring, a ring is not closed or has fewer than
    four positions. Shapes are made all at once, five times as fast as one by one.
    """
    properties: list[dict[str, Any] | None] = []
    there: list[int] = []
    parts_of, rings_of, positions_of = [0], [0], [0]
    flat = [np.empty(0)]
    for begin in range(0, len(raws), _IN_CACHE):
        areas = [_AREA.decode(raw) for raw in raws[begin : begin + _IN_CACHE]]
        properties += [area.properties for area in areas]
        there += [begin + offset for offset, area in enumerate(areas) if area.geometry is not None]
        shapes = [area.geometry.polygons() for area in areas if area.geometry is not None]
        parts = list(chain.from_iterable(shapes))
        rings = list(chain.from_iterable(parts))
        positions = list(chain.from_iterable(rings))
        for lengths, lists in ((parts_of, shapes), (rings_of, parts), (positions_of, rings)):
            lengths += map(len, lists)
        flat.append(np.fromiter(chain.from_iterable(positions), dtype=float, count=2 * len(positions)))
    whole = np.concatenate(flat).reshape(-1, 2)
    levels = [np.cumsum(lengths, dtype=np.int64) for lengths in (positions_of, rings_of, parts_of)]
    starts, ends = levels[0][:-1], levels[0][1:]
    if (np.diff(levels[1]) < 1).any():
        raise ValueError("a polygon has no ring")  # GEOS, given it, would crash
    if (ends - starts < 4).any() or (whole[starts] != whole[ends - 1]).any():
        raise ValueError("a ring is not closed")
    made = np.full(len(raws), None, dtype=object)
    made[there] = shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, whole, tuple(levels))
    return properties, made


_COLLECTION = msgspec.json.Decoder(_Collection)
_FEATURE = msgspec.json.Decoder(_Feature)
_AREA = msgspec.json.Decoder(_Area)
_KIND = msgspec.json.Decoder(_Geometry)


def _mapped(shown: str, file: Path) -> Any:
    """The bytes of a file, without its byte order mark; mapped, so that they need no memory of ours."""
    size = file.stat().st_size
    if size == 0:
        raise BadSource(f"{shown} is empty", file=shown)
    with file.open("rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    head = mapped[:512].lstrip().lower()
    if head.startswith((b"<!doctype", b"<html")):
        raise BadSource(f"{shown} is a web page, not GeoJSON: was the download refused?", file=shown)
    return mapped[3:] if mapped[:3] == b"\xef\xbb\xbf" else mapped


def _crs_of(shown: str, member: dict[str, Any] | None) -> str:
    """The legacy `crs` member of GeoJSON 2008, still written by ArcGIS and GDAL; longitude and latitude without it."""
    if member is None:
        return WGS84
    properties = member.get("properties")
    name = str(properties.get("name", "")) if isinstance(properties, dict) else str(properties)
    if name.upper().endswith("CRS84"):
        return WGS84
    found = _EPSG.search(name)
    if found is None:
        raise BadSource(f"{shown}: its crs {name!r} is not understood", file=shown, value=name)
    return f"EPSG:{found[1]}"
