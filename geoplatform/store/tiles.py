"""Tiles as PostgreSQL makes them, and what has changed since. From `geoplatform.tiles` and the web."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from enum import StrEnum
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, text

from geoplatform.errors import UnknownLayer
from geoplatform.model import TileAddress


class Layer(StrEnum):
    """What a tile shows."""

    COMMUNES = "communes"
    DEPARTMENTS = "departments"
    PLACES = "places"
    ALL = "all"

    @property
    def has_limits(self) -> bool:
        """Whether it depends on a vintage."""
        return self is not Layer.PLACES

    @property
    def has_places(self) -> bool:
        """Whether it depends on places, and filters of places mean something."""
        return self in (Layer.PLACES, Layer.ALL)


@dataclass(frozen=True, slots=True)
class PlaceFilter:
    """Which places a tile shows; None takes all. Codes are INSEE codes in the active vintage, `licence` an SPDX identifier."""

    kind: str | None = None
    category: str | None = None
    licence: str | None = None
    commune: str | None = None
    department: str | None = None


@dataclass(frozen=True, slots=True)
class Touches:
    """What changed between two moments. `quadkeys`: of places, None if too many to tell; `limits`: all of them."""

    moment: str
    latest: int
    seen_at: dt.datetime
    quadkeys: tuple[int, ...] | None
    limits: bool


_OF_CLUSTERS = {
    "point_count": "Number of places: 1 for a place, more for a cluster.",
    "merchants": "How many of them are merchants.",
    "services": "How many of them are services.",
    "associations": "How many of them are associations.",
    "projects": "How many of them are projects.",
    "cluster_id": "Identity of a cluster, stable while its cell of the grid holds several places.",
    "expansion_zoom": "Zoom at which a cluster divides; absent if it never does.",
}
_COLUMNS = {
    Layer.COMMUNES: ("code", "name", "department_code", "population", "vintage"),
    Layer.DEPARTMENTS: ("code", "name", "region_code", "vintage"),
    Layer.PLACES: ("id", "kind", "category", "name", "source", "licence", "commune_code"),
}

_GIVEN = "%s::text, %s::int, %s::int, %s::int, %s::int, %s::text, %s::text, %s::text, %s::text, %s::text"
_MVT = f"SELECT finished, made FROM published.tile_parts({_GIVEN})"  # noqa: S608 - our own placeholders
_GEOJSON = f"SELECT published.tile_geojson({_GIVEN})"
_NO_FILTER = PlaceFilter()
_MANY = f"""
    SELECT p.finished, p.made
    FROM unnest(%s::int[], %s::int[], %s::int[]) WITH ORDINALITY AS t (z, x, y, number)
    CROSS JOIN LATERAL published.tile_parts(%s::text, t.z, t.x, t.y, NULL, {", ".join(["%s::text"] * 5)}) AS p
    ORDER BY t.number
"""  # noqa: S608 - our own placeholders
_KEYS = """
    SELECT DISTINCT p.quadkey >> %(bits)s FROM published.place_items AS p
    WHERE p.quadkey IS NOT NULL AND (%(licence)s::text IS NULL OR p.licence = %(licence)s)
      AND (%(commune)s::text IS NULL OR p.commune_code = %(commune)s)
      AND (%(department)s::text IS NULL OR p.department_code = %(department)s)
"""
_BOXES = """
    SELECT ST_XMin(l.geom), ST_YMin(l.geom), ST_XMax(l.geom), ST_YMax(l.geom) FROM published.{} AS l
    WHERE l.geom IS NOT NULL ORDER BY l.code
