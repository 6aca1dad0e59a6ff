"""Features of a collection: pages that follow an index, exact counts, everything as a stream. From `web.ogc`.

PostgreSQL spells each feature; what a client wrote comes in as bound values and compiled conditions only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from geoplatform.store import streaming
from geoplatform.store.collections import Collection
from geoplatform.store.spelling import AsFeature, Spelling
from geoplatform.store.walks import walk
from geoplatform.store.wanted import Wanted, Window, conditions_of, table_of, value_of

#: From this offset on it is worth while to look for the row where it leads before reading any.
_FAR = 1_000


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as they are spelled, and the cursor of the last one where more follow."""

    rows: list[Any]
    following: tuple[Any, ...] | None


def page(connection: Connection, collection: Collection, wanted: Wanted, window: Window, spelling: Spelling) -> Page:
    """The features of a window, in an order that stays while others come and go. BadCursor for a cursor of another order."""
    way = walk(collection, wanted, window.sort)
    after, offset = way.read(window.after), window.offset
    if offset >= _FAR and after is None and (start := way.start(offset - 1)) is not None:
        found = connection.execute(start).one_or_none()
        if found is None:
            return Page([], None)
        after, offset = tuple(found), 0
    if offset:
        query = way.query(spelling, after, window.limit + 1 + offset).limit(window.limit + 1).offset(offset)
        rows: Sequence[Any] = connection.execute(query).all()
    else:
        rows = way.first(connection, spelling, after, window.limit + 1)
    more = len(rows) > window.limit
    shown = rows[: window.limit]
    width = len(way.keys)
    return Page([row[width:] for row in shown], (way.name, *shown[-1][:width]) if more and shown else None)


def count(connection: Connection, collection: Collection, wanted: Wanted) -> int:
    """How many features there are in all."""
    return walk(collection, wanted, (), counts=True).count(connection)


def one(connection: Connection, collection: Collection, identifier: str, wanted: Wanted, spelling: Spelling) -> Any:
    """The feature of this identifier as it is spelled, None if there is none."""
    table = table_of(collection, wanted)
    column = table.c[collection.identifier]
    value = value_of(column, identifier)
    if value is None:
        return None
    query = select(*spelling.columns(collection, table)).where(
        column == value, *conditions_of(collection, wanted, table)
    )
    return connection.execute(query).one_or_none()


def stream(connection: Connection, collection: Collection, wanted: Wanted, spelling: Spelling) -> Iterator[list[Any]]:
    """Every feature as it is spelled, some hundreds at a time, in no certain order; texts of GeoJSON as UTF-8 bytes.
    As `streaming.batches` says."""
    found = walk(collection, wanted, ()).rows(None, None).subquery("i")
    query = select(*spelling.columns(collection, found)).select_from(found)
    return streaming.batches(connection, query, utf_8=isinstance(spelling, AsFeature))
