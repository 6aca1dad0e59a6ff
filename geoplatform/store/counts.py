"""Exact numbers of features, counted once for each filter and revision of the data. From `web.ogc`."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict

from sqlalchemy import text

from geoplatform.errors import StoreBusy
from geoplatform.store import features
from geoplatform.store.collections import Collection
from geoplatform.store.engine import Store
from geoplatform.store.revisions import Revisions
from geoplatform.store.wanted import Wanted

log = logging.getLogger(__name__)

_MOST_KEPT = 2_000
_LONGEST_MS = 2_000


class Counts:
    """The counts of one process."""

    def __init__(self, store: Store, revisions: Revisions) -> None:
        self._store = store
        self._revisions = revisions
        self._kept: OrderedDict[tuple[str, ...], int | None] = OrderedDict()
        self._keeping = threading.Lock()

    def exact(self, collection: Collection, wanted: Wanted, key: str) -> int | None:
        """How many features there are; None where counting takes longer than a page may wait for it.

        `key`: the filter in one spelling.
        """
        revisions = [self._revisions.of(data) for data in collection.data]
        if collection.holds_points and wanted == Wanted():
            return revisions[0].items
        whole = (collection.name, key, *(revision.mark for revision in revisions))
        with self._keeping:
            if whole in self._kept:
                self._kept.move_to_end(whole)
                return self._kept[whole]
        counted = self._counted(collection, wanted)
        with self._keeping:
            self._kept[whole] = counted
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return counted

    def _counted(self, collection: Collection, wanted: Wanted) -> int | None:
        if wanted.is_plain:  # an index counts it
            with self._store.reading(one_plan=True) as connection:
                return features.count(connection, collection, wanted)
        try:
            with self._store.snapshot() as connection:
                connection.execute(text(f"SET LOCAL statement_timeout = {_LONGEST_MS}"))
                return features.count(connection, collection, wanted)
        except StoreBusy:
            log.warning("a list of %s is given without its number: counting took too long", collection.name)
            return None
