"""The register of releases: what was published as files, and under which checksums. From `exports` and `web`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, text, true

from geoplatform.store.tables import release_files, releases


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """One file of a release. `format`: as `geoplatform publish` names it, `paper` for what explains the others;
    `licence`: SPDX; `rows`: features in it; `sha256`: hex.
    """

    name: str
    format: str
    media_type: str
    licence: str | None
    rows: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Release:
    """A dataset of a release. `state`: current or earlier; `change_seq`: the last change it holds."""

    dataset: str
    name: str
    collection: str
    scope: str | None
    scope_code: str | None
    scope_name: str | None
    vintage: int
    change_seq: int
    program_version: str
    cut_at: dt.datetime
    published_at: dt.datetime
    state: str
    files: tuple[ReleasedFile, ...]


@dataclass(frozen=True, slots=True)
class Download:
    """A file as it is asked for, with the release it belongs to."""

    release: str
    published_at: dt.datetime
    file: ReleasedFile


def register(connection: Connection, told: Sequence[dict[str, Any]], now: dt.datetime) -> None:
    """Make these datasets current, all of them or none, as `published.register_release` takes them."""
    connection.execute(
        text("SELECT published.register_release(CAST(:told AS jsonb), :now)"),
        {"told": json.dumps(told), "now": now},
    )


def withdraw(connection: Connection, told: Sequence[tuple[str, str]]) -> None:
    """Take back earlier releases, (dataset, name): they are no longer served."""
    rows = [{"dataset": dataset, "name": name} for dataset, name in told]
    connection.execute(text("SELECT published.withdraw_releases(CAST(:told AS jsonb))"), {"told": json.dumps(rows)})


def withdrawn(connection: Connection) -> list[tuple[str, str]]:
    """Releases that were taken back, (dataset, name)."""
    return [(row.dataset, row.name) for row in connection.execute(text("SELECT * FROM published.withdrawn_releases()"))]


def names(connection: Connection, day: dt.date, datasets: Sequence[str]) -> set[str]:
    """Names that releases of a day already have in these datasets; also those that were taken back: a name is given once."""
    like = releases.c.name.startswith(day.isoformat()) & releases.c.dataset.in_(datasets)
    kept = connection.execute(select(releases.c.name).where(like).distinct()).scalars()
    return {*kept, *(name for dataset, name in withdrawn(connection) if dataset in datasets)}


def free_name(day: dt.date, taken: Collection[str]) -> str:
    """A name for a release of a day that is not given yet."""
    names = (day.isoformat(), *(f"{day}-{number}" for number in range(2, 10_000)))
    return next(name for name in names if name not in taken)


def current(connection: Connection, of: Collection[str] | None = None, *, with_files: bool = True) -> list[Release]:
    """The latest release of each dataset, or of some, by name of the dataset."""
    wanted = releases.c.state == "current"
    return list(_read(connection, wanted if of is None else wanted & releases.c.dataset.in_(of), with_files))


def current_name(connection: Connection, dataset: str) -> str | None:
    """Name of the latest release of a dataset."""
    query = select(releases.c.name).where(releases.c.dataset == dataset, releases.c.state == "current")
    return connection.execute(query).scalar()


def every(connection: Connection, *, with_files: bool = False) -> list[Release]:
    """All the releases that may be downloaded, by name of the dataset, the latest first."""
    return list(_read(connection, true(), with_files))


def listed(connection: Connection, dataset: str) -> list[Release]:
    """All the releases of a dataset that may be downloaded, the latest first; without their files."""
    return list(_read(connection, releases.c.dataset == dataset, with_files=False))


def named(connection: Connection, dataset: str, name: str) -> Release | None:
    """One release of a dataset that may be downloaded."""
    return next(iter(_read(connection, (releases.c.dataset == dataset) & (releases.c.name == name))), None)


def known(connection: Connection, dataset: str, name: str | None = None) -> bool:
    """Whether a dataset has this release, or any."""
    query = select(releases.c.id).where(releases.c.dataset == dataset)
    return connection.execute(query.where(releases.c.name == name) if name else query).first() is not None


def download(connection: Connection, dataset: str, name: str | None, file: str) -> Download | None:
    """A file of a release, of the current one where no name is given."""
    of = releases.c.name == name if name else releases.c.state == "current"
    row = connection.execute(
        select(releases.c.name.label("release"), releases.c.published_at, release_files)
        .join(release_files, release_files.c.release_id == releases.c.id)
        .where(releases.c.dataset == dataset, of, release_files.c.name == file)
    ).first()
    return Download(row[0], row[1], ReleasedFile(*row[4:])) if row else None


def count_fetches(connection: Connection, counts: Mapping[tuple[str, str, str], int], day: dt.date) -> None:
    """Add how often files were fetched on a day, by (dataset, release, name)."""
    told = [
        {"dataset": dataset, "release": release, "name": name, "fetches": count}
        for (dataset, release, name), count in counts.items()
    ]
    query = text("SELECT published.count_fetches(CAST(:told AS jsonb), :day)")
    connection.execute(query, {"told": json.dumps(told), "day": day})


def _read(connection: Connection, condition: Any, with_files: bool = True) -> Iterable[Release]:
    found = connection.execute(
        select(releases)
        .where(condition)
        .order_by(releases.c.dataset, releases.c.cut_at.desc(), releases.c.published_at.desc())
    ).all()
    files: dict[int, list[ReleasedFile]] = {}
    query = select(release_files).where(release_files.c.release_id.in_([row.id for row in found if with_files]))
    for row in connection.execute(query.order_by(release_files.c.ordinal)):
        files.setdefault(row.release_id, []).append(ReleasedFile(*row[2:]))
    for row in found:
        facts = dict(row._mapping)
        own = tuple(files.get(facts.pop("id"), ()))
        yield Release(**facts, files=own)
