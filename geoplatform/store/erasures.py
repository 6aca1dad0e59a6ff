"""The register of erasures: which contribution left which release. From `exports` and `web`."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Connection, func, select, text

from geoplatform.store.tables import erasures

Reason = Literal["withdrawn", "position"]


@dataclass(frozen=True, slots=True)
class Gone:
    """A contribution that a release may no longer hold. `reason`: withdrawn, or position: it is shown at commune level now."""

    place_id: str
    licence: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Erasure:
    """That a contribution left a release. `seq`: number, in order of time; `replaced_by`: name of the release that stands there
    instead. Which release is not told of a part of France."""

    seq: int
    place_id: uuid.UUID
    licence: str
    reason: str
    erased_on: dt.date
    dataset: str | None
    release: str | None
    replaced_by: str | None


@dataclass(frozen=True, slots=True)
class ErasedFile:
    """A file that held a contribution, and what stands there instead; checksums are SHA-256, hex. Of a release of a part of France
    only when and why it was withdrawn."""

    dataset: str | None
    release: str | None
    erased_on: dt.date
    reason: str
    name: str | None
    licence: str
    sha256: str | None
    replaced_by: str | None
    replaced_sha256: str | None


def replace(
    connection: Connection,
    dataset: str,
    name: str,
    told: dict[str, Any] | None,
    gone: Sequence[Gone],
    now: dt.datetime,
) -> None:
    """Withdraw a release, and publish another in its place (`told`, as `releases.register` takes one) where there is one."""
    connection.execute(
        text("SELECT published.replace_release(:dataset, :name, CAST(:told AS jsonb), CAST(:gone AS jsonb), :now)"),
        {
            "dataset": dataset,
            "name": name,
            "told": None if told is None else json.dumps(told),
            "gone": json.dumps([asdict(one) for one in gone]),
            "now": now,
        },
    )


def after(connection: Connection, seq: int, most: int) -> list[Erasure]:
    """What was erased after a number, the earliest first."""
    query = select(erasures).where(erasures.c.seq > seq).order_by(erasures.c.seq).limit(most)
    return [Erasure(*row) for row in connection.execute(query)]


def latest(connection: Connection, most: int) -> dict[uuid.UUID, dt.date]:
    """The places that were erased last, the latest first, with the day."""
    last = func.max(erasures.c.seq)
    query = (
        select(erasures.c.place_id, func.max(erasures.c.erased_on)).group_by(erasures.c.place_id).order_by(last.desc())
    )
    return {row[0]: row[1] for row in connection.execute(query.limit(most))}


def receipt(connection: Connection, place_id: uuid.UUID) -> list[ErasedFile]:
    """The files that held a place, and those that stand there instead."""
    rows = connection.execute(text("SELECT * FROM published.erased_files(:place)"), {"place": place_id})
    return [ErasedFile(*row) for row in rows]


def replacement(connection: Connection, dataset: str, name: str) -> str | None:
    """What stands in place of a release that was withdrawn: '' if nothing does. None for a release that is there, or never was."""
    return connection.execute(
        text("SELECT published.replacement_of(:dataset, :name)"), {"dataset": dataset, "name": name}
    ).scalar()
