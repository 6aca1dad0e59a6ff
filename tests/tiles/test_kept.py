"""Kept tiles: true as soon as a write is answered, exactly those that it touches, and never without need."""

from __future__ import annotations

import gzip
import json
import math
import os
import resource
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import mapbox_vector_tile
import pytest

from geoplatform.config import Settings
from geoplatform.errors import StoreUnavailable
from geoplatform.model import Kind, LonLat, Submission, TileAddress, Visibility
from geoplatform.store import places
from geoplatform.store.tiles import Layer
from geoplatform.tiles import Tiles, pyramid
from geoplatform.tiles.cache import Kept, Key, TileCache, packed
from geoplatform.web import create_app
from tests import grid
from tests.conftest import MANY, NOW, entered
from tests.loaders.test_history import load

DRAWING = "AAB\nA.B\nCCB"
HERE = grid.at(DRAWING, 0.5, 0.5)


@pytest.fixture
def tiles(database, tmp_path):
    return Tiles(database.store("geoplatform_web"), tmp_path / "tiles")


@pytest.fixture
def app(database, tmp_path):
    settings = Settings(
        data_dir=tmp_path, tile_folder=tmp_path / "tiles", submit_rate=MANY, read_rate=MANY, tile_rate=MANY
    )
    return create_app(settings, database.store("geoplatform_web"))


def tile_at(z: int, spot: LonLat = HERE) -> TileAddress:
    side = 1 << z
    down = (1 - math.asinh(math.tan(math.radians(spot.lat))) / math.pi) / 2
    return TileAddress(z, int((spot.lon + 180) / 360 * side), int(down * side))


def put(database, spot: LonLat = HERE, kind: Kind = Kind.PROJECT) -> uuid.UUID:
    made = Submission(id=uuid.uuid4(), kind=kind, name="Lieu", position=spot)
    database.store("geoplatform_web").writing(lambda connection: entered(connection, made))
    return made.id


def stored(tiles: Tiles) -> set[str]:
    root = tiles.cache.root
    return {
        str(file.relative_to(root)) for layer in Layer for file in (root / layer.value).rglob("*") if file.is_file()
    }


def around(z: int, reach: int) -> list[TileAddress]:
    middle, side = tile_at(z), 1 << z
    return [
        TileAddress(z, x, y)
        for x in range(max(0, middle.x - reach), min(side, middle.x + reach + 1))
        for y in range(max(0, middle.y - reach), min(side, middle.y + reach + 1))
    ]


def showing(database, z: int, spot: LonLat) -> set[tuple[int, int, int]]:
    """Tiles of a zoom, among those near the spot, whose margin holds the one place there is."""
    rows = database.rows(
        """SELECT %s::int, x, y
           FROM geoplatform.place, generate_series(%s::int, %s::int) AS x, generate_series(%s::int, %s::int) AS y
           WHERE ST_Covers(published.tile_reach(%s::int, x, y), shown_geom_3857)""",
        z,
        *(
            end
            for middle in (tile_at(z, spot).x, tile_at(z, spot).y)
            for end in (max(0, middle - 1), min((1 << z) - 1, middle + 1))
        ),
        z,
    )
    return set(rows)


def test_a_write_drops_the_tiles_that_show_it_and_no_others(database, draw, tiles):
    draw(DRAWING)
    asked = [(layer, tile) for z in range(19) for tile in around(z, 2) for layer in Layer]
    for layer, tile in asked:
        tiles.get(layer, tile, "mvt")
        tiles.get(layer, tile, "geojson")
    before = stored(tiles)
    assert len(before) == 2 * len(asked)
    put(database)
    assert tiles.refresh() == 1
    gone = before - stored(tiles)
    shown = {tile for z in range(19) for tile in showing(database, z, HERE)}
    touched = {tuple(map(int, name.split(".")[0].split("/")[1:])) for name in gone}
    assert shown <= touched
    assert touched <= shown | set(pyramid.tiles_of(database.rows("SELECT shown_quadkey FROM geoplatform.place")[0][0]))
    assert {name.split("/")[0] for name in gone} == {"places", "all"}
    assert len(touched - shown) <= 2  # a margin is a little wider than the tile's, never narrower


