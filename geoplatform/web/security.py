"""Headers that every answer carries: nothing of ours asks a third party for anything."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.http import parse_date

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


def attach(app: Flask) -> None:
    """Add the headers to every answer, errors included."""

    @app.before_request
    def forget_impossible_dates() -> None:
        for name in _DATES:
            try:
                parse_date(request.environ.get(name))
            except (OverflowError, ValueError):  # a year beyond the calendar
                del request.environ[name]

    @app.after_request
    def add(response: Response) -> Response:
        for name, value in [*HEADERS, HSTS] if request.is_secure else HEADERS:
            response.headers.setdefault(name, value)
        if request.method in ("GET", "HEAD") and request.path.startswith(_OPEN_DATA):
            response.headers.setdefault("Access-Control-Allow-Origin", "*")
        return response
