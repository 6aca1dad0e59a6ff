"""Bodies packed for whoever asks, by gzip or zstd: every page, and from `web.ogc` what it answers."""

from __future__ import annotations

from typing import Any

import zstandard
from flask import Flask, Response, request
from isal import isal_zlib

from geoplatform.web.api import caller

#: A body of fewer bytes is sent as it is.
LEAST = 1_000
_PAGES = ("text/html", "application/xml")
#: What zlib calls a gzip file.
_GZIP = 31
_LEVELS = {"gzip": 2, "zstd": 3}


def attach(app: Flask) -> None:
    """Pack every page, and the sitemap, for who can read it so.

    Not where somebody is signed in: a page echoes its own address and holds the proof of its session, whose letters the length of
    a packed page would betray one after the other (BREACH).
    """

    @app.after_request
    def pack(response: Response) -> Response:
        if response.mimetype not in _PAGES or response.is_streamed:
            return response
        response.vary.add("Accept-Encoding")
        body = response.get_data()
        coding = coded() if len(body) >= LEAST and not caller.shows_key() else None
        if coding:
            response.set_data(packed(body, coding))
            response.headers["Content-Encoding"] = coding
        return response


def coded() -> str | None:
    """How a body that is long enough is packed for this client; None for not at all."""
    accepted = request.accept_encodings
    best = max(_LEVELS, key=lambda coding: (accepted.quality(coding), coding == "zstd"))
    return best if accepted.quality(best) > 0 else None


def packed(body: bytes, coding: str) -> bytes:
    """The body in this packing (`gzip` or `zstd`), which tells its length beforehand where it can."""
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=_LEVELS[coding]).compress(body)
    return bytes(isal_zlib.compress(body, _LEVELS[coding], _GZIP))


def packer(coding: str) -> Any:
    """The same for pieces: `compress` each, at last `flush`. Quickly rather than small."""
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=_LEVELS[coding]).compressobj()
    return isal_zlib.compressobj(_LEVELS[coding], isal_zlib.DEFLATED, _GZIP)