def test_a_submission_drops_of_itself_what_a_look_at_the_database_would(database, draw, tiles, tmp_path, monkeypatch):
    draw(DRAWING)
    other = Tiles(database.store("geoplatform_web"), tmp_path / "other")
    for tile in [tile for z in range(21) for tile in around(z, 2)]:
        for one in (tiles, other):
            one.get(Layer.PLACES, tile, "mvt")
            one.get(Layer.ALL, tile, "geojson")
    made = Submission(id=uuid.uuid4(), kind=Kind.PROJECT, name="Lieu", position=HERE)
    told = database.store("geoplatform_web").writing(lambda connection: entered(connection, made))
    other.refresh()
    before = stored(tiles)
    with monkeypatch.context() as away:
        away.setattr(tiles._store, "reading", None)  # the database is not asked
        tiles.touch(told.quadkey)
    assert stored(tiles) == stored(other) < before
    again = database.store("geoplatform_web").writing(lambda connection: entered(connection, made))
    assert (told.is_new, again) == (True, places.Submitted(False))


@pytest.mark.parametrize("visibility", ["commune", "private"])
def test_a_place_that_tiles_do_not_show_touches_none_of_them(database, draw, tiles, visibility):
    draw(DRAWING)
    tiles.get(Layer.PLACES, tile_at(14), "mvt")
    before = stored(tiles)
    made = Submission(id=uuid.uuid4(), kind=Kind.PROJECT, name="Lieu", position=HERE, visibility=Visibility(visibility))
    told = database.store("geoplatform_web").writing(lambda connection: entered(connection, made))
    tiles.touch(told.quadkey)
    assert told.quadkey is None
    assert stored(tiles) == before


@pytest.mark.parametrize("seed", range(4))
def test_the_tiles_of_a_quadkey_are_those_whose_margin_holds_the_point(database, draw, seed):
    draw(DRAWING)
    spot = LonLat(-179.9 + seed * 117.31, -70 + seed * 41.7)
    put(database, spot)
    quadkey = database.rows("SELECT shown_quadkey FROM geoplatform.place")[0][0]
    found = set(pyramid.tiles_of(quadkey))
    for z in range(23):
        assert showing(database, z, spot) <= found
    assert len(found) <= 23 * 4


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE geoplatform.place SET status = 'hidden'",
        "UPDATE geoplatform.place SET visibility = 'private'",
        "UPDATE geoplatform.place SET visibility = 'commune'",
        "UPDATE geoplatform.place SET name = 'Autre'",
        "UPDATE geoplatform.place SET licence = 'CC0-1.0'",
        "UPDATE geoplatform.place SET geom = ST_Translate(geom, 1e-5, 0)",
        "DELETE FROM geoplatform.place",
        "TRUNCATE geoplatform.place CASCADE",
    ],
)
def test_whoever_writes_a_place_in_whatever_way_its_tiles_follow(database, draw, tiles, change):
    draw(DRAWING)
    put(database)
    tiles.refresh()
    tile = tile_at(18)
    before = tiles.get(Layer.PLACES, tile, "mvt")
    only = tiles.get(Layer.PLACES, tile, "geojson", only=places_filter(kind="project"))
    assert before.body
    with database.connect() as connection:
        connection.execute(change)
    assert tiles.get(Layer.PLACES, tile, "mvt") == before  # kept until somebody looks
    assert tiles.refresh() >= 1
    assert tiles.get(Layer.PLACES, tile, "mvt") != before
    assert tiles.get(Layer.PLACES, tile, "geojson", only=places_filter(kind="project")) != only


def places_filter(**only):
    from geoplatform.store.tiles import PlaceFilter

    return PlaceFilter(**only)