"""
#: Zoom of `quadkey`.
_KEY_ZOOM = 31


@dataclass(frozen=True, slots=True)
class Parts:
    """A vector tile: what was finished when the limits were loaded, gzipped (None where that is nothing), and what was made
    now. The tile is the one after the other."""

    finished: bytes | None
    made: bytes


def layer_named(name: str) -> Layer:
    """The layer of this name. UnknownLayer if there is none."""
    try:
        return Layer(name)
    except ValueError as error:
        raise UnknownLayer(name[:40]) from error


def mvt(
    connection: psycopg.Connection[Any],
    layer: Layer,
    tile: TileAddress,
    vintage: int | None = None,
    only: PlaceFilter = _NO_FILTER,
) -> Parts:
    """The tile as Mapbox Vector Tile 2.1, both parts empty where nothing lies. `connection`: of `Store.bare`; `vintage`:
    number, None for the active one."""
    given = (layer.value, tile.z, tile.x, tile.y, vintage, *astuple(only))
    (row,) = connection.execute(_MVT, given, prepare=True, binary=True)
    return Parts(*row)


def many(
    connection: psycopg.Connection[Any], layer: Layer, addresses: Sequence[tuple[int, int, int]], only: PlaceFilter
) -> list[Parts]:
    """The same of many tiles (z, x, y) at once, in their order, with the limits in force."""
    rows = connection.execute(
        _MANY, [*map(list, zip(*addresses, strict=True)), layer.value, *astuple(only)], prepare=True, binary=True
    )
    return [Parts(*row) for row in rows]


def of_zoom(connection: psycopg.Connection[Any], zoom: int, licence: str) -> Iterator[tuple[int, bytes | None]]:
    """Every tile of a zoom with places of a licence: its number (x and y interleaved) and its bytes.

    None for one that holds so many that it is to be asked for alone.
    """
    with connection.cursor(binary=True) as cursor:
        yield from cursor.stream(
            "SELECT tile, made FROM published.place_tiles(%s::int, %s::text)", (zoom, licence), size=1000
        )


def keys(connection: psycopg.Connection[Any], only: PlaceFilter, zoom: int) -> list[int]:
    """In which tiles of a zoom (interleaved x and y, as `quadkey`) places lie that may leave; `only`: kinds and categories are
    not looked at."""
    given = {**asdict(only), "bits": 2 * (_KEY_ZOOM - zoom)}
    return [key for (key,) in connection.execute(_KEYS, given, binary=True)]


def boxes(connection: psycopg.Connection[Any], layer: Layer) -> list[tuple[float, float, float, float]]:
    """(west, south, east, north), in degrees, of each of a layer's limits in force."""
    return list(connection.execute(sql.SQL(_BOXES).format(sql.Identifier(layer.value)), binary=True))


def geojson(
    connection: psycopg.Connection[Any],
    layer: Layer,
    tile: TileAddress,
    vintage: int | None = None,
    only: PlaceFilter = _NO_FILTER,
) -> str:
    """The same features as a GeoJSON FeatureCollection."""
    given = (layer.value, tile.z, tile.x, tile.y, vintage, *astuple(only))
    (row,) = connection.execute(_GEOJSON, given, prepare=True)
    return str(row[0])


def first_zooms(connection: Connection) -> dict[Layer, int]:
    """The lowest zoom at which each layer shows something."""
    communes = int(connection.execute(text("SELECT published.communes_from_zoom()")).scalar_one())
    return {layer: communes if layer is Layer.COMMUNES else 0 for layer in Layer}


def fields(connection: Connection) -> dict[Layer, dict[str, str]]:
    """What each property of each single layer means, as the database's own comments say."""
    rows = connection.execute(
        text("""
            SELECT c.relname AS view, a.attname AS name, col_description(c.oid, a.attnum) AS meaning
            FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
            WHERE c.relnamespace = 'published'::regnamespace AND c.relname IN ('communes', 'departments', 'places')
        """)
    )
    told = {(row.view, row.name): row.meaning for row in rows}
    found = {layer: {name: told[layer.value, name] for name in names} for layer, names in _COLUMNS.items()}
    found[Layer.PLACES] |= _OF_CLUSTERS
    return found


def zones(
    connection: Connection, commune: str | None, department: str | None
) -> list[tuple[float, float, float, float]]:
    """(west, south, east, north) in degrees of a commune or department of the active vintage, of each territory without them.

    Nothing where there is none of this code, or it has no limits.
    """
    rows = connection.execute(
        text("""
            SELECT ST_XMin(box) AS west, ST_YMin(box) AS south, ST_XMax(box) AS east, ST_YMax(box) AS north
            FROM (SELECT ST_Extent(c.geom) AS box FROM published.communes AS c
                  WHERE (CAST(:commune AS text) IS NULL OR c.code = :commune)
                    AND (CAST(:department AS text) IS NULL OR c.department_code = :department)
                  GROUP BY c.territory_code ORDER BY c.territory_code) AS zone
            WHERE box IS NOT NULL
        """),
        {"commune": commune, "department": department},
    )
    return [(row.west, row.south, row.east, row.north) for row in rows]


def installation(connection: Connection) -> str:
    """What tells this database from every other: tiles of the one are not those of the other."""
    return str(connection.execute(text("SELECT published.installation_id()")).scalar_one())


def touches(connection: Connection, since: str | None) -> Touches:
    """What has been committed since a moment (an earlier answer's `moment`); None for the beginning: nothing is told then."""
    rows = connection.execute(
        text("SELECT moment, latest, seen_at, layer, quadkey FROM published.tile_touches(CAST(:since AS pg_snapshot))"),
        {"since": since},
    ).all()
    of_places = [row.quadkey for row in rows if row.layer == "places"]
    return Touches(
        moment=rows[0].moment,
        latest=rows[0].latest,
        seen_at=rows[0].seen_at,
        quadkeys=None if None in of_places else tuple(of_places),
        limits=any(row.layer == "limits" for row in rows),
    )
