"""Ways through the rows of a collection that follow an index: what a page, a count and a stream are read along.

From `store.features`. A cursor is the name of its walk and the keys of the row before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    Text,
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

from geoplatform.errors import BadCursor
from geoplatform.store import composed, tables
from geoplatform.store.collections import Collection
from geoplatform.store.quadkeys import LARGEST_LATITUDE, Runs, counted, parted, ranges
from geoplatform.store.spelling import Spelling
from geoplatform.store.wanted import (
    OF_TERRITORY,
    Wanted,
    area_of,
    conditions_of,
    holds_many,
    spelled,
    table_of,
    value_of,
)

#: Zooms of the cells of which the database keeps numbers, each for tiles so many zooms above (`geoplatform.zoom_policy`).
KEPT_LEVELS, CELL_BITS = range(3, 15), 3


def walk(collection: Collection, wanted: Wanted, sort: tuple[tuple[str, bool], ...], *, counts: bool = False) -> Walk:
    """The way to read these features; `counts`: only to count them."""
    table = table_of(collection, wanted)
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


class Walk:
    """A way through the rows of a collection that follows an index. `keys`: what a cursor holds beside the walk's name."""

    name: str
    keys: tuple[str, ...]

    def __init__(self, collection: Collection, wanted: Wanted, table: FromClause) -> None:
        self.collection = collection
        self.wanted = wanted
        self.table = table

    @property
    def is_plain(self) -> bool:
        """Whether its SQL differs from that of others of its kind in values only."""
        return self.wanted.is_plain

    def first(
        self, connection: Connection, spelling: Spelling, after: tuple[Any, ...] | None, most: int
    ) -> Sequence[Any]:
        """The first rows after a cursor: their keys, and as they are spelled."""
        if not self.is_plain:
            return connection.execute(self.query(spelling, after, most).limit(most)).all()
        shape = (*self.shape(), spelling, after is not None, most)
        return composed.rows(
            connection, shape, lambda: self.query(spelling, after, most).limit(_whole(most)), self.values(after)
        )

    def shape(self) -> tuple[Any, ...]:
        """What the SQL of a walk without a condition of the client's depends on."""
        wanted = self.wanted
        of = wanted.territory[0] if wanted.territory else None
        told = self.table.name, self.name, wanted.area is not None, wanted.vintage is not None, of  # type: ignore[attr-defined]
        return *told, wanted.area is not None and holds_many(wanted.area)

    def values(self, after: tuple[Any, ...] | None) -> dict[str, Any]:
        """The values that this SQL names."""
        wanted, told = self.wanted, {f"after_{number}": value for number, value in enumerate(after or ())}
        area = spelled(wanted.area) if wanted.area is not None else None
        return {**told, "area": area, "vintage": wanted.vintage}

    def conditions(self) -> list[ColumnElement[bool]]:
        """What a row must fulfil that this way alone does not see to."""
        return conditions_of(self.collection, self.wanted, self.table)

    def rows(self, after: tuple[Any, ...] | None, limit: int | None) -> Select[Any]:
        """The rows after a cursor, their columns all there, in order where a limit is given."""
        raise NotImplementedError

    def count(self, connection: Connection) -> int:
        """How many rows there are."""
        if not self.is_plain:
            return int(connection.execute(self.counted()).scalar_one())
        return int(composed.rows(connection, (*self.shape(), "counted"), self.counted, self.values(None))[0][0])

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
        read = tuple(value_of(self.table.c[key], value) for key, value in zip(self.keys, values, strict=True))
        if None in read:
            raise BadCursor("cursor", None, "cannot be read: follow the links of this very query")
        return read


class _InOrder(Walk):
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
        conditions = conditions_of(self.collection, self.wanted, rows)
        return select(order).where(*conditions).order_by(order).offset(offset).limit(1)


