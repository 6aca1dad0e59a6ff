"""The links that one run adds to the chains: made beside the files, put in place and registered with them. From `exports`."""

from __future__ import annotations

import datetime as dt
import shutil
from concurrent.futures import Executor, Future
from pathlib import Path

from sqlalchemy import Connection

from exports.changes import chain
from exports.slices import Slice
from geoplatform.store import diffs
from geoplatform.store.diffs import Diff
from geoplatform.store.engine import Store


class Links:
    """Of the chains as they stood when the run began. `unfinished`: where files are made; `at`: the moment of the cut."""

    def __init__(self, store: Store, folder: Path, unfinished: Path, at: dt.datetime) -> None:
        with store.reading() as connection:
            self._tips = diffs.tips(connection)
        self._folder, self._ready, self._at = folder, unfinished / chain.FOLDER, at
        self.made: list[Diff] = []

    def submit(self, pool: Executor, rows: Slice) -> Future[Diff | None]:
        """Make the link of a slice in one of the pool's processes; to be given to `add`."""
        name, dataset = rows.stem, rows.dataset.name
        return pool.submit(
            chain.link,
            rows,
            self._tips.get(name),
            chain.folder_of(self._folder, dataset, name),
            self._ready / name,
            self._at,
        )

    def add(self, link: Diff | None) -> None:
        """What a process made; None where nothing changed."""
        if link is not None:
            self.made.append(link)
            self._tips[link.chain] = link

    def licences(self, dataset: str) -> frozenset[str]:
        """Under which licences a dataset has chains."""
        return frozenset(tip.licence for tip in self._tips.values() if tip.dataset == dataset)

    def state(self, name: str) -> Diff | None:
        """The state that a chain has come to."""
        return self._tips.get(name)

    def place(self) -> None:
        """Put the files where they are served from. What a run left that ended before it registered them is overwritten."""
        for link in self.made:
            place = chain.folder_of(self._folder, link.dataset, link.chain)
            place.mkdir(parents=True, exist_ok=True)
            for path in (self._ready / link.chain).iterdir():
                path.replace(place / path.name)

    def register(self, connection: Connection, now: dt.datetime) -> None:
        """From then on they count."""
        diffs.register(connection, self.made, now)

    def settle(self) -> None:
        """Delete states that are no longer the last."""
        for link in self.made:
            for path in chain.folder_of(self._folder, link.dataset, link.chain).glob(".*.arrow"):
                if path.name != chain.state_name(link.seq):
                    path.unlink(missing_ok=True)
        shutil.rmtree(self._ready, ignore_errors=True)


def withdraw_outdated(store: Store, folder: Path, before: dt.datetime) -> None:
    """Take back the diffs that were published before a moment, and delete them."""
    with store.reading() as connection:
        found = diffs.outdated(connection, before)
    for name, seq in found.items():
        store.writing(lambda connection, name=name, seq=seq: diffs.withdraw(connection, name, seq))  # type: ignore[misc]
    sweep(store, folder)


def sweep(store: Store, folder: Path) -> None:
    """Delete the diffs that were taken back, those too that an earlier run left."""
    with store.reading() as connection:
        gone = diffs.withdrawn(connection)
    for dataset, name, seq in gone:
        (chain.folder_of(folder, dataset, name) / chain.file_name(seq)).unlink(missing_ok=True)
