"""Who asks, as the request shows it: a token, or the cookie of a session with proof that our own page sent it."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets

from flask import Response, request

from geoplatform.errors import NotAllowed, NotAuthorised
from geoplatform.refusals import Refusal
from geoplatform.store.tokens import check, digest
from geoplatform.web import context, params
from geoplatform.web.cookies import SESSION

#: The header, or member of a form, that carries the proof.
CSRF_HEADER, CSRF_FIELD = "X-CSRF-Token", "csrf_token"
_SAFE = ("GET", "HEAD", "OPTIONS")


def key() -> bytes:
    """SHA-256 of the secret that the request shows. NotAuthorised without one.

    A browser sends its cookie with whatever another site makes it send: a session's request that may change something must also
    carry what only our pages know (NotAllowed).
    """
    if "Authorization" in request.headers:
        return digest(params.bearer_token())
    secret = session_secret()
    if secret is None:
        raise NotAuthorised(Refusal("needs_session"))
    if request.method not in _SAFE:
        shown = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
        if not hmac.compare_digest(shown.encode(), csrf_token(secret).encode()):
            raise NotAllowed(Refusal("needs_proof", header=CSRF_HEADER))
    return digest(secret)


def checked() -> bytes:
    """The same, once the database knows it: before a long body is read. NotAuthorised."""
    shown = key()
    with context.store().reading() as connection:
        check(connection, shown, context.now(), "read")
    return shown


def shows_key() -> bool:
    """Whether the request shows a secret at all."""
    return "Authorization" in request.headers or session_secret() is not None


def session_secret() -> str | None:
    """What the cookie holds, if there is one."""
    return SESSION.read() or None


def csrf_token(secret: str) -> str:
    """What a page of this session knows and no other site can: derived from the secret, which scripts cannot read."""
    return hmac.new(secret.encode("utf-8", "surrogateescape"), b"csrf", hashlib.sha256).hexdigest()


def new_secret() -> str:
    """256 random bits, in letters that an address can hold."""
    return secrets.token_urlsafe(32)


def remember(response: Response, secret: str, expires_at: dt.datetime) -> None:
    """Have the browser keep a session's secret, out of reach of scripts and other sites."""
    SESSION.keep(response, secret, expires_at)


def forget(response: Response) -> None:
    """Have the browser drop it."""
    SESSION.drop(response)
