"""The files that pages load (`web/frontend` builds them): from the folder, packed beforehand, for browsers to keep."""

from __future__ import annotations

import hashlib
import mimetypes
from contextlib import suppress
from functools import cache
from pathlib import Path

from flask import Flask, Response, request, send_from_directory, url_for
from werkzeug.exceptions import NotFound

_STATIC = Path(__file__).parent / "static"
_YEAR_S = 31_536_000
#: Ending of the packed copy that lies beside a file, by content coding; the smallest first.
_PACKED = {"br": ".br", "gzip": ".gz"}


def attach(app: Flask) -> None:
    """Serve the files below /static, and tell templates their addresses (`asset`)."""
    app.add_url_rule("/static/<path:filename>", "static", _file)
    app.context_processor(lambda: {"asset": asset})


def asset(name: str) -> str:
    """URL of a bundled file, with a mark of its content so that browsers may keep it for ever."""
    return url_for("static", filename=f"bundle/{name}", v=_mark(name))


@cache
def _mark(name: str) -> str:
    """The first 12 digits of its SHA-256: scripts name each other by the same (vite.config.js)."""
    file = _STATIC / "bundle" / name
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.is_file() else "0"


def _file(filename: str) -> Response:
    """A file in the packing that the client likes best; with a mark it never changes, without one it is asked for again."""
    response = _packed(filename) or send_from_directory(_STATIC, filename)
    response.vary.add("Accept-Encoding")
    if "v" in request.args:
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
    return response


def _packed(filename: str) -> Response | None:
    accepted = request.accept_encodings
    media_type = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    for coding in sorted(_PACKED, key=accepted.quality, reverse=True):
        if accepted.quality(coding) > 0:
            with suppress(NotFound):
                response = send_from_directory(_STATIC, filename + _PACKED[coding], mimetype=media_type)
                response.headers["Content-Encoding"] = coding
                return response
    return None
