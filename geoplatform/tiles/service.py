"""Tiles as the web and the command line ask for them: kept ones, else made by the store; and kept true.

From `geoplatform.tiles`; to `store.tiles`.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from geoplatform.errors import GeoplatformError, UnknownLayer
from geoplatform.model import TileAddress
from geoplatform.store import tiles
from geoplatform.store.engine import Store
from geoplatform.store.tiles import Layer, PlaceFilter
from geoplatform.tiles import pyramid
from geoplatform.tiles.cache import SUFFIXES, Kept, Key, TileCache, packed

log = logging.getLogger(__name__)

_PLACES = tuple(layer.value for layer in Layer if layer.has_places)
_LIMITS = tuple(layer.value for layer in Layer if layer.has_limits)
_POLL_S = 0.25
_AFTER_ERROR_S = 5.0
_MANY = 2_000
#: Touches are swept from the database after days; whoever has not looked for longer begins anew.
_FORGET_AFTER = dt.timedelta(hours=12)
_REMEMBER_EVERY = dt.timedelta(hours=1)

Seen = Callable[[Layer, int, str, float | None, int], None]


class Tiles:
    """The tiles of one store. `folder`: where they are kept, None to keep none.

    `seen` is told of each tile that is asked of the store: layer, zoom, what became of it, seconds in the store, bytes.
    """

    def __init__(self, store: Store, folder: Path | None, seen: Seen | None = None) -> None:
        self._store = store
        self._folder = folder
        self._cache: TileCache | None = None
        self._seen = seen or (lambda *_: None)
        self._opening = threading.Lock()

    @property
    def cache(self) -> TileCache | None:
        """The tiles kept of this database, None where none are. Opened when first asked for."""
        if self._cache is None and self._folder is not None:
            with self._opening:
                if self._cache is None:
                    self._cache = self._opened(self._folder)
        return self._cache

    def get(
        self, layer: Layer, tile: TileAddress, suffix: str, vintage: int | None = None, only: PlaceFilter | None = None
    ) -> Kept:
        """The tile, gzipped: kept, or made now and kept. `vintage`: number, None for the active one. UnknownLayer for
        another suffix than mvt or geojson; StoreBusy or StoreUnavailable where it has to be made and cannot."""
        if suffix not in SUFFIXES:
            raise UnknownLayer(suffix[:40])
        only = only or PlaceFilter()
        key = Key(layer.value, tile.z, tile.x, tile.y, suffix, _variant(vintage, only))
        spent: float | None = None

        def make() -> bytes:
            nonlocal spent
            began = time.perf_counter()
            with self._store.reading() as connection:
                made = (
                    tiles.mvt(connection, layer, tile, vintage, only)
                    if suffix == "mvt"
                    else tiles.geojson(connection, layer, tile, vintage, only).encode()
                )
            spent = time.perf_counter() - began
            return made

        cache = self.cache
        kept = cache.find(key) or cache.made(key, make)[0] if cache else packed(make())
        self._seen(layer, tile.z, "hit" if spent is None else "made", spent, len(kept.body))
        return kept

    def refresh(self) -> int:
        """Drop the kept tiles that writes committed since the last look have touched; the number of touches.

        Call it after a write of one's own: whoever asks after that sees it.
        """
        cache = self.cache
        if cache is None:
            return 0
        try:
            return self._refresh(cache)
        except (OSError, GeoplatformError) as error:  # the write itself is done; a follower will see to it
            log.warning("what has changed in tiles is noted later: %s", error)
            return 0

    def follow(self) -> threading.Thread:
        """A thread that refreshes for as long as the process lives, whoever writes; one on a machine does the work."""
        thread = threading.Thread(target=self._follow, name="tiles", daemon=True)
        thread.start()
        return thread

    def _follow(self) -> None:
        while True:
            try:
                cache = self.cache
                if cache is None:
                    return
                with cache.leading("follow", wait=False) as leads:
                    while leads:
                        self._refresh(cache)
                        time.sleep(_POLL_S)
                time.sleep(_AFTER_ERROR_S)
            except (GeoplatformError, OSError) as error:
                log.warning("changes of tiles are not seen for now: %s", error)
                time.sleep(_AFTER_ERROR_S)

    def _opened(self, folder: Path) -> TileCache | None:
        with self._store.reading() as connection:
            name = tiles.installation(connection)
        try:
            cache = TileCache(folder / name)
        except OSError as error:
            log.warning("no tile is kept: %s", error)
            self._folder = None
            return None
        self._refresh(cache)
        return cache

    def _refresh(self, cache: TileCache) -> int:
        with cache.leading("refresh", wait=True):
            file = cache.root / "seen.json"
            last = _Seen.read(file)
            with self._store.reading() as connection:
                found = tiles.touches(connection, last.moment if last else None)
            now = _Seen(found.moment, found.latest, found.seen_at)
            if last is None or now.at - last.at > _FORGET_AFTER or now.latest < last.latest:
                cache.forget(tuple(layer.value for layer in Layer))
                now.write(file)
                return 1
            if found.limits:
                cache.forget(_LIMITS)
            if found.quadkeys is None or len(found.quadkeys) > _MANY:
                cache.forget(_PLACES)
            elif found.quadkeys:
                cache.touch({tile for quadkey in found.quadkeys for tile in pyramid.tiles_of(quadkey)}, _PLACES)
            count = (1 if found.quadkeys is None else len(found.quadkeys)) + found.limits
            if count or now.at - last.at > _REMEMBER_EVERY:
                now.write(file)
            return count


@dataclass(frozen=True)
class _Seen:
    """Up to where the database's changes have been applied to the kept tiles."""

    moment: str
    latest: int
    at: dt.datetime

    @classmethod
    def read(cls, file: Path) -> Self | None:
        try:
            told = json.loads(file.read_text())
            return cls(told["moment"], int(told["latest"]), dt.datetime.fromisoformat(told["at"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, file: Path) -> None:
        new = file.with_suffix(".new")
        new.write_text(json.dumps({"moment": self.moment, "latest": self.latest, "at": self.at.isoformat()}))
        new.replace(file)


def _variant(vintage: int | None, only: PlaceFilter) -> str:
    told = {"vintage": vintage, **asdict(only)}
    return urlencode({name: value for name, value in told.items() if value is not None})
