"""A thin layer before Flask: a tile that is kept is answered without Flask, and without the database.

A view costs five times what reading the file does. What is not kept, or asked with filters, goes on to `web.tiles`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from geoplatform.errors import GeoplatformError
from geoplatform.store.tiles import Layer
from geoplatform.tiles import Kept, TileCache, Tiles
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


class Front:
    """WSGI: kept tiles from the cache, all else to `app`."""

    def __init__(self, app: WSGIApplication, tiles: Tiles, metrics: TileMetrics) -> None:
        self._app = app
        self._tiles = tiles
        self._metrics = metrics

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """The answer to one request."""
        path = environ["PATH_INFO"]
        if (
            path.startswith("/tiles/")
            and not environ.get("QUERY_STRING")
            and environ["REQUEST_METHOD"] in ("GET", "HEAD")
        ):
            matched = _TILE.fullmatch(path)
            cache = self._cache() if matched else None
            layer = _LAYERS.get(matched[1]) if matched else None
            if matched and cache and layer:
                stem = f"{cache.root}{path[6:]}"
                known = environ.get("HTTP_IF_NONE_MATCH")
                etag = cache.etag(stem) if known else None
                if known and etag:
                    same = next((one for one in (etag, _plain(etag)) if one in known), etag if known == "*" else None)
                    if same:
                        self._metrics.count(layer, int(matched[2]), "not_modified", None, 0)
                        start("304 Not Modified", [("ETag", same), *_common(environ)])
                        return ()
                kept = cache.read(stem)
                if kept is not None:
                    return self._answer(environ, start, layer, int(matched[2]), MEDIA_TYPES[matched[5]], kept)
        return self._app(environ, start)

    def _cache(self) -> TileCache | None:
        try:
            return self._tiles.cache
        except GeoplatformError:
            return None  # Flask will meet it too, and say so

    def _answer(
        self, environ: WSGIEnvironment, start: StartResponse, layer: Layer, z: int, media_type: str, kept: Kept
    ) -> Iterable[bytes]:
        self._metrics.count(layer, z, "hit", None, len(kept.body))
        if not kept.body:
            start("204 No Content", _common(environ))
            return ()
        body, headers = spelled(kept, environ.get("HTTP_ACCEPT_ENCODING", ""))
        start("200 OK", [("Content-Type", media_type), *headers, *_common(environ)])
        return () if environ["REQUEST_METHOD"] == "HEAD" else (body,)


def spelled(kept: Kept, accepted: str) -> tuple[bytes, list[tuple[str, str]]]:
    """The body as this client takes it (gzip or plain) with the headers that tell of it."""
    if takes_gzip(accepted):
        return kept.body, [
            ("Content-Length", str(len(kept.body))), ("ETag", kept.etag), ("Content-Encoding", "gzip"),
        ]  # fmt: skip
    plain = zlib.decompress(kept.body, 31)
    return plain, [("Content-Length", str(len(plain))), ("ETag", _plain(kept.etag))]


def _plain(etag: str) -> str:
    """The ETag of the same tile unpacked."""
    return f'{etag[:-1]}-plain"'


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header allows gzip: it names it (or everything), and not with a weight of nothing."""
    for part in accepted.lower().split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip() in ("gzip", "x-gzip", "*"):
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False


def _common(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    return [*_COMMON, HSTS] if environ.get("wsgi.url_scheme") == "https" else _COMMON
