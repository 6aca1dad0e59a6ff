"""Which features of a collection and which part of them: as asked for, and as conditions on a table. From `web.ogc`, the walks."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import shapely
from sqlalchemy import BigInteger, Integer, Uuid, bindparam, cast, func, literal_column
from sqlalchemy.sql import ColumnElement, FromClause
from sqlalchemy.types import NullType, UserDefinedType

from geoplatform.store.collections import GEOMETRY, Collection

_WGS84 = 4326
#: The box in which nearly all communes lie; and square degrees of it.
_MAINLAND = (-5.2, 41.3, 9.6, 51.1)
_MANY = 25.0
_LARGEST_REAL = 3.4e38
#: What no text of PostgreSQL holds.
_UNKEPT = re.compile("[\x00\ud800-\udfff]")
#: Columns of a place that say in which communes it may lie.
OF_TERRITORY = {"commune_code": "code", "department_code": "department_code", "region_code": "region_code",
                "epci_code": "epci_code"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which features. `area`: a valid polygon, degrees (CRS84); `where`: makes a condition on the columns `names` of a table;
    `territory`: (a column of OF_TERRITORY, its values) that `where` demands anyway, and nothing else where it is
    `only_territory`; `vintage`: number of an earlier one."""

    area: shapely.Geometry | None = None
    where: Callable[[FromClause], ColumnElement[bool]] | None = None
    names: frozenset[str] = frozenset()
    territory: tuple[str, tuple[str, ...]] | None = None
    vintage: int | None = None
    only_territory: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it differs from others of its kind in values only: no condition of the client's own is in it.

        An index answers it then, whatever the values: `reading` with `one_plan`.
        """
        return self.where is None or self.only_territory


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of them. `sort`: (column, descending); `after`: the cursor of the feature before; `offset`: so many later."""

    limit: int
    sort: tuple[tuple[str, bool], ...] = ()
    after: tuple[Any, ...] | None = None
    offset: int = 0


def table_of(collection: Collection, wanted: Wanted) -> FromClause:
    """The table that holds them."""
    if wanted.vintage is not None and collection.editions is not None:
        return collection.editions
    return collection.table


class _Shape(UserDefinedType[Any]):
    """A geometry that is sent as such: made by a function, it would be made again for each row of a plan that is kept."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        """Its name in PostgreSQL."""
        return "geometry"


def spelled(area: shapely.Geometry) -> str:
    """An area as PostGIS reads it."""
    return str(shapely.to_wkb(shapely.set_srid(area, _WGS84), hex=True, include_srid=True))


def area_of(wanted: Wanted) -> ColumnElement[Any]:
    """The area as a value that is bound."""
    return cast(bindparam("area", spelled(wanted.area), NullType()), _Shape)


def holds_many(area: shapely.Geometry) -> bool:
    """Whether an area holds so many limits that to read them in their own order, and leave those out that lie elsewhere, is quicker
    than to find and sort them: beyond 2,500 of 35,000 communes, measured."""
    west, south, east, north = area.bounds
    wide, high = min(east, _MAINLAND[2]) - max(west, _MAINLAND[0]), min(north, _MAINLAND[3]) - max(south, _MAINLAND[1])
    return bool(wide > 0 and high > 0 and wide * high > _MANY)


def conditions_of(collection: Collection, wanted: Wanted, table: FromClause) -> list[ColumnElement[bool]]:
    """What a row of the table must fulfil."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.vintage is not None and collection.editions is not None:
        conditions.append(table.c.vintage_id == bindparam("vintage", wanted.vintage, Integer))
    if wanted.area is not None:
        shape: Any = table.c[GEOMETRY]
        if not collection.holds_points and holds_many(wanted.area):
            shape = func.ST_SetSRID(shape, literal_column(str(_WGS84)))  # which no spatial index is of
        conditions.append(func.ST_Intersects(shape, area_of(wanted)))
    if wanted.where is not None:
        conditions.append(wanted.where(table))
    return conditions


def value_of(column: Any, value: Any) -> Any:
    """A value of a cursor or a path as the column holds it, None where it cannot be one."""
    try:
        if isinstance(column.type, Uuid):
            return uuid.UUID(value)
        wanted = column.type.python_type
        if wanted is dt.date:
            return dt.date.fromisoformat(value)
    except (ValueError, TypeError, AttributeError):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float) if wanted is float else wanted):
        return None
    if isinstance(value, str):
        return None if _UNKEPT.search(value) else value
    return value if abs(value) < _most(column, wanted) else None


def _most(column: Any, wanted: type) -> float:
    """What the numbers of a column stay below."""
    if wanted is not int:
        return _LARGEST_REAL
    return 1 << 63 if isinstance(column.type, BigInteger) else 1 << 31
