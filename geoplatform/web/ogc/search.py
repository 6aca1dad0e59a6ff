"""Everything that lies in a polygon, however much: streamed, not paged. For cartographers."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator
from itertools import chain
from typing import Any

import shapely
from flask import Blueprint, Response, request
from pyproj import Geod

from geoplatform import cql2, references
from geoplatform.cql2 import Checked
from geoplatform.cql2.tree import BODY_LIMITS, Node
from geoplatform.errors import BadParameter, StoreBusy
from geoplatform.references import CRS84
from geoplatform.store import collections, features
from geoplatform.store.collections import Collection
from geoplatform.store.engine import Store
from geoplatform.store.spelling import AsFeature, AsValues, Position, Spelling
from geoplatform.store.wanted import Wanted
from geoplatform.web import context, params
from geoplatform.web.limits import counted
from geoplatform.web.ogc import answers, asking, formats
from geoplatform.web.ogc.answers import Format

blueprint = Blueprint("ogc_search", __name__, url_prefix=answers.PREFIX)

#: The largest body; and the largest polygon, somewhat more than the largest region.
MAX_BODY, MAX_POSITIONS, MAX_AREA_KM2 = 1 << 20, 10_000, 150_000
_MEMBERS = ("collection", "geometry", "filter", "filter-lang", "filter-crs", "properties", "crs", "skipGeometry")
#: Each holds a connection for as long as its client reads.
_AT_ONCE = threading.BoundedSemaphore(3)
_GEOD = Geod(ellps="GRS80")


@blueprint.post("/search")
@counted("read")
def search() -> Response:
    """Every feature of `collection` that touches the polygon `geometry` (GeoJSON, CRS84) and fulfils `filter` (CQL2)."""
    answers.require_known("f")
    form = answers.chosen(*formats.STREAMED)
    request.max_content_length = MAX_BODY
    asked = params.json_of(params.body())
    if not isinstance(asked, dict):
        raise BadParameter("body", None, "is not a JSON object")
    for name in asked.keys() - set(_MEMBERS):
        raise BadParameter(
            str(name)[:40], None, f"is no member here; there are {', '.join(_MEMBERS)}", allowed=[*_MEMBERS]
        )
    collection = collections.named(_text(asked, "collection", "places"))
    area = polygon(asked["geometry"]) if asked.get("geometry") is not None else None
    wanted = asking.wanted(collection, area, _checked(collection, asked), None)
    spelling, headers = _spelling(form, collection, asked)
    return answers.streamed(_written(form, collection, wanted, spelling), form.media_type, headers)


def _checked(collection: Collection, asked: dict[str, Any]) -> Checked | None:
    raw, spoken = asked.get("filter"), asked.get("filter-lang")
    crs = references.named(_text(asked, "filter-crs", CRS84.uri), "filter-crs")
    if spoken not in (None, "cql2-text", "cql2-json"):
        raise BadParameter(
            "filter-lang", str(spoken)[:40], "is not one of cql2-text, cql2-json", allowed=["cql2-text", "cql2-json"]
        )
    if raw is None:
        return None
    tree: Node
    if isinstance(raw, str) and spoken != "cql2-json":
        tree = cql2.parse_text(raw, BODY_LIMITS)
    elif isinstance(raw, dict | bool) and spoken != "cql2-text":
        tree = cql2.parse_json(json.dumps(raw), BODY_LIMITS)
    else:
        raise BadParameter("filter", None, f"is not {spoken or 'a CQL2 text or object'}")
    return asking.check(collection, [tree], crs)


def polygon(geometry: object) -> shapely.Geometry:
    """A GeoJSON Polygon or MultiPolygon. BadParameter (`geometry`) where it is none, too large, or not valid."""
    if not isinstance(geometry, dict) or geometry.get("type") not in ("Polygon", "MultiPolygon"):
        raise BadParameter("geometry", None, "is not a GeoJSON Polygon or MultiPolygon")
    try:
        shape = shapely.from_geojson(json.dumps(geometry))
    except shapely.errors.GEOSException as error:
        raise BadParameter("geometry", None, f"cannot be read: {str(error)[:120]}") from error
    count = shapely.get_num_coordinates(shape)
    if count > MAX_POSITIONS:
        raise BadParameter("geometry", int(count), f"has {count} positions, {MAX_POSITIONS} are allowed")
    if shape.is_empty:
        raise BadParameter("geometry", None, "is empty")
    west, south, east, north = shape.bounds
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise BadParameter("geometry", [west, south, east, north], "does not lie on Earth: degrees, longitude first")
    if not shape.is_valid:
        raise BadParameter("geometry", None, f"is not valid: {shapely.is_valid_reason(shape)}")
    area_km2 = abs(_GEOD.geometry_area_perimeter(shapely.orient_polygons(shape))[0]) / 1e6
    if area_km2 > MAX_AREA_KM2:
        raise BadParameter(
            "geometry",
            round(area_km2),
            f"covers {area_km2:,.0f} km², {MAX_AREA_KM2:,} are allowed: take an export for more",
        )
    return shapely.force_2d(shape)


def _spelling(form: Format, collection: Collection, asked: dict[str, Any]) -> tuple[Spelling, dict[str, str]]:
    names = asked.get("properties")
    if names is not None and not isinstance(names, list):
        raise BadParameter("properties", None, "is not a list of names")
    chosen = None if names is None else asking.chosen_properties(collection, names)
    with_geometry = asked.get("skipGeometry", False)
    if not isinstance(with_geometry, bool):
        raise BadParameter("skipGeometry", None, "is not true or false")
    with_geometry = not with_geometry
    reference = references.named(_text(asked, "crs", CRS84.uri), "crs")
    if form is formats.CSV:
        position = Position.LONLAT if collection.holds_points and with_geometry else Position.NONE
        return AsValues(chosen, position), {"Content-Crs": f"<{CRS84.uri}>"}
    return AsFeature(reference, chosen, with_geometry), {"Content-Crs": f"<{reference.uri}>"}


def _written(form: Format, collection: Collection, wanted: Wanted, spelling: Spelling) -> Iterator[bytes]:
    """The pieces of the answer. StoreBusy if too many are being written; what fails at the first features is raised here."""
    if not _AT_ONCE.acquire(blocking=False):
        raise StoreBusy("as many searches as there may be are being answered")
    parts = _parts(context.store(), collection, wanted, spelling)
    try:
        first = next(parts, [])
    except BaseException:
        _AT_ONCE.release()
        raise
    return _Held(_pieces(form, collection, chain([first], parts), spelling), parts)


class _Held:
    """Pieces of an answer, and one of the places at which searches are answered, given back at the end."""

    def __init__(self, pieces: Iterator[bytes], query: Generator[list[Any]]) -> None:
        self._pieces = pieces
        self._query = query
        self._held = True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the query, and let another search begin."""
        if self._held:
            self._held = False
            self._query.close()
            _AT_ONCE.release()


def _parts(store: Store, collection: Collection, wanted: Wanted, spelling: Spelling) -> Generator[list[Any]]:
    with store.snapshot() as connection:
        yield from features.stream(connection, collection, wanted, spelling)


def _pieces(form: Format, collection: Collection, parts: Iterator[list[Any]], spelling: Spelling) -> Iterator[bytes]:
    if isinstance(spelling, AsValues):
        return formats.rows(parts, spelling.header(collection), points=spelling.position is Position.LONLAT)
    return formats.sequence(parts) if form is formats.SEQUENCE else formats.whole(parts, {})


def _text(asked: dict[str, Any], name: str, default: str) -> str:
    value = asked.get(name, default)
    if not isinstance(value, str):
        raise BadParameter(name, None, "is not a text")
    return value