def test_a_write_that_is_rolled_back_or_still_open_touches_nothing(database, draw, tiles):
    draw(DRAWING)
    put(database)
    tiles.refresh()
    tile = tile_at(14)
    before = tiles.get(Layer.PLACES, tile, "mvt")
    with database.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("UPDATE geoplatform.place SET name = 'Ouvert'")
        put(database, grid.at(DRAWING, 2.5, 0.5))  # a later one that commits before
        assert tiles.refresh() == 1
        assert tiles.get(Layer.PLACES, tile, "mvt") == before
        connection.execute("COMMIT")
        assert tiles.refresh() == 1
        after = tiles.get(Layer.PLACES, tile, "mvt")
        assert after != before
        connection.execute("BEGIN")
        connection.execute("DELETE FROM geoplatform.place")
        connection.execute("ROLLBACK")
    assert tiles.refresh() == 0
    assert tiles.get(Layer.PLACES, tile, "mvt") == after


def test_another_vintage_in_force_shows_in_every_layer(database, tiles):
    load(database, "AAB", 2024)
    put(database, grid.at("AAB", 0.5, 0.5))
    tiles.refresh()
    spot = grid.at("AAB", 0.5, 0.5)
    old = {layer: tiles.get(layer, tile_at(14, spot), "geojson") for layer in Layer}
    load(database, "CCB", 2025)
    assert tiles.refresh() >= 1
    for layer in Layer:
        assert tiles.get(layer, tile_at(14, spot), "geojson") != old[layer]
    first = tiles.get(Layer.COMMUNES, tile_at(14, spot), "geojson", vintage=1)
    assert gzip.decompress(first.body) == gzip.decompress(old[Layer.COMMUNES].body)


def test_a_tile_that_is_touched_while_it_is_made_is_not_kept(database, draw, tiles):
    draw(DRAWING)
    cache, key = tiles.cache, Key("places", 14, 5, 7, "mvt")

    def make() -> Kept:
        cache.touch([(14, 5, 7)], ("places", "all"))
        return packed(b"of before")

    assert gzip.decompress(cache.made(key, make)[0].body) == b"of before"
    assert cache.find(key) is None
    cache.made(key, lambda: packed(b"of now"))
    assert gzip.decompress(cache.find(key).body) == b"of now"
    cache.made(Key("places", 3, 1, 1, "mvt"), lambda: cache.forget(("places",)) or packed(b"of before"))
    assert cache.find(Key("places", 3, 1, 1, "mvt")) is None


def test_a_thousand_who_ask_for_one_cold_tile_have_it_made_once(tmp_path):
    cache, made, lock = TileCache(tmp_path), [], threading.Lock()

    def make() -> Kept:
        with lock:
            made.append(1)
        threading.Event().wait(0.05)
        return packed(b"tile")

    with ThreadPoolExecutor(64) as pool:
        found = set(pool.map(lambda _: cache.made(Key("places", 1, 0, 0, "mvt"), make)[0], range(1000)))
    assert len(made) == len(found) == 1


def test_two_processes_share_what_is_kept_and_what_is_touched(tmp_path):
    one, other, key = TileCache(tmp_path), TileCache(tmp_path), Key("all", 2, 1, 1, "geojson", "kind=project")
    one.made(key, lambda: packed(b"tile"))
    assert other.find(key) == one.find(key) is not None
    other.touch([(2, 1, 1)], ("places", "all"))
    assert one.find(key) is None
    one.made(key, lambda: packed(b"tile"))
    other.forget(("places",))
    assert one.find(key) is None


def test_a_truncated_or_foreign_file_is_not_served(tmp_path):
    cache, key = TileCache(tmp_path), Key("communes", 4, 8, 5, "mvt")
    whole = cache.made(key, lambda: packed(os.urandom(4000)))[0]
    file = tmp_path / "communes/4/8/5.mvt.gz"
    times = file.stat().st_mtime_ns
    file.write_bytes(whole.body[:100])
    os.utime(file, ns=(0, times))
    assert cache.find(key) is None
    assert cache.etag(str(file)[:-3]) is None
    again, made = cache.made(key, lambda: packed(b"anew"))
    assert made
    assert cache.find(key) == again
    file.write_bytes(b"put here by a hand")
    assert cache.find(key) is None


def test_on_a_full_disk_tiles_are_served_and_not_kept(database, draw, tiles, caplog):
    draw(DRAWING)
    put(database)
    tiles.refresh()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        served = tiles.get(Layer.PLACES, tile_at(14), "mvt")
        put(database)
        tiles.refresh()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert mapbox_vector_tile.decode(gzip.decompress(served.body))["places"]["features"]
    assert stored(tiles) == set()
    assert "served but not kept" in caplog.text
    assert not list((tiles.cache.root / "new").iterdir())
    assert tiles.get(Layer.PLACES, tile_at(14), "mvt") != served
    assert len(stored(tiles)) == 1


