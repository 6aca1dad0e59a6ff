"""/api/v1/me: what citizens know and say of themselves. Nobody else is ever shown it."""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum
from typing import Any

from flask import Blueprint, Response, jsonify
from flask_babel import gettext as _

from geoplatform import mail
from geoplatform.errors import Unknown
from geoplatform.model import Purpose, Scope
from geoplatform.store.citizens import accounts
from geoplatform.store.tokens import digest
from geoplatform.web import context
from geoplatform.web.api import caller, saying
from geoplatform.web.limits import counted

blueprint = Blueprint("me", __name__, url_prefix="/api/v1/me")

_LONGEST_DAYS, _USUAL_DAYS = 366, 90


class Language(StrEnum):
    """In which language somebody is written to."""

    FR = "fr"
    EN = "en"


@blueprint.after_request
def keep_private(response: Response) -> Response:
    """No cache keeps any of it."""
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("")
@counted("read")
def show() -> Response:
    """Who the caller is."""
    return _me()


@blueprint.patch("")
@counted("submit")
def change() -> Response:
    """Change `display_name`, `home_commune` (an INSEE code, or null for none) or `language`."""
    key, now = caller.key(), context.now()
    said = saying.members()
    name = said.name("display_name", 80)
    home = said.text("home_commune", 80)
    language = said.choice("language", Language)
    drops_home = "home_commune" in said.properties and home is None
    saying.done(said, "a citizen")
    context.write(
        lambda connection: accounts.change_me(
            connection, key, now, display_name=name, home_commune="" if drops_home else home, language=language
        )
    )
    return _me()


@blueprint.post("/email")
@counted("mail")
def ask_address() -> Response:
    """Mail a code to a new `email` address; it is used from the moment on that the code is shown here. 202."""
    key, now, secret = caller.key(), context.now(), caller.new_secret()
    said = saying.members()
    email = said.email("email")
    saying.done(said, "a change of address")
    email = saying.sure(email)
    context.write(lambda connection: accounts.ask_address(connection, key, now, digest(secret), email))
    site = " ".join(context.settings().publisher.split())
    text = _(
        "Bonjour,\n\nquelqu’un veut être joint à cette adresse sur « %(site)s ». Si c’est vous, donnez ce code à la page "
        "où vous l’avez demandé :\n\n%(code)s\n\nSinon, ignorez ce message : rien ne change sans ce code.\n",
        site=site,
        code=secret,
    )
    subject = _("Votre nouvelle adresse sur « %(site)s »", site=site)
    context.mailer().send(mail.message(context.settings().mail_from, email, subject, text, now=now.timestamp()))
    response = jsonify(sent_to=email)
    response.status_code = 202
    return response


@blueprint.put("/email")
@counted("submit")
def confirm_address() -> Response:
    """Show the `code` that was mailed to the new address. 409 if that address has an account."""
    key, now = caller.key(), context.now()
    said = saying.members()
    code = said.text("code", 200, required=True)
    saying.done(said, "a change of address")
    link, client = digest(saying.sure(code)), saying.agent()
    context.write(lambda connection: accounts.confirm_address(connection, key, now, link, client))
    return _me()


@blueprint.get("/consents")
@counted("read")
def consents() -> Response:
    """What the caller is asked to agree to, in which words, and whether he or she does."""
    key = caller.key()
    with context.store().reading() as connection:
        given = accounts.me(connection, key, context.now()).consents
        asked = accounts.consents_asked(connection)
    return jsonify(consents=[saying.plain(one) | {"given": given[one["purpose"]]} for one in asked])


@blueprint.put("/consents/<purpose>")
@counted("submit")
def consent(purpose: str) -> Response:
    """Agree (`given: true` with the `version` of the words that were read), or take it back."""
    if purpose not in list(Purpose):
        raise Unknown("consent", purpose[:80])
    key, now = caller.key(), context.now()
    said = saying.members()
    given = said.flag("given", required=True)
    version = said.day("version")
    saying.done(said, "a consent")
    context.write(
        lambda connection: accounts.give_consent(connection, key, now, Purpose(purpose), version, given=bool(given)),
        shows=True,
    )
    return consents()


@blueprint.get("/tokens")
@counted("read")
def tokens() -> Response:
    """The tokens that the caller made. Their secrets were shown once."""
    return _listed("tokens")


@blueprint.post("/tokens")
@counted("submit")
def make_token() -> Response:
    """Make a token with a `label`, `scopes` (read, contribute, moderate) and `days`. Its secret is told here only."""
    key, now = caller.key(), context.now()
    said = saying.members()
    label = said.text("label", 100, required=True)
    scopes = said.choices("scopes", Scope)
    days = said.whole("days", 1, _LONGEST_DAYS) or _USUAL_DAYS
    saying.done(said, "a token")
    token_id, secret = uuid.uuid4(), caller.new_secret()
    expires_at = now + dt.timedelta(days=days)
    context.write(
        lambda connection: accounts.make_token(
            connection, key, now, token_id, digest(secret), str(label), scopes, expires_at
        )
    )
    response = jsonify(id=str(token_id), secret=secret, label=label, scopes=scopes, expires_at=expires_at.isoformat())
    response.status_code = 201
    return response


@blueprint.delete("/tokens/<token>")
@counted("submit")
def revoke_token(token: str) -> Response:
    """Make a token useless. 204. A token may do so to itself alone."""
    key, now, token_id = caller.key(), context.now(), saying.identifier(token, "token")
    context.write(lambda connection: accounts.revoke_token(connection, key, now, token_id))
    return Response(status=204)


@blueprint.get("/sessions")
@counted("read")
def sessions() -> Response:
    """Where the caller is signed in."""
    return _listed("sessions")


@blueprint.delete("/sessions/<session>")
@counted("submit")
def end_session(session: str) -> Response:
    """Sign out there. 204. Not by a token."""
    key, now, session_id = caller.key(), context.now(), saying.identifier(session, "session")
    context.write(lambda connection: accounts.end_session(connection, key, now, session_id))
    return Response(status=204)


@blueprint.get("/sign-ins")
@counted("read")
def sign_ins() -> Response:
    """When the caller signed in and out, made and revoked tokens, as long as that is kept."""
    return _listed("sign_ins")


def _listed(what: str) -> Response:
    key = caller.key()
    with context.store().reading() as connection:
        rows = accounts.listed(connection, what, key, context.now())
    return jsonify({what: saying.plain(rows)})


def _me() -> Response:
    key = caller.key()
    with context.store().reading() as connection:
        me = accounts.me(connection, key, context.now())
    told: dict[str, Any] = saying.citizen(me)
    return jsonify(told)
