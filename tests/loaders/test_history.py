"""Vintages in time: what happens to places, codes and pages when communes merge, split and move."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import threading

import numpy as np
import pytest
import shapely

from geoplatform.model import Movement
from geoplatform.progress import Progress
from geoplatform.store import history, vintages
from loaders import run
from tests import grid
from tests.conftest import NOW
from tests.loaders.test_run import LOADER, WAIVED, add_place, add_places

HTML = {"Accept": "text/html"}


def load(database, drawing, year, **facts):
    made = grid.boundaries(drawing, year=year, **facts)
    return run.load(
        database.store(LOADER), made, Progress(io.StringIO()), foreign_land=None, now=NOW, commit=True, waived=WAIVED
    )[0]


def keep(database, *events):
    """`2026 97402 97401`: on 1 January the land of the first code passed to the second."""
    movements = []
    for event in events:
        year, before, after = event.split()
        day = dt.date(int(year), 1, 1)
        movements.append(Movement(32, day, "COM", before, f"Ancienne {before}", "COM", after, after))
    with database.store(LOADER).transaction() as connection:
        history.store_movements(connection, movements)
        active = vintages.active(connection)
        if active:
            history.refresh_former(connection, active)


def reattribution(database, number):
    with database.store(LOADER).reading() as connection:
        return vintages.documents(connection, number)[1]


def counts(database, number):
    return {kind: n for kind, n in reattribution(database, number)["counts"].items() if n}


def test_a_merger_moves_places_as_the_movements_allow(database):
    load(database, "ABC", 2025)
    for column in (0.5, 1.5, 1.6, 2.5):
        add_place(database, column, 0.5)
    keep(database, "2026 97402 97401", "2026 97401 97401")
    second = load(database, "AAC", 2026)
    assert counts(database, second) == {"same": 2, "allowed": 2}
    (passage,) = reattribution(database, second)["passages"]
    assert (passage["code_before"], passage["code_after"], passage["places"]) == ("97402", "97401", 2)


def test_a_place_that_changes_its_commune_without_a_movement_is_unexpected(database):
    first = load(database, "ABC", 2025)
    add_place(database, 1.5, 0.5)
    keep(database, "2020 97403 97401")
    second = load(database, "AAC", 2026)
    assert counts(database, second) == {"unexpected": 1}
    assert reattribution(database, second)["movements_cover"] is False  # the list ends before 2026
    vintages.activate(database.store(LOADER), first, NOW)
    assert counts(database, first) == {"unexpected": 1}


def test_going_back_is_compared_in_the_other_direction(database):
    first = load(database, "AB", 2025)
    add_place(database, 1.5, 0.5)
    keep(database, "2026 97402 97401")
    second = load(database, "AA", 2026)
    done = vintages.activate(database.store(LOADER), first, NOW)
    assert (done.placed, done.reattribution["counts"]["allowed"]) == (0, 1)
    assert vintages.activate(database.store(LOADER), second, NOW).reattribution["counts"]["allowed"] == 1


def test_places_that_come_to_lie_on_a_limit_or_in_no_commune_are_told_apart(database):
    wide = "AAA\nABA\nAAA"
    load(database, wide.replace("B", "A"), 2025, precision_m=2000.0)
    for column, row in ((0.5, 0.5), (0.95, 1.5), (1.5, 1.5), (2.9, 0.1)):
        add_place(database, column, row)
    second = load(database, wide.replace("B", "."), 2026, precision_m=2000.0)
    found = counts(database, second)
    assert found["same"] == 2  # the corner was on a limit, and is
    assert found["now_border"] == 1
    assert found["now_outside"] == 1
    load(database, wide.replace("B", "A"), 2027, precision_m=2000.0)
    third = database.rows("SELECT max(id) FROM geoplatform.vintage")[0][0]
    assert counts(database, third) == {"same": 3, "now_inside": 1}


def test_a_place_keeps_the_commune_of_its_entry_and_who_it_was_in_each_vintage(database):
    load(database, "AB", 2025)
    add_place(database, 1.5, 0.5)
    load(database, "AA", 2026)
    query = "SELECT commune_code_at_entry, commune_code FROM published.places"
    assert database.rows(query) == [("97402", "97401")]
    held = "SELECT vintage, commune_code FROM published.place_editions ORDER BY vintage"
    assert database.rows(held) == [(2025, "97402"), (2026, "97401")]


@pytest.mark.parametrize("asked", ["vintage=2025", "at=2025-06-30"])
def test_downloads_of_an_earlier_vintage_place_by_its_limits(database, client, asked):
    load(database, "ABC", 2025)
    for column in (0.5, 1.5, 2.5):
        add_place(database, column, 0.5)
    keep(database, "2026 97402 97401")
    load(database, "AAC", 2026, edition="later")

    def rows(code, query=""):
        answer = client.get(f"/communes/{code}/places.csv{query}")
        assert answer.status_code == 200
        return [
            (row["longitude"], row["commune_code"], row["commune_name"], row["vintage"])
            for row in csv.DictReader(io.StringIO(answer.text, newline=""))
        ]

    east = ("55.15", "97402", "Commune B", "2025")
    assert rows("97402", f"?{asked}") == [east]
    assert [row[1:] for row in rows("97401", f"?{asked}")] == [("97401", "Commune A", "2025")]
    assert [row[1:] for row in rows("97401")] == [("97401", "Commune A", "2026")] * 2
    answer = client.get(f"/communes/97402/places.geojson?{asked}")
    assert answer.headers["Content-Disposition"].endswith('"places-97402-2025.geojson"')
    assert (answer.json["vintage"], answer.json["commune"]["name"]) == (2025, "Commune B")
    assert [f["properties"]["commune_code"] for f in answer.json["features"]] == ["97402"]
    page = client.get(f"/communes/97402?{asked}", headers=HTML).text
    assert f'href="/communes/97402/places.csv?{asked}"' in page
    assert f'href="/communes/97402?f=geojson&amp;{asked}"' in page


def test_the_download_of_a_code_that_is_gone_leads_where_its_page_does(database, client):
    load(database, "ABC", 2025)
    load(database, "AAC", 2026)
    keep(database, "2026 97402 97401", "2024 97409 97401", "2024 97409 97403")
    moved = client.get("/communes/97402/places.csv")
    assert (moved.status_code, moved.headers["Location"]) == (308, "/communes/97401/places.csv")
    split = client.get("/communes/97409/places.geojson")
    assert (split.status_code, [one["code"] for one in split.json["successors"]]) == (300, ["97401", "97403"])
    assert client.get("/communes/97402/places.csv?at=2026-02-01").status_code == 404


def test_a_code_that_merged_leads_to_its_successor(database, client):
    load(database, "AB", 2025)
    keep(database, "2026 97402 97401")
    assert client.get("/communes/97402").status_code == 200  # still in force in the active vintage
    load(database, "AA", 2026)
    answer = client.get("/communes/97402?f=geojson")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/communes/97401?f=geojson")
    assert client.get("/communes/97402?vintage=2025&f=geojson").json["properties"]["name"] == "Commune B"
    assert client.get("/communes/97402?at=2025-06-30&f=geojson").status_code == 200
    assert client.get("/communes/97402?at=2026-06-30&f=geojson").status_code == 404


def test_a_code_that_split_answers_with_the_list(database, client):
    load(database, "AC", 2025)
    keep(database, "2024 97402 97401", "2024 97402 97403")
    answer = client.get("/communes/97402", headers={"Accept": "application/json"})
    assert answer.status_code == 300
    assert answer.json["name"] == "Ancienne 97402"
    assert answer.json["how"] == "split"
    assert [one["code"] for one in answer.json["successors"]] == ["97401", "97403"]
    page = client.get("/communes/97402", headers=HTML)
    assert page.status_code == 300
    assert "Commune A" in page.text
    assert "/communes/97403" in page.text


def test_a_successor_that_the_active_vintage_does_not_have_yet_is_not_promised(database, client):
    load(database, "A", 2025)
    keep(database, "2026 97402 97409")
    assert client.get("/communes/97402?f=geojson").status_code == 404


def test_vintages_side_by_side_in_searches_pages_and_tiles(database, client):
    load(database, "AB", 2025)
    load(database, "AA", 2026)

    def names(query):
        return [one["code"] for one in client.get(f"/communes?q=commune{query}").json["communes"]]

    assert names("") == ["97401"]
    assert names("&vintage=2025") == ["97402", "97401"]
    assert names("&at=2025-12-31") == ["97402", "97401"]
    page = client.get("/communes/97402?vintage=2025", headers=HTML)
    assert page.status_code == 200
    assert "2025" in page.text
    tile = "/tiles/communes/9/334/287.geojson"
    now, then = (client.get(tile + query).json["features"] for query in ("", "?vintage=2025"))
    assert ({f["properties"]["code"] for f in now}, {f["properties"]["code"] for f in then}) == (
        {"97401"},
        {"97401", "97402"},
    )


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("vintage=2019", 404), ("vintage=soon", 400), ("vintage=20255", 400), ("at=2025-02-30", 400), ("at=1900-01-01", 404),
        ("vintage=2025&at=2025-01-01", 400), ("at=", 400), ("vintage=", 400),
    ],
)  # fmt: skip
def test_a_vintage_that_is_not_there_or_not_one(database, client, query, status):
    load(database, "AB", 2025)
    for path in ("/communes/97401?f=geojson", "/communes?q=a", "/tiles/communes/9/334/287.geojson?",
                 "/communes/97401/places.csv?", "/communes/97401/places.geojson?"):  # fmt: skip
        answer = client.get(f"{path}&{query}")
        assert answer.status_code == status, path
        assert answer.mimetype == "application/problem+json"


def test_the_vintages_page_shows_gates_and_where_places_went(database, client):
    load(database, "AB", 2025)
    add_place(database, 1.5, 0.5)
    keep(database, "2026 97402 97401")
    second = load(database, "AA", 2026)
    page = client.get("/vintages", headers=HTML).text
    assert "Voisinages" in page
    assert re.search(r"prévue par une fusion ou une séparation</dt><dd>1</dd>", page)
    listed = client.get("/vintages", headers={"Accept": "application/json"}).json["vintages"]
    assert [one["year"] for one in listed] == [2026, 2025]
    for document in listed[0]["documents"]:
        assert client.get(document).status_code == 200, document
    assert client.get(f"/vintages/{second}/reattribution.json").json["counts"]["allowed"] == 1
    assert client.get("/vintages/4711/report.json").status_code == 404


def test_areas_are_those_of_the_legal_system_and_every_territory_is_told(database):
    _, report = run.load(
        database.store(LOADER), grid.boundaries("A"), Progress(io.StringIO()), foreign_land=None, now=NOW, commit=False
    )
    assert report.territories["974"] == pytest.approx(114.4, rel=0.01)
    (gate,) = [gate for gate in report.gates if gate.name == "territories"]
    assert gate.severity == "warning"
    assert set(gate.offenders) == {
        "FXX", "971", "972", "973", "975", "976", "977", "978", "984", "986", "987", "988",
    }  # fmt: skip
    assert np.isclose(database.rows("SELECT sum(area_km2) FROM geoplatform.commune")[0][0], 114.4, rtol=0.01)


@pytest.mark.parametrize("seed", range(12))
def test_what_is_taken_over_from_the_vintage_before_is_what_would_be_judged_anew(database, seed):
    """Random maps and points, many of them on limits and corners: a merger, a split, a hole, or nothing changed."""
    random = np.random.default_rng(seed)

    def drawn():
        return "\n".join("".join(random.choice(list("ABC."), 4, p=[0.35, 0.3, 0.25, 0.1])) for _ in range(3))

    before = drawn()
    after = before.replace(*random.choice(list("ABC"), 2)) if seed % 3 else drawn()
    load(database, f"{before}\nZZZZ", 2025)  # a commune that stays, so that something can be taken over
    spots = np.concatenate([random.uniform(-0.5, 4.5, (60, 2)), random.integers(0, 9, (40, 2)) / 2])
    add_places(database, spots)
    number = load(database, f"{after}\nZZZZ", 2026)
    kept = database.rows(
        "SELECT place_id, verdict, method, commune_code, distance_m FROM geoplatform.placement WHERE vintage_id = %s "
        "ORDER BY place_id",
        number,
    )
    judged = database.rows("SELECT * FROM geoplatform.verdicts('geoplatform.place', %s) ORDER BY place_id", number)
    assert len(kept) == len(spots)
    assert kept == judged


def test_most_places_are_taken_over_when_little_changed(database):
    first = load(database, "AAAA\nBBBB\nCCCC\nDDEE", 2025)
    add_places(database, [(column + 0.5, row + 0.5) for row in range(4) for column in range(4)])
    second = load(database, "AAAA\nBBBB\nCCCC\nDDDD", 2026)
    unsettled = "SELECT count(*) FROM geoplatform.unsettled_places(%s, %s)"
    assert 4 <= database.rows(unsettled, second, first)[0][0] < 16


def test_rings_leave_the_store_counterclockwise_however_they_were_published(database, client):
    shapes = grid.shapes_of("AB")
    clockwise = np.array([shapely.Polygon(shape.exterior.coords[::-1]) for shape in shapes.values()], dtype=object)
    assert not any(shape.exterior.is_ccw for shape in clockwise)
    load(database, "AB", 2025, shapes=clockwise)
    answer = client.get("/communes/97401", headers={"Accept": "application/geo+json"}).json
    for polygon in shapely.get_parts(shapely.geometry.shape(answer["geometry"])):
        assert polygon.exterior.is_ccw  # RFC 7946 §3.1.6
    tile = client.get("/tiles/communes/8/167/143.geojson").json
    assert tile["features"]
    for feature in tile["features"]:
        for polygon in shapely.get_parts(shapely.geometry.shape(feature["geometry"])):
            assert polygon.exterior.is_ccw


def test_a_number_that_no_vintage_can_have_is_unknown(client):
    assert client.get("/vintages/99999999999/report.json").status_code == 404


def test_a_place_that_arrives_while_places_are_placed_anew_gets_the_verdict_of_the_new_vintage(database):
    """It commits between the first statement of the filling and the last."""
    load(database, "AB", 2025)
    add_place(database, 0.5, 0.5)
    made = grid.boundaries("BA", year=2026)  # the codes change places
    number, _ = run.load(
        database.store(LOADER), made, Progress(io.StringIO()), foreign_land=None, now=NOW, commit=False, waived=WAIVED
    )
    slow = """
        ALTER FUNCTION geoplatform.unsettled_places(integer, integer) RENAME TO unsettled_at_once;
        CREATE FUNCTION geoplatform.unsettled_places(a integer, b integer) RETURNS TABLE (id uuid, geom geometry)
        LANGUAGE plpgsql AS $$
        BEGIN
            RETURN QUERY SELECT * FROM geoplatform.unsettled_at_once(a, b);
            PERFORM pg_sleep(1.5);
        END $$
    """
    with database.connect() as connection:
        connection.execute(slow)
    late = threading.Timer(0.7, add_place, (database, 0.5, 0.5))
    late.start()
    vintages.activate(database.store(LOADER), number, NOW, WAIVED)
    late.join()
    kept = database.rows("SELECT commune_code FROM geoplatform.placement WHERE vintage_id = %s", number)
    assert kept == [("97402",), ("97402",)]
