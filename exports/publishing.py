"""Cuts a release and publishes it whole or not at all. From the command line; to the folder of exports and the register.

A release is written into `.unfinished-…`, each file is read back and summed, then the datasets' folders are renamed into place and
registered in one transaction: only then are they published. Whatever ends the work before leaves the latest release as it was;
the next run takes up what is finished, if the data are still the same.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

import geoplatform
from exports import papers, processes, retention
from exports.changes.links import Links
from exports.cut import cut
from exports.datasets import NAMES, Dataset, described
from exports.formats import FORMATS
from exports.retention import Retention
from exports.slices import Slice
from geoplatform.errors import ExportFailed, Misuse, Underway
from geoplatform.model import DEFAULT_LICENCE
from geoplatform.progress import Progress
from geoplatform.store import cutting, releases
from geoplatform.store.cutting import Moment, Scope
from geoplatform.store.engine import Store
from geoplatform.store.releases import Release, ReleasedFile

_UNFINISHED, _LOCK, _PLAN = ".unfinished-", ".lock-", "plan.pickle"
#: The format that diffs lead through: a release with it goes on with the chains of its files.
CHAINED = "geojsonseq"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a release is to hold. `scopes`: parts of France, (level, code); all of France where there are none."""

    datasets: tuple[str, ...] = NAMES
    formats: tuple[str, ...] = tuple(FORMATS)
    scopes: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> list[str]:
        """Of every dataset that this may come to write."""
        if not self.scopes:
            return sorted(self.datasets)
        return sorted(f"{name}-{level}-{code}" for name in self.datasets for level, code in self.scopes)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What was cut, as it is kept beside the slices until all is written."""

    wanted: Wanted
    program: str
    release: str
    moment: Moment
    slices: tuple[Slice, ...]


def publish(
    store: Store,
    folder: Path,
    wanted: Wanted,
    progress: Progress,
    *,
    workers: int,
    now: dt.datetime,
    keep: Retention | None = None,
) -> list[str]:
    """The datasets' names of the release that was published, under `folder`/<dataset>/<release>/.

    `keep`: which earlier releases stay; all of them by default.

    NoVintage before a first vintage is active; Unknown for a scope that is none; Underway if another run is at
    one of these datasets; Misuse if the folder cannot be written; ExportFailed (nothing is published) if a file could not be
    written or does not read back as it was cut.
    """
    with alone(folder, wanted.names) as unfinished:
        processes.prepare()
        try:
            plan = _taken_up(store, unfinished, wanted) or _cut(store, unfinished, wanted, progress, now)
            links = Links(store, folder, unfinished, plan.moment.at)
            files = _written(plan, unfinished, progress, workers, links)
            with progress.step("publish") as step:
                datasets = _published(store, folder, unfinished, plan, files, links, now)
                total = sum(file.bytes for _, file in files)
                step.outcome = (
                    f"release {plan.release}: {len(datasets)} datasets, {len(files)} files, {total / 1e6:,.1f} MB"
                )
        except OSError as error:
            where = str(error.filename or folder)
            raise ExportFailed(f"{where}: {error.strerror or error}; nothing was published", file=where) from error
        shutil.rmtree(unfinished)
        if keep:
            with progress.step("retention") as step:
                step.outcome = (
                    f"{retention.apply(store, folder, keep, now.date())} earlier releases of datasets taken back"
                )
    return datasets


def forget(folder: Path, wanted: Wanted) -> None:
    """Remove what a run that failed had finished. Underway if another run is at it."""
    with alone(folder, wanted.names) as unfinished:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def alone(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """Be the only one to publish these datasets here: in which folder. Runs for others go on beside."""
    with ExitStack() as held:
        for name in names:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock = os.open(folder / f"{_LOCK}{_mark(name)}", os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as error:
                raise Misuse(f"{folder} cannot be written: {error.strerror}") from error
            held.callback(os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Underway(f"another run is publishing {name} into {folder}", dataset=name) from None
        yield folder / f"{_UNFINISHED}{_mark(*names)}"


def _mark(*names: str) -> str:
    """Names of datasets, as they are asked for, as part of a file's name."""
    return hashlib.sha256("/".join(names).encode()).hexdigest()[:16]


