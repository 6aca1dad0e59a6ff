"""What an operator sees of the platform, and who decides where. From the web; to `citizens.*` in SQL.

`key` is the SHA-256 of an operator's session or token; NotAllowed for anybody else's.
"""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from geoplatform.store.citizens.calls import call, rows


class Remit(StrEnum):
    """Where a referent decides; or that somebody operates the platform."""

    COMMUNE = "commune"
    DEPARTMENT = "department"
    ALL = "all"
    OPERATOR = "operator"


def state(connection: Connection, key: bytes, now: dt.datetime) -> dict[str, Any]:
    """How the platform is, in numbers: people, what waits for decisions, cuts, the database."""
    told: dict[str, Any] = call(connection, "operation", key, now)
    return told


def roles(connection: Connection, key: bytes, now: dt.datetime) -> list[dict[str, Any]]:
    """Who may do what for others: `id`, `display_name`, `email`, `scope`, `code`, `name` of that place, `granted_at`."""
    return rows(connection, "roles", key, now)


def grant(
    connection: Connection, key: bytes, now: dt.datetime, new_id: uuid.UUID, email: str, remit: Remit, code: str
) -> uuid.UUID:
    """Give whoever has this address a role; the one he or she has already stays. Unknown citizen, Unfit code."""
    given = call(
        connection, "grant_role", key, now, new_id=new_id, to_email=email, new_scope=remit.value, new_code=code
    )
    return uuid.UUID(str(given))


def revoke(connection: Connection, key: bytes, now: dt.datetime, role_id: uuid.UUID) -> None:
    """Take a role back. Unknown; Conflict of the last operator."""
    call(connection, "revoke_role", key, now, of_id=role_id)
