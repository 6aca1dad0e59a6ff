"""How PostgreSQL spells a row of a collection: as a GeoJSON feature, or as plain columns. From `store.features`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import Column, Date, Double, Integer, Numeric, Text, Uuid, cast, func, literal_column
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.sql import ColumnElement, FromClause

from geoplatform.references import CRS84, Reference
from geoplatform.store.collections import GEOMETRY, Collection, is_list

#: Seven decimals of a degree are about a centimetre.
_DECIMALS_OF_A_DEGREE, _DECIMALS_OF_A_METRE = 7, 2
_WGS84 = 4326


class Spelling(Protocol):
    """What is selected of each row."""

    def columns(self, collection: Collection, rows: FromClause) -> list[ColumnElement[Any]]:
        """The expressions, over rows that have the collection's columns."""


@dataclass(frozen=True)
class AsFeature:
    """One text: a GeoJSON feature (RFC 7946). `names`: its properties in order, all of them by default.

    Every property is there, null included. Names come from the registry only.
    """

    reference: Reference = CRS84
    names: Sequence[str] | None = None
    with_geometry: bool = True

    def columns(self, collection: Collection, rows: FromClause) -> list[ColumnElement[Any]]:
        """The feature as one column."""
        alias = rows.name  # type: ignore[attr-defined]
        names = [column.name for column in collection.columns]
        shown = names if self.names is None else [name for name in names if name in self.names]
        pieces = ["""'{"type":"Feature","id":"'""", f"{alias}.{collection.identifier}", """'","geometry":'"""]
        pieces += [self._geometry(collection, alias) if self.with_geometry else "'null'", """',"properties":{'"""]
        for number, name in enumerate(shown):
            pieces += [f"'{label(name, number)}'", _json(collection, alias, name)]
        return [literal_column(f"concat({', '.join(pieces)}, '}}}}')")]

    def _geometry(self, collection: Collection, alias: str) -> str:
        shape = f"{alias}.{GEOMETRY}"
        if not collection.holds_points:
            shape = f"ST_ForcePolygonCCW({shape})"
        reference = self.reference
        if reference.srid != _WGS84:
            shape = f"ST_Transform({shape}, {int(reference.srid)})"
        if reference.flips:
            shape = f"ST_FlipCoordinates({shape})"
        decimals = _DECIMALS_OF_A_DEGREE if reference.is_geographic else _DECIMALS_OF_A_METRE
        return f"coalesce(ST_AsGeoJSON({shape}, {decimals}, 0), 'null')"


def label(name: str, number: int) -> str:
    """What stands before the value of a property, the first of which has number 0."""
    return f'{"," if number else ""}"{name}":'


def _json(collection: Collection, alias: str, name: str) -> str:
    """SQL that spells a column as JSON. `to_json` looks up what it is given for each value: where that shows, it is not asked."""
    value, column = f"{alias}.{name}", collection.table.c[name]
    places = rounding(collection, name)
    if places is not None:
        return f"coalesce(round({value}::numeric, {places})::text, 'null')"
    if isinstance(column.type, Integer):
        return f"coalesce({value}::text, 'null')"
    if name in collection.unescaped or isinstance(column.type, Date):
        return f"""coalesce('"' || {value} || '"', 'null')"""
    return f"coalesce(to_json({value})::text, 'null')"


def rounding(collection: Collection, name: str) -> int | None:
    """Decimals that mean something: metres to 1, square kilometres to 3 (as `encode` writes them)."""
    if name.endswith("_km2"):
        return 3
    return 1 if isinstance(collection.table.c[name].type, REAL) else None


class Position(StrEnum):
    """How a geometry stands in a row of columns: WKB in EPSG:4326, or (points only) longitude and latitude."""

    WKB = "wkb"
    LONLAT = "lonlat"
    NONE = "none"


@dataclass(frozen=True)
class AsValues:
    """The identifier, each property, and the geometry: for formats that are tables. `names`: all properties by default."""

    names: Sequence[str] | None = None
    position: Position = Position.WKB

    def header(self, collection: Collection) -> list[str]:
        """Names of the columns but those of the geometry."""
        names = [column.name for column in collection.columns if self.names is None or column.name in self.names]
        return ["id", *names]

    def columns(self, collection: Collection, rows: FromClause) -> list[ColumnElement[Any]]:
        """The columns, by their names."""
        identifier, *names = self.header(collection)
        chosen: list[ColumnElement[Any]] = [_plain(collection, rows.c[collection.identifier]).label(identifier)]
        chosen += [_plain(collection, rows.c[name]).label(name) for name in names]
        shape = rows.c[GEOMETRY]
        if self.position is Position.WKB:
            chosen.append(func.ST_AsBinary(shape).label(GEOMETRY))
        elif self.position is Position.LONLAT:
            chosen += [func.ST_X(shape).label("longitude"), func.ST_Y(shape).label("latitude")]
        return chosen


def compared(collection: Collection, column: Column[Any]) -> ColumnElement[Any]:
    """A column as it is told and as filters compare it: what a client was shown is found again, and an identifier is a text."""
    places = rounding(collection, column.name)
    if places is not None:
        return cast(func.round(cast(column, Numeric), literal_column(str(places))), Double)
    return cast(column, Text) if isinstance(column.type, Uuid) else column


def _plain(collection: Collection, column: Any) -> ColumnElement[Any]:
    if isinstance(column.type, Date):
        return cast(column, Text)
    if is_list(column):
        return func.array_to_string(column, literal_column("' '"))
    return compared(collection, column)
