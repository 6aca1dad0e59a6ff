"""Job `bulk`: many places stored with verdict, change log and indexes, against a plain COPY of the same rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import psycopg

from geoplatform.store import places
from geoplatform.store.engine import Store
from tests.bench.bench import Bench
from tests.bench.figure import Figure, seconds


def figures(bench: Bench) -> Iterator[Figure]:
    """Rows a second from memory to the commit. The peer has no index, no check, no verdict, no log: it is the limit."""
    with bench.database(bench.france) as database, database.store() as store:
        rows = bench.rows(store)
        with database.connect() as connection:
            theirs = seconds(lambda: _plain_copy(connection, rows))
        ours = seconds(lambda: _load(store, rows))
    yield Figure("bulk", "load_bulk", len(rows) / ours, "COPY, no index", len(rows) / theirs, "rows/s")


def _load(store: Store, rows: list[tuple[Any, ...]]) -> None:
    with store.transaction() as connection:
        places.load_bulk(connection, rows, "bench", dt.datetime.now(dt.UTC))


def _plain_copy(connection: psycopg.Connection[Any], rows: list[tuple[Any, ...]]) -> None:
    connection.execute("CREATE TABLE peer (LIKE geoplatform.arrival)")
    statement = f"COPY peer ({', '.join(places.BULK)}) FROM STDIN (FORMAT binary)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(list(places.BULK.values()))
        for row in rows:
            copy.write_row(row)