class _ByPosition(Walk):
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
        box = counted(self.wanted.area, KEPT_LEVELS)
        shape, values = (*self.shape(), "counted", box is not None), super().values(None)
        if box:
            values |= {"zoom": box.level - CELL_BITS, "inner": _array(box.inner), "edges": _array(box.edges)}
            values |= {**_ends(box.around, _ENDS), **_ends(box.cells, _WHOLE)}
        else:
            whole, edge = parted(self.wanted.area)
            values |= {**_ends(edge, _ENDS), **_ends(whole, _WHOLE)}
        return int(
            composed.rows(connection, shape, lambda: select(self._in_box() if box else self._in_area()), values)[0][0]
        )

    def _in_box(self) -> ColumnElement[int]:
        zoom = bindparam("zoom", 0, Integer)
        inner, edges = _list("inner"), _list("edges")
        cells, around = _lists([], _WHOLE), _lists([], _ENDS)
        return func.published.count_items_in_box(zoom, *cells, inner, *around, edges, area_of(self.wanted))

    def _in_area(self) -> ColumnElement[int]:
        inside = func.published.count_items(*_lists([], _WHOLE))
        return inside + select(func.count()).select_from(self._of([], None, None).subquery()).scalar_subquery()

    def _spans(self, after: tuple[Any, ...] | None) -> Runs:
        return [span for span in ranges(self.wanted.area) if after is None or span[1] > after[0]]

    def _of(self, spans: Runs, after: tuple[Any, ...] | None, limit: int | None) -> Select[Any]:
        run = func.unnest(*_lists(spans, _ENDS)).table_valued("first", "beyond", name="run").render_derived()
        table = self.table
        here = select(table).where(table.c.quadkey >= run.c.first, table.c.quadkey < run.c.beyond, *self.conditions())
        if after:
            keys = (table.c.quadkey, table.c.fid)
            here = here.where(func.row(*keys) > func.row(*map(_key, (0, 1), after, keys)))
        if limit is not None:
            here = here.order_by(table.c.quadkey, table.c.fid)
        return _run_by_run(run, here, limit)


class _ByCommune(Walk):
    """Places of some communes, commune by commune."""

    name, keys = "commune", ("commune_code", "id")

    def conditions(self) -> list[ColumnElement[bool]]:
        """Those that the communes themselves do not fulfil."""
        rest = replace(self.wanted, where=None) if self.wanted.only_territory else self.wanted
        return conditions_of(self.collection, rest, self.table)

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


class _Sorted(Walk):
    """By properties that the client names; nothing comes last. Follows no index."""

    def __init__(
        self, collection: Collection, wanted: Wanted, table: FromClause, sort: tuple[tuple[str, bool], ...]
    ) -> None:
        super().__init__(collection, wanted, table)
        self.sort = (*sort, (collection.order, False))
        self.name = ",".join(f"{'-' if descending else ''}{column}" for column, descending in sort)
        self.keys = tuple(column for column, _ in self.sort)

    @property
    def is_plain(self) -> bool:
        """Never: the client names its order."""
        return False

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
        read = [None if v is None else value_of(self.table.c[k], v) for k, v in zip(self.keys, after[1:], strict=True)]
        if sum(value is not None for value in read) != len(known):
            raise BadCursor("cursor", None, "cannot be read: follow the links of this very query")
        return tuple(read)

    def _beyond(self, after: tuple[Any, ...]) -> ColumnElement[bool]:
        """Rows that come later: by the first key that differs."""
        later: list[ColumnElement[bool]] = []
        same: list[ColumnElement[bool]] = []
        for (name, descending), value in zip(self.sort, after, strict=True):
            column = self.table.c[name]
            if isinstance(value, float):  # as wide as the column, or a REAL is never equal to what was told of it
                value = cast(value, column.type)
            if value is not None:
                further = column < value if descending else column > value
                later.append(and_(*same, or_(further, column.is_(None))))
            same.append(column.is_(None) if value is None else column == value)
        return or_(*later)


def _key(number: int, value: Any, column: Any) -> Any:
    return bindparam(f"after_{number}", value, column.type)


_ENDS, _WHOLE = ("firsts", "beyonds"), ("whole_firsts", "whole_beyonds")


def _ends(spans: Runs, names: tuple[str, str]) -> dict[str, str]:
    return {name: _array(span[end] for span in spans) for end, name in enumerate(names)}


def _array(numbers: Iterable[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"


def _lists(spans: Runs, names: tuple[str, str]) -> list[Any]:
    return [_list(name, spelled) for name, spelled in _ends(spans, names).items()]


def _list(name: str, spelled: str = "{}") -> Any:
    """An array as PostgreSQL spells it: the driver takes a list apart number by number, which shows."""
    return cast(bindparam(name, spelled, Text), ARRAY(BigInteger))


def _whole(number: int) -> Any:
    """A number as SQL: what PostgreSQL plans depends on it."""
    return literal_column(str(int(number)))


def _run_by_run(run: Any, here: Select[Any], limit: int | None) -> Select[Any]:
    """The rows of each run in turn. A lateral subquery with a limit (or an offset, even of nothing) is read as it stands, run
    after run, and whoever takes the first rows only leaves the other runs unread."""
    rows = (here.offset(_whole(0)) if limit is None else here.limit(_whole(limit))).lateral("rows")
    return select(rows).select_from(run.join(rows, true()))


def _texts(values: tuple[str, ...]) -> Any:
    return bindparam("codes", list(values), ARRAY(Text))
