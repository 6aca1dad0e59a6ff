"""How often files of releases are fetched: counted in memory, told to the store now and then. By whom is counted nowhere."""

from __future__ import annotations

import atexit
import datetime as dt
import logging
import threading
import time
from collections import Counter

from geoplatform.errors import GeoplatformError
from geoplatform.store import releases
from geoplatform.store.engine import Store

log = logging.getLogger(__name__)

_TOLD_EVERY_S = 10.0


class Fetches:
    """The fetches that one process has seen and not told yet."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._counting, self._telling = threading.Lock(), threading.Lock()
        self._next = time.monotonic() + _TOLD_EVERY_S
        atexit.register(self.tell)

    def count(self, dataset: str, release: str, name: str) -> None:
        """One more, told with the others at most every ten seconds."""
        with self._counting:
            self._counts[dataset, release, name] += 1
        if time.monotonic() >= self._next:
            self.tell()

    def tell(self) -> None:
        """Tell the store. If it is away, they are told the next time; who finds another at it leaves it to him."""
        if not self._counts or not self._telling.acquire(blocking=False):
            return
        try:
            self._next = time.monotonic() + _TOLD_EVERY_S
            with self._counting:
                told, self._counts = self._counts, Counter()
            day = dt.datetime.now(dt.UTC).date()
            try:
                with self._store.transaction() as connection:  # tried once: what was told may not be told again
                    releases.count_fetches(connection, told, day)
            except GeoplatformError as error:
                with self._counting:
                    self._counts.update(told)
                log.warning("fetches are told later: %s", error)
        finally:
            self._telling.release()
