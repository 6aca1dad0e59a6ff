"""Status, visibility and licence decide what leaves by /ogc, whatever the format."""

from __future__ import annotations

import io
import json

import pyarrow.parquet as pq
import pyogrio.raw
import pytest
import shapely

from tests import grid
from tests.web.ogc.planting import DRAWING, ITEMS, plant_each

HERE = grid.at(DRAWING, 0.4213, 0.6127)
FORMS = ("json", "html", "csv", "geojsonseq", "fgb", "parquet")
SEARCHED = ("json", "csv", "geojsonseq")
AREA = {"type": "Polygon", "coordinates": [[[54, -23], [57, -23], [57, -20], [54, -20], [54, -23]]]}
#: Ways to ask for it: each walk, each condition that would be true of it.
ASKED = [
    {}, {"limit": 1, "offset": 9}, {"bbox": "54,-23,57,-20"}, {"commune_code": grid.code_of("C")}, {"sortby": "-name"},
    {"name": "CANARY"},
    {"filter": "CASEI(name) LIKE CASEI('canary%') OR address LIKE '%CANARY%'"},
    {"filter": "S_DWITHIN(geom, POINT(55.04213 -21.93873), 5)"},
    {"crs": "EPSG:2975"}, {"datetime": "2000-01-01/.."},
]  # fmt: skip


@pytest.fixture
def canary(database, client, planted):
    """A public place with an address, among nine others."""
    facts = {"name": "CANARY", "position": HERE, "address": "12 rue CANARY", "phone": "0262 12 34 56"}
    return plant_each(database, client, [facts])[0].id


def change(client, database, identifier, column, value):
    with database.connect() as connection:
        connection.execute(f"UPDATE geoplatform.place SET {column} = %s WHERE id = %s", (value, identifier))
    client.application.extensions["geoplatform"][5].wrote()


def readable(form, body, tmp_path):
    """What a reader of this format sees, geometries included, as one text."""
    if form == "fgb":
        (tmp_path / "read.fgb").write_bytes(body)
        _, _, shapes, columns = pyogrio.raw.read(tmp_path / "read.fgb")
        return str([column.tolist() for column in columns]) + str(shapely.from_wkb(shapes).tolist())
    if form == "parquet":
        table = pq.read_table(io.BytesIO(body))
        return str(table.drop(["geom"]).to_pylist()) + str(shapely.from_wkb(table["geom"].to_pylist()).tolist())
    return body.decode()


def answers(client, identifier, tmp_path):
    """Each way out and what it says: (its name, its text)."""
    for form in FORMS:
        for query in ASKED:
            if "crs" in query and form not in ("json", "geojsonseq"):
                continue
            answer = client.get(ITEMS.format("places"), query_string={**query, "f": form})
            assert answer.status_code == 200, answer.text
            yield f"items {form} {query}", readable(form, answer.data, tmp_path)
    for form in ("json", "html"):
        answer = client.get(f"{ITEMS.format('places')}/{identifier}?f={form}")
        assert answer.status_code in (200, 404)
        yield f"item {form}", answer.text if answer.status_code == 200 else ""
    for form in SEARCHED:
        for body in ({}, {"geometry": AREA}, {"filter": "name = 'CANARY'"}):
            answer = client.post(f"/ogc/search?f={form}", json=body)
            assert answer.status_code == 200
            yield f"search {form} {sorted(body)}", answer.text


def seen(client, identifier, tmp_path):
    """The ways out by which the identifier is met."""
    return {way for way, text in answers(client, identifier, tmp_path) if str(identifier) in text}


def test_a_published_public_place_is_met_by_each_way_that_asks_for_it(client, canary, tmp_path):
    met = seen(client, canary, tmp_path)
    every = {way for way, _ in answers(client, canary, tmp_path)}
    assert {way for way in every - met if "offset" not in way} == set()


@pytest.mark.parametrize(
    ("column", "value"),
    [("status", "held"), ("status", "withheld"), ("status", "hidden"), ("status", "deleted"), ("visibility", "private"),
     ("licence", "display-only")],
)  # fmt: skip
def test_one_flag_flipped_and_it_leaves_by_no_way(client, database, canary, tmp_path, column, value):
    change(client, database, canary, column, value)
    for way, text in answers(client, canary, tmp_path):
        # The name is in what a page repeats of the question: the facts of the place are not.
        assert not [fact for fact in (str(canary), "12 rue", "0262 12 34 56") if fact in text], way
    counted = json.loads(client.get(ITEMS.format("places")).data)
    assert (counted["numberMatched"], client.get("/ogc/collections/places").json["itemCount"]) == (9, 9)


def test_a_place_at_commune_level_shows_neither_point_nor_address(client, database, canary, tmp_path):
    change(client, database, canary, "visibility", "commune")
    met = set()
    for way, text in answers(client, canary, tmp_path):
        met |= {way} if str(canary) in text else set()
        assert "12 rue" not in text, way
        assert ("55.0421" not in text and "21.938" not in text) or "S_DWITHIN" in way, way
    assert not {way for way in met if "bbox" in way or "S_DWITHIN" in way or "geometry" in way}
    assert {"item json", "items csv {}", "items fgb {}", "items parquet {}", "search json []"} <= met
    for form in ("json", "geojsonseq"):
        text = client.get(ITEMS.format("places"), query_string={"name": "CANARY", "f": form}).text
        content = json.loads(text.strip("\x1e"))
        feature = content["features"][0] if form == "json" else content
        assert feature["geometry"] is None
        shown = feature["properties"]
        assert (shown["address"], shown["distance_m"], shown["verdict"]) == (None, None, None)
        assert shown["commune_code"] == grid.code_of("C")
