"""Signing in by a mailed link, and out. There are no passwords."""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, redirect, request, url_for
from flask_babel import gettext as _

from geoplatform import mail
from geoplatform.errors import NotAllowed, NotAuthorised
from geoplatform.refusals import Refusal
from geoplatform.store.citizens import accounts
from geoplatform.store.tokens import digest
from geoplatform.web import context, language, params
from geoplatform.web.api import caller, saying
from geoplatform.web.cookies import NEXT
from geoplatform.web.limits import counted

blueprint = Blueprint("session", __name__)

_PRIVATE = "no-store"


@blueprint.post("/api/v1/session/links")
@counted("mail")
def ask_link() -> Response:
    """Mail a link to `email` that signs its owner in. 202, whether there is such an account or not.

    `url` is a trap: people do not see it, programs that fill every field do.
    """
    said = saying.members()
    email = said.email("email")
    trap = said.text("url", 500)
    saying.done(said, "this request")
    email = saying.sure(email)
    if trap is None:
        _mail_link(email)
    answer = jsonify(sent_to=email)
    answer.status_code = 202
    answer.headers["Cache-Control"] = _PRIVATE
    return answer


def _mail_link(email: str) -> None:
    secret, now = caller.new_secret(), context.now()
    spoken = language.chosen()
    context.write(lambda connection: accounts.ask_link(connection, digest(secret), email, spoken, now))
    link = context.own_address(url_for("session.link", secret=secret))
    site = context.settings().publisher
    text = _(
        "Bonjour,\n\npour ouvrir votre session sur « %(site)s », suivez ce lien :\n\n%(link)s\n\n"
        "Il sert une fois, dans les minutes qui viennent. Si vous n’avez rien demandé, ignorez ce message : "
        "personne n’entre sans ce lien.\n",
        site=site,
        link=link,
    )
    subject = _("Votre lien pour « %(site)s »", site=site)
    sender = context.settings().mail_from
    context.mailer().send(mail.message(sender, email, " ".join(subject.split()), text, now=now.timestamp()))


@blueprint.get("/session/<secret>")
@counted("read")
def link(secret: str) -> Response:
    """The page behind a mailed link. It asks before it signs in: programs that look into mail open links too."""
    response = context.page("sign_in.html", secret=secret)
    response.headers["Referrer-Policy"] = (
        "same-origin"  # without any, the browser would not tell our form from another site's
    )
    response.headers["Cache-Control"] = _PRIVATE
    return response


@blueprint.post("/session/<secret>")
@counted("submit")
def follow(secret: str) -> Response:
    """What the button of that page does: sign in, then go on."""
    _require_own_page()
    begun, cookie = _sign_in(secret)
    return going_on(begun, cookie)


@blueprint.post("/api/v1/session")
@counted("submit")
def begin() -> Response:
    """Sign in with the secret at the end of a mailed link (`link`): 201, a cookie, and the token that later requests carry."""
    _require_own_page()
    said = saying.members()
    secret = said.text("link", 200, required=True)
    saying.done(said, "a session")
    begun, cookie = _sign_in(str(secret))
    with context.store().reading() as connection:
        me = accounts.me(connection, digest(cookie), context.now())
    response = jsonify(
        signed_in=True, is_new=begun.is_new, csrf_token=caller.csrf_token(cookie), citizen=saying.citizen(me)
    )
    response.status_code = 201
    caller.remember(response, cookie, begun.expires_at)
    response.headers["Cache-Control"] = _PRIVATE
    return response


@blueprint.get("/api/v1/session")
@counted("read")
def show() -> Response:
    """Whether somebody is signed in here, who, and the token that his or her requests carry."""
    secret, told = caller.session_secret(), dict[str, Any](signed_in=False)
    if secret is not None:
        try:
            with context.store().reading() as connection:
                me = accounts.me(connection, digest(secret), context.now())
            told = {"signed_in": True, "csrf_token": caller.csrf_token(secret), "citizen": saying.citizen(me)}
        except NotAuthorised:
            pass
    response = jsonify(told)
    if secret is not None and not told["signed_in"]:
        caller.forget(response)
    response.headers["Cache-Control"] = _PRIVATE
    return response


@blueprint.delete("/api/v1/session")
@counted("submit")
def end() -> Response:
    """Sign out here. 204."""
    key, now = caller.key(), context.now()
    context.write(lambda connection: accounts.end_session(connection, key, now))
    response = Response(status=204)
    caller.forget(response)
    return response


def _sign_in(link_secret: str) -> tuple[accounts.Begun, str]:
    """The session that has begun, and its secret."""
    (begin, cookie), now, link = beginning(), context.now(), digest(link_secret)
    return context.write(lambda connection: accounts.use_link(connection, link, begin, now)), cookie


def note_next(response: Response, target: str) -> None:
    """Have this browser remember where its citizen wanted to go, for when the link is followed."""
    NEXT.keep(response, target)


def going_on(begun: accounts.Begun, cookie: str) -> Response:
    """To where the citizen wanted to go, else to what is his or hers, with the session that has begun."""
    response = make_response(redirect(params.own_path(NEXT.read(), url_for("space.page")), 303))
    caller.remember(response, cookie, begun.expires_at)
    NEXT.drop(response)
    response.headers["Cache-Control"] = _PRIVATE
    return response


def beginning() -> tuple[accounts.Beginning, str]:
    """A session that is about to begin, and its secret."""
    cookie = caller.new_secret()
    return accounts.Beginning(
        session_id=uuid.uuid4(),
        session_key=digest(cookie),
        citizen_id=uuid.uuid4(),
        display_name=_pseudonym(),
        agent=saying.agent(),
    ), cookie


def _pseudonym() -> str:
    """A name that says nothing, until its owner chooses another."""
    return str(_("Habitant·e %(number)s", number=secrets.randbelow(9000) + 1000))


def _require_own_page() -> None:
    """NotAllowed if another site sent this: it would sign its visitor in as somebody else."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise NotAllowed(Refusal("other_site"))
    origin = request.headers.get("Origin")
    if origin not in (None, request.host_url.rstrip("/"), context.settings().public_url):
        raise NotAllowed(Refusal("other_site"))