def test_tiles_of_another_database_are_not_taken(database, draw, tiles, tmp_path):
    draw(DRAWING)
    put(database)
    tiles.get(Layer.PLACES, tile_at(14), "mvt")
    with database.connect() as connection:
        connection.execute("UPDATE geoplatform.installation SET id = gen_random_uuid()")
        connection.execute("DELETE FROM geoplatform.place")
    assert (
        Tiles(database.store("geoplatform_web"), tmp_path / "tiles").get(Layer.PLACES, tile_at(14), "mvt").body == b""
    )


def test_a_database_set_back_to_an_earlier_day_has_its_tiles_made_anew(database, draw, tiles, tmp_path):
    draw(DRAWING)
    put(database)
    tiles.refresh()
    tiles.get(Layer.PLACES, tile_at(14), "mvt")
    with database.connect() as connection:
        connection.execute("DELETE FROM geoplatform.place")
        connection.execute("DELETE FROM geoplatform.tile_touch")  # as if it had never been
    assert (
        Tiles(database.store("geoplatform_web"), tmp_path / "tiles").get(Layer.PLACES, tile_at(14), "mvt").body == b""
    )


def test_kept_tiles_and_304_are_answered_without_the_database(app, database, draw, monkeypatch):
    draw(DRAWING)
    put(database)
    client, tile = app.test_client(), tile_at(14)
    path = f"/tiles/places/{tile.z}/{tile.x}/{tile.y}.mvt"
    empty = "/tiles/communes/5/0/0.mvt"
    first, none = client.get(path, headers={"Accept-Encoding": "gzip"}), client.get(empty)
    assert (first.status_code, none.status_code) == (200, 204)

    def away(*_: object) -> None:
        raise StoreUnavailable("the database is away")

    for way in ("reading", "bare"):
        monkeypatch.setattr(f"geoplatform.store.engine.Store.{way}", away)
    monkeypatch.setattr("geoplatform.tiles.service.Tiles.refresh", lambda _: 0)
    again = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert (again.status_code, again.data) == (200, first.data)
    for name in ("ETag", "Cache-Control", "Vary", "Content-Type", "Content-Encoding", "X-Content-Type-Options",
                 "Content-Security-Policy", "Access-Control-Allow-Origin", "Content-Length"):  # fmt: skip
        assert again.headers[name] == first.headers[name], name
    assert "stale-while-revalidate" in again.headers["Cache-Control"]
    same = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.head(path).status_code == 200
    assert client.head(path).data == b""
    assert client.get(empty).status_code == 204
    plain = client.get(path)
    assert plain.data == gzip.decompress(first.data)
    assert plain.headers["ETag"] != first.headers["ETag"]
    assert client.get(path.replace("/14/", "/15/")).status_code == 503


def test_what_is_submitted_is_in_the_next_tile_that_is_asked(app, database, draw):
    draw(DRAWING)
    from geoplatform.store import tokens

    secret = "s" * 43
    with database.store("geoplatform_owner").transaction() as connection:
        tokens.issue(connection, uuid.uuid4(), secret, "tests", NOW, None)
    client = app.test_client()
    paths = [
        f"/tiles/{layer}/{t.z}/{t.x}/{t.y}.geojson" for layer in ("places", "all") for t in map(tile_at, (0, 7, 14))
    ]
    asked = [*paths, *(f"{path}?kind=project" for path in paths)]

    def counts() -> list[int]:
        return [
            sum(f["properties"].get("point_count", 0) for f in json.loads(client.get(path).data)["features"])
            for path in asked
        ]

    assert counts() == [0] * len(asked)
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [HERE.lon, HERE.lat]},
               "properties": {"kind": "project", "name": "Neuf"}}  # fmt: skip
    answer = client.post("/api/v1/places", json=feature, headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 201
    assert counts() == [1] * len(asked)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("kind=shop", "kind"), ("category=' OR 1=1 --", "category"), ("licence=MIT", "licence"), ("commune=9740", "commune"),
        ("commune=97401'", "commune"), ("department=1", "department"), ("vintage=2024", "vintage"), ("limit=3", "limit"),
        ("kind=" + "x" * 5000, "kind"), ("kind=%00", "kind"), ("commune=../../etc", "commune"),
    ],
)  # fmt: skip
def test_a_bad_filter_is_refused_by_name(app, draw, query, named):
    draw(DRAWING)
    answer = app.test_client().get(f"/tiles/places/3/5/4.mvt?{query}")
    assert (answer.status_code, answer.get_json()["parameter"]) == (400, named)
    assert len(answer.get_json()["detail"]) < 1000


