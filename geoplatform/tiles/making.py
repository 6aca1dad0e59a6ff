"""Tiles made for those who wait in an event loop: once for all who ask for the same, ended when nobody waits any more.

From `web.server`; to `tiles.service`.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from geoplatform.model import TileAddress
from geoplatform.store.engine import Cancellation
from geoplatform.store.tiles import Layer
from geoplatform.tiles.cache import Kept
from geoplatform.tiles.service import Tiles

Asked = tuple[Layer, TileAddress, str]


@dataclass(eq=False)
class Making:
    """A tile under way. `done`: what becomes of it, an error of the store included; how many wait for it."""

    asked: Asked
    done: asyncio.Future[Kept]
    cancellation: Cancellation = field(default_factory=Cancellation)
    waiting: int = 0


class Makers:
    """So many threads that make tiles. All but the threads' own work is done in the loop that asks."""

    def __init__(self, tiles: Tiles, threads: int) -> None:
        self._tiles = tiles
        self._threads = ThreadPoolExecutor(threads, "tile")
        self._under_way: dict[Asked, Making] = {}

    def join(self, asked: Asked) -> tuple[Making, bool]:
        """The tile (layer, address, suffix) being made, and whether that began just now. Who joins, leaves."""
        making = self._under_way.get(asked)
        began = making is None
        if making is None:
            loop = asyncio.get_running_loop()
            making = self._under_way[asked] = Making(asked, loop.create_future())
            self._threads.submit(self._make, making, loop)
        making.waiting += 1
        return making, began

    def leave(self, making: Making) -> None:
        """One waits no more: it is done, or its client went away. After the last one the query is cancelled."""
        making.waiting -= 1
        if making.waiting == 0 and not making.done.done():
            self._forget(making)
            asyncio.get_running_loop().run_in_executor(None, making.cancellation.cancel)

    def _make(self, making: Making, loop: asyncio.AbstractEventLoop) -> None:
        layer, address, suffix = making.asked
        try:
            kept = self._tiles.get(layer, address, suffix, cancellation=making.cancellation)
        except Exception as error:  # noqa: BLE001 - whoever waits for it meets it
            loop.call_soon_threadsafe(self._settle, making, None, error)
        else:
            loop.call_soon_threadsafe(self._settle, making, kept, None)

    def _settle(self, making: Making, kept: Kept | None, error: Exception | None) -> None:
        self._forget(making)
        if kept is not None:
            making.done.set_result(kept)
        elif error is not None:
            making.done.set_exception(error)
            making.done.exception()  # perhaps nobody waits: that is no news for the log

    def _forget(self, making: Making) -> None:
        if self._under_way.get(making.asked) is making:
            del self._under_way[making.asked]
