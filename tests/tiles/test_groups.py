"""Clusters: whatever was written in whatever order, a tile says what the places say."""

from __future__ import annotations

import json
import random
import uuid
from collections import defaultdict

import pytest

from geoplatform.model import Kind, LonLat, Submission
from tests import grid
from tests.conftest import entered

DRAWING = "AAB\nA.B\nCCB"
HALF = 20037508.342789244
LEVEL = 3


def put(database, spots, kind=Kind.PROJECT, **facts):
    store = database.store("geoplatform_web")
    made = []
    for spot in spots:
        one = Submission(id=uuid.uuid4(), kind=kind, name="Lieu", position=spot, **facts)
        store.writing(lambda connection, one=one: entered(connection, one))
        made.append(one.id)
    return made


def features(database, z, x, y, **only):
    named = ", ".join(f"{name} => %s" for name in only)
    query = f"SELECT published.tile_geojson('places', %s, %s, %s{', ' + named if named else ''})"
    return json.loads(database.rows(query, z, x, y, *only.values(), role="geoplatform_web")[0][0])["features"]


def tiles_of_everything(database, z):
    """Tiles of a zoom with what they ought to hold: counts of kinds by cell."""
    expected = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for x, y, kind in database.rows("""
        SELECT ST_X(geom_3857), ST_Y(geom_3857), kind FROM published.places WHERE geom_3857 IS NOT NULL"""):
        cells = 1 << (z + LEVEL)
        across, down = int((x + HALF) / (2 * HALF) * cells), int((HALF - y) / (2 * HALF) * cells)
        expected[across >> LEVEL, down >> LEVEL][across, down][kind] += 1
    return expected


def check(database, zooms):
    for z in zooms:
        for (x, y), cells in tiles_of_everything(database, z).items():
            found = sorted(
                tuple(f["properties"][name] for name in ("merchants", "services", "associations", "projects"))
                for f in features(database, z, x, y)
            )
            wanted = sorted(
                tuple(counts[kind] for kind in ("merchant", "service", "association", "project"))
                for counts in cells.values()
            )
            assert found == wanted, (z, x, y)


def spots(count, seed):
    chance = random.Random(seed)
    return [grid.at(DRAWING, chance.uniform(0, 3), chance.uniform(0, 3)) for _ in range(count)]


def test_groups_are_what_the_places_are_after_any_writes(database, draw):
    draw(DRAWING)
    chance = random.Random(974)
    alive = [one for kind in Kind for one in put(database, spots(12, kind.value), kind)]
    zooms = (0, 3, 7, 9, 11, 12, 13)
    check(database, zooms)
    with database.connect() as connection:
        for _ in range(12):
            some = chance.sample(alive, 6)
            what = chance.choice([
                "DELETE FROM geoplatform.place WHERE id = ANY(%s)",
                "UPDATE geoplatform.place SET status = 'hidden' WHERE id = ANY(%s)",
                "UPDATE geoplatform.place SET status = 'published', visibility = 'public' WHERE id = ANY(%s)",
                "UPDATE geoplatform.place SET visibility = 'commune' WHERE id = ANY(%s)",
                "UPDATE geoplatform.place SET kind = 'service' WHERE id = ANY(%s)",
                "UPDATE geoplatform.place SET geom = ST_Translate(geom, 0.01, -0.02) WHERE id = ANY(%s)",
                "UPDATE geoplatform.place SET name = 'Autre' WHERE id = ANY(%s)",
            ])  # fmt: skip
            connection.execute(what, (some,))
            if chance.random() < 0.3:
                connection.execute("SELECT geoplatform.fold_place_cells(true)")
    check(database, zooms)


def test_a_tile_has_the_same_bytes_whether_its_groups_are_folded_or_not(database, draw):
    draw(DRAWING)
    put(database, spots(40, 1))
    query = "SELECT published.tile_mvt('places', 7, %s, %s)"
    tiles = [(x, y) for x, y in tiles_of_everything(database, 7)]
    before = [database.rows(query, *tile) for tile in tiles]
    assert database.rows("SELECT count(*) FROM geoplatform.place_cell_delta") == [(40,)]
    database.rows("SELECT geoplatform.fold_place_cells(true)")
    assert database.rows("SELECT count(*) FROM geoplatform.place_cell_delta") == [(0,)]
    assert [database.rows(query, *tile) for tile in tiles] == before