def test_a_filter_of_places_on_limits_and_of_limits_on_places_is_refused(app, draw):
    draw(DRAWING)
    client = app.test_client()
    assert client.get("/tiles/communes/3/5/4.mvt?kind=project").status_code == 400
    assert client.get("/tiles/all/3/5/4.mvt?kind=project&vintage=2025").status_code in (200, 204)


def test_the_composite_holds_the_layers_as_they_are_alone(app, database, draw):
    draw(DRAWING)
    put(database)
    client, tile = app.test_client(), tile_at(9)
    path = f"/tiles/%s/{tile.z}/{tile.x}/{tile.y}.%s"
    whole = mapbox_vector_tile.decode(client.get(path % ("all", "mvt")).data)
    alone = {name: mapbox_vector_tile.decode(client.get(path % (name, "mvt")).data)[name] for name in whole}
    assert set(whole) == {"communes", "departments", "places"}
    assert whole == alone
    collected = json.loads(client.get(path % ("all", "geojson")).data)["features"]
    assert len({feature["id"] for feature in collected}) == len(collected)
    for name in whole:
        mine = [f for f in collected if f["properties"].pop("layer", None) == name or f["id"].startswith(f"{name}.")]
        single = json.loads(client.get(path % (name, "geojson")).data)["features"]
        assert [(f["geometry"], f["properties"]) for f in mine] == [(f["geometry"], f["properties"]) for f in single]


def test_figures_by_layer_and_zoom_for_the_machine_itself_or_with_a_token(app, database, draw):
    draw(DRAWING)
    put(database)
    client, tile = app.test_client(), tile_at(14)
    path = f"/tiles/places/{tile.z}/{tile.x}/{tile.y}.mvt"
    etag = client.get(path, headers={"Accept-Encoding": "gzip"}).headers["ETag"]
    client.get(path)
    client.get(path, headers={"If-None-Match": etag})
    told = client.get("/metrics").get_data(as_text=True)
    for outcome in ("made", "hit", "not_modified"):
        line = f'geoplatform_tile_requests_total{{layer="places",outcome="{outcome}",zoom="14"}} 1.0'
        assert line in told
    assert 'geoplatform_tile_sql_seconds_total{layer="places",zoom="14"} 0.' in told
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": "203.0.113.9"}).status_code == 401
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401


def test_a_folder_that_cannot_be_made_means_no_kept_tiles_and_no_error(database, draw, tmp_path, caplog):
    draw(DRAWING)
    put(database)
    (tmp_path / "file").write_text("")
    assert Tiles(database.store("geoplatform_web"), tmp_path / "file").get(Layer.PLACES, tile_at(14), "mvt").body
    assert "no tile is kept" in caplog.text


def test_what_no_tile_shows_touches_none(database, draw, tiles):
    draw(DRAWING)
    put(database)
    tiles.refresh()
    with database.connect() as connection:
        connection.execute("UPDATE geoplatform.place SET description = 'Ouvert le soir', version = version + 1")
    assert tiles.refresh() == 0


@pytest.mark.parametrize(
    "seen",
    ["", "{}", "[]", '{"moment": "oops", "latest": 1, "at": "2026-01-01T00:00:00+00:00", "boot": ""}',
     '{"moment": "1:1:", "latest": "x", "at": 3}'],
)  # fmt: skip
def test_a_damaged_note_of_what_was_seen_means_all_anew(database, draw, tiles, seen):
    draw(DRAWING)
    put(database)
    tiles.refresh()
    tiles.get(Layer.PLACES, tile_at(14), "mvt")
    (tiles.cache.root / "seen.json").write_text(seen)
    assert tiles.refresh() == 1
    assert stored(tiles) == set()
    assert tiles.refresh() == 0


