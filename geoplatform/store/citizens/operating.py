"""What an operator does about people: referents, suspended accounts, settings, digests that are due. As the owner of the schema."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from geoplatform.errors import Misuse, Unknown

_OF_EMAIL = text("SELECT citizen_id FROM people.contact WHERE lower(email) = lower(:email)")


def settings(connection: Connection) -> list[Any]:
    """Every number that can be changed: `name`, `value`, `lowest`, `highest`, `meaning`."""
    return list(
        connection.execute(text("SELECT name, value, lowest, highest, meaning FROM people.setting ORDER BY name"))
    )


def set_value(connection: Connection, name: str, value: int) -> None:
    """Change one. Unknown, or Misuse for a value beyond its limits."""
    limits = connection.execute(
        text("SELECT lowest, highest FROM people.setting WHERE name = :name"), {"name": name}
    ).one_or_none()
    if limits is None:
        raise Unknown("setting", name)
    if not limits.lowest <= value <= limits.highest:
        raise Misuse(f"{name} is from {limits.lowest} to {limits.highest}, and not {value}", name=name, value=value)
    connection.execute(
        text("UPDATE people.setting SET value = :value WHERE name = :name"), {"name": name, "value": value}
    )


def holders(connection: Connection, *, operator: bool = False) -> list[Any]:
    """Who decides where, or who is an operator: `email`, `scope` (commune, department, all, operator), `code`, `granted_at`."""
    query = text("""
        SELECT k.email, r.scope, r.code, r.granted_at FROM people.role AS r
        LEFT JOIN people.contact AS k ON k.citizen_id = r.citizen_id
        WHERE (r.scope = 'operator') = :operator ORDER BY r.scope, r.code, k.email
    """)
    return list(connection.execute(query, {"operator": operator}))


def grant(connection: Connection, email: str, scope: str, code: str, now: dt.datetime) -> None:
    """Have somebody decide in a commune, a department or everywhere (`code` ''), or be an operator (''). Unknown if nobody has that
    address, or for a code that the vintage in force does not have."""
    view = {"commune": "communes", "department": "departments"}.get(scope)
    if view is not None:
        query = text(f"SELECT FROM published.{view} WHERE code = :code")
        if connection.execute(query, {"code": code}).rowcount == 0:
            raise Unknown(scope, code)
    connection.execute(
        text("""INSERT INTO people.role (citizen_id, scope, code, granted_at) VALUES (:id, :scope, :code, :now)
                ON CONFLICT DO NOTHING"""),
        {"id": _citizen(connection, email), "scope": scope, "code": code, "now": now},
    )  # fmt: skip


def revoke(connection: Connection, email: str, *, operator: bool = False) -> int:
    """Have somebody decide nowhere any more, or be no operator any more. How many roles that were."""
    query = text("DELETE FROM people.role WHERE citizen_id = :id AND (scope = 'operator') = :operator")
    return connection.execute(query, {"id": _citizen(connection, email), "operator": operator}).rowcount


def suspend(connection: Connection, email: str, *, suspended: bool) -> None:
    """Have an account write nothing, or let it write again; its sessions and tokens end."""
    citizen = _citizen(connection, email)
    connection.execute(
        text("UPDATE people.citizen SET state = :state WHERE id = :id AND state <> 'left'"),
        {"id": citizen, "state": "suspended" if suspended else "active"},
    )
    if suspended:
        for table in ("session", "token"):
            connection.execute(text(f"DELETE FROM people.{table} WHERE citizen_id = :id"), {"id": citizen})  # noqa: S608


def _citizen(connection: Connection, email: str) -> uuid.UUID:
    found = connection.execute(_OF_EMAIL, {"email": email}).scalar()
    if found is None:
        raise Unknown("citizen", email)
    return uuid.UUID(str(found))


@dataclass(frozen=True, slots=True)
class Digest:
    """What is to be mailed of one follow. `changes`: `{operation, place_id, name, …}`, the latest first; none is no mail."""

    id: uuid.UUID
    email: str
    language: str
    commune_code: str | None
    kind: str | None
    has_area: bool
    until_seq: int
    changes: list[dict[str, Any]]


def due_digests(connection: Connection, now: dt.datetime, most: int) -> list[Digest]:
    """Follows whose turn it is, at most so many."""
    rows = connection.execute(text("SELECT * FROM people.due_digests(:now, :most)"), {"now": now, "most": most})
    return [Digest(*row) for row in rows]


def sweep(connection: Connection, now: dt.datetime) -> int:
    """Have what has had its time go: ended sessions, links and the like; how many deleted places lost their content."""
    return int(connection.execute(text("SELECT people.sweep(:now)"), {"now": now}).scalar_one())


def digest_mailed(connection: Connection, digest: Digest, now: dt.datetime) -> None:
    """It was mailed, or there was nothing to tell: its turn comes again after its time."""
    query = text("SELECT people.digest_mailed(:id, :now, :until)")
    connection.execute(query, {"id": digest.id, "now": now, "until": digest.until_seq})
