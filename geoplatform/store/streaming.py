"""The rows of one long query as they come, in flat memory. From `store.features`, on whatever connection it is given.

Through chunks of libpq and not through a cursor of the server: PostgreSQL never plans a cursor with parallel workers.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from typing import Any, cast

import psycopg
from psycopg.types.string import ByteaBinaryLoader
from sqlalchemy import Connection, Select, text

from geoplatform.store.engine import driver

_AT_ONCE = 1_000
#: How long a client may take to read it all, milliseconds; the statement ends only then.
_LONGEST_MS = 900_000
#: With less, PostgreSQL reads a million verdicts in the order of their places instead of hashing them: half as fast.
_MEMORY_MB = 64


def batches(connection: Connection, query: Select[Any], *, utf_8: bool = False) -> Iterator[list[Any]]:
    """Rows in lists of some thousand. In a transaction; to close the iterator cancels the query. `utf_8`: texts are left in
    the bytes that they came in.

    StoreBusy where the first row takes longer than the session's statement timeout.
    """
    compiled = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    timeout = "SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'"
    patience_ms = connection.execute(text(timeout)).scalar_one() or _LONGEST_MS
    connection.execute(text(f"SET LOCAL statement_timeout = {_LONGEST_MS}"))
    connection.execute(text(f"SET LOCAL work_mem = '{_MEMORY_MB}MB'"))
    raw = driver(connection)
    with (
        _cursor(raw, utf_8) as cursor,
        closing(cast(Generator[Any], cursor.stream(str(compiled), compiled.params, size=_AT_ONCE))) as rows,
    ):
        first = _first(raw, rows, patience_ms / 1000)
        while batch := first + list(islice(rows, _AT_ONCE - len(first))):
            yield batch
            first = []


def _cursor(raw: psycopg.Connection[Any], utf_8: bool) -> psycopg.Cursor[Any]:
    cursor = raw.cursor(binary=utf_8)
    if utf_8:
        cursor.adapters.register_loader("text", ByteaBinaryLoader)
    return cursor


def _first(raw: psycopg.Connection[Any], rows: Iterator[Any], patience_s: float) -> list[Any]:
    """The first row, if there is one. The query is cancelled when it takes longer."""
    impatient = threading.Timer(patience_s, raw.cancel_safe)
    impatient.daemon = True
    impatient.start()
    try:
        return list(islice(rows, 1))
    finally:
        impatient.cancel()
