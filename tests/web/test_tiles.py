"""Tiles: MVT and GeoJSON are the same features, clipped, wound, counted once."""

from __future__ import annotations

import gzip
import json
import math

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from pyproj import Transformer

from tests import grid

DRAWING = "AAB\nA.B\nCCB"
TO_LONLAT = Transformer.from_crs(3857, 4326, always_xy=True).transform


def tile_at(z: int, column: float, row: float) -> tuple[int, int, int]:
    spot, side = grid.at(DRAWING, column, row), 1 << z
    down = (1 - math.asinh(math.tan(math.radians(spot.lat))) / math.pi) / 2
    return z, int((spot.lon + 180) / 360 * side), int(down * side)


def mvt(client, layer, z, x, y):
    answer = client.get(f"/tiles/{layer}/{z}/{x}/{y}.mvt")
    assert answer.status_code in (200, 204)
    return mapbox_vector_tile.decode(answer.data, default_options={"y_coord_down": True}) if answer.data else {}


def geojson(client, layer, z, x, y):
    answer = client.get(f"/tiles/{layer}/{z}/{x}/{y}.geojson")
    assert answer.status_code == 200
    assert answer.mimetype == "application/geo+json"
    return json.loads(answer.data)


def in_degrees(geometry, z, x, y):
    unit = 40075016.685578488 / (1 << z) / 4096

    def move(tile):
        return np.column_stack(
            TO_LONLAT(
                (x * 4096 + tile[:, 0]) * unit - 20037508.342789244, 20037508.342789244 - (y * 4096 + tile[:, 1]) * unit
            )
        )

    return shapely.transform(shapely.geometry.shape(geometry), move)


@pytest.mark.parametrize("z", [0, 5, 8, 9, 10, 12, 14, 18, 22])
@pytest.mark.parametrize("layer", ["communes", "departments"])
def test_mvt_and_geojson_hold_the_same_features_and_geometry(client, draw, layer, z):
    draw(DRAWING)
    z, x, y = tile_at(z, 1.97, 0.53)
    decoded = mvt(client, layer, z, x, y).get(layer, {"features": []})["features"]
    collection = geojson(client, layer, z, x, y)["features"]
    assert [f["id"] for f in collection] == [f["id"] for f in decoded]
    assert [f["properties"] for f in collection] == [f["properties"] for f in decoded]
    assert z < 8 or collection
    degrees_per_unit = 360 / (1 << z) / 4096
    for plain, packed in zip(collection, decoded, strict=True):
        ours, theirs = shapely.geometry.shape(plain["geometry"]), in_degrees(packed["geometry"], z, x, y)
        assert shapely.hausdorff_distance(ours, theirs) < 1.5 * degrees_per_unit
        assert ours.is_valid
        for polygon in shapely.get_parts(ours):
            assert polygon.exterior.is_ccw  # RFC 7946 §3.1.6
        west, south, east, north = in_degrees(
            shapely.geometry.mapping(shapely.box(-64, -64, 4160, 4160)), z, x, y
        ).bounds
        slack = degrees_per_unit
        assert west - slack <= ours.bounds[0] and ours.bounds[2] <= east + slack
        assert south - slack <= ours.bounds[1] and ours.bounds[3] <= north + slack


def test_the_tile_says_what_the_map_says(client, draw):
    draw(DRAWING)
    found = mvt(client, "communes", *tile_at(8, 0.5, 1.5))["communes"]
    assert found["extent"] == 4096
    assert [(f["id"], f["properties"]["code"], f["properties"]["name"]) for f in found["features"]] == [
        (97401, "97401", "Commune A"),
        (97402, "97402", "Commune B"),
        (97403, "97403", "Commune C"),
    ]


def places_in(database, count):
    from geoplatform.store import places
    from tests.conftest import NOW
    from tests.loaders.test_places import synthetic_rows

    rows = synthetic_rows(database, count, 11)
    with database.store("geoplatform_loader").transaction() as connection:
        places.load_bulk(connection, rows, "synthetic", NOW)


