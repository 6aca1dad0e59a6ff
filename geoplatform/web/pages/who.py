"""Who reads a page, as its cookie shows."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import g, redirect, request, url_for
from werkzeug.wrappers import Response

from geoplatform.errors import NotAuthorised
from geoplatform.refusals import Refusal
from geoplatform.store.citizens import accounts
from geoplatform.store.citizens.accounts import Me
from geoplatform.store.tokens import digest
from geoplatform.web import context
from geoplatform.web.api import caller


def signed_in() -> Me | None:
    """Whoever is signed in here; asked once per request at most. Call it with no connection open."""
    if "me" not in g:
        g.me = _asked()
    return g.me  # type: ignore[no-any-return]


def _asked() -> Me | None:
    secret = caller.session_secret()
    if secret is None:
        return None
    try:
        with context.store().reading() as connection:
            return accounts.me(connection, digest(secret), context.now())
    except NotAuthorised:
        return None


def key() -> bytes:
    """SHA-256 of the session's secret. NotAuthorised without one."""
    secret = caller.session_secret()
    if secret is None or signed_in() is None:
        raise NotAuthorised(Refusal("signed_out"))
    return digest(secret)


def csrf_token() -> str:
    """What forms of this page send along; empty where nobody is signed in."""
    secret = caller.session_secret()
    return caller.csrf_token(secret) if secret is not None and signed_in() is not None else ""


def to_sign_in() -> Response:
    """To the page on which one signs in, and from there back."""
    back = urlencode({"next": request.full_path.rstrip("?")})
    return redirect(f"{url_for('signing.page')}?{back}", 303)
