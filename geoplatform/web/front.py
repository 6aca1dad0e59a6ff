"""Plain tiles before Flask: what is asked, and how a tile is answered. A tile that is kept needs neither Flask nor the database.

A view costs five times what reading the file does. From `web.server`, which also makes what is not kept; under another server of
WSGI, and in Flask's own test client, from `Front.__call__`. What is asked with filters goes on to `web.tiles`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geoplatform.store.tiles import Layer
from geoplatform.tiles import Kept, Tiles
from geoplatform.web.counting import TileMetrics
from geoplatform.web.security import HEADERS, HSTS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MEDIA_TYPES = {"mvt": "application/vnd.mapbox-vector-tile", "geojson": "application/geo+json"}
#: A browser asks again after a minute, a proxy may answer with the old one while it does.
FRESH = "public, max-age=60, stale-while-revalidate=600, stale-if-error=86400"
_TILE = re.compile(r"/tiles/([a-z]+)/(0|[1-9]\d?)/(0|[1-9]\d{0,7})/(0|[1-9]\d{0,7})\.(mvt|geojson)", re.ASCII)
_LAYERS = {layer.value: layer for layer in Layer}

_COMMON = [*HEADERS, ("Access-Control-Allow-Origin", "*"), ("Cache-Control", FRESH), ("Vary", "Accept-Encoding")]
_COMMON_SECURE = [*_COMMON, HSTS]
_REASONS = {200: "200 OK", 204: "204 No Content", 304: "304 Not Modified"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A plain tile as its path names it, perhaps one outside the pyramid."""

    layer: Layer
    z: int
    x: int
    y: int
    suffix: str
    path: str


@dataclass(frozen=True, slots=True)
class Client:
    """What of a request bears on how a tile is spelled: If-None-Match, Accept-Encoding, whether it came by https."""

    known: str | None
    accepted: str
    is_secure: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers, body; a HEAD has all but the body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""


def asked(method: str, path: str, query: str) -> Asked | None:
    """The plain tile that a request asks for, None if it asks for something else."""
    if query or not path.startswith("/tiles/") or method not in ("GET", "HEAD"):
        return None
    matched = _TILE.fullmatch(path)
    layer = _LAYERS.get(matched[1]) if matched else None
    if matched is None or layer is None:
        return None
    return Asked(layer, int(matched[2]), int(matched[3]), int(matched[4]), matched[5], path)


class Front:
    """Answers of tiles. As WSGI: kept tiles from the cache, all else from `app`."""

    def __init__(self, app: WSGIApplication, tiles: Tiles, metrics: TileMetrics) -> None:
        self._app = app
        self._tiles = tiles
        self._metrics = metrics

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """The answer to one request."""
        wanted = asked(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
        client = Client(
            environ.get("HTTP_IF_NONE_MATCH"),
            environ.get("HTTP_ACCEPT_ENCODING", ""),
            environ.get("wsgi.url_scheme") == "https",
        )
        answer = self.kept(wanted, client) if wanted else None
        if answer is None:
            return self._app(environ, start)
        start(_REASONS[answer.status], answer.headers)
        return (answer.body,) if answer.body and environ["REQUEST_METHOD"] == "GET" else ()

    def kept(self, wanted: Asked, client: Client) -> Answer | None:
        """A tile that is kept, or that it has not changed; None if it has to be made."""
        cache = self._tiles.opened
        if cache is None:
            return None
        stem = f"{cache.root}{wanted.path[6:]}"
        if client.known:
            etag = cache.etag(stem)
            same = _same(client.known, etag) if etag else None
            if same:
                self._metrics.count(wanted.layer, wanted.z, "not_modified", None, 0)
                return _unchanged(same, client)
        kept = cache.read(stem)
        if kept is None:
            return None
        return self.answer(wanted, kept, client)

    def answer(self, wanted: Asked, kept: Kept, client: Client) -> Answer:
        """A tile that was there already, counted as such."""
        self._metrics.count(wanted.layer, wanted.z, "hit", None, len(kept.body))
        return tile_answer(wanted, kept, client)


def tile_answer(wanted: Asked, kept: Kept, client: Client) -> Answer:
    """A tile as this client takes it."""
    if not kept.body:
        return Answer(204, _common(client))
    if client.known and (same := _same(client.known, kept.etag)):
        return _unchanged(same, client)
    body, headers = spelled(kept, client.accepted)
    return Answer(200, [("Content-Type", MEDIA_TYPES[wanted.suffix]), *headers, *_common(client)], body)


def spelled(kept: Kept, accepted: str) -> tuple[bytes, list[tuple[str, str]]]:
    """The body as this client takes it (gzip or plain) with the headers that tell of it."""
    if takes_gzip(accepted):
        return kept.body, [
            ("Content-Length", str(len(kept.body))), ("ETag", kept.etag), ("Content-Encoding", "gzip"),
        ]  # fmt: skip
    plain = zlib.decompress(kept.body, 31)
    return plain, [("Content-Length", str(len(plain))), ("ETag", _plain(kept.etag))]


def _same(known: str, etag: str) -> str | None:
    """The ETag, of either spelling, that an If-None-Match names."""
    return next((one for one in (etag, _plain(etag)) if one in known), etag if known == "*" else None)


def _unchanged(etag: str, client: Client) -> Answer:
    return Answer(304, [("ETag", etag), *_common(client)])


def _plain(etag: str) -> str:
    """The ETag of the same tile unpacked."""
    return f'{etag[:-1]}-plain"'


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header allows gzip: it names it (or everything), and not with a weight of nothing."""
    if accepted == "gzip" or accepted.startswith("gzip, "):
        return True
    for part in accepted.lower().split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip() in ("gzip", "x-gzip", "*"):
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False


def _common(client: Client) -> list[tuple[str, str]]:
    return _COMMON_SECURE if client.is_secure else _COMMON