def test_many_writers_at_once_fold_now_and_then_and_lose_nothing(database, draw):
    from concurrent.futures import ThreadPoolExecutor

    draw(DRAWING)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seed: put(database, spots(160, seed)), range(4)))
    assert database.rows("SELECT count(*) FROM geoplatform.place_cell_delta")[0][0] < 640
    assert database.rows("SELECT sum(places) FROM geoplatform.place_cell WHERE zoom = 0")[0][0] >= 1
    check(database, (0, 5, 9, 11))


def test_emptying_the_table_empties_the_tiles(database, draw):
    draw(DRAWING)
    put(database, spots(5, 1))
    with database.connect() as connection:
        connection.execute("TRUNCATE geoplatform.place CASCADE")
    assert features(database, 0, 0, 0) == []


def test_a_cluster_tells_where_it_divides_and_divides_there(database, draw):
    draw(DRAWING)
    put(database, spots(30, 5))
    seen = 0
    for z in range(12):
        for x, y in tiles_of_everything(database, z):
            for feature in features(database, z, x, y):
                told = feature["properties"]
                if told["point_count"] == 1:
                    assert "cluster_id" not in told
                    assert "expansion_zoom" not in told
                    continue
                seen += 1
                assert feature["id"] == told["cluster_id"] < 2**53
                assert z < told["expansion_zoom"] <= 14
                level = told["cluster_id"] - 2**52
                cell = level - (1 << 2 * (z + LEVEL))
                below = members(database, cell, z + LEVEL)
                assert len(below) == told["point_count"]
                zoom = told["expansion_zoom"]
                if zoom < 14:
                    assert len({key >> (62 - 2 * (zoom + LEVEL)) for key in below}) > 1
                assert len({key >> (62 - 2 * (zoom - 1 + LEVEL)) for key in below}) == 1
    assert seen > 20


def members(database, cell, level):
    query = "SELECT shown_quadkey FROM geoplatform.place WHERE shown_quadkey >> %s = %s"
    return [key for (key,) in database.rows(query, 62 - 2 * level, cell)]


@pytest.mark.parametrize("z", [0, 5, 11, 12, 13, 14, 16, 20, 22])
def test_thousands_at_one_spot_are_one_small_feature_at_every_zoom(database, draw, z):
    draw(DRAWING)
    here = grid.at(DRAWING, 0.5, 0.5)
    with database.connect() as connection:
        connection.execute(
            """INSERT INTO geoplatform.place (id, kind, name, licence, source, created_at, modified_at, geom)
               SELECT gen_random_uuid(), 'project', 'Lieu ' || n, 'CC0-1.0', 'synthetic', now(), now(), ST_Point(%s, %s, 4326)
               FROM generate_series(1, 2500) AS n""",
            (here.lon, here.lat),
        )
        connection.execute("SELECT geoplatform.place_missing(1)")
    (x, y), cells = next(iter(tiles_of_everything(database, z).items()))
    assert len(cells) == 1
    (feature,) = features(database, z, x, y)
    assert feature["properties"]["point_count"] == 2500
    assert feature["properties"].get("expansion_zoom") == (14 if z < 14 else None)
    lon, lat = feature["geometry"]["coordinates"]
    assert abs(lon - here.lon) < 360 / (1 << z) / 2048
    assert abs(lat - here.lat) < 360 / (1 << z) / 2048


