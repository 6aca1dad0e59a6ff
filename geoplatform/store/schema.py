"""Installs the SQL files into a database. From the command line and the tests; to PostgreSQL."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg

from geoplatform.errors import SchemaMismatch, StoreUnavailable
from geoplatform.store.engine import SCHEMA_VERSION

_PACKAGED = Path(__file__).parents[1] / "_sql"
_CHECKOUT = Path(__file__).parents[2] / "sql"
_NEEDED_POSTGRESQL = 15_00_00
_INSTALL_LOCK = 0x67656F70  # "geop"
#: The file before which the queue's own tables are made.
_AFTER_QUEUE = "137_cut.sql"


def files() -> list[Path]:
    """The numbered SQL files in order, from the wheel or from the checkout."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return sorted(folder.glob("[0-9][0-9][0-9]_*.sql"))


def install(url: str) -> bool:
    """Whether the schema had to be installed: all of it in one transaction, or nothing.

    `url` must be of a role that may create roles, extensions and schemas. Two programs at once: the second waits and
    finds it done. SchemaMismatch if another version is there; StoreUnavailable if the server is away or too old.
    """
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            if connection.info.server_version < _NEEDED_POSTGRESQL:
                raise StoreUnavailable(f"PostgreSQL {connection.info.server_version // 10000} is too old: 15 is needed")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_INSTALL_LOCK,))
            found = installed(connection)
            if found == (SCHEMA_VERSION, digest()):
                return False
            if found is not None:
                raise SchemaMismatch(
                    f"the database holds schema version {found[0]} ({found[1][:8]}), this program brings "
                    f"{SCHEMA_VERSION} ({digest()[:8]}): before 1.0 there is no upgrade; "
                    "`geoplatform db destroy --yes` removes an embedded database, and `geoplatform up` makes it anew",
                    found=found,
                    needed=SCHEMA_VERSION,
                )
            for script in _scripts():
                connection.execute(script)
            done = "INSERT INTO geoplatform.installation (schema_version, sql_sha256) VALUES (%s, %s)"
            connection.execute(done, (SCHEMA_VERSION, digest()))
            return True
    except psycopg.OperationalError as error:
        raise StoreUnavailable(f"the database does not answer: {error}") from error


def _scripts() -> Iterator[bytes]:
    """Everything that is executed, in order: our files, and the tables of procrastinate as its package brings them."""
    for file in files():
        if file.name == _AFTER_QUEUE:
            yield b"SET ROLE geoplatform_owner; SET LOCAL search_path = queue, pg_temp;\n"
            yield _queue().read_bytes()
            yield b"RESET ROLE; RESET search_path;\n"
        yield file.read_bytes()


def _queue() -> Path:
    """The SQL of procrastinate, which is not imported for that: it takes its time."""
    found = find_spec("procrastinate")
    if found is None or not found.submodule_search_locations:
        raise SchemaMismatch("the package procrastinate is not installed: it brings the tables of the queue")
    return Path(found.submodule_search_locations[0]) / "sql" / "schema.sql"


def digest() -> str:
    """SHA-256 of all the SQL, the queue's included, hex."""
    return hashlib.sha256(b"".join(_scripts())).hexdigest()


def installed(connection: psycopg.Connection) -> tuple[int, str] | None:
    """The newest schema version the database was brought to and the digest of its files, None without any of ours."""
    there = connection.execute("SELECT to_regclass('geoplatform.installation') IS NOT NULL").fetchone()
    if there is None or not there[0]:
        return None
    row = connection.execute("""
        SELECT schema_version, coalesce(to_jsonb(i) ->> 'sql_sha256', '')  -- the first installations had no such column
        FROM geoplatform.installation AS i ORDER BY schema_version DESC LIMIT 1
    """).fetchone()
    return (row[0], row[1]) if row else None
