"""Headers that every answer carries: nothing of ours asks a third party for anything, but a map for an operator's basemap."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, request
from markupsafe import Markup
from werkzeug.http import parse_date

from geoplatform.basemap import Basemap

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self' blob:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'"
)
_YEAR_S = 31_536_000
HEADERS = [
    ("Content-Security-Policy", CSP),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), payment=(), usb=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]
HSTS = ("Strict-Transport-Security", f"max-age={_YEAR_S}")
_OPEN_DATA = ("/tiles/", "/communes", "/places/", "/api/v1/place", "/ogc", "/exports", "/catalogue", "/data.json")
_DATES = ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_RANGE", "HTTP_DATE")


def policy(asked: str | None = None, *, is_framed: bool = False) -> str:
    """The policy of a page: CSP, with one more origin that scripts may ask, and for a frame in any site's page.

    MapLibre fetches raster tiles in the page itself (`fetch`, then createImageBitmap): no `img-src` is needed for them.
    """
    made = CSP.replace("connect-src 'self'", f"connect-src 'self' {asked}") if asked else CSP
    return made.replace("frame-ancestors 'self'", "frame-ancestors *") if is_framed else made


def let_frame() -> None:
    """Let any site show this answer in a frame."""
    g.is_framed = True


def attach(app: Flask, basemap: Basemap | None) -> None:
    """Add the headers to every answer, errors included; pages with a map may ask for the tiles of the basemap."""

    def of_map() -> dict[str, Any] | None:
        if basemap is None:
            return None
        g.asked = basemap.origin
        return _told(basemap)

    app.context_processor(lambda: {"basemap": of_map})

    @app.before_request
    def forget_impossible_dates() -> None:
        for name in _DATES:
            try:
                parse_date(request.environ.get(name))
            except (OverflowError, ValueError):  # a year beyond the calendar
                del request.environ[name]

    @app.after_request
    def add(response: Response) -> Response:
        response.headers.setdefault(
            "Content-Security-Policy", policy(g.get("asked"), is_framed=g.get("is_framed", False))
        )
        for name, value in [*HEADERS, HSTS] if request.is_secure else HEADERS:
            response.headers.setdefault(name, value)
        if request.method in ("GET", "HEAD") and request.path.startswith(_OPEN_DATA):
            response.headers.setdefault("Access-Control-Allow-Origin", "*")
        return response


def _told(basemap: Basemap) -> dict[str, Any]:
    """What a page with a map says of the basemap (frontend/src/basemap.js). Escaped: MapLibre takes the attribution as HTML."""
    text = Markup.escape(basemap.attribution)
    link = Markup('<a href="{}" rel="noopener">{}</a>').format(basemap.attribution_url, text)
    return {
        "tiles": basemap.tiles,
        "maxzoom": basemap.deepest,
        "attribution": str(link if basemap.attribution_url else text),
        "name": basemap.name,
        "is_ours": basemap.origin is None,
    }
