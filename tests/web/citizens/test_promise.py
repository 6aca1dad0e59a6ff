"""One flag flipped (licence, visibility, consent, status) through the API, and a contribution leaves by every way out."""

from __future__ import annotations

import gzip
import io
import json

import mapbox_vector_tile
import pytest

from exports.changes import chain
from exports.changes.publishing import publish_changes
from exports.erasure.applying import erase
from exports.publishing import Wanted, publish
from geoplatform.progress import Progress
from geoplatform.store import looks
from geoplatform.web.qgis.layers import styles_of_views
from tests import grid
from tests.exports.conftest import EXPORTER, NOW
from tests.sql.test_promise import tile_of
from tests.web.citizens.conftest import DRAWING, Citizen, spot

WAYS = {
    "page": "/places/{id}?f=html",
    "feature": "/places/{id}?f=geojson",
    "api": "/api/v1/places/{id}",
    "history": "/api/v1/places/{id}/versions",
    "day": "/api/v1/communes/97401/places?at=2999-01-01",
    "duplicates": "/api/v1/places/duplicates?name=CANARY&lon={lon}&lat={lat}",
    "commune page": "/communes/97401?f=html",
    "commune download": "/communes/97401/places.csv",
    "feed of the commune": "/communes/97401/changes.atom",
    "items": "/ogc/collections/places/items?f=json",
    "item": "/ogc/collections/places/items?f=csv&name=CANARY",
    "tile": "/tiles/places/14/{x}/{y}.geojson",
    "vector tile": "/tiles/places/14/{x}/{y}.mvt",
    "own feed": "{feed}",
}
#: Lists and downloads, which a place for display only is in none of.
BULK = {"day", "commune download", "items", "item"}
FLIPS = {
    "status: its keeper deletes it": lambda town, ana, place: ana.delete(f"/places/{place}"),
    "status: a referent hides it": lambda town, ana, place: hide(town, place),
    "visibility": lambda town, ana, place: ana.patch(f"/places/{place}", {"properties": {"visibility": "private"}}),
    "consent": lambda town, ana, place: ana.agree(given=False),
    "leaving": lambda town, ana, place: ana.post("/me/leaving", {"otherwise": "delete", "confirm": True}),
}


def hide(town, place):
    ref = town.referent("ref")
    matter = town.stranger().post(f"/places/{place}/reports", {"reason": "spam"}).json["id"]
    decided = ref.post(
        f"/moderation/matters/{matter}/decisions", {"accept": True, "reason": "spam", "action": "hidden"}
    )
    assert decided.status_code == 200


def seen(town, place: str, feed: str) -> set[str]:
    town.database.settle()
    client, (lon, lat) = town.app.test_client(), spot(0.5, 0.5)
    x, y = tile_of(grid.at(DRAWING, 0.5, 0.5), 14)
    found = set()
    for way, path in WAYS.items():
        answer = client.get(path.format(id=place, x=x, y=y, lon=lon, lat=lat, feed=feed))
        assert answer.status_code < 500, way
        content = (
            str(mapbox_vector_tile.decode(answer.data)).encode()
            if way == "vector tile" and answer.data
            else answer.data
        )
        if b"CANARY" in content:
            found.add(way)
    return found


def planted(town) -> tuple[Citizen, str, str]:
    ana = town.contributor("ana")
    town.trust(ana)
    place = ana.add("CANARY", spot(0.5, 0.5), licence="ODbL-1.0", address="12 rue CANARY")
    feed = (
        town.contributor("bob")
        .post("/me/follows", {"commune_code": "97401"})
        .json["feed"]
        .removeprefix("http://localhost")
    )
    return ana, place, feed


def count(town) -> int:
    return (
        town.app.test_client().get("/ogc/collections/places/items?f=json&limit=1").get_json(force=True)["numberMatched"]
    )


@pytest.mark.parametrize("flip", FLIPS)
def test_one_flag_flipped_and_it_leaves_by_every_way(town, flip):
    ana, place, feed = planted(town)
    assert seen(town, place, feed) == set(WAYS)
    assert count(town) == 1
    FLIPS[flip](town, ana, place)
    assert seen(town, place, feed) == set()
    assert count(town) == 0
    assert place in town.app.test_client().get("/communes/97401/changes.atom").get_data(as_text=True)  # that it went


def test_consent_given_again_shows_it_again(town):
    ana, place, feed = planted(town)
    ana.agree(given=False)
    assert ana.get("/me/places").get_json(force=True)["features"][0]["properties"]["status"] == "withheld"
    ana.agree()
    assert seen(town, place, feed) == set(WAYS)


def test_for_display_only_it_is_on_the_map_and_in_no_list(town):
    ana, place, feed = planted(town)
    ana.patch(f"/places/{place}", {"properties": {"licence": "display-only"}})
    assert seen(town, place, feed) == set(WAYS) - BULK
    assert count(town) == 0


@pytest.mark.parametrize("flip", FLIPS)
def test_it_leaves_the_next_release_and_the_diffs_say_that_it_went(town, flip, tmp_path):
    ana, place, _ = planted(town)
    ana.add("Reste", spot(0.2, 0.2), licence="ODbL-1.0") if flip not in ("consent", "leaving") else None
    with town.database.store("geoplatform_owner").transaction() as connection:
        looks.keep(connection, styles_of_views(town.app))
    store, wanted = town.database.store(EXPORTER), Wanted(("places",), ("geojsonseq", "csv", "gpkg"))
    folder = tmp_path / "exports"
    publish(store, folder, wanted, Progress(io.StringIO()), workers=1, now=NOW)
    assert b"CANARY" in contents(folder / "places" / "2026-11-29")
    FLIPS[flip](town, ana, place)
    publish(store, folder, wanted, Progress(io.StringIO()), workers=1, now=NOW.replace(day=30))
    publish_changes(store, folder, Progress(io.StringIO()), workers=1, now=NOW.replace(day=30))
    erase(store, folder, Progress(io.StringIO()), workers=1, now=NOW.replace(day=30))
    assert b"CANARY" not in contents(folder)  # it left the earlier release too
    diffs = chain.folder_of(folder, "places", "places-odbl-1.0")
    lines = [
        json.loads(line) for file in diffs.glob("*.gz") for line in gzip.decompress(file.read_bytes()).splitlines()
    ]
    assert {line["id"] for line in lines if line.get("op") == "delete"} == {place}


def contents(folder) -> bytes:
    found = b""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            found += gzip.decompress(data) if file.suffix == ".gz" else data
    return found
