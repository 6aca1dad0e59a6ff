"""Cuts on demand: the places of a scope as files, when somebody asks for them. From `web`, which asks, and `exports`, whose worker
makes them. What is to be done lies in the queue, as procrastinate keeps it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select, text

from geoplatform.store.tables import cuts

#: What may be asked for.
LEVELS = ("commune", "epci", "department")
#: The queue's name, and where its tables are.
QUEUE, SCHEMA = "cuts", "queue"
Problem = Literal["full", "gone", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut and how far it has come. `state`: waiting, running, done or failed; `done` of `total`: rows or files of the `step`;
    `ahead`: cuts before it; `is_attended`: whether any worker is there.
    """

    id: int
    level: str
    code: str
    name: str
    state: str
    requested_at: dt.datetime
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    step: str | None
    done: int
    total: int | None
    release: str | None
    problem: Problem | None
    ahead: int | None
    is_attended: bool

    @property
    def dataset(self) -> str:
        """What it is called among releases."""
        return dataset_of(self.level, self.code)


@dataclass(frozen=True, slots=True)
class Requested:
    """What became of a request. `outcome`: unknown, current (`release` holds it), joined or queued (`number` is the cut), full."""

    outcome: str
    number: int | None
    release: str | None


def dataset_of(level: str, code: str) -> str:
    """Name of the dataset of a scope's places."""
    return f"places-{level}-{code}"


def request(connection: Connection, level: str, code: str, now: dt.datetime) -> Requested:
    """Ask for the places of a scope, as `published.request_cut` does. `level`: one of `LEVELS`."""
    row = connection.execute(
        text("SELECT * FROM published.request_cut(:level, :code, :now)"), {"level": level, "code": code, "now": now}
    ).one()
    return Requested(*row)


def get(connection: Connection, number: int) -> Cut | None:
    """The cut of this number, if it is still known."""
    row = connection.execute(select(cuts).where(cuts.c.id == number)).first()
    return Cut(*row) if row else None


def begin(connection: Connection, number: int, now: dt.datetime) -> tuple[str, str] | None:
    """Take a cut up: its (level, code), None if it has ended."""
    row = connection.execute(
        text("SELECT level, code FROM published.begin_cut(:number, :now)"), {"number": number, "now": now}
    ).first()
    return (row[0], row[1]) if row else None


def tell(connection: Connection, number: int, step: str, done: int, total: int | None) -> None:
    """Say how far a cut has come."""
    connection.execute(
        text("SELECT published.tell_cut(:number, :step, :done, :total)"),
        {"number": number, "step": step, "done": done, "total": total},
    )


def end(
    connection: Connection,
    number: int,
    now: dt.datetime,
    *,
    release: str | None = None,
    problem: Problem | None = None,
) -> None:
    """End a cut with its release or its problem; with neither it waits again. One that has ended stays as it is."""
    connection.execute(
        text("SELECT published.end_cut(:number, :release, :problem, :now)"),
        {"number": number, "release": release, "problem": problem, "now": now},
    )


def mend(connection: Connection, now: dt.datetime) -> int:
    """How many cuts were under way without a job: they are failed now."""
    return int(connection.execute(text("SELECT published.mend_cuts(:now)"), {"now": now}).scalar_one())
