"""What each worker of `geoplatform serve` runs, in granian's own protocol (RSGI): kept tiles and 304s at once, in the event loop;
plain tiles that are not kept by a few threads, once for all who wait, and not for clients that went away; all else by Flask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from geoplatform import archive
from geoplatform.config import Settings
from geoplatform.model import TileAddress
from geoplatform.tiles import Tiles
from geoplatform.tiles.making import Makers
from geoplatform.web import front
from geoplatform.web.counting import TileMetrics
from geoplatform.web.front import Answer, Asked, Client, Front
from geoplatform.web.gateway import Gateway, address_of, attended, environ_of
from geoplatform.web.limits import tile_rate
from geoplatform.web.ogc import search
from geoplatform.web.problems import REFUSAL

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from granian.rsgi import HTTPProtocol, Scope  # type: ignore[attr-defined]

#: Threads of a worker: for Flask, and for tiles, which keep the database busy and not Python.
THREADS, TILE_THREADS = 8, 4


#: The largest that any view takes; each says itself how much it may be.
LARGEST_BODY = max(search.MAX_BODY, archive.LARGEST)


class Server:
    """An RSGI application."""

    def __init__(self, app: Flask, settings: Settings, tiles: Tiles, metrics: TileMetrics) -> None:
        self._front = Front(app.wsgi_app, tiles, metrics)
        self._makers = Makers(tiles, TILE_THREADS)
        self._rate = tile_rate(app)
        self._gateway = Gateway(app, THREADS, LARGEST_BODY)
        hops = settings.trusted_proxies
        self._through_proxies = ProxyFix(_nobody, x_for=hops, x_proto=hops, x_host=hops) if hops else None

    async def __rsgi__(self, scope: Scope, proto: HTTPProtocol) -> None:
        """Answer one request."""
        wanted = front.asked(scope.method, scope.path, scope.query_string)
        if wanted is None:
            await self._gateway(scope, proto)
        else:
            await self._tile(scope, proto, wanted)

    async def _tile(self, scope: Scope, proto: HTTPProtocol, wanted: Asked) -> None:
        headers = scope.headers
        address, scheme = self._from(scope)
        client = Client(headers.get("if-none-match"), headers.get("accept-encoding", ""), scheme == "https")
        answer = self._front.kept(wanted, client)
        if answer is None:
            try:
                self._rate.count(address)
                answer = await self._made(proto, wanted, client)
            except Exception as refusal:  # noqa: BLE001 - Flask answers them all, and logs those that nobody foresaw
                await self._gateway(scope, proto, {REFUSAL: refusal})
                return
        if answer is None:
            return
        if answer.body and scope.method == "GET":
            proto.response_bytes(answer.status, answer.headers, answer.body)
        else:
            proto.response_empty(answer.status, answer.headers)

    async def _made(self, proto: HTTPProtocol, wanted: Asked, client: Client) -> Answer | None:
        """The tile, made now; None if the client did not wait for it."""
        address = TileAddress(wanted.z, wanted.x, wanted.y)
        making, began = self._makers.join((wanted.layer, address, wanted.suffix))
        try:
            if not await attended(proto, making.done):
                return None
        finally:
            self._makers.leave(making)
        kept = making.done.result()
        return front.tile_answer(wanted, kept, client) if began else self._front.answer(wanted, kept, client)

    def _from(self, scope: Scope) -> tuple[str, str]:
        """(address, scheme) of the client, as trusted proxies tell it."""
        if self._through_proxies is None:
            return address_of(scope), scope.scheme
        environ = environ_of(scope)
        self._through_proxies(environ, _start)
        return environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]


def _nobody(_environ: WSGIEnvironment, _start: Any) -> tuple[bytes, ...]:
    return ()


def _start(*_: Any) -> Any:
    return None
