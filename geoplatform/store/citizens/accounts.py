"""Accounts: signing in and out, what citizens say of themselves and agree to, their tokens. From the web; to `citizens.*` in SQL.

Everywhere `key` is the SHA-256 of a session's or token's secret. NotAuthorised if it is unknown or no longer holds, NotAllowed if
it may not do this.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, text

from geoplatform.model import Purpose, Scope
from geoplatform.store.citizens.calls import call, rows
from geoplatform.store.tables import consent_texts, settings


@dataclass(frozen=True, slots=True)
class Me:
    """Who somebody is. `roles`: `{role, scope, code}` each; `consents`: by purpose; `session_id`: None by a token."""

    id: uuid.UUID
    display_name: str
    email: str | None
    home_commune: str | None
    language: str
    state: str
    joined_on: dt.date
    roles: list[dict[str, Any]]
    consents: dict[str, bool]
    session_id: uuid.UUID | None


def ask_link(connection: Connection, link: bytes, email: str, language: str, now: dt.datetime) -> None:
    """Keep the SHA-256 of a link that is about to be mailed. TooMany for an address that was sent too many."""
    connection.execute(
        text("SELECT citizens.ask_link(:link, :email, :language, :now)"),
        {"link": link, "email": email, "language": language, "now": now},
    )


def ask_address(connection: Connection, key: bytes, now: dt.datetime, link: bytes, email: str) -> None:
    """Keep the SHA-256 of a link that is about to be mailed to the caller's new address. TooMany, NotAllowed."""
    call(connection, "ask_address", key, now, secret_sha256=link, email=email)


def confirm_address(connection: Connection, key: bytes, now: dt.datetime, link: bytes, agent: str) -> None:
    """Be reached there from now on. NotAuthorised for a link of another account, Conflict if the address has an account."""
    call(connection, "confirm_address", key, now, link_sha256=link, agent=agent)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A session that is about to begin, and the account that is made if there is none: identifiers and hashes that the caller made.

    `agent`: the client, as its owner will recognise it.
    """

    session_id: uuid.UUID
    session_key: bytes
    citizen_id: uuid.UUID
    display_name: str
    agent: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that has begun: whether the account is new, and until when it holds."""

    is_new: bool
    expires_at: dt.datetime


def use_link(connection: Connection, link: bytes, beginning: Beginning, now: dt.datetime) -> Begun:
    """Sign in by a mailed link. NotAuthorised for one that is unknown, used or too old."""
    parameters = ":link, :session_id, :session_key, :citizen_id, :display_name, :agent, :now"
    return _begun(connection, f"use_link({parameters})", link=link, now=now, **_values(beginning))


def use_identity(
    connection: Connection,
    issuer: str,
    subject: str,
    email: str | None,
    language: str,
    beginning: Beginning,
    now: dt.datetime,
) -> Begun:
    """Sign in whom an OpenID Connect provider vouches for. `email`: one that it has verified."""
    who = {"issuer": issuer, "subject": subject, "email": email, "language": language}
    parameters = (
        ":issuer, :subject, :email, :session_id, :session_key, :citizen_id, :display_name, :language, :agent, :now"
    )
    return _begun(connection, f"use_identity({parameters})", now=now, **who, **_values(beginning))


def _begun(connection: Connection, call: str, **values: Any) -> Begun:
    return Begun(*connection.execute(text(f"SELECT * FROM citizens.{call}"), values).one())  # noqa: S608 - our own words


def _values(beginning: Beginning) -> dict[str, Any]:
    return {name: getattr(beginning, name) for name in Beginning.__slots__}


def end_session(connection: Connection, key: bytes, now: dt.datetime, session_id: uuid.UUID | None = None) -> None:
    """End this session, or another one of the same citizen. Unknown if there is none, NotAllowed to whom shows a token."""
    call(connection, "end_session", key, now, session_id=session_id)


def me(connection: Connection, key: bytes, now: dt.datetime) -> Me:
    """Whose key it is."""
    (row,) = rows(connection, "me", key, now)
    return Me(**row)


def change_me(
    connection: Connection,
    key: bytes,
    now: dt.datetime,
    *,
    display_name: str | None,
    home_commune: str | None,
    language: str | None,
) -> None:
    """Change what is not None; `home_commune`: '' for none. Unfit for a commune that is none."""
    call(connection, "change_me", key, now, display_name=display_name, home=home_commune, language=language)


def give_consent(
    connection: Connection, key: bytes, now: dt.datetime, purpose: Purpose, words: dt.date | None, *, given: bool
) -> None:
    """Agree to a purpose in the words of that day, or take it back. Unfit if other words are in force."""
    call(connection, "give_consent", key, now, purpose=purpose.value, text_version=words, is_given=given)


def consents_asked(connection: Connection) -> list[dict[str, Any]]:
    """The words in force of each purpose: `purpose`, `version`, `text_fr`, `text_en`."""
    return [dict(row._mapping) for row in connection.execute(select(consent_texts).order_by(consent_texts.c.purpose))]


def settings_told(connection: Connection) -> dict[str, int]:
    """Numbers that everybody may know, by name: how long something is kept (`…_days`, `…_minutes`), and `counted_from`."""
    return {row.name: row.value for row in connection.execute(select(settings))}


def make_token(
    connection: Connection,
    key: bytes,
    now: dt.datetime,
    token_id: uuid.UUID,
    token: bytes,
    label: str,
    scopes: Sequence[Scope],
    expires_at: dt.datetime,
) -> None:
    """Keep the SHA-256 of a token. NotAllowed for one too many, or to whom shows a token."""
    call(connection, "make_token", key, now, token_id=token_id, token_sha256=token, label=label,
         scopes=[scope.value for scope in scopes], expires_at=expires_at)  # fmt: skip


def revoke_token(connection: Connection, key: bytes, now: dt.datetime, token_id: uuid.UUID) -> None:
    """Make a token useless. Unknown if the citizen has none of this identifier, NotAllowed for a token that names another."""
    call(connection, "revoke_token", key, now, token_id=token_id)


def listed(connection: Connection, what: str, key: bytes, now: dt.datetime) -> list[dict[str, Any]]:
    """A citizen's `tokens`, `sessions` or `sign_ins`, as rows of the function of that name."""
    return rows(connection, what, key, now)
