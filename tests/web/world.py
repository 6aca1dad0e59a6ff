"""A small map on which every page has something to show, and its readers. From the tests that open every page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from exports.erasure.applying import erase
from exports.publishing import Wanted
from geoplatform import embedded
from geoplatform.progress import Progress
from tests import grid
from tests.exports.conftest import EXPORTER, NOW, Press, sown
from tests.loaders.test_history import keep
from tests.loaders.test_run import LOADER, WAIVED, run
from tests.web.citizens.conftest import Citizen, Town, founded, spot

#: In 2026 commune C is divided among A and B; D has no place, E no limits.
_LATER = "AABDE\nA.BDE\nABBDE"
_WANTED = Wanted(("places", "communes"), ("csv", "geojson", "pmtiles"))


@dataclass(frozen=True)
class World:
    """`names`: what addresses of pages are made with. `readers`: whoever is signed in, by name."""

    town: Town
    names: dict[str, str]
    readers: dict[str, Citizen]


@contextmanager
def world(cluster: embedded.Cluster, template: str, folder: Path) -> Iterator[World]:
    """Two vintages, two releases of which one was taken back, a cut that waits, and citizens who have done all they can."""
    with sown(cluster, template) as database:
        erased = _released(Press(database, folder / "exports"))
        _moved_on(database)
        town = founded(database, folder)
        readers, names = _lived_in(town)
        names["vintage"] = _found(town)
        cut = town.stranger().page("/exports/cuts", "POST", json={"level": "commune", "code": "97401"}).json["number"]
        yield World(town, {**names, "erased": erased, "cut": str(cut)}, readers)


def _released(press: Press) -> str:
    """Identifier of a place that was taken out of the first release, in place of which stands what remains of it."""
    press.publish(_WANTED)
    with press.database.connect() as connection:
        (gone,) = connection.execute(
            """UPDATE geoplatform.place SET status = 'deleted' WHERE id = (
                   SELECT id FROM geoplatform.place WHERE licence = 'ODbL-1.0' AND status = 'published' AND visibility = 'public'
                   ORDER BY id LIMIT 1) RETURNING id::text"""
        ).fetchone()
    press.publish(_WANTED, now=NOW + timedelta(days=1))
    assert erase(press.database.store(EXPORTER), press.folder, Progress(io.StringIO()), workers=2, now=NOW)
    return gone


def _moved_on(database) -> None:
    letters = grid.shapes_of(_LATER)
    shapes = np.array([None if letter == "E" else shape for letter, shape in letters.items()], dtype=object)
    made = grid.boundaries(_LATER, year=2026, shapes=shapes)
    waived = WAIVED | {"geometry", "disappeared", "codes"}
    run.load(
        database.store(LOADER), made, Progress(io.StringIO()), foreign_land=None, now=NOW, commit=True, waived=waived
    )
    keep(database, "2026 97403 97401", "2026 97403 97402")


def _found(town: Town) -> str:
    """Number of the vintage in force, in which checks found a gap."""
    ((number,),) = town.rows("SELECT id FROM published.vintages WHERE state = 'active'")
    town.run(
        """INSERT INTO geoplatform.vintage_finding (vintage_id, ordinal, kind, codes, area_km2, geom)
           SELECT %s, coalesce(max(f.ordinal), 0) + 1, 'gap', ARRAY['97401', '97402'], 0.5,
                  ST_MakeEnvelope(55.09, -21.96, 55.1, -21.95, 4326)
           FROM geoplatform.vintage_finding AS f WHERE f.vintage_id = %s""",
        number,
        number,
    )
    return str(number)


def _lived_in(town: Town) -> tuple[dict[str, Citizen], dict[str, str]]:
    ana, bob, newcomer = town.contributor("ana"), town.contributor("bob"), town.contributor("eva")
    ref = town.referent("ref", "commune", "97401")
    town.trust(ana, bob)
    place = ana.add(
        "Théâtre de la ravine", at=spot(0.3, 0.4), category="culture", phone="0262 00 00 00",
        address="1 rue de la Ravine\n97400 Commune A", opening_hours="Mo-Sa 06:00-19:00", website="https://example.org/",
        description="Une troupe et une scène.\nLe lundi, des ateliers.",
    )  # fmt: skip
    private = ana.add("Chez moi", at=spot(0.6, 0.6), visibility="commune")
    for number in range(5):
        _done(town.contributor(f"amateur{number}").put(f"/places/{place}/appreciation"))
    _done(bob.post(f"/places/{place}/participations", {"role": "comédien", "public": True}))
    _done(ana.post("/me/follows", {"commune_code": "97401"}))
    _done(bob.post(f"/places/{place}/reports", {"reason": "wrong_facts"}))
    _done(
        bob.post(f"/places/{place}/suggestions", {"properties": {"phone": "0262 11 11 11"}, "note": "vu sur la porte"})
    )
    for matter in ref.get("/moderation/queue").json["matters"]:
        accept = {"accept": matter["kind"] == "suggestion", "reason": "as_described"}
        _done(ref.post(f"/moderation/matters/{matter['id']}/decisions", accept))
    _done(bob.post(f"/places/{place}/suggestions", {"properties": {"name": "Théâtre", "website": None}}))
    _done(town.stranger().post(f"/places/{place}/reports", {"reason": "closed", "note": "depuis mai"}))
    newcomer.add("Casino gratuit", at=spot(0.2, 0.2))
    readers = {
        "ana": ana,
        "ref": ref,
        "eva": newcomer,
        "shy": town.citizen("shy"),
        "op": town.referent("op", "operator"),
    }
    return readers, {"place": place, "private": private}


def _done(answer: Any) -> None:
    assert answer.status_code < 300, answer.text
