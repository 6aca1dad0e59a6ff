"""Keys that an operator hands out. From the command line (made, listed, revoked) and the web (recognised).

Only a SHA-256 is kept: the secret has 256 random bits, so a slow hash would add nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from typing import Any

from sqlalchemy import Connection, select, text

from geoplatform.errors import NotAuthorised, Unknown
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
        {"id": new_id, "sum": _sum(secret), "label": label, "now": now, "expires_at": expires_at},
    )


def label_of(connection: Connection, secret: str, now: dt.datetime) -> str:
    """Label of the key. NotAuthorised if it is unknown, expired or revoked: which of them is not told."""
    label = connection.execute(
        text("SELECT published.token_label(:sum, :now)"), {"sum": _sum(secret), "now": now}
    ).scalar()
    if label is None:
        raise NotAuthorised("this token is unknown, expired or revoked")
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


def _sum(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
