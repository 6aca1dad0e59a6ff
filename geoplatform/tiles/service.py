"""Tiles as the web and the command line ask for them: kept ones, else made by the store; and kept true.

From `geoplatform.tiles`; to `store.tiles`.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from geoplatform.errors import GeoplatformError, UnknownLayer
from geoplatform.model import TileAddress
from geoplatform.store import tiles
from geoplatform.store.engine import Cancellation, Store
from geoplatform.store.tiles import Layer, PlaceFilter
from geoplatform.tiles import pyramid
from geoplatform.tiles.cache import SUFFIXES, Kept, Key, TileCache, joined, packed

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
        self._try_again_at = 0.0

    @property
    def opened(self) -> TileCache | None:
        """The same as `cache` where it is open already, without the database or any wait."""
        return self._cache

    @property
    def cache(self) -> TileCache | None:
        """The tiles kept of this database, None where none are. Opened when first asked for; where that fails it is tried
        again after a while. StoreBusy or StoreUnavailable where the database has to tell which it is and cannot."""
        if self._cache is None and self._folder is not None and time.monotonic() >= self._try_again_at:
            with self._opening:
                if self._cache is None:
                    try:
                        self._cache = self._opened(self._folder)
                    except OSError as error:
                        log.warning("no tile is kept: %s", error)
                        self._try_again_at = time.monotonic() + _AFTER_ERROR_S
        return self._cache

    def get(
        self,
        layer: Layer,
        tile: TileAddress,
        suffix: str,
        vintage: int | None = None,
        only: PlaceFilter | None = None,
        cancellation: Cancellation | None = None,
    ) -> Kept:
        """The tile, gzipped: kept, or made now and kept. `vintage`: number, None for the active one; `cancellation`: ends
        the making. UnknownLayer for another suffix than mvt or geojson; StoreBusy or StoreUnavailable where it has to be made
        and cannot."""
        if suffix not in SUFFIXES:
            raise UnknownLayer(suffix[:40])
        only = only or PlaceFilter()
        key = Key(layer.value, tile.z, tile.x, tile.y, suffix, _variant(vintage, only))
        spent: float | None = None

        def make() -> Kept:
            nonlocal spent
            began = time.perf_counter()
            with self._store.bare(cancellation) as connection:
                made: tiles.Parts | str = (
                    tiles.mvt(connection, layer, tile, vintage, only)
                    if suffix == "mvt"
                    else tiles.geojson(connection, layer, tile, vintage, only)
                )
            spent = time.perf_counter() - began
            return packed(made.encode()) if isinstance(made, str) else joined(made.finished, made.made)

        cache = self.cache
        kept = cache.find(key) or cache.made(key, make)[0] if cache else make()
        self._seen(layer, tile.z, "hit" if spent is None else "made", spent, len(kept.body))
        return kept

    def touch(self, quadkey: int | None) -> None:
        """Drop the kept tiles that show a place at this quadkey (None: it shows in none), whose write is committed.

        Whoever asks after that sees it. The database is not asked: it tells the others, who do not know what was written.
        """
        if quadkey is not None:
            try:
                cache = self.cache
                if cache:
                    cache.touch(pyramid.tiles_of(quadkey), _PLACES)
            except (OSError, GeoplatformError) as error:  # the write itself is done; a follower will see to it
                log.warning("what has changed in tiles is noted later: %s", error)

    def refresh(self) -> int:
        """Drop the kept tiles that writes committed since the last look have touched; the number of touches.

        Call it after writes of one's own of which `touch` cannot tell: whoever asks after that sees them.
        """
        try:
            cache = self.cache
            return self._refresh(cache) if cache else 0
        except (OSError, GeoplatformError) as error:  # the write itself is done; a follower will see to it
            log.warning("what has changed in tiles is noted later: %s", error)
            return 0

    def follow(self, until: threading.Event | None = None) -> threading.Thread:
        """A thread that refreshes, whoever writes, until the event is set or the process ends; one on a machine does it."""
        ended = until or threading.Event()
        thread = threading.Thread(target=self._follow, args=(ended,), name="tiles", daemon=True)
        thread.start()
        return thread

    def _follow(self, ended: threading.Event) -> None:
        while self._folder is not None and not ended.is_set():
            try:
                cache = self.cache
                with cache.leading("follow", wait=False) if cache else nullcontext(False) as leads:
                    while cache and leads and not ended.wait(_POLL_S):
                        self._refresh(cache)
            except (GeoplatformError, OSError) as error:
                log.warning("changes of tiles are not seen for now: %s", error)
            except Exception:  # without this thread tiles would stay as they are for ever
                log.exception("changes of tiles are not seen for now")
            ended.wait(_AFTER_ERROR_S)

    def _opened(self, folder: Path) -> TileCache:
        """The cache of this database, true as of now. OSError if the folder cannot be used."""
        with self._store.reading() as connection:
            name = tiles.installation(connection)
        cache = TileCache(folder / name)
        self._refresh(cache)
        return cache

    def _refresh(self, cache: TileCache) -> int:
        with cache.leading("refresh", wait=True):
            file = cache.root / "seen.json"
            last = _Seen.read(file)
            with self._store.reading() as connection:
                found = tiles.touches(connection, last.moment if last else None)
            now = _Seen(found.moment, found.latest, found.seen_at, _boot())
            if last is None or now.at - last.at > _FORGET_AFTER or now.precedes(last):
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
    boot: str

    def precedes(self, other: Self) -> bool:
        """Whether the database is older than it was (set back to a backup), or the machine is another or was started anew:
        what was written to disk last may be lost then, tiles removed be there again."""
        return self.latest < other.latest or _ahead(self.moment) < _ahead(other.moment) or self.boot != other.boot

    @classmethod
    def read(cls, file: Path) -> Self | None:
        try:
            told = json.loads(file.read_text())
            if not re.fullmatch(r"\d+:\d+:[\d,]*", told["moment"]):
                return None
            return cls(told["moment"], int(told["latest"]), dt.datetime.fromisoformat(told["at"]), str(told["boot"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, file: Path) -> None:
        new = file.with_suffix(".new")
        told = {"moment": self.moment, "latest": self.latest, "at": self.at.isoformat(), "boot": self.boot}
        new.write_text(json.dumps(told))
        new.replace(file)


def _ahead(moment: str) -> int:
    """The first transaction number that a snapshot had not seen begin."""
    return int(moment.split(":")[1])


def _boot() -> str:
    """What tells this start of the machine from every other, where it says so."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _variant(vintage: int | None, only: PlaceFilter) -> str:
    told = {"vintage": vintage, **asdict(only)}
    return urlencode({name: value for name, value in told.items() if value is not None})