def _taken_up(store: Store, unfinished: Path, wanted: Wanted) -> _Plan | None:
    """What an earlier run had cut, if it is just what is wanted now. What is no longer true is not kept."""
    try:
        plan = pickle.loads((unfinished / _PLAN).read_bytes())  # noqa: S301 - our own, in a folder that only we write
    except (OSError, pickle.UnpicklingError, AttributeError, ImportError, EOFError):
        return None
    if (plan.wanted, plan.program) != (wanted, geoplatform.__version__):
        return None
    with store.reading() as connection:
        if plan.release in releases.names(connection, plan.moment.at.date(), wanted.names):
            return None
    with cutting.moment(store) as today:
        return plan if today.mark == plan.moment.mark else None


def _cut(store: Store, unfinished: Path, wanted: Wanted, progress: Progress, now: dt.datetime) -> _Plan:
    scopes: list[Scope | None] = [cutting.scope_of(store, *scope) for scope in wanted.scopes] or [None]
    with store.reading() as connection:
        datasets = [
            described(connection, name, scope)
            for name in wanted.datasets
            for scope in scopes
            if scope is None or cutting.has_scope(name, scope.level)
        ]
    datasets = [dataset for dataset in datasets if any(FORMATS[name].holds(dataset) for name in wanted.formats)]
    if not datasets:
        levels = ", ".join(sorted({level for level, _ in wanted.scopes})) or "France"
        told = f"{', '.join(wanted.datasets)}: not cut by {levels}, or not as {', '.join(wanted.formats)}"
        raise Misuse(told, value=levels)
    features = any(FORMATS[name].needs_features for name in wanted.formats)
    values = any(not FORMATS[name].needs_features for name in wanted.formats)
    tiles = any(FORMATS[name].needs_tiles for name in wanted.formats)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    slices: list[Slice] = []
    with store.reading() as connection:
        earlier = {release.dataset: release for release in releases.current(connection)}
        taken = releases.names(connection, now.date(), wanted.names)
    with cutting.moment(store) as moment:
        for dataset in datasets:
            with progress.step("cut") as step:
                found = cut(
                    store, moment, dataset, unfinished / "cut" / dataset.name, features=features, values=values,
                    often=CHAINED in wanted.formats, tiles=tiles, step=step,
                    licences=_licences(dataset, moment, earlier.get(dataset.name)),
                )  # fmt: skip
                step.outcome = f"{dataset.name}: {sum(one.count for one in found)} rows"
            slices += found
    release = releases.free_name(now.date(), taken)
    plan = _Plan(wanted, geoplatform.__version__, release, moment, tuple(slices))
    _whole(unfinished / _PLAN, pickle.dumps(plan))
    return plan


def _licences(dataset: Dataset, moment: Moment, earlier: Release | None) -> frozenset[str]:
    """Under which licences a dataset has files whatever its rows are: an address once published stays."""
    if not dataset.holds_points:
        return frozenset({moment.vintage.licence})
    kept = {file.licence for file in earlier.files if file.licence} if earlier else set()
    return frozenset({DEFAULT_LICENCE.value, *kept})


