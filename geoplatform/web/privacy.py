"""What this site knows of people, for how long, and who sees it. Numbers and names are read where the program reads them itself."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app
from flask_babel import format_timedelta

from geoplatform.store.citizens import accounts
from geoplatform.web import context, cookies
from geoplatform.web.limits import SWEEP_S, counted, longest_s

blueprint = Blueprint("privacy", __name__)


@blueprint.get("/privacy")
@counted("read")
def page() -> Response:
    """The page, in plain words."""
    settings = context.settings()
    with context.store().reading() as connection:
        numbers = accounts.settings_told(connection)
    return context.page(
        "privacy.html",
        settings=settings,
        counted_from=numbers["counted_from"],
        spans={name: _told(name, value) for name, value in numbers.items()},
        cookies=[(cookie, _span(cookie.lives_s)) for cookie in cookies.EVERY if _is_used(cookie)],
        counted_for=_span(longest_s(current_app)),
        forgotten_in=_span(SWEEP_S),
        tiles_host=_host(settings.basemap.origin) if settings.basemap else None,
        provider_host=_host(settings.oidc_issuer),
        mail_host=_host(settings.smtp_url),
    )


def _is_used(cookie: cookies.Cookie) -> bool:
    return cookie is not cookies.OPENID or context.settings().oidc_issuer is not None


def _span(seconds: int | None) -> str | None:
    """So many seconds in words of the reader's language."""
    return None if seconds is None else str(format_timedelta(dt.timedelta(seconds=seconds)))


def _told(name: str, value: int) -> str:
    """A setting in words: so many days or minutes, as its name says, and in no other unit."""
    unit = name.rpartition("_")[2]
    if unit not in ("days", "minutes"):
        return str(value)
    only = {"granularity": unit.removesuffix("s"), "threshold": 1e9}
    return str(format_timedelta(dt.timedelta(**{unit: value}), **only))


def _host(url: str | None) -> str | None:
    """Whose address that is; never the user and password that it may hold."""
    return urlsplit(url).hostname if url else None
