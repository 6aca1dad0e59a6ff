"""What is proposed and reported, and how referents decide. From the web; to `citizens.*` in SQL.

`key` as everywhere in this room; Unknown for what the caller does not see or what does not wait for him or her.
"""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from geoplatform.model import Submission
from geoplatform.store.citizens.calls import call, rows
from geoplatform.store.tables import decisions


class Report(StrEnum):
    """What a report says of a place."""

    CLOSED = "closed"
    WRONG_PLACE = "wrong_place"
    WRONG_FACTS = "wrong_facts"
    DUPLICATE = "duplicate"
    ILLEGAL = "illegal"
    PRIVATE_DATA = "private_data"
    OFFENSIVE = "offensive"
    SPAM = "spam"
    OTHER = "other"


class Reason(StrEnum):
    """Why a referent decided so."""

    AS_DESCRIBED = "as_described"
    NOT_AS_DESCRIBED = "not_as_described"
    CLOSED = "closed"
    WRONG_PLACE = "wrong_place"
    DUPLICATE = "duplicate"
    ILLEGAL = "illegal"
    PRIVATE_DATA = "private_data"
    OFFENSIVE = "offensive"
    SPAM = "spam"
    OFF_TOPIC = "off_topic"
    NOT_PROVEN = "not_proven"
    MISTAKEN = "mistaken"


class Action(StrEnum):
    """What is done about a report that is right. `deleted` takes a second referent; `redacted` has nobody read earlier versions."""

    NONE = "none"
    HIDDEN = "hidden"
    DELETED = "deleted"
    REDACTED = "redacted"


def suggest(
    connection: Connection,
    key: bytes,
    now: dt.datetime,
    new_id: uuid.UUID,
    submission: Submission,
    note: str | None,
    *,
    moves: bool,
) -> None:
    """Propose another content for a place that somebody else keeps; another position too if it `moves`."""
    proposed = {
        name: str(value) if value is not None else None
        for name in (
            "kind", "category", "name", "description", "address", "phone", "website", "opening_hours", "stage", "starts_on",
            "ends_on", "licence",
        )
        for value in [getattr(submission, name)]
    }  # fmt: skip
    position = {"lon": submission.position.lon, "lat": submission.position.lat} if moves else {}
    call(connection, "suggest", key, now, new_id=new_id, of_place=submission.id, proposed={**proposed, **position},
         note=note)  # fmt: skip


def report(
    connection: Connection,
    key: bytes | None,
    now: dt.datetime,
    new_id: uuid.UUID,
    place_id: uuid.UUID,
    reason: Report,
    note: str | None,
) -> None:
    """Say that something is wrong with a place. `key`: None for somebody who says nothing of himself. TooMany, Conflict."""
    call(connection, "report", key, now, new_id=new_id, of_place=place_id, reason=reason.value, note=note)


def claim(
    connection: Connection, key: bytes, now: dt.datetime, new_id: uuid.UUID, place_id: uuid.UUID, note: str
) -> None:
    """Ask to keep a place, and say why."""
    call(connection, "claim", key, now, new_id=new_id, of_place=place_id, note=note)


def withdraw(connection: Connection, key: bytes, now: dt.datetime, of_id: uuid.UUID) -> None:
    """Take back what the caller brought up, before it is decided."""
    call(connection, "withdraw_matter", key, now, of_id=of_id)


def appeal(
    connection: Connection, key: bytes, now: dt.datetime, new_id: uuid.UUID, of_id: uuid.UUID, note: str
) -> None:
    """Ask that somebody else look at a decision again."""
    call(connection, "appeal", key, now, new_id=new_id, of_id=of_id, note=note)


def queue(connection: Connection, key: bytes, now: dt.datetime, commune: str | None) -> list[dict[str, Any]]:
    """What waits for the caller, the oldest first, 200 at most; of one commune if it is given."""
    return rows(connection, "queue", key, now, commune=commune)


def figures(connection: Connection, key: bytes, now: dt.datetime, stale_on: dt.date) -> list[dict[str, Any]]:
    """How it stands in each commune or department where the caller decides; `places` and what follows it are None of everywhere."""
    return rows(connection, "figures", key, now, stale_on=stale_on)


def matters(connection: Connection, key: bytes, now: dt.datetime) -> list[dict[str, Any]]:
    """What the caller brought up and what is about places that he or she keeps, with the decisions."""
    return rows(connection, "matters", key, now)


def decide(
    connection: Connection,
    key: bytes,
    now: dt.datetime,
    of_id: uuid.UUID,
    *,
    accepts: bool,
    action: Action | None,
    reason: Reason,
    note: str | None,
) -> str:
    """The state of the matter: accepted, refused, or seconding. Unfit for an action that does not belong to it, Outdated for a
    suggestion about an earlier version."""
    values = {"accepts": accepts, "wanted": action and action.value, "reason": reason.value, "note": note}
    return str(call(connection, "decide", key, now, of_id=of_id, **values))


def log(connection: Connection, commune: str | None, after: int, most: int) -> list[dict[str, Any]]:
    """The public log of decisions from the one after a number on, in their order; of one commune if it is given."""
    query = select(decisions).where(decisions.c.seq > after).order_by(decisions.c.seq).limit(most)
    if commune is not None:
        query = query.where(decisions.c.commune_code == commune)
    return [dict(row._mapping) for row in connection.execute(query)]
