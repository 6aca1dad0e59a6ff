"""A load writes all or nothing, stages before it activates, and survives being killed."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
import time
import uuid

import pytest
import shapely

from geoplatform.errors import GateFailed, Misuse, NoVintage
from geoplatform.model import Kind, Submission
from geoplatform.progress import Progress
from geoplatform.store import places, vintages
from loaders import run
from tests import grid
from tests.conftest import NOW, ROOT, entered

LOADER = "geoplatform_loader"


def states(database):
    return database.rows("SELECT year, state FROM geoplatform.vintage ORDER BY id")


WAIVED = frozenset({"gaps", "areas", "neighbours"})


def load(database, drawing, commit, **facts):
    quiet = Progress(io.StringIO())
    made = grid.boundaries(drawing, **facts)
    return run.load(database.store(LOADER), made, quiet, foreign_land=None, now=NOW, commit=commit, waived=WAIVED)


def add_places(database, spots):
    """Identifiers of town halls at these cells of a drawing."""
    rows = []
    for column, row in spots:
        spot = grid.at("", column, row)
        point = shapely.to_wkb(shapely.set_srid(shapely.Point(spot.lon, spot.lat), 4326), include_srid=True)
        rows.append((uuid.uuid4(), "service", "town_hall", "x", *[None] * 5, "etalab-2.0", "register", "t", point))
    with database.store(LOADER).transaction() as connection:
        places.load_bulk(connection, rows, "tests", NOW)
    return [row[0] for row in rows]


def add_place(database, column, row):
    return add_places(database, [(column, row)])[0]


def test_a_staged_vintage_is_seen_by_nobody_until_it_is_activated(database):
    number, report = load(database, "AB", commit=False)
    assert states(database) == [(2025, "staged")]
    assert database.rows("SELECT count(*) FROM published.communes")[0][0] == 0
    assert report.counts["communes"] == 2
    vintages.activate(database.store(LOADER), number, NOW)
    assert database.rows("SELECT code FROM published.communes ORDER BY code") == [("97401",), ("97402",)]


def test_staging_the_same_file_again_replaces_the_first_stage(database):
    load(database, "AB", commit=False)
    load(database, "AB", commit=False)
    assert states(database) == [(2025, "staged")]


def test_activating_retires_the_old_vintage_moves_the_places_and_going_back_is_the_same_call(database):
    first, _ = load(database, "AB", commit=True)
    place = add_place(database, 1.5, 0.5)
    query = "SELECT commune_code, vintage, commune_code_at_entry FROM published.places"
    assert database.rows(query) == [("97402", 2025, "97402")]
    load(database, "AA", commit=True, year=2026)
    assert states(database) == [(2025, "retired"), (2026, "active")]
    assert database.rows(query) == [("97401", 2026, "97402")]
    vintages.activate(database.store(LOADER), first, NOW)
    assert states(database) == [(2025, "active"), (2026, "retired")]
    assert database.rows(query) == [("97402", 2025, "97402")]
    assert database.rows("SELECT id FROM published.places") == [(place,)]


def submit(database, name):
    made = Submission(id=uuid.uuid4(), kind=Kind.PROJECT, name=name, position=grid.at("", 1.5, 0.5))
    database.store("geoplatform_web").writing(lambda connection: entered(connection, made))


def test_no_place_submitted_during_an_activation_is_lost(database):
    first, _ = load(database, "AB", commit=True)
    second, _ = load(database, "AA", commit=False, year=2026)
    with database.store("geoplatform_web")._writer.begin() as early:  # begun, not yet committed
        made = Submission(id=uuid.uuid4(), kind=Kind.PROJECT, name="early", position=grid.at("", 1.5, 0.5))
        assert entered(early, made).is_new
        activation = threading.Thread(target=vintages.activate, args=(database.store(LOADER), second, NOW))
        activation.start()
        activation.join(0.5)
        assert activation.is_alive()  # it waits for the submission
    activation.join(30)
    submit(database, "late")
    load(database, "AAA", commit=False, year=2027)
    third = database.rows("SELECT max(id) FROM geoplatform.vintage")[0][0]
    add_place(database, 0.5, 0.5)
    count = "SELECT count(*) FROM geoplatform.placement WHERE vintage_id = %s"
    assert database.rows(count, third) == [(0,)]  # a staged vintage is placed when it is activated
    assert vintages.activate(database.store(LOADER), third, NOW).placed == 3
    submit(database, "later")
    assert [database.rows(count, number) for number in (first, second, third)] == [[(4,)]] * 3
    vintages.activate(database.store(LOADER), second, NOW)
    query = "SELECT name, vintage, commune_code FROM published.places WHERE name <> 'x' ORDER BY name"
    assert database.rows(query) == [(name, 2026, "97401") for name in ("early", "late", "later")]
    vintages.activate(database.store(LOADER), first, NOW)
    assert database.rows(query) == [(name, 2025, "97402") for name in ("early", "late", "later")]


def test_no_vintage_activating_an_unknown_number_changes_nothing(database):
    load(database, "AB", commit=True)
    with pytest.raises(NoVintage):
        vintages.activate(database.store(LOADER), 4711, NOW)
    assert states(database) == [(2025, "active")]


def test_no_vintage_places_cannot_be_loaded_before_communes(database):
    with pytest.raises(NoVintage):
        add_place(database, 0.5, 0.5)
    assert database.rows("SELECT count(*) FROM geoplatform.arrival") == [(0,)]


def test_gate_failed_the_active_vintage_stays(database):
    load(database, "AB", commit=True)
    with pytest.raises(GateFailed):
        load(database, "ABC", commit=True, expected=99, year=2026)
    assert states(database) == [(2025, "active"), (2026, "staged")]
    staged = database.rows("SELECT max(id) FROM geoplatform.vintage")[0][0]
    store = database.store(LOADER)
    with pytest.raises(GateFailed, match="count"):
        vintages.activate(store, staged, NOW)
    vintages.activate(store, staged, NOW, waived=frozenset({"count"}))
    assert states(database) == [(2025, "retired"), (2026, "active")]


def test_what_a_check_refuses_can_be_looked_at_before_it_is_accepted(database):
    with pytest.raises(GateFailed, match=r"geoplatform vintages report 1 --findings > findings\.geojson"):
        run.load(
            database.store(LOADER), grid.boundaries("AAA\nA.A\nAAA"), Progress(io.StringIO()), foreign_land=None, now=NOW,
            commit=True,
        )  # fmt: skip
    with database.store(LOADER).reading() as connection:
        report = vintages.staged_report(connection, 1)
        assert [gate["name"] for gate in report["gates"] if gate["severity"] == "failure"] == ["gaps"]
        (feature,) = json.loads(vintages.staged_findings_geojson(connection, 1))["features"]
        assert vintages.documents(connection, 1) is None  # nobody else sees it
        with pytest.raises(NoVintage):
            vintages.staged_report(connection, 4711)
    assert feature["properties"]["kind"] == "gap"
    hole = shapely.geometry.shape(feature["geometry"])
    assert hole.equals(shapely.box(55.1, -21.9, 55.2, -21.8))


def test_a_dropped_vintage_leaves_nothing_and_the_active_one_cannot_be_dropped(database):
    first, _ = load(database, "AB", commit=True)
    second, _ = load(database, "AA", commit=True, year=2026)
    add_place(database, 0.5, 0.5)
    with database.store(LOADER).transaction() as connection:
        vintages.drop(connection, first)
        with pytest.raises(NoVintage):
            vintages.drop(connection, first)
    assert states(database) == [(2026, "active")]
    for table in (
        "commune",
        "drawing",
        "placement",
        "commune_name",
        "department",
        "vintage_finding",
        "territory_edition",
    ):
        kept = database.rows(f"SELECT DISTINCT vintage_id FROM geoplatform.{table}")
        assert kept in ([(second,)], []), table
    with pytest.raises(Misuse, match="is the active one"), database.store(LOADER).transaction() as connection:
        vintages.drop(connection, second)


def test_loads_take_turns(database):
    store, other = database.store(LOADER), database.store(LOADER)
    entered = threading.Event()

    def second():
        with other.alone():
            entered.set()

    with store.alone():
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not entered.wait(0.5)
    assert entered.wait(10)
    waiting.join()


def test_the_report_is_kept_with_the_vintage(database):
    load(database, "AAA\nA.A\nAAA", commit=True)
    report = database.rows("SELECT report FROM published.vintages")[0][0]
    assert report["counts"]["communes"] == 1
    assert [gate["name"] for gate in report["gates"] if gate["severity"] == "waived"] == ["gaps"]


KILLED = """
import datetime as dt, os, sys, time
from dataclasses import replace
from geoplatform.model import Kind, Submission
from geoplatform.progress import Progress
from geoplatform.store.engine import Store
from loaders import run
from tests import grid
from loaders import staging
ahead = staging.ahead
def slow(batches):
    for number, batch in enumerate(ahead(batches)):
        yield batch
        if number == 1:
            print("in the middle", flush=True)
            time.sleep(60)
staging.ahead = slow
whole = grid.boundaries("ABCD", year=2026)
def one_by_one():
    for communes in whole.communes():
        for index in range(len(communes.codes)):
            yield communes.taken([index])
run.load(Store(sys.argv[1]), replace(whole, communes=one_by_one), Progress(open(os.devnull, "w")),
         foreign_land=None, now=dt.datetime.now(dt.UTC), commit=True)
"""


def test_a_loader_killed_in_the_middle_leaves_the_active_vintage_and_a_rerun_works(database):
    load(database, "AB", commit=True)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, database.url(LOADER)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in the middle\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert states(database) == [(2025, "active")]
    assert database.rows("SELECT count(*) FROM published.communes") == [(2,)]
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and database.rows(
        "SELECT 1 FROM pg_stat_activity WHERE usename = %s AND state LIKE 'idle in%%'", LOADER
    ):
        time.sleep(0.05)
    load(database, "ABCD", commit=True, year=2026)
    assert states(database) == [(2025, "retired"), (2026, "active")]
    assert database.rows("SELECT count(*) FROM geoplatform.commune") == [(6,)]
