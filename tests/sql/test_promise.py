"""Status, visibility and licence decide what leaves the database, in one place for every way out."""

from __future__ import annotations

import datetime as dt
import json
import uuid

import mapbox_vector_tile
import pytest

from geoplatform.model import Kind, Licence, LonLat, Submission, Visibility
from tests import grid
from tests.conftest import entered

DRAWING = "AB"
HERE = grid.at(DRAWING, 0.5, 0.5)
PATHS = {
    "page": "/places/{id}?f=html",
    "feature": "/places/{id}?f=geojson",
    "api": "/api/v1/places/{id}",
    "home": "/",
    "commune page": "/communes/97401?f=html",
    "commune page by words": "/communes/97401?f=html&q=canary&fresh=1",
    "poster": "/communes/97401/poster.svg",
    "geojson dump": "/communes/97401/places.geojson",
    "csv dump": "/communes/97401/places.csv",
    "page of a vintage": "/communes/97401?f=html&vintage=2025",
    "geojson dump of a vintage": "/communes/97401/places.geojson?vintage=2025",
    "csv dump of a vintage": "/communes/97401/places.csv?vintage=2025",
    "geojson tile": "/tiles/places/14/{x}/{y}.geojson",
    "cluster tile": "/tiles/places/5/{x5}/{y5}.geojson",
    "vector tile": "/tiles/places/14/{x}/{y}.mvt",
}
BULK = {way for way in PATHS if "dump" in way or way == "poster"}


def tile_of(position: LonLat, z: int) -> tuple[int, int]:
    import math

    side = 1 << z
    latitude = math.radians(position.lat)
    return int((position.lon + 180) / 360 * side), int((1 - math.asinh(math.tan(latitude)) / math.pi) / 2 * side)


@pytest.fixture
def planted(database, draw):
    """Identifier of a public place named CANARY, made through the web's own function."""
    draw(DRAWING)
    identifier = uuid.uuid4()
    submission = Submission(
        id=identifier,
        kind=Kind.ASSOCIATION,
        name="CANARY",
        position=HERE,
        category="music",
        address="12 rue CANARY",
        licence=Licence.ODBL,
    )
    store = database.store("geoplatform_web")
    assert store.writing(lambda connection: entered(connection, submission)).is_new
    return identifier


def seen(client, identifier) -> set[str]:
    """The ways out by which the canary is seen."""
    (x, y), (x5, y5) = tile_of(HERE, 14), tile_of(HERE, 5)
    found = set()
    for way, path in PATHS.items():
        answer = client.get(path.format(id=identifier, x=x, y=y, x5=x5, y5=y5))
        assert answer.status_code < 500
        if b"CANARY" in answer.data or (
            way == "vector tile" and answer.data and "CANARY" in str(mapbox_vector_tile.decode(answer.data))
        ):
            found.add(way)
    return found


def change(database, identifier, column, value):
    with database.connect() as connection:
        connection.execute(f"UPDATE geoplatform.place SET {column} = %s WHERE id = %s", (value, identifier))


def test_a_published_public_place_is_seen_everywhere(client, planted):
    assert seen(client, planted) == set(PATHS)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "held"),
        ("status", "withheld"),
        ("status", "hidden"),
        ("status", "deleted"),
        ("visibility", "private"),
    ],
)
def test_one_flag_flipped_and_it_is_seen_nowhere(client, database, planted, column, value):
    change(database, planted, column, value)
    assert seen(client, planted) == set()


def test_display_only_is_on_the_map_and_in_no_download(client, database, planted):
    change(database, planted, "licence", "display-only")
    assert seen(client, planted) == set(PATHS) - BULK


def test_a_place_shown_at_commune_level_keeps_its_point_and_address(client, database, planted):
    change(database, planted, "visibility", Visibility.COMMUNE)
    assert not seen(client, planted) & {"geojson tile", "vector tile", "cluster tile"}
    feature = client.get(f"/api/v1/places/{planted}").get_json(force=True)
    assert feature["geometry"] is None
    assert feature["properties"]["commune_code"] == "97401"
    assert feature["properties"]["address"] is None
    assert feature["properties"]["distance_m"] is feature["properties"]["verdict"] is None
    assert client.get(f"/places/{planted}", headers={"Accept": "text/html"}).status_code == 200
    everything = b"".join(client.get(PATHS[way]).data for way in BULK)
    assert b"12 rue" not in everything
    assert str(round(HERE.lon, 3)).encode() not in everything


def test_the_licence_travels_with_the_place(client, planted):
    collection = json.loads(client.get("/communes/97401/places.geojson").data)
    assert [f["properties"]["licence"] for f in collection["features"]] == ["ODbL-1.0"]


def test_nothing_public_tells_who_did_it_or_the_second(client, database, planted):
    feature = client.get(f"/api/v1/places/{planted}").get_json(force=True)
    assert feature["properties"]["created_on"] == dt.date(2026, 11, 22).isoformat()
    assert "tests" not in json.dumps(feature).replace('"source_name"', "")
    columns = {name for (name,) in database.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'published'")}  # fmt: skip
    assert not columns & {"actor", "created_at", "modified_at", "contributor_id", "email", "secret_sha256"}