@pytest.mark.parametrize("change", [{"moment": "900000000:900000000:"}, {"boot": "another"}, {"latest": 10**9},
                                    {"at": "2020-01-01T00:00:00+00:00"}])  # fmt: skip
def test_after_a_restored_backup_a_restart_of_the_machine_or_a_long_absence_all_is_made_anew(
    database, draw, tiles, change
):
    draw(DRAWING)
    put(database)
    tiles.refresh()
    tiles.get(Layer.PLACES, tile_at(14), "mvt")
    note = tiles.cache.root / "seen.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | change))
    assert tiles.refresh() == 1
    assert stored(tiles) == set()


def test_a_worker_that_starts_while_the_database_is_away_says_503_and_recovers(app, database, draw, monkeypatch):
    draw(DRAWING)
    put(database)
    from geoplatform.store.engine import Store

    reading = Store.reading

    def away(_: object) -> None:
        raise StoreUnavailable("the database is away")

    client, path = app.test_client(), "/tiles/departments/5/20/17.mvt"
    monkeypatch.setattr(Store, "reading", away)
    assert client.get(path).status_code == 503
    monkeypatch.setattr(Store, "reading", reading)
    assert client.get(path).status_code in (200, 204)


def test_the_thread_that_follows_outlives_any_error(database, draw, tiles, monkeypatch):
    draw(DRAWING)
    monkeypatch.setattr("geoplatform.tiles.service._AFTER_ERROR_S", 0.01)
    failed, recovered, ended = threading.Event(), threading.Event(), threading.Event()

    def fail_once(*_: object) -> int:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("something nobody thought of")
        recovered.set()
        return 0

    tiles.refresh()
    monkeypatch.setattr(Tiles, "_refresh", fail_once)
    thread = tiles.follow(ended)
    assert recovered.wait(10)
    ended.set()
    thread.join(10)
    assert not thread.is_alive()


def test_room_for_the_counters_is_taken_when_they_are_made(tmp_path):
    cache = TileCache(tmp_path)
    told = (cache.root / "counters").stat()
    assert told.st_blocks * 512 >= told.st_size > 0


def test_a_nearly_full_disk_is_left_to_others(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("geoplatform.tiles.cache._FREE_BYTES", 1 << 60)
    cache, key = TileCache(tmp_path), Key("places", 3, 1, 1, "mvt")
    assert cache.made(key, lambda: packed(b"tile"))[1]
    assert cache.find(key) is None
    assert "nearly full" in caplog.text


def test_very_deep_tiles_are_served_and_not_kept(tmp_path):
    cache = TileCache(tmp_path)
    for z in (18, 19, 22):
        cache.made(Key("communes", z, 1, 1, "mvt"), lambda: packed(b"tile"))
        assert (cache.find(Key("communes", z, 1, 1, "mvt")) is not None) == (z == 18)


def test_a_plain_tile_has_a_304_of_its_own(app, database, draw):
    draw(DRAWING)
    client, path = app.test_client(), f"/tiles/departments/{9}/{tile_at(9).x}/{tile_at(9).y}.mvt"
    client.get(path)
    plain = client.get(path)
    assert plain.headers["ETag"].endswith('-plain"')
    same = client.get(path, headers={"If-None-Match": plain.headers["ETag"]})
    assert (same.status_code, same.headers["ETag"]) == (304, plain.headers["ETag"])


def test_variants_are_swept_when_they_are_very_many(tmp_path, monkeypatch):
    monkeypatch.setattr("geoplatform.tiles.cache._MOST_VARIANTS", 10)
    cache = TileCache(tmp_path)
    for number in range(25):
        cache.made(Key("places", 1, 0, 0, "mvt", f"category={number}"), lambda: packed(b"tile"))
    assert 1 <= len(list((tmp_path / "variants").rglob("*.mvt.gz"))) <= 11
