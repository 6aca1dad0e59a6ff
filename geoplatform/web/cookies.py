"""Every cookie of this site. Whoever sets or reads one does it here, so that the privacy page lists all of them (`web.privacy`)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from flask import Response, request
from werkzeug.wrappers import Response as BaseResponse


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie, out of reach of scripts and of what other sites send.

    `lives_s`: how long a browser keeps it; None where whoever sets it says until when. `is_bound`: over HTTPS its name is one that
    no neighbouring host can set (RFC 6265bis, `__Host-`).
    """

    plain_name: str
    lives_s: int | None = None
    path: str = "/"
    is_bound: bool = False

    @property
    def name(self) -> str:
        """Its name in this request's scheme."""
        return f"__Host-{self.plain_name}" if self.is_bound and request.is_secure else self.plain_name

    def read(self) -> str:
        """What it holds; empty where the request shows none."""
        return request.cookies.get(self.name, "")

    def keep(self, response: BaseResponse, value: str, expires_at: dt.datetime | None = None) -> None:
        """Have the browser keep this value."""
        response.set_cookie(
            self.name, value, max_age=self.lives_s, expires=expires_at, path=self.path, secure=request.is_secure,
            httponly=True, samesite="Lax",  # it is sent when a mailed link or a provider leads here
        )  # fmt: skip

    def drop(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.name, path=self.path, secure=request.is_secure, httponly=True, samesite="Lax")


#: The reader's language, once one is chosen.
LANGUAGE = Cookie("lang", lives_s=365 * 86_400)
#: The secret of a session, as long as that holds.
SESSION = Cookie("session", is_bound=True)
#: Where somebody who signs in wanted to go.
NEXT = Cookie("next", lives_s=3600, path="/session")
#: What a sign-in by a provider has begun with.
OPENID = Cookie("openid", lives_s=600, is_bound=True)
EVERY = (LANGUAGE, NEXT, SESSION, OPENID)
