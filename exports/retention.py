"""Which releases are kept, and the end of the others: few archives, so that what is withdrawn leaves all of them in time.

From `exports.publishing`; to the register and the folder of exports.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from exports.changes import links
from geoplatform.store import releases
from geoplatform.store.engine import Store
from geoplatform.store.releases import Release


@dataclass(frozen=True, slots=True)
class Retention:
    """How long releases are kept: the last one of each of so many days and of each of so many months, today's included.

    The one before the current always is: somebody may be downloading it. Diffs are kept for so many days.
    """

    days: int = 7
    months: int = 12
    changes_days: int = 90

    def outdated(self, kept: Sequence[Release], today: dt.date) -> list[Release]:
        """Those of one dataset's releases that are no longer kept."""
        newest_first = sorted(
            kept, key=lambda release: (release.state == "current", release.cut_at, release.published_at), reverse=True
        )
        stays = {release.name for release in newest_first[:2]}
        stays |= _last(newest_first, lambda day: (today - day).days, self.days)
        stays |= _last(newest_first, lambda day: 12 * (today.year - day.year) + today.month - day.month, self.months)
        return [release for release in newest_first if release.name not in stays]


def _last(newest_first: Iterable[Release], age: Callable[[dt.date], int], most: int) -> set[str]:
    """Names of the last release of each day or month that is younger than `most`."""
    found: dict[int, str] = {}
    for release in newest_first:
        found.setdefault(age(release.cut_at.astimezone(dt.UTC).date()), release.name)
    return {name for months, name in found.items() if months < most}


def apply(store: Store, folder: Path, retention: Retention, today: dt.date) -> int:
    """How many releases of datasets were taken back now. Their files are deleted, and those that an earlier run left."""
    with store.reading() as connection:
        everything = releases.every(connection)
        outdated = [
            (release.dataset, release.name)
            for _, kept in groupby(everything, key=lambda release: release.dataset)  # they come ordered by it
            for release in retention.outdated(list(kept), today)
        ]
    if outdated:
        store.writing(lambda connection: releases.withdraw(connection, outdated))
    sweep(store, folder)
    links.withdraw_outdated(
        store, folder, dt.datetime.combine(today, dt.time(), dt.UTC) - dt.timedelta(retention.changes_days)
    )
    return len(outdated)


def sweep(store: Store, folder: Path) -> None:
    """Delete the files of releases that were taken back, those too that an earlier run left."""
    with store.reading() as connection:
        for dataset, name in releases.withdrawn(connection):
            shutil.rmtree(folder / dataset / name, ignore_errors=True)
