"""The register of changes between states of released files. From `exports` and `web`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, func, select, text

from geoplatform.store.tables import diffs


@dataclass(frozen=True, slots=True)
class Diff:
    """A state of a chain, and the diff that leads to it. `chain`: name of the file without ending; `seq`: from 0;
    `*_sha256`, `*_rows`: of the features as lines before and afterwards; `prev`, `sha256`: of the diff before and of this;
    `state`: kept or withdrawn. A beginning has no diff: nothing is known of before.
    """

    dataset: str
    chain: str
    licence: str
    seq: int
    from_sha256: str | None
    to_sha256: str
    from_rows: int | None
    to_rows: int
    prev: str | None
    sha256: str | None
    bytes: int | None
    created: int
    modified: int
    deleted: int
    cut_at: dt.datetime
    published_at: dt.datetime
    state: str

    @property
    def is_kept(self) -> bool:
        """Whether there is a diff to download."""
        return self.sha256 is not None and self.state == "kept"


def register(connection: Connection, made: Sequence[Diff], now: dt.datetime) -> None:
    """Publish these."""
    if made:
        told = json.dumps([asdict(one) for one in made], default=dt.datetime.isoformat)
        connection.execute(
            text("SELECT published.register_diffs(CAST(:told AS jsonb), :now)"), {"told": told, "now": now}
        )


def withdraw(connection: Connection, chain: str, up_to: int) -> None:
    """Take back the diffs of a chain up to a number."""
    connection.execute(text("SELECT published.withdraw_diffs(:chain, :up_to)"), {"chain": chain, "up_to": up_to})


def tips(connection: Connection) -> dict[str, Diff]:
    """The last state of each chain, by its name."""
    last = select(diffs.c.chain, func.max(diffs.c.seq).label("seq")).group_by(diffs.c.chain).subquery()
    rows = connection.execute(
        select(diffs).join(last, (diffs.c.chain == last.c.chain) & (diffs.c.seq == last.c.seq)).order_by(diffs.c.chain)
    )
    return {row.chain: Diff(*row) for row in rows}


def listed(connection: Connection, dataset: str, chain: str | None = None) -> list[Diff]:
    """Every state of a dataset's chains, or of one of them; the latest of each first."""
    query = select(diffs).where(diffs.c.dataset == dataset)
    if chain is not None:
        query = query.where(diffs.c.chain == chain)
    return [Diff(*row) for row in connection.execute(query.order_by(diffs.c.chain, diffs.c.seq.desc()))]


def get(connection: Connection, dataset: str, chain: str, seq: int) -> Diff | None:
    """One state of a chain."""
    row = connection.execute(
        select(diffs).where(diffs.c.dataset == dataset, diffs.c.chain == chain, diffs.c.seq == seq)
    ).first()
    return Diff(*row) if row else None


def known(connection: Connection, dataset: str) -> bool:
    """Whether a dataset has chains."""
    return connection.execute(select(diffs.c.seq).where(diffs.c.dataset == dataset).limit(1)).first() is not None


def withdrawn(connection: Connection) -> list[tuple[str, str, int]]:
    """Diffs that were taken back: dataset, chain, number."""
    rows = connection.execute(
        select(diffs.c.dataset, diffs.c.chain, diffs.c.seq).where(
            diffs.c.state == "withdrawn", diffs.c.sha256.is_not(None)
        )
    )
    return [(row[0], row[1], row[2]) for row in rows]


def outdated(connection: Connection, before: dt.datetime) -> dict[str, int]:
    """The last number of each chain that was published before a moment and is still kept."""
    rows = connection.execute(
        select(diffs.c.chain, func.max(diffs.c.seq))
        .where(diffs.c.published_at < before, diffs.c.state == "kept")
        .group_by(diffs.c.chain)
    )
    return {row[0]: row[1] for row in rows}
