"""How far the data have come, mostly without asking the database: for answers that are still the same. From `web`.

A revision is asked of the database at most a few times a second and after each write that any process of this machine makes:
a small shared file tells of those. What another machine writes is known as soon as it is asked again.
"""

from __future__ import annotations

import datetime as dt
import logging
import mmap
import os
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from geoplatform.errors import StoreUnavailable
from geoplatform.store.engine import Store

log = logging.getLogger(__name__)

_HOLDS_S = 0.25
#: So long after it was last asked in vain an old revision still stands.
_OUTLIVES_S = 60.0
_QUERY = text("SELECT revision, changed_at, items FROM published.revision(:data)")


@dataclass(frozen=True, slots=True)
class Revision:
    """The same `mark` as long as nothing has changed since `changed_at` (None if nothing ever did).

    `items`: of places, how many `published.place_items` shows.
    """

    mark: str
    changed_at: dt.datetime | None
    items: int


class Revisions:
    """The revisions of one store. `folder`: where the processes of this machine tell each other of writes, None for one process."""

    def __init__(self, store: Store, folder: Path | None) -> None:
        self._store = store
        self._known: dict[str, tuple[Revision, float, int]] = {}
        self._asking = threading.Lock()
        self._last_write: mmap.mmap | bytearray = _shared(folder) if folder else bytearray(8)

    def of(self, data: str) -> Revision:
        """The revision of `places` or `limits`. StoreUnavailable if the database is away and has been for a minute."""
        found = self._known.get(data)
        if found and found[1] > time.monotonic() and found[2] == self._written():
            return found[0]
        with self._asking:
            written, until = self._written(), time.monotonic() + _HOLDS_S  # both from before the database is asked
            try:
                with self._store.reading() as connection:
                    row = connection.execute(_QUERY, {"data": data}).one()
            except StoreUnavailable:
                # Nobody writes to a database that is away: who has an answer already may keep it meanwhile.
                if found and time.monotonic() < found[1] + _OUTLIVES_S:
                    return found[0]
                raise
            told = Revision(row.revision, row.changed_at, row.items)
            self._known[data] = told, until, written
            return told

    def wrote(self) -> None:
        """Something was committed just now: whoever asks after that is told the revision anew."""
        struct.pack_into("<Q", self._last_write, 0, time.time_ns())

    def _written(self) -> int:
        return int(struct.unpack_from("<Q", self._last_write, 0)[0])


def _shared(folder: Path) -> mmap.mmap | bytearray:
    """Eight bytes that all processes see; only this one if the folder cannot be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "last-write").open("a+b") as file:
            os.posix_fallocate(file.fileno(), 0, 8)  # a hole that finds no room later would end the process
            return mmap.mmap(file.fileno(), 8)
    except OSError as error:
        log.warning("writes of other processes are seen a moment later: %s", error)
        return bytearray(8)
