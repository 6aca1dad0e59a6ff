"""Everything that is kept of a citizen: out in one archive, in again elsewhere, and leaving. From the web; to SQL."""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum
from typing import Any

from psycopg import errors as pg
from sqlalchemy import Connection, exc, text

from geoplatform.errors import Unfit, Unknown
from geoplatform.refusals import Refusal
from geoplatform.store.citizens.calls import call, rows


class Choice(StrEnum):
    """What becomes of a contribution when its contributor leaves: it keeps the name, loses it, or goes."""

    KEEP = "keep"
    PSEUDONYMISE = "pseudonymise"
    DELETE = "delete"


def archive(connection: Connection, key: bytes, now: dt.datetime) -> dict[str, Any]:
    """Everything (docs/citizens.md tells its members)."""
    told: dict[str, Any] = call(connection, "archive", key, now)
    return told


def take_archive(connection: Connection, key: bytes, now: dt.datetime, told: dict[str, Any]) -> dict[str, int]:
    """How many of each were taken in. Unfit if something in it breaks the rules of the database; nothing is taken then."""
    try:
        taken: dict[str, int] = call(connection, "take_archive", key, now, told=told)
    except exc.DBAPIError as error:
        if isinstance(error.orig, pg.DataError | pg.IntegrityError | pg.InternalError_):
            detail = error.orig.diag.constraint_name or error.orig.diag.message_primary or ""
            raise Unfit("archive.json", None, Refusal("impossible", why=detail)) from error
        raise
    return taken


def preview(connection: Connection, key: bytes, now: dt.datetime) -> list[dict[str, Any]]:
    """The contributions about which there is a choice."""
    return rows(connection, "leaving", key, now)


def leave(
    connection: Connection,
    key: bytes,
    now: dt.datetime,
    receipt_id: uuid.UUID,
    choices: dict[str, str],
    otherwise: Choice,
) -> dict[str, Any]:
    """Leave. The receipt. Unfit for a choice about what is not the caller's; NotAllowed by a token."""
    choices = {name.lower(): choice for name, choice in choices.items()}
    receipt: dict[str, Any] = call(
        connection, "leave", key, now, receipt_id=receipt_id, choices=choices, otherwise=otherwise.value
    )
    return receipt


def receipt(connection: Connection, receipt_id: uuid.UUID) -> dict[str, Any]:
    """Of somebody who left. Unknown if there is none of this number."""
    found = connection.execute(text("SELECT published.receipt(:id)"), {"id": receipt_id}).scalar()
    if found is None:
        raise Unknown("receipt", receipt_id)
    return dict(found)


def ledger(connection: Connection, key: bytes, now: dt.datetime) -> list[dict[str, Any]]:
    """Which releases held the caller's contributions, under which licence, and how often their files were fetched."""
    return rows(connection, "ledger", key, now)


def follow(
    connection: Connection,
    key: bytes,
    now: dt.datetime,
    new_id: uuid.UUID,
    feed: bytes,
    *,
    commune: str | None,
    kind: str | None,
    area: str | None,
    by_mail: str,
) -> None:
    """Be told of what changes. `feed`: SHA-256 of the secret of its feed; `area`: a GeoJSON Polygon as text. Unfit, NotAllowed."""
    try:
        call(connection, "follow", key, now, new_id=new_id, feed_sha256=feed, commune=commune, kind=kind, area=area,
             by_mail=by_mail)  # fmt: skip
    except exc.DBAPIError as error:
        if isinstance(error.orig, pg.InternalError_ | pg.DataError):  # PostGIS about its argument
            raise Unfit("area", None, Refusal("not_a_polygon")) from error
        raise


def unfollow(connection: Connection, key: bytes, now: dt.datetime, of_id: uuid.UUID) -> None:
    """Be told no longer."""
    call(connection, "unfollow", key, now, of_id=of_id)


def follows(connection: Connection, key: bytes, now: dt.datetime) -> list[dict[str, Any]]:
    """What the caller is told of."""
    return rows(connection, "follows", key, now)


def feed(connection: Connection, secret: bytes) -> dict[str, Any]:
    """What the feed whose secret has this SHA-256 tells. Unknown if there is none."""
    query = text("SELECT * FROM published.feed(:secret)")
    row = connection.execute(query, {"secret": secret}).one_or_none()
    if row is None:
        raise Unknown("feed", "this address")
    return dict(row._mapping)
