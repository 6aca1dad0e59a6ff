"""Appreciations, participations, invitations, and who keeps a place. From the web; to `citizens.*` in SQL.

Everywhere `key` is the SHA-256 of a session's or token's secret; Unknown for a place that the caller does not see, NotAllowed for
what is not his or hers to do, Conflict for what cannot be in this state.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from geoplatform.errors import UnknownPlace
from geoplatform.store.citizens.calls import call, rows


@dataclass(frozen=True, slots=True)
class Community:
    """What the public knows of the people of a place. Counts are None where there are too few; `people`: `{display_name, role,
    since}` of who takes part and says so; `credit`: the name that its contributor wants to be shown."""

    appreciations: int | None
    participants: int | None
    people: list[dict[str, Any]]
    credit: str | None


def of_place(connection: Connection, place_id: uuid.UUID) -> Community:
    """UnknownPlace if the public sees none of this identifier."""
    row = connection.execute(text("SELECT * FROM published.community_of(:id)"), {"id": place_id}).one_or_none()
    if row is None:
        raise UnknownPlace(place_id)
    return Community(*row)


def relation(connection: Connection, key: bytes, now: dt.datetime, place_id: uuid.UUID) -> dict[str, Any]:
    """What the caller has to do with a place: `appreciates`, `keeps`, `decides`, `participation`."""
    return rows(connection, "relation", key, now, of_place=place_id)[0]


def appreciate(connection: Connection, key: bytes, now: dt.datetime, place_id: uuid.UUID, *, likes: bool) -> None:
    """Like a place, or no longer."""
    call(connection, "appreciate", key, now, of_place=place_id, likes=likes)


def confirm(connection: Connection, key: bytes, now: dt.datetime, place_id: uuid.UUID) -> dt.date:
    """Say that what is written of a place still holds: the day on which it was said. Conflict for an invented one."""
    day: dt.date = call(connection, "confirm_place", key, now, of_place=place_id)
    return day


def take_part(
    connection: Connection,
    key: bytes,
    now: dt.datetime,
    new_id: uuid.UUID,
    place_id: uuid.UUID,
    role: str | None,
    *,
    is_public: bool,
) -> str:
    """Ask to take part in an association or project: `requested`, or `active` where the caller keeps it."""
    return str(
        call(connection, "take_part", key, now, new_id=new_id, of_place=place_id, role=role, is_public=is_public)
    )


def change_participation(
    connection: Connection, key: bytes, now: dt.datetime, of_id: uuid.UUID, role: str | None, *, is_public: bool | None
) -> None:
    """Change what is not None of one's own participation."""
    call(connection, "change_participation", key, now, of_id=of_id, role=role, is_public=is_public)


def end_participation(connection: Connection, key: bytes, now: dt.datetime, of_id: uuid.UUID) -> None:
    """End one's own participation, or one in a place that the caller keeps."""
    call(connection, "end_participation", key, now, of_id=of_id)


def accept_participation(connection: Connection, key: bytes, now: dt.datetime, of_id: uuid.UUID) -> None:
    """Say yes to whoever asked to take part in a place that the caller keeps."""
    call(connection, "accept_participation", key, now, of_id=of_id)


def invite(
    connection: Connection,
    key: bytes,
    now: dt.datetime,
    new_id: uuid.UUID,
    place_id: uuid.UUID,
    email: str,
    purpose: str,
    role: str | None,
) -> bool:
    """Offer a place (`keeping`) or a part in it (`participation`) to whoever owns an address. False if it was offered before."""
    return bool(
        call(
            connection, "invite", key, now, new_id=new_id, of_place=place_id, to_email=email, purpose=purpose, role=role
        )
    )


def take_back_invitation(
    connection: Connection, key: bytes, now: dt.datetime, place_id: uuid.UUID, of_id: uuid.UUID
) -> None:
    """Offer it no longer."""
    call(connection, "take_back_invitation", key, now, of_place=place_id, of_id=of_id)


def answer_invitation(connection: Connection, key: bytes, now: dt.datetime, of_id: uuid.UUID, *, accepts: bool) -> None:
    """Say yes or no to what was offered to the caller's address."""
    call(connection, "answer_invitation", key, now, of_id=of_id, accepts=accepts)


def give_up(connection: Connection, key: bytes, now: dt.datetime, place_id: uuid.UUID) -> None:
    """Keep a place no longer, which somebody else keeps too."""
    call(connection, "give_up", key, now, of_place=place_id)


def of_kept(
    connection: Connection, what: str, key: bytes, now: dt.datetime, place_id: uuid.UUID
) -> list[dict[str, Any]]:
    """`participants` or `invitations_of` a place, to who keeps it."""
    return rows(connection, what, key, now, of_place=place_id)


def mine(connection: Connection, what: str, key: bytes, now: dt.datetime) -> list[dict[str, Any]]:
    """The caller's `appreciations`, `participations` or `invitations`."""
    return rows(connection, what, key, now)
