"""The collections of OGC API Features: the published view of each, what identifies a feature, what may be asked of it.

The one registry: SQL, routes, OpenAPI, queryables and schemas follow it. From `store.features` and `web.ogc`.
"""

from __future__ import annotations

from collections.abc import Collection as Several
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Column, Connection, Date, Float, Integer, Table, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from geoplatform.cql2 import Property, Type
from geoplatform.errors import UnknownCollection
from geoplatform.store import tables

GEOMETRY = "geom"
#: West, south, east, north; degrees.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Collection:
    """One collection. `table`: the published view it is read from.

    `identifier`: column that is the id of its features; `order`: unique column in whose order all of them are read;
    `hidden`: columns that are no properties; `data`: whose revisions it depends on (`published.revision`);
    `day`: the date column that `datetime` asks, None where it has none; `editions`: its features in every vintage;
    `rows`: the same features with fewer columns, quicker to count; `unescaped`: columns of texts that JSON takes as they are,
    because the database allows no others.
    """

    name: str
    table: Table
    identifier: str
    order: str
    geometry_type: str
    hidden: frozenset[str]
    data: tuple[str, ...]
    day: str | None = None
    editions: Table | None = None
    rows: Table | None = None
    unescaped: frozenset[str] = frozenset()
    is_editable: bool = False

    @cached_property
    def columns(self) -> tuple[Column[Any], ...]:
        """The columns that are properties, in order."""
        return tuple(column for column in self.table.c if column.name not in self.hidden and column.name != GEOMETRY)

    @cached_property
    def queryables(self) -> dict[str, Property]:
        """What filters may ask, by name: every property that is one value, the identifier, and the geometry."""
        asked = [self.table.c[self.identifier], *self.columns]
        found = {column.name: Property(column.name, type_of(column)) for column in asked if not is_list(column)}
        return found | {GEOMETRY: Property(GEOMETRY, Type.GEOMETRY)}

    @property
    def holds_points(self) -> bool:
        """Whether its geometries are points."""
        return self.geometry_type == "Point"


def is_list(column: Column[Any]) -> bool:
    """Whether a column holds several values: shown, but not asked."""
    return isinstance(column.type, ARRAY)


def type_of(column: Column[Any]) -> Type:
    """The type of a property in filters and schemas."""
    if isinstance(column.type, Date):
        return Type.DATE
    if isinstance(column.type, Integer):
        return Type.INTEGER
    return Type.NUMBER if isinstance(column.type, Float) else Type.STRING


def _limits(name: str, table: Table, hidden: frozenset[str] = frozenset(), editions: Table | None = None) -> Collection:
    return Collection(
        name, table, "code", "code", "MultiPolygon", frozenset({"fid"}) | hidden, ("limits",), editions=editions
    )


_EVERY = (
    _limits("communes", tables.communes, editions=tables.commune_editions),
    _limits("departments", tables.departments),
    _limits("regions", tables.regions),
    _limits("epci", tables.epci),
    _limits("territories", tables.territories),
    Collection(
        "places",
        tables.place_items,
        "id",
        "fid",
        "Point",
        frozenset({"id", "fid", "geom_3857", "quadkey", "method", "vintage"}),
        ("places",),
        day="modified_on",
        rows=tables.place_item_rows,
        unescaped=frozenset(
            {"kind", "category", "licence", "source", "verdict", "commune_code", "commune_code_at_entry"}
        ),
        is_editable=True,
    ),
)
COLLECTIONS: dict[str, Collection] = {collection.name: collection for collection in _EVERY}


def named(name: str) -> Collection:
    """The collection of this name. UnknownCollection if there is none."""
    if name not in COLLECTIONS:
        raise UnknownCollection(name[:40])
    return COLLECTIONS[name]


def meanings(connection: Connection) -> dict[str, dict[str, str]]:
    """What each column of each collection means, as the database's own comments say, by collection and column."""
    rows = connection.execute(
        text("""
            SELECT c.relname AS view, a.attname AS name, col_description(c.oid, a.attnum) AS meaning
            FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
            WHERE c.relnamespace = 'published'::regnamespace AND c.relname = ANY (:views)
        """),
        {"views": [collection.table.name for collection in _EVERY]},
    )
    told: dict[str, dict[str, str]] = {}
    for row in rows:
        told.setdefault(row.view, {})[row.name] = row.meaning
    return {collection.name: told[collection.table.name] for collection in _EVERY}


def extents(connection: Connection) -> dict[str, list[Box]]:
    """Boxes (west, south, east, north; degrees) that hold what is in each collection, the first around all of them.

    Limits: one box of each territory, since one around France is most of the world. Empty where nothing is loaded.
    """
    rows = connection.execute(
        text("""
            SELECT ST_XMin(t.geom) AS west, ST_YMin(t.geom) AS south, ST_XMax(t.geom) AS east, ST_YMax(t.geom) AS north
            FROM published.territories AS t WHERE t.geom IS NOT NULL ORDER BY t.code DESC
        """)
    )
    boxes = [(row.west, row.south, row.east, row.north) for row in rows]
    if not boxes:
        return {collection.name: [] for collection in _EVERY}
    whole = tuple(pick(box[side] for box in boxes) for side, pick in enumerate((min, min, max, max)))
    around = [whole, *(boxes if len(boxes) > 1 else [])]
    world = [(-180.0, -90.0, 180.0, 90.0)]  # a place may lie in the sea or abroad
    return {c.name: world if c.holds_points else around for c in _EVERY}


def boxes(connection: Connection, level: str, codes: Several[str]) -> dict[str, Box]:
    """The boxes around regions, departments, EPCI or communes (`level`: region, …) of the active vintage, by code.

    What is unknown or has no limits is left out.
    """
    views = {
        "region": tables.regions,
        "department": tables.departments,
        "epci": tables.epci,
        "commune": tables.communes,
    }
    table = views[level]
    sides = [getattr(func, name)(table.c[GEOMETRY]) for name in ("ST_XMin", "ST_YMin", "ST_XMax", "ST_YMax")]
    query = select(table.c.code, *sides).where(table.c.code.in_(codes), table.c[GEOMETRY].is_not(None))
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in connection.execute(query)}
