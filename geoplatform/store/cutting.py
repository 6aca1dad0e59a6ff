"""One moment of the published data as Arrow, for releases. From `exports`; through ADBC to PostgreSQL.

The moment is a snapshot that PostgreSQL exports: as many connections as are wanted read the same rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
from sqlalchemy import (
    Column,
    Date,
    Double,
    Integer,
    Select,
    Text,
    Uuid,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import ColumnElement

from geoplatform.errors import NoVintage, StoreUnavailable, Unknown
from geoplatform.model import Vintage
from geoplatform.store import vintages
from geoplatform.store.collections import GEOMETRY, Collection, is_list, named
from geoplatform.store.engine import Store
from geoplatform.store.spelling import AsFeature, compared

_BATCH_BYTES = 2 << 20
_SORTING_MB = 64
#: PostgreSQL takes a stretch of the curve for much less than it is, and would look each of its rows up.
_BESIDE_ANOTHER = ("LOCAL max_parallel_workers_per_gather = 0", "LOCAL enable_nestloop = off")
#: What a file does not say of a place: its number in the database, which tells in what order places were entered.
_NOT_IN_FILES = {"places": frozenset({"fid", "geom_3857", "quadkey"})}
#: By which column each level of scope is found, and where its name stands.
LEVELS = {
    "region": ("region_code", "published.regions"),
    "department": ("department_code", "published.departments"),
    "epci": ("epci_code", "published.epci"),
    "commune": ("commune_code", "published.communes"),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of France: `level` is a key of `LEVELS`, `code` its INSEE code (or SIREN), `name` the official one."""

    level: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What a release is true of. `snapshot`: PostgreSQL's name of it, for as long as `moment` holds it; `mark`, `changed_at`:
    the same as long as nothing has changed.
    """

    snapshot: str
    at: dt.datetime
    mark: str
    changed_at: dt.datetime
    vintage: Vintage
    change_seq: int


@contextmanager
def moment(store: Store) -> Iterator[Moment]:
    """Now, held until left. NoVintage before a first vintage is active."""
    with store.snapshot() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        vintage = vintages.active(connection)
        if vintage is None:
            raise NoVintage("no vintage of boundaries is active: `geoplatform load communes` comes first")
        row = connection.execute(
            text("""
                SELECT now() AS at, pg_export_snapshot() AS snapshot, p.revision || '/' || l.revision AS mark,
                       greatest(p.changed_at, l.changed_at) AS changed_at,
                       coalesce((SELECT c.seq FROM published.changes AS c ORDER BY c.seq DESC LIMIT 1), 0) AS seq
                FROM published.revision('places') AS p, published.revision('limits') AS l
            """)
        ).one()
        yield Moment(row.snapshot, row.at, row.mark, row.changed_at, vintage, row.seq)


def scope_of(store: Store, level: str, code: str) -> Scope:
    """The scope of this code in the active vintage. Unknown if there is none."""
    view = LEVELS[level][1]
    with store.reading() as connection:
        name = connection.execute(
            text(f"SELECT name FROM {view} WHERE code = :code"),  # noqa: S608 - our own names
            {"code": code},
        ).scalar()
    if name is None:
        raise Unknown(level, code)
    return Scope(level, code, name)


def filed(collection: str) -> Collection:
    """A collection as files show it: with every column that may leave."""
    found = named(collection)
    return replace(found, hidden=_NOT_IN_FILES.get(collection, found.hidden))


def has_scope(collection: str, level: str) -> bool:
    """Whether this collection can be cut to scopes of this level."""
    return _column(filed(collection), level) is not None


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the Hilbert curve: from a position on (None: from its begin) to before another (None: to its end, and what
    has no geometry). Positions are EWKB, hex, as PostGIS spells them.
    """

    first: str | None = None
    beyond: str | None = None


WHOLE = Part()


def parts(store: Store, collection: Collection, scope: Scope | None) -> list[Part]:
    """Stretches of a collection, of about as many rows each, in their order: for connections beside each other.

    One only where there are few rows.
    """
    if not collection.holds_points or scope is not None:
        return [WHOLE]
    with store.reading() as connection:
        middle = connection.execute(text("SELECT published.middle_of_places()::text")).scalar()
    return [Part(beyond=middle), Part(first=middle)] if middle else [WHOLE]


