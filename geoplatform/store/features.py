"""Features of a collection: pages that follow an index, exact counts, everything as a stream. From `web.ogc`.

PostgreSQL spells each feature; what a client wrote comes in as bound values and compiled conditions only.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import shapely
from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement, FromClause
from sqlalchemy.types import NullType, UserDefinedType

from geoplatform.errors import BadCursor
from geoplatform.store import streaming, tables
from geoplatform.store.collections import GEOMETRY, Collection
from geoplatform.store.engine import driver
from geoplatform.store.quadkeys import LARGEST_LATITUDE, parted, ranges
from geoplatform.store.spelling import Spelling

_BEFORE_ALL = uuid.UUID(int=0)
#: From this offset on it is worth while to look for the row where it leads before reading any.
_FAR = 1_000
_WGS84 = 4326
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
        """Whether it differs from others of its kind in values only: no condition of the client's own is in it."""
        return self.where is None or self.only_territory


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of them. `sort`: (column, descending); `after`: the cursor of the feature before; `offset`: so many later."""

    limit: int
    sort: tuple[tuple[str, bool], ...] = ()
    after: tuple[Any, ...] | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as they are spelled, and the cursor of the last one where more follow."""

    rows: list[Any]
    following: tuple[Any, ...] | None


def page(connection: Connection, collection: Collection, wanted: Wanted, window: Window, spelling: Spelling) -> Page:
    """The features of a window, in an order that stays while others come and go. BadCursor for a cursor of another order."""
    walk = _walk(collection, wanted, window.sort)
    after, offset = walk.read(window.after), window.offset
    if offset >= _FAR and after is None and (start := walk.start(offset - 1)) is not None:
        found = connection.execute(start).one_or_none()
        if found is None:
            return Page([], None)
        after, offset = tuple(found), 0
    if offset:
        query = walk.query(spelling, after, window.limit + 1 + offset).limit(window.limit + 1).offset(offset)
        rows: Sequence[Any] = connection.execute(query).all()
    else:
        rows = _fetched(connection, walk, spelling, after, window.limit + 1)
    more = len(rows) > window.limit
    shown = rows[: window.limit]
    width = len(walk.keys)
    return Page([row[width:] for row in shown], (walk.name, *shown[-1][:width]) if more and shown else None)


def count(connection: Connection, collection: Collection, wanted: Wanted) -> int:
    """How many features there are in all."""
    return _walk(collection, wanted, (), counts=True).count(connection)


def one(connection: Connection, collection: Collection, identifier: str, wanted: Wanted, spelling: Spelling) -> Any:
    """The feature of this identifier as it is spelled, None if there is none."""
    table = _table(collection, wanted)
    column = table.c[collection.identifier]
    value = _value_of(column, identifier)
    if value is None:
        return None
    query = select(*spelling.columns(collection, table)).where(column == value, *_conditions(collection, wanted, table))
    return connection.execute(query).one_or_none()


def stream(connection: Connection, collection: Collection, wanted: Wanted, spelling: Spelling) -> Iterator[list[Any]]:
    """Every feature as it is spelled, some hundreds at a time, in no certain order. As `streaming.batches` says."""
    found = _walk(collection, wanted, ()).rows(None, None).subquery("i")
    return streaming.batches(connection, select(*spelling.columns(collection, found)).select_from(found))


def _fetched(
    connection: Connection, walk: _Walk, spelling: Spelling, after: tuple[Any, ...] | None, most: int
) -> Sequence[Any]:
    """The first rows after a cursor. Without a condition of the client's own, lists differ in values only: their SQL is composed
    once, and PostgreSQL plans it once, which together took most of a page's time."""
    if isinstance(walk, _Sorted) or not walk.wanted.is_plain:
        return connection.execute(walk.query(spelling, after, most).limit(most)).all()
    shape = (*walk.shape(), spelling, after is not None, most)
    if shape not in _COMPOSED:
        _keep(shape, walk.query(spelling, after, most).limit(_whole(most)), connection)
    return driver(connection).execute(_COMPOSED[shape], walk.values(after)).fetchall()


#: The SQL of shapes of lists, with named parameters.
_COMPOSED: dict[tuple[Any, ...], str] = {}
_MOST_COMPOSED = 500


