"""Erasure: releases that hold what was taken back are withdrawn, and what remains of them is published in their place.

From the command line; to the register and the folder of exports. A place that is no longer published under its licence leaves every
release; so does one that is shown at commune level now, from those that tell its position.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from exports.changes import chain, links
from exports.datasets import described
from exports.erasure import looking, remaking
from exports.formats import FORMATS
from exports.publishing import Wanted, alone, publish
from exports.retention import sweep
from geoplatform.errors import ExportFailed, Underway, Unknown
from geoplatform.progress import Progress
from geoplatform.store import cutting, diffs, erasures, releases
from geoplatform.store.cutting import Scope
from geoplatform.store.diffs import Diff
from geoplatform.store.engine import Store
from geoplatform.store.erasures import Gone
from geoplatform.store.releases import Release

#: What a file may do to whoever reads or writes it: told with its name, and the others go on.
_FAILURES = (OSError, ValueError, KeyError, RuntimeError, MemoryError)


def erase(store: Store, folder: Path, progress: Progress, *, workers: int, now: dt.datetime) -> list[tuple[str, str]]:
    """The releases that were withdrawn, (dataset, name). Diffs that hold what was taken back are withdrawn too.

    A dataset whose latest release is concerned, or whose diffs after it are, gets a new one first, so that its chains of changes
    go on. What another run is publishing is left to the next call.

    NoVintage before a first vintage is active; Misuse if the folder cannot be written; ExportFailed if a file could not be looked
    into, or what is to stand there be written: all the others are done before it is told.
    """
    with store.reading() as connection:
        kept = [one for one in releases.every(connection, with_files=True) if one.collection == "places"]
        # Listed before the moment: what is published later may hold what came after it.
        chained = [
            one for name in {one.dataset for one in kept} for one in diffs.listed(connection, name) if one.is_kept
        ]
    if not kept:
        return []
    problems: list[str] = []
    with progress.step("look for what was taken back") as step:
        with cutting.moment(store) as moment:
            shown = looking.Shown(store, moment)
        found = _looked(folder, step.track(kept), shown, moment.change_seq, problems)
        changes = _looked_into_changes(folder, chained, shown, problems)
        step.outcome = f"in {len(found)} of {len(kept)} releases, in {len(changes)} chains of changes"
    since = {one.dataset: one.published_at for one in kept if one.state == "current"}
    after = {one.dataset for one in changes if one.dataset in since and one.published_at >= since[one.dataset]}
    stale = [one for one in kept if one.state == "current" and (one in found or one.dataset in after)]
    failed = {one.dataset for one in stale if not _renewed(store, folder, one, progress, workers, now, problems)}
    done: list[tuple[str, str]] = []
    if found or changes:
        with progress.step("erase") as step:
            _withdraw_changes(store, folder, [one for one in changes if one.dataset not in failed & after])
            for one in step.track([one for one in found if one.state != "current" or one.dataset not in failed]):
                try:
                    if _erased(store, folder, one, shown, progress, workers, now):
                        done.append((one.dataset, one.name))
                except _FAILURES as error:
                    problems.append(_problem(one, error))
            step.outcome = f"{len(done)} releases withdrawn"
    sweep(store, folder)
    if problems:
        raise ExportFailed(f"{'; '.join(problems)}: what was taken back may still be in there", file=problems[0])
    return done


def _looked(
    folder: Path, kept: Iterable[Release], shown: looking.Shown, change_seq: int, problems: list[str]
) -> list[Release]:
    """The releases of places that are concerned. What kept others from being looked into is added to `problems`."""
    found: list[Release] = []
    for release in kept:
        try:
            gone = looking.gone(folder, release, shown)
        except _FAILURES as error:
            problems.append(_problem(release, error))
            continue
        if gone or (gone is None and release.change_seq < change_seq):
            found.append(release)
    return found


def _looked_into_changes(
    folder: Path, chained: Iterable[Diff], shown: looking.Shown, problems: list[str]
) -> list[Diff]:
    """The last diff of each chain that is concerned; the latest of a chain come first.

    They may hold what no release does: a place that came and went between two of them.
    """
    last: dict[str, Diff] = {}
    for one in chained:
        path = chain.folder_of(folder, one.dataset, one.chain) / chain.file_name(one.seq)
        try:
            if one.chain not in last and looking.gone_in_changes(path, one.licence, shown):
                last[one.chain] = one
        except _FAILURES as error:
            problems.append(f"{one.dataset}/{one.chain}/{one.seq}: {error}")
    return list(last.values())


def _problem(release: Release, error: Exception) -> str:
    return f"{release.dataset}/{release.name}: {error}"


def _renewed(
    store: Store,
    folder: Path,
    release: Release,
    progress: Progress,
    workers: int,
    now: dt.datetime,
    problems: list[str],
) -> bool:
    """Publish a dataset anew as its latest release is. False if that has to wait; True too where its scope is no more."""
    formats = {file.format for file in release.files}
    scopes = ((release.scope, release.scope_code),) if release.scope and release.scope_code else ()
    wanted = Wanted((release.collection,), tuple(name for name in FORMATS if name in formats), scopes)
    try:
        publish(store, folder, wanted, progress, workers=workers, now=now)
    except Underway as error:
        progress.line(f"  erase        {error}: left to the next time")
        return False
    except ExportFailed as error:
        problems.append(_problem(release, error))
        return False
    except Unknown as error:
        progress.line(f"  erase        {release.dataset} has no later release: {error}")
    return True


def _erased(
    store: Store,
    folder: Path,
    found: Release,
    shown: looking.Shown,
    progress: Progress,
    workers: int,
    now: dt.datetime,
) -> bool:
    """Publish what remains of a release under a name of its own, and withdraw the release. Its files are deleted last.

    False if it is no longer there, or another run is at its dataset.
    """
    dataset, name = found.dataset, found.name
    try:
        with alone(folder, (dataset,)) as unfinished:
            with store.reading() as connection:
                release = releases.named(connection, dataset, name)
            if release is None:
                return False
            gone = looking.gone(folder, release, shown) or []
            work = unfinished.with_name(f"{unfinished.name}-erasure")
            shutil.rmtree(work, ignore_errors=True)
            try:
                told = _remains(store, folder, work, release, gone, progress, workers)
                if told:
                    place = folder / dataset / told["name"]
                    shutil.rmtree(place, ignore_errors=True)  # of a run that ended just before it was registered
                    (work / "files").rename(place)
                store.writing(lambda connection: erasures.replace(connection, dataset, name, told, gone, now))
            finally:
                shutil.rmtree(work, ignore_errors=True)
            with store.reading() as connection:
                if told and releases.named(connection, dataset, told["name"]) is None:  # it was withdrawn meanwhile
                    shutil.rmtree(folder / dataset / told["name"], ignore_errors=True)
            shutil.rmtree(folder / dataset / name, ignore_errors=True)
    except Underway as error:
        progress.line(f"  erase        {error}: left to the next time")
        return False
    return True


def _remains(
    store: Store, folder: Path, work: Path, release: Release, gone: Sequence[Gone], progress: Progress, workers: int
) -> dict[str, Any] | None:
    """What stands in a release's place, as the register is told it, its files in `work`/files. None where it is only withdrawn."""
    if not gone or not remaking.can_be(release, gone):
        return None
    scope = None
    if release.scope and release.scope_code and release.scope_name:
        scope = Scope(release.scope, release.scope_code, release.scope_name)
    day = release.cut_at.astimezone(dt.UTC).date()
    with store.reading() as connection:
        taken = releases.names(connection, day, [release.dataset])
        dataset = described(connection, release.collection, scope)
    name = releases.free_name(day, taken)
    try:
        files = remaking.remade(folder / release.dataset / release.name, work, dataset, release, name, gone, workers)
    except remaking.Unfit as error:
        progress.line(f"  erase        {_problem(release, error)}; withdrawn")
        return None
    facts = {key: value for key, value in asdict(release).items() if key not in ("state", "published_at", "files")}
    return {**facts, "name": name, "cut_at": release.cut_at.isoformat(), "files": [asdict(file) for file in files]}


def _withdraw_changes(store: Store, folder: Path, last: Iterable[Diff]) -> None:
    """Take these diffs back, and those before them in their chains."""
    for one in last:
        store.writing(lambda connection, one=one: diffs.withdraw(connection, one.chain, one.seq))  # type: ignore[misc]
    links.sweep(store, folder)