@pytest.mark.parametrize("z", [0, 1, 4, 7, 9])
def test_every_place_is_counted_in_exactly_one_tile_of_a_zoom(client, database, draw, z):
    draw(DRAWING)
    places_in(database, 400)
    shown = database.rows("SELECT count(*) FROM published.places WHERE geom_3857 IS NOT NULL")[0][0]
    side = 1 << z
    corners = [tile_at(z, c, r) for c in (-12, 12) for r in (-12, 12)]
    xs, ys = [x for _, x, _ in corners], [y for _, _, y in corners]
    total, kinds = 0, 0
    for x in range(max(0, min(xs)), min(side, max(xs) + 1)):
        for y in range(max(0, min(ys)), min(side, max(ys) + 1)):
            for feature in mvt(client, "places", z, x, y).get("places", {"features": []})["features"]:
                properties = feature["properties"]
                total += properties["point_count"]
                kinds += sum(properties[kind] for kind in ("merchants", "services", "associations", "projects"))
                assert ("id" in properties) == (properties["point_count"] == 1)
    assert total == kinds == shown == 400


def test_single_places_carry_what_a_popup_needs(client, database, draw):
    draw(DRAWING)
    places_in(database, 60)
    z, x, y = tile_at(14, 0.5, 0.5)
    features = [
        feature
        for tile_x in range(x - 2, x + 3)
        for tile_y in range(y - 2, y + 3)
        for feature in geojson(client, "places", z, tile_x, tile_y)["features"]
    ]
    assert features
    for feature in features:
        assert {"id", "kind", "category", "name", "source", "licence"} <= set(feature["properties"])
        assert feature["properties"]["point_count"] == 1


def test_an_empty_tile_is_204_or_an_empty_collection(client, draw):
    draw(DRAWING)
    assert client.get("/tiles/communes/5/0/0.mvt").status_code == 204
    assert geojson(client, "communes", 5, 0, 0) == {"type": "FeatureCollection", "features": []}


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("communes/23/0/0.mvt", "z"),
        ("communes/4/16/0.mvt", "x"),
        ("communes/4/0/16.geojson", "y"),
        ("communes/999999999999999999999/0/0.mvt", "z"),
        ("communes/0/0/1.mvt", "y"),
    ],
)
def test_bad_tile_outside_the_pyramid_is_404_and_names_the_number(client, path, named):
    answer = client.get(f"/tiles/{path}")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["parameter"] == named


@pytest.mark.parametrize(
    "path", ["x/0/0/0.mvt", "communes/0/0/0.png", "communes/-1/0/0.mvt", "communes/a/0/0.mvt", "communes/1/0/0.5.mvt"]
)
def test_unknown_layer_or_spelling_is_404(client, path):
    answer = client.get(f"/tiles/{path}")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


def test_twenty_requests_give_one_etag_and_the_twenty_first_is_304(client, database, draw):
    draw(DRAWING)
    places_in(database, 200)
    z, x, y = tile_at(9, 0.5, 0.5)
    path = f"/tiles/places/{z}/{x}/{y}.mvt"
    tags = {client.get(path).headers["ETag"] for _ in range(20)}
    assert len(tags) == 1
    again = client.get(path, headers={"If-None-Match": tags.pop()})
    assert (again.status_code, again.data) == (304, b"")


def test_a_large_tile_is_gzipped_where_the_client_takes_it(client, database, draw):
    draw(DRAWING)
    places_in(database, 300)
    z, x, y = tile_at(9, 0.5, 0.5)
    plain = client.get(f"/tiles/places/{z}/{x}/{y}.geojson")
    packed = client.get(f"/tiles/places/{z}/{x}/{y}.geojson", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert "Accept-Encoding" in packed.headers["Vary"]


@pytest.mark.parametrize("lat", [-90, -85.06, 85.06, 90])
def test_a_place_beyond_web_mercator_is_stored_and_in_no_tile(client, database, draw, lat):
    draw(DRAWING)
    import uuid

    from geoplatform.model import Kind, LonLat, Submission
    from tests.conftest import entered

    made = Submission(id=uuid.uuid4(), kind=Kind.PROJECT, name="Pole", position=LonLat(0, lat))
    assert database.store("geoplatform_web").writing(lambda c: entered(c, made)).is_new
    assert client.get(f"/api/v1/places/{made.id}").get_json(force=True)["properties"]["verdict"] == "sea"
    assert client.get("/tiles/places/0/0/0.mvt").status_code == 204
