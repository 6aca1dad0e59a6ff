"""Named logins for QGIS and analysts, members of `geoplatform_reader`, and the styles they find. From the command line; to
PostgreSQL.

Made here, not in the SQL files: roles belong to the server, and whether there are any is its operator's choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from geoplatform.errors import Misuse, StoreUnavailable, Unknown

_NAME = re.compile(r"(?!pg_|geoplatform)[a-z][a-z0-9_]{0,62}", re.ASCII)
#: Settings do not come with membership: each login has its own.
_SETTINGS = {"default_transaction_read_only": "on", "statement_timeout": "30s", "jit": "off"}
#: Where QGIS finds `layer_styles`.
_SEARCHED = ("public", "published")
_CONNECTIONS = 5
_OURS = "Made by geoplatform db reader"


def create(url: str, name: str, password: str) -> dict[str, str]:
    """How to connect as a new login that reads what `geoplatform_reader` reads: what QGIS asks for, by name.

    `url`: of a role that may create roles; the host is the folder of the socket where there is no network.

    Misuse if the name cannot be one, is taken, or `url` may not do this; StoreUnavailable if the server is away.
    """
    _require_name(name)
    with _administering(url) as connection:
        # A verifier, so that the password itself is in no log of the server.
        kept = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        role = sql.Identifier(name)
        try:
            connection.execute(
                sql.SQL(
                    "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT {} PASSWORD {} "
                    "IN ROLE geoplatform_reader"
                ).format(role, sql.Literal(_CONNECTIONS), sql.Literal(kept))
            )
        except pg.DuplicateObject as taken:
            raise Misuse(f"the server already has a role {name}: choose another name, or --drop it first") from taken
        for setting, value in _SETTINGS.items():
            connection.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(setting), sql.Literal(value))
            )
        searched = sql.SQL(", ").join(map(sql.Identifier, _SEARCHED))
        connection.execute(sql.SQL("ALTER ROLE {} SET search_path = {}").format(role, searched))
        connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(role, sql.Literal(_OURS)))
        server = connection.info
        told = {"host": server.host, "port": str(server.port), "database": server.dbname}
    wanted = conninfo_to_dict(url).get("sslmode", "prefer")
    return {**told, "sslmode": str(wanted), "user": name, "password": password}


def drop(url: str, name: str) -> None:
    """Remove a login that `create` made; sessions that are still open read nothing more.

    Unknown if there is none of this name, or it was made otherwise.
    """
    _require_name(name)
    with _administering(url) as connection:
        row = connection.execute(
            "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s", (name,)
        ).fetchone()
        if row != (_OURS,):
            raise Unknown("reader", name)
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Misuse(
            f"{name[:80]!r} cannot be a reader's name: 1 to 63 of a-z, 0-9 and _, a letter first, not pg_… or geoplatform…"
        )


@contextmanager
def _administering(url: str) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            yield connection
    except pg.InsufficientPrivilege as error:
        raise Misuse(f"the database's URL must be of a role that may create roles: {error}") from error
    except psycopg.OperationalError as error:
        raise StoreUnavailable(f"the database does not answer: {error}") from error