def _written(
    plan: _Plan, unfinished: Path, progress: Progress, workers: int, links: Links
) -> list[tuple[Dataset, ReleasedFile]]:
    """Every data file, and the links of chains that go on, made by some processes at once, the longest work first.

    What an earlier run finished is not made again."""
    formats = [FORMATS[name] for name in plan.wanted.formats]
    tasks = [(rows, format) for rows in plan.slices for format in formats if format.holds(rows.dataset)]
    done: dict[tuple[str, str], ReleasedFile] = {}
    with progress.step("write") as step, processes.pool(workers) as pool:
        waiting = {}
        for rows, format in sorted(tasks, key=lambda task: -task[0].count * task[1].effort):
            target = unfinished / "files" / rows.dataset.name / format.file_name(rows)
            waiting[pool.submit(made, rows, format.name, target)] = (rows, format, target)
        linked = {links.submit(pool, rows): rows for rows in plan.slices if CHAINED in plan.wanted.formats}
        try:
            for future in step.track(as_completed(waiting), total=len(waiting)):
                rows, format, target = waiting[future]
                try:
                    done[rows.dataset.name, target.name] = future.result()
                except (OSError, ValueError, MemoryError, RuntimeError) as error:
                    raise _failed(target.name, error) from error
            for link, rows in linked.items():
                try:
                    links.add(link.result())
                except (OSError, ValueError, MemoryError, RuntimeError) as error:
                    raise _failed(f"the changes of {rows.stem}", error) from error
        finally:
            pool.shutdown(cancel_futures=True)
        step.outcome = f"{len(done)} files"
    return [(rows.dataset, done[rows.dataset.name, format.file_name(rows)]) for rows, format in tasks]


def _failed(name: str, error: Exception) -> ExportFailed:
    what = "its process was ended from outside" if isinstance(error, BrokenProcessPool) else str(error)
    return ExportFailed(f"{name} could not be written: {what}; nothing was published", file=name)


def made(rows: Slice, name: str, target: Path) -> ReleasedFile:
    """One file, written, read back and summed; in a process of its own. ValueError if it does not hold what was cut."""
    format = FORMATS[name]
    receipt = target.with_name(f".{target.name}.json")
    if receipt.exists():
        return ReleasedFile(**json.loads(receipt.read_text()))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    format.write(rows, target)
    with ThreadPoolExecutor(2, "settle") as beside:  # neither holds Python's lock
        sync, total = beside.submit(_synced, target), beside.submit(summed, target)
        found = format.count(target)
        sync.result()
        size, digest = total.result()
    expected = format.rows_of(rows)
    if found != expected:
        raise ValueError(f"{found} rows are read back of {expected} that were cut")
    file = ReleasedFile(target.name, name, format.media_type, rows.licence, found, size, digest)
    _whole(receipt, json.dumps(asdict(file)).encode())
    return file


def _synced(target: Path) -> None:
    """Wait until a file is on disk."""
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _published(
    store: Store,
    folder: Path,
    unfinished: Path,
    plan: _Plan,
    files: Sequence[tuple[Dataset, ReleasedFile]],
    links: Links,
    now: dt.datetime,
) -> list[str]:
    """Papers, then the folders in their places, then the register: the datasets' names."""
    told: list[dict[str, Any]] = []
    for dataset in dict.fromkeys(dataset for dataset, _ in files):
        ready = unfinished / "files" / dataset.name
        own = [file for owner, file in files if owner.name == dataset.name]
        states = [
            state for rows in plan.slices if rows.dataset.name == dataset.name and (state := links.state(rows.stem))
        ]
        everything = [*own, *papers.write(ready, dataset, plan.release, plan.moment, own, states, summed)]
        for receipt in ready.glob(".*.json"):
            receipt.unlink()
        scope = dataset.scope
        told.append({
            "dataset": dataset.name,
            "name": plan.release,
            "collection": dataset.collection,
            "scope": scope and scope.level,
            "scope_code": scope and scope.code,
            "scope_name": scope and scope.name,
            "vintage": plan.moment.vintage.year,
            "change_seq": plan.moment.change_seq,
            "program_version": plan.program,
            "cut_at": plan.moment.at.isoformat(),
            "files": [asdict(file) for file in everything],
        })  # fmt: skip
    for one in told:
        place = folder / one["dataset"] / plan.release
        shutil.rmtree(place, ignore_errors=True)  # of a run that ended just before it was registered
        place.parent.mkdir(exist_ok=True)
        (unfinished / "files" / one["dataset"]).rename(place)
    links.place()

    def register(connection: Connection) -> None:
        releases.register(connection, told, now)
        links.register(connection, now)

    store.writing(register)
    links.settle()
    return [one["dataset"] for one in told]


def summed(path: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256, hex, of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.stat().st_size, digest


def _whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
