"""What changed since the last release or the last changes, published without a release. From the command line."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from exports import processes
from exports.changes.links import Links
from exports.cut import cut
from exports.datasets import described
from exports.publishing import alone
from exports.slices import Slice
from geoplatform.errors import ExportFailed, Underway
from geoplatform.progress import Progress
from geoplatform.store import cutting, diffs, releases
from geoplatform.store.engine import Store
from geoplatform.store.releases import Release


def publish_changes(store: Store, folder: Path, progress: Progress, *, workers: int, now: dt.datetime) -> list[str]:
    """Names of the chains that have a new link, in `folder`/<dataset>/changes/<chain>/.

    A dataset that another run is publishing is left out: that run goes on with its chains.

    NoVintage before a first vintage is active; Misuse if the folder cannot be written; ExportFailed (nothing is published) if a
    link could not be made.
    """
    with ExitStack() as held:
        free: list[Release] = []
        work = folder
        for release in _chained(store):
            try:
                unfinished = held.enter_context(alone(folder, (release.dataset,)))
            except Underway as error:
                progress.line(f"  changes      {error}")
                continue
            if not free:
                work = unfinished.with_name(
                    f"{unfinished.name}-changes"
                )  # what a release left unfinished is not touched
            free.append(release)
        if not free:
            return []
        shutil.rmtree(work, ignore_errors=True)
        try:
            links = _made(store, folder, work, progress, workers, free)
            links.place()
            store.writing(lambda connection: links.register(connection, now))
            links.settle()
        except OSError as error:
            where = str(error.filename or folder)
            raise ExportFailed(f"{where}: {error.strerror or error}; nothing was published", file=where) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return [link.chain for link in links.made]


def _chained(store: Store) -> list[Release]:
    """The current releases of datasets that have chains."""
    with store.reading() as connection:
        known = {tip.dataset for tip in diffs.tips(connection).values()}
        return [release for release in releases.current(connection) if release.dataset in known]


def _made(store: Store, folder: Path, work: Path, progress: Progress, workers: int, kept: Sequence[Release]) -> Links:
    slices: list[Slice] = []
    with cutting.moment(store) as moment:
        links = Links(store, folder, work, moment.at)
        for release in kept:
            with progress.step("cut") as step:
                scope = _scope(store, release)
                with store.reading() as connection:
                    dataset = described(connection, release.collection, scope)
                found = cut(store, moment, dataset, work / "cut" / dataset.name, features=True, values=False, often=True,
                            tiles=False, licences=links.licences(dataset.name), step=step)  # fmt: skip
                step.outcome = f"{dataset.name}: {sum(one.count for one in found)} rows"
            slices += found
    with progress.step("compare") as step, processes.pool(workers) as pool:
        made = [links.submit(pool, rows) for rows in slices]
        for rows, link in step.track(zip(slices, made, strict=True), total=len(made)):
            try:
                result = link.result()
            except (OSError, ValueError, MemoryError, RuntimeError) as error:
                pool.shutdown(cancel_futures=True)
                raise ExportFailed(
                    f"the changes of {rows.stem} could not be written: {error}; nothing was published", file=rows.stem
                ) from error
            if result is None or result.sha256 is not None:
                links.add(result)
            else:  # nobody could have the file that it would begin with
                progress.line(
                    f"  changes      {rows.stem}: no state to compare with, the next release begins its chain"
                )
        of = [f"{one.chain} +{one.created} ~{one.modified} -{one.deleted}" for one in links.made]
        step.outcome = ", ".join(of) or "nothing changed"
    return links


def _scope(store: Store, release: Release) -> cutting.Scope | None:
    if release.scope is None or release.scope_code is None:
        return None
    return cutting.scope_of(store, release.scope, release.scope_code)