def _keep(shape: tuple[Any, ...], query: Select[Any], connection: Connection) -> None:
    if len(_COMPOSED) >= _MOST_COMPOSED:
        _COMPOSED.clear()
    _COMPOSED[shape] = str(query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True}))


class _Walk:
    """A way through the rows of a collection that follows an index. `keys`: what a cursor holds beside the walk's name."""

    name: str
    keys: tuple[str, ...]

    def __init__(self, collection: Collection, wanted: Wanted, table: FromClause) -> None:
        self.collection = collection
        self.wanted = wanted
        self.table = table

    def shape(self) -> tuple[Any, ...]:
        """What the SQL of a walk without a condition of the client's depends on."""
        wanted = self.wanted
        of = wanted.territory[0] if wanted.territory else None
        return self.table.name, self.name, wanted.area is not None, wanted.vintage is not None, of  # type: ignore[attr-defined]

    def values(self, after: tuple[Any, ...] | None) -> dict[str, Any]:
        """The values that this SQL names."""
        wanted, told = self.wanted, {f"after_{number}": value for number, value in enumerate(after or ())}
        area = _spelled(wanted.area) if wanted.area is not None else None
        return {**told, "area": area, "vintage": wanted.vintage}

    def conditions(self) -> list[ColumnElement[bool]]:
        return _conditions(self.collection, self.wanted, self.table)

    def rows(self, after: tuple[Any, ...] | None, limit: int | None) -> Select[Any]:
        """The rows after a cursor, their columns all there, in order where a limit is given."""
        raise NotImplementedError

    def count(self, connection: Connection) -> int:
        """How many rows there are."""
        if not self.wanted.is_plain:
            return int(connection.execute(self.counted()).scalar_one())
        shape = (*self.shape(), "counted")
        if shape not in _COMPOSED:
            _keep(shape, self.counted(), connection)
        found = driver(connection).execute(_COMPOSED[shape], self.values(None)).fetchone()
        return int(found[0]) if found else 0

    def counted(self) -> Select[Any]:
        """The query that counts the rows."""
        return select(func.count()).select_from(self.rows(None, None).subquery())

    def start(self, offset: int) -> Select[Any] | None:
        """A query for the key before which so many rows lie, where that is quicker than to read them; None where it is not."""
        return None

    def query(self, spelling: Spelling, after: tuple[Any, ...] | None, limit: int | None) -> Select[Any]:
        """Keys and spelled columns of the rows after a cursor."""
        rows: FromClause = self.rows(after, limit).subquery("i")
        return select(*(rows.c[key] for key in self.keys), *spelling.columns(self.collection, rows))

    def read(self, after: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        """The keys of a cursor. BadCursor for one of another order."""
        if after is None:
            return None
        name, *values = after
        if name != self.name or len(values) != len(self.keys):
            raise BadCursor("cursor", None, "is of another order: follow the links of this very query")
        read = tuple(_value_of(self.table.c[key], value) for key, value in zip(self.keys, values, strict=True))
        if None in read:
            raise BadCursor("cursor", None, "cannot be read: follow the links of this very query")
        return read


class _InOrder(_Walk):
    """By the collection's own number or code."""

    def __init__(self, collection: Collection, wanted: Wanted, table: FromClause) -> None:
        super().__init__(collection, wanted, table)
        self.name, self.keys = "order", (collection.order,)

    def rows(self, after: tuple[Any, ...] | None, limit: int | None) -> Select[Any]:
        order = self.table.c[self.collection.order]
        query = select(self.table).where(*self.conditions())
        if after:
            query = query.where(order > _key(0, after[0], order))
        return query if limit is None else query.order_by(order).limit(_whole(limit))

    def start(self, offset: int) -> Select[Any] | None:
        """The key of that row, read from the rows without what takes a join, where the conditions allow it."""
        rows = self.collection.rows
        if rows is None or not self.wanted.names <= set(rows.c.keys()):
            return None
        order = rows.c[self.collection.order]
        conditions = _conditions(self.collection, self.wanted, rows)
        return select(order).where(*conditions).order_by(order).offset(offset).limit(1)


class _ByPosition(_Walk):
    """Places of an area, range by range of their quadkeys: their order in the index, so that a page reads about its own length."""

    name, keys = "position", ("quadkey", "fid")

    def rows(self, after: tuple[Any, ...] | None, limit: int | None) -> Select[Any]:
        return self._of(self._spans(after), after, limit)

    def values(self, after: tuple[Any, ...] | None) -> dict[str, Any]:
        """The values that this SQL names."""
        return {**super().values(after), **_ends(self._spans(after), _ENDS)}

    def count(self, connection: Connection) -> int:
        """How many rows there are: what lies in the area for certain is counted in the index alone."""
        if not self.wanted.is_plain:
            return super().count(connection)
        whole, edge = parted(self.wanted.area)
        shape = (*self.shape(), "counted")
        if shape not in _COMPOSED:
            inside = func.published.count_items(*_lists(whole, _WHOLE))
            at_edge = select(func.count()).select_from(self._of(edge, None, None).subquery()).scalar_subquery()
            _keep(shape, select(inside + at_edge), connection)
        values = {**super().values(None), **_ends(edge, _ENDS), **_ends(whole, _WHOLE)}
        found = driver(connection).execute(_COMPOSED[shape], values).fetchone()
        return int(found[0]) if found else 0

    def _spans(self, after: tuple[Any, ...] | None) -> list[tuple[int, int]]:
        return [span for span in ranges(self.wanted.area) if after is None or span[1] > after[0]]

    def _of(self, spans: list[tuple[int, int]], after: tuple[Any, ...] | None, limit: int | None) -> Select[Any]:
        run = func.unnest(*_lists(spans, _ENDS)).table_valued("first", "beyond", name="run").render_derived()
        table = self.table
        here = select(table).where(table.c.quadkey >= run.c.first, table.c.quadkey < run.c.beyond, *self.conditions())
        if after:
            keys = (table.c.quadkey, table.c.fid)
            here = here.where(func.row(*keys) > func.row(*map(_key, (0, 1), after, keys)))
        if limit is not None:
            here = here.order_by(table.c.quadkey, table.c.fid)
        return _run_by_run(run, here, limit)


class _ByCommune(_Walk):
    """Places of some communes, commune by commune."""

    name, keys = "commune", ("commune_code", "id")

    def conditions(self) -> list[ColumnElement[bool]]:
        """Those that the communes themselves do not fulfil."""
        rest = replace(self.wanted, where=None) if self.wanted.only_territory else self.wanted
        return _conditions(self.collection, rest, self.table)

    def values(self, after: tuple[Any, ...] | None) -> dict[str, Any]:
        """The values that this SQL names."""
        codes = self.wanted.territory[1] if self.wanted.territory else ()
        return {**super().values(after), "codes": list(codes)}

    def rows(self, after: tuple[Any, ...] | None, limit: int | None) -> Select[Any]:
        column, codes_asked = self.wanted.territory or ("commune_code", ())
        communes = tables.communes.c
        codes = select(communes.code).where(communes[OF_TERRITORY[column]] == func.any(_texts(codes_asked)))
        if after:
            codes = codes.where(communes.code >= _key(0, after[0], communes.code))
        run = codes.order_by(communes.code).subquery("run")
        table = self.table
        here = select(table).where(table.c.commune_code == run.c.code, *self.conditions())
        if after:
            beyond = run.c.code > _key(0, after[0], run.c.code), table.c.id > _key(1, after[1], table.c.id)
            here = here.where(or_(*beyond))
        if limit is not None:
            here = here.order_by(table.c.id)
        return _run_by_run(run, here, limit)


class _Sorted(_Walk):
    """By properties that the client names; nothing comes last. Follows no index."""

    def __init__(
        self, collection: Collection, wanted: Wanted, table: FromClause, sort: tuple[tuple[str, bool], ...]
    ) -> None:
        super().__init__(collection, wanted, table)
        self.sort = (*sort, (collection.order, False))
        self.name = ",".join(f"{'-' if descending else ''}{column}" for column, descending in sort)
        self.keys = tuple(column for column, _ in self.sort)

    def rows(self, after: tuple[Any, ...] | None, limit: int | None) -> Select[Any]:
        table = self.table
        query = select(table).where(*self.conditions())
        if after:
            query = query.where(self._beyond(after))
        orders = [table.c[name].desc() if descending else table.c[name].asc() for name, descending in self.sort]
        return query.order_by(*(order.nulls_last() for order in orders)).limit(limit)

    def read(self, after: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        """The keys of a cursor, of which those that the row has not are None. BadCursor for one of another order."""
        if after is None:
            return None
        known = tuple(value for value in after[1:] if value is not None)
        width = len(self.keys)
        if after[0] != self.name or len(after) - 1 != width or after[-1] is None:
            raise BadCursor("cursor", None, "is of another order: follow the links of this very query")
        read = [None if v is None else _value_of(self.table.c[k], v) for k, v in zip(self.keys, after[1:], strict=True)]
        if sum(value is not None for value in read) != len(known):
            raise BadCursor("cursor", None, "cannot be read: follow the links of this very query")
        return tuple(read)

    def _beyond(self, after: tuple[Any, ...]) -> ColumnElement[bool]:
        """Rows that come later: by the first key that differs."""
        later: list[ColumnElement[bool]] = []
        same: list[ColumnElement[bool]] = []
        for (name, descending), value in zip(self.sort, after, strict=True):
            column = self.table.c[name]
            if value is not None:
                further = column < value if descending else column > value
                later.append(and_(*same, or_(further, column.is_(None))))
            same.append(column.is_(None) if value is None else column == value)
        return or_(*later)


def _key(number: int, value: Any, column: Any) -> Any:
    return bindparam(f"after_{number}", value, column.type)


_ENDS, _WHOLE = ("firsts", "beyonds"), ("whole_firsts", "whole_beyonds")


def _ends(spans: list[tuple[int, int]], names: tuple[str, str]) -> dict[str, list[int]]:
    return {name: [span[end] for span in spans] for end, name in enumerate(names)}


def _lists(spans: list[tuple[int, int]], names: tuple[str, str]) -> list[Any]:
    return [bindparam(name, values, ARRAY(BigInteger)) for name, values in _ends(spans, names).items()]


def _whole(number: int) -> Any:
    """A number as SQL: what PostgreSQL plans depends on it."""
    return literal_column(str(int(number)))


def _run_by_run(run: Any, here: Select[Any], limit: int | None) -> Select[Any]:
    """The rows of each run in turn. A lateral subquery with a limit (or an offset, even of nothing) is read as it stands, run
    after run, and whoever takes the first rows only leaves the other runs unread."""
    rows = (here.offset(_whole(0)) if limit is None else here.limit(_whole(limit))).lateral("rows")
    return select(rows).select_from(run.join(rows, true()))


def _walk(collection: Collection, wanted: Wanted, sort: tuple[tuple[str, bool], ...], *, counts: bool = False) -> _Walk:
    table = _table(collection, wanted)
    if sort:
        return _Sorted(collection, wanted, table, sort)
    if collection.holds_points and wanted.territory:
        return _ByCommune(collection, wanted, table)
    if counts and collection.rows is not None and wanted.names <= set(collection.rows.c.keys()):
        table = collection.rows
    if collection.holds_points and wanted.area is not None:
        _west, south, _east, north = wanted.area.bounds
        if max(-south, north) < LARGEST_LATITUDE:
            return _ByPosition(collection, wanted, table)
    return _InOrder(collection, wanted, table)


def _table(collection: Collection, wanted: Wanted) -> FromClause:
    if wanted.vintage is not None and collection.editions is not None:
        return collection.editions
    return collection.table


class _Shape(UserDefinedType[Any]):
    """A geometry that is sent as such: made by a function, it would be made again for each row of a plan that is kept."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        """Its name in PostgreSQL."""
        return "geometry"


def _spelled(area: shapely.Geometry) -> str:
    return str(shapely.to_wkb(shapely.set_srid(area, _WGS84), hex=True, include_srid=True))


def _conditions(collection: Collection, wanted: Wanted, table: FromClause) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.vintage is not None and collection.editions is not None:
        conditions.append(table.c.vintage_id == bindparam("vintage", wanted.vintage, Integer))
    if wanted.area is not None:
        area = cast(bindparam("area", _spelled(wanted.area), NullType()), _Shape)
        conditions.append(func.ST_Intersects(table.c[GEOMETRY], area))
    if wanted.where is not None:
        conditions.append(wanted.where(table))
    return conditions


def _texts(values: tuple[str, ...]) -> Any:
    return bindparam("codes", list(values), ARRAY(Text))


def _value_of(column: Any, value: Any) -> Any:
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
