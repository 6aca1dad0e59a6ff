"""Keys that an operator hands out (made, listed, revoked from the command line), and those of anybody (recognised by the web).

Only a SHA-256 is kept: the secret has 256 random bits, so a slow hash would add nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from typing import Any

from sqlalchemy import Connection, select, text

from geoplatform.errors import NotAuthorised, Unknown
from geoplatform.refusals import Refusal
from geoplatform.store.kept import api_token


def issue(
    connection: Connection,
    new_id: uuid.UUID,
    secret: str,
    label: str,
    now: dt.datetime,
    expires_at: dt.datetime | None,
) -> None:
    """Keep the key's hash under a label."""
    connection.execute(
        text("""
            INSERT INTO geoplatform.api_token (id, secret_sha256, label, created_at, expires_at)
            VALUES (:id, :sum, :label, :now, :expires_at)
        """),
        {"id": new_id, "sum": digest(secret), "label": label, "now": now, "expires_at": expires_at},
    )


def check(connection: Connection, key: bytes, now: dt.datetime, scope: str) -> bool:
    """Whether a key is a program's, that is an operator's. NotAuthorised if it is unknown or no longer holds, NotAllowed if it may
    not do what `scope` names."""
    found = connection.execute(
        text("SELECT citizens.is_program(:key, :now, :scope)"), {"key": key, "now": now, "scope": scope}
    )
    return bool(found.scalar_one())


def label_of(connection: Connection, secret: str, now: dt.datetime) -> str:
    """Label of the key. NotAuthorised if it is unknown, expired or revoked: which of them is not told."""
    label = connection.execute(
        text("SELECT published.token_label(:sum, :now)"), {"sum": digest(secret), "now": now}
    ).scalar()
    if label is None:
        raise NotAuthorised(Refusal("unknown_key"))
    return str(label)


def every(connection: Connection) -> list[Any]:
    """All keys, the newest first, as rows of `api_token`."""
    return list(connection.execute(select(api_token).order_by(api_token.c.created_at.desc())))


def revoke(connection: Connection, token_id: uuid.UUID, now: dt.datetime) -> None:
    """Make the key useless from now on. Unknown if there is none of this identifier."""
    done = connection.execute(
        text("UPDATE geoplatform.api_token SET revoked_at = coalesce(revoked_at, :now) WHERE id = :id"),
        {"id": token_id, "now": now},
    )
    if done.rowcount == 0:
        raise Unknown("token", token_id)


def digest(secret: str) -> bytes:
    """The SHA-256 of a secret: all that is kept, and all that the database is told."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