@contextmanager
def rows(
    store: Store,
    of: Moment,
    collection: Collection,
    scope: Scope | None,
    part: Part = WHOLE,
    *,
    features: bool,
    values: bool,
) -> Iterator[pa.RecordBatchReader]:
    """What a collection holds at a moment, in batches of some megabytes.

    Ordered along the Hilbert curve, then by identifier: the same rows always come in the same order.
    `features`: a column `feature`, a GeoJSON text each. `values`: every column, and `geom` (WKB, EPSG:4326).
    StoreUnavailable if the database ends it.
    """
    query = _query(collection, scope, features, values)
    shape = collection.table.c[GEOMETRY]
    if part.first is not None:
        query = query.where(or_(shape >= _position(part.first), shape.is_(None)))
    if part.beyond is not None:
        query = query.where(shape < _position(part.beyond))
    with _read(store, of, collection.name, query, alone=part == WHOLE) as reader:
        yield reader


def _position(ewkb: str) -> ColumnElement[Any]:
    """A geometry in a query that is sent without values of its own."""
    return literal_column(f"'{bytes.fromhex(ewkb).hex()}'::geometry")


@contextmanager
def identified(store: Store, of: Moment) -> Iterator[pa.RecordBatchReader]:
    """Which places files may hold at a moment: `id` (text), `licence` (SPDX), `located` (whether with a position)."""
    table = filed("places").table
    query = select(cast(table.c.id, Text).label("id"), table.c.licence, table.c[GEOMETRY].is_not(None).label("located"))
    with _read(store, of, "places", query) as reader:
        yield reader


@contextmanager
def _read(
    store: Store, of: Moment, name: str, wanted: Select[Any], *, alone: bool = True
) -> Iterator[pa.RecordBatchReader]:
    """`alone`: all of it, with PostgreSQL's parallel workers, which would be in the way of a connection beside it."""
    query = wanted.compile(
        dialect=postgresql.dialect(paramstyle="named"),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    try:
        with adbc.connect(store.reading_conninfo, autocommit=False) as connection, connection.cursor() as cursor:
            # Not what QGIS and the web have: nothing here takes long enough to be stopped, and much is sorted.
            for setting in (
                *_taking_up(of),
                f"LOCAL work_mem = '{_SORTING_MB}MB'",
                *([] if alone else _BESIDE_ANOTHER),
            ):
                cursor.execute(f"SET {setting}")
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)})
            cursor.execute(str(query))
            yield cursor.fetch_record_batch()
    except adbc.Error as error:
        raise StoreUnavailable(f"the database ended the cut of {name}: {error}") from error


def _taking_up(of: Moment) -> tuple[str, ...]:
    """What a connection sets to read at a moment."""
    return (
        "TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        f"TRANSACTION SNAPSHOT '{of.snapshot}'",
        "LOCAL statement_timeout = 0",
    )


@contextmanager
def connected(store: Store, of: Moment) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the driver that reads at a moment, as `store.tiles` asks by. StoreUnavailable if the database ends it."""
    try:
        with psycopg.connect(store.reading_conninfo) as connection:
            for setting in (*_taking_up(of), "LOCAL idle_in_transaction_session_timeout = 0"):
                connection.execute(f"SET {setting}")
            yield connection
    except psycopg.Error as error:
        raise StoreUnavailable(f"the database ended the cut of tiles: {error}") from error


def _query(collection: Collection, scope: Scope | None, features: bool, values: bool) -> Select[Any]:
    table = collection.table
    shape, identifier = table.c[GEOMETRY], table.c[collection.identifier]
    chosen: list[ColumnElement[Any]] = [table.c.licence] if collection.holds_points else []
    if values:
        chosen = [_plain(collection, column) for column in collection.columns]
        chosen.append(func.ST_AsBinary(shape).label(GEOMETRY))
    if features:
        names = [column.name for column in collection.columns if column.name != "id"]
        chosen.append(AsFeature(names=names).columns(collection, table)[0].label("feature"))
    query = select(*chosen).select_from(table).order_by(shape, identifier)
    if scope is None:
        return query
    column = _column(collection, scope.level)
    if column is None:
        raise Unknown(f"cut of {collection.name} by", scope.level)
    return query.where(column == literal(scope.code))


def _column(collection: Collection, level: str) -> Column[Any] | None:
    """The column that tells a row's scope of a level; a commune's own code is just its code."""
    name = LEVELS[level][0]
    if name == f"{collection.name.removesuffix('s')}_code" or (level == "epci" and collection.name == "epci"):
        name = collection.identifier
    return collection.table.c.get(name)


def _plain(collection: Collection, column: Column[Any]) -> ColumnElement[Any]:
    """A column in one of four types: text, integer, number, date."""
    if is_list(column):
        return func.array_to_string(column, literal(" ")).label(column.name)
    if isinstance(column.type, Integer | Uuid):
        return cast(column, Text if isinstance(column.type, Uuid) else Integer).label(column.name)
    if isinstance(column.type, Date | Text):
        return column
    return cast(compared(collection, column), Double).label(column.name)