def test_a_filter_shows_those_places_and_only_those_at_every_zoom(database, draw):
    draw(DRAWING)
    put(database, spots(15, 1), Kind.MERCHANT, category="bakery")
    put(database, spots(15, 2), Kind.MERCHANT, category="cafe")
    put(database, spots(15, 3), Kind.SERVICE)
    asked = {
        "kind": ("wanted_kind", "merchant", "kind"), "category": ("wanted_category", "cafe", "category"),
        "licence": ("wanted_licence", "CC-BY-NC-SA-4.0", "licence"), "commune": ("in_commune", "97401", "commune_code"),
        "department": ("in_department", "974", "department_code"),
    }  # fmt: skip
    for parameter, value, column in asked.values():
        wanted = f"SELECT count(*), count(*) FILTER (WHERE kind = 'merchant') FROM published.places WHERE {column} = %s"
        count, merchants = database.rows(wanted, value)[0]
        assert count
        for z in (0, 6, 9, 12, 14):
            found = [
                f
                for x, y in tiles_of_everything(database, z)
                for f in features(database, z, x, y, **{parameter: value})
            ]
            if z == 14:  # single places show in the margins of the neighbouring tiles too
                found = list({f["id"]: f for f in found}.values())
            assert sum(f["properties"]["point_count"] for f in found) == count, (parameter, z)
            assert sum(f["properties"]["merchants"] for f in found) == merchants, (parameter, z)


def test_a_position_on_the_last_meridian_is_in_a_tile(database, draw):
    draw(DRAWING)
    put(database, [LonLat(180.0, -13.0), LonLat(-180.0, -13.0)])
    for z in (3, 9, 14):
        side = 1 << z
        rows = {y for _, y in tiles_of_everything(database, z)}
        for y in rows:
            assert [f["properties"]["point_count"] for f in features(database, z, side - 1, y)] == [1]
            assert [f["properties"]["point_count"] for f in features(database, z, 0, y)] == [1]


def test_the_tiles_of_a_zoom_made_at_once_are_those_made_one_by_one(database, draw):
    draw(DRAWING)
    crowd, other = grid.at(DRAWING, 0.5, 0.5), grid.at(DRAWING, 2.5, 2.5)
    chance = random.Random(7)
    at = [(crowd.lon, crowd.lat)] * 2500 + [(other.lon, other.lat)] * 1950
    at += [(spot.lon, spot.lat) for spot in spots(1500, 8)]
    # Beside and on the edges of tiles, and of their margins, which are a 64th of a tile wide.
    side = 360 / (1 << 14)
    column = int((crowd.lon + 180) / side) + 1
    edge = column * side - 180
    at += [
        (edge + step * side / 64 + chance.uniform(-1, 1) * 1e-7, crowd.lat + 0.01)
        for step in (-2, -1, 0, 1, 2)
        for _ in range(9)
    ]
    kinds = ["merchant", "service", "association", "project"]
    with database.connect() as connection:
        connection.cursor().executemany(
            """INSERT INTO geoplatform.place (id, kind, name, licence, source, created_at, modified_at, geom)
               VALUES (gen_random_uuid(), %s, 'Lieu', %s, 'citizen', now(), now(), ST_Point(%s, %s, 4326))""",
            [
                (chance.choice(kinds), "ODbL-1.0" if n % 50 == 7 else "CC0-1.0", lon, lat)
                for n, (lon, lat) in enumerate(at)
            ],
        )
        connection.execute("SELECT geoplatform.place_missing(1)")
        for z in range(15):
            made = dict(
                connection.execute("SELECT tile, made FROM published.place_tiles(%s, 'CC0-1.0')", (z,)).fetchall()
            )
            x = "geoplatform.every_second_bit(t.key)"
            one_by_one = dict(connection.execute(
                f"""SELECT t.key, (published.tile_parts('places', %(z)s, {x}::int, geoplatform.every_second_bit(t.key >> 1)::int,
                                                        wanted_licence => 'CC0-1.0')).made
                    FROM (SELECT DISTINCT geoplatform.interleaved(
                              geoplatform.every_second_bit(p.shown_quadkey >> (62 - 2 * %(z)s)) + right_,
                              geoplatform.every_second_bit(p.shown_quadkey >> (63 - 2 * %(z)s)) + below) AS key
                          FROM geoplatform.place AS p, generate_series(-1, 1) AS right_, generate_series(-1, 1) AS below
                          WHERE %(z)s > 2 OR right_ = 0 AND below = 0) AS t""",
                {"z": z},
            ).fetchall())  # fmt: skip
            crowded = {key for key, content in made.items() if content is None}
            assert len(crowded) == (2 if z == 14 else 0)
            assert {key: content for key, content in one_by_one.items() if content and key not in crowded} == {
                key: content for key, content in made.items() if content is not None
            }, z
