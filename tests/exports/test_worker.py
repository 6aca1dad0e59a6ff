"""Cuts on demand, through the real queue and a real worker: asked for by the web, made, joined, taken up again, told as failed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg import errors as pg

from exports.publishing import Wanted
from tests import grid
from tests.exports.conftest import EXPORTER, Press
from tests.web.ogc.planting import DRAWING, application, plant_each

SCOPE = {"level": "commune", "code": "97401"}
DATASET = "places-commune-97401"


@dataclass
class Desk:
    """Where cuts are asked for, and workers are started that make them."""

    press: Press
    client: FlaskClient
    workers: list[subprocess.Popen]

    def ask(self, **scope: object):
        return self.client.post("/exports/cuts", json=scope or SCOPE)

    def look(self, number: int) -> dict:
        return self.client.get(f"/exports/cuts/{number}?f=json").json

    def worker(self, *options: str, largest_file: int | None = None) -> subprocess.Popen:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GEOPLATFORM_")},
            "GEOPLATFORM_DATABASE_URL": self.press.database.url(),
            "GEOPLATFORM_DATA": str(self.press.folder.parent),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "geoplatform.cli", "worker", "--processes", "1", *options], env=environment
        )
        if largest_file:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (largest_file, largest_file))
        self.workers.append(process)
        return process

    def work(self, **options: int) -> None:
        assert self.worker("--until-empty", **options).wait(120) == 0

    def is_writing(self) -> bool:
        return len(list(self.press.folder.glob(".unfinished-*/files/*/.*.json"))) > 1

    def forget_the_dead(self) -> None:
        """As if a while had passed since a worker was last heard of."""
        with self.press.database.connect() as connection:
            connection.execute("UPDATE queue.procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")

    def jobs(self) -> list[tuple]:
        return self.press.database.rows("SELECT status::text, attempts FROM queue.procrastinate_jobs ORDER BY id")


@pytest.fixture
def desk(press) -> Iterator[Desk]:
    desk = Desk(press, application(press.database, export_folder=press.folder), [])
    yield desk
    for process in desk.workers:
        process.kill()
        process.wait()


def until(is_so: Callable[[], bool], process: subprocess.Popen | None = None) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, "the worker ended by itself"
        time.sleep(0.02)


def test_a_cut_is_asked_for_made_once_and_served(desk):
    first = desk.ask()
    assert (first.status_code, first.json["state"], first.json["ahead"]) == (202, "waiting", 0)
    number = first.json["number"]
    assert first.headers["Location"].endswith(f"/exports/cuts/{number}")
    assert desk.ask().json["number"] == number, "the second joins the first"
    assert desk.jobs() == [("todo", 0)]
    desk.work()
    told = desk.look(number)
    assert (told["state"], told["percent"], told["problem"]) == ("done", 100, None)
    assert desk.jobs() == []
    release = desk.client.get(f"/exports/{DATASET}?f=json").json
    assert release["release"] == told["release"]
    assert {file["format"] for file in release["files"]} >= {"csv", "geojson", "gpkg", "fgb", "parquet"}
    for file in release["files"]:
        answer = desk.client.get(f"/exports/{DATASET}/latest/{file['name']}")
        assert (answer.status_code, len(answer.data)) == (200, file["bytes"])
    again = desk.ask()
    assert (again.status_code, again.json["state"], again.json["release"]) == (200, "done", told["release"])
    assert again.headers["Location"].endswith(f"/exports/{DATASET}")


def test_what_changed_in_the_commune_and_only_that_makes_a_new_cut(desk):
    desk.ask()
    desk.press.database.settle()
    desk.work()
    plant_each(desk.press.database, desk.client, [{"name": "Ailleurs", "position": grid.at(DRAWING, 1.5, 0.5)}])
    (code,) = desk.press.database.rows("SELECT commune_code FROM published.places WHERE name = 'Ailleurs'")[0]
    assert code != SCOPE["code"]
    assert desk.ask().json["state"] == "done"
    plant_each(desk.press.database, desk.client, [{"name": "Tout neuf", "position": grid.at(DRAWING, 0.5, 2.5)}])
    assert desk.ask().json["state"] == "waiting"
    desk.work()
    files = desk.client.get(f"/exports/{DATASET}?f=json").json["files"]
    lines = [
        desk.client.get(f"/exports/{DATASET}/latest/{one['name']}").text for one in files if one["format"] == "csv"
    ]
    assert any("Tout neuf" in text for text in lines)


def test_a_release_that_the_operator_published_counts_too(desk):
    desk.press.database.settle()
    desk.press.publish(Wanted(("places",), ("csv",), (("commune", "97401"),)))
    assert desk.ask().json["state"] == "done"
    plant_each(desk.press.database, desk.client, [{"name": "Tout neuf", "position": grid.at(DRAWING, 0.5, 2.5)}])
    assert desk.ask().json["state"] == "waiting"


@pytest.mark.parametrize("scope", [("department", "974"), ("epci", "200000001")])
def test_departments_and_epci_are_cut_too(desk, scope):
    number = desk.ask(level=scope[0], code=scope[1]).json["number"]
    desk.work()
    assert desk.look(number)["state"] == "done"
    assert desk.client.get(f"/exports/places-{scope[0]}-{scope[1]}").status_code == 200
    assert desk.ask(level=scope[0], code=scope[1]).json["state"] == "done"


def test_a_worker_that_is_killed_leaves_its_cut_to_the_next(desk):
    number = desk.ask().json["number"]
    first = desk.worker()
    until(desk.is_writing, first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    told = desk.look(number)
    assert (told["state"], desk.jobs()) == ("running", [("doing", 0)])
    assert desk.ask().json["number"] == number
    desk.forget_the_dead()
    desk.work()
    assert desk.look(number)["state"] == "done"
    assert list(desk.press.folder.glob(".unfinished-*")) == []


def test_a_cut_whose_worker_is_killed_each_time_has_failed_and_can_be_asked_for_anew(desk):
    number = desk.ask().json["number"]
    with desk.press.database.connect() as connection:
        connection.execute("SET search_path = queue")
        connection.execute("UPDATE procrastinate_jobs SET attempts = 2, status = 'doing'")
        connection.execute("UPDATE geoplatform.cut SET state = 'running'")
    desk.work()
    told = desk.look(number)
    assert (told["state"], told["problem"], desk.jobs()) == ("failed", "interrupted", [])
    assert desk.ask().json["number"] != number


def test_a_cut_that_has_lost_its_job_is_told_as_failed(desk):
    number = desk.ask().json["number"]
    with desk.press.database.connect() as connection:
        connection.execute("SET search_path = queue")
        connection.execute("DELETE FROM procrastinate_jobs")
    desk.work()
    assert desk.look(number)["problem"] == "interrupted"


def test_a_worker_that_is_stopped_gives_its_cut_back(desk):
    number = desk.ask().json["number"]
    first = desk.worker()
    until(desk.is_writing, first)
    first.terminate()
    assert first.wait(60) == 0
    assert desk.look(number)["state"] in ("waiting", "done")
    desk.work()
    assert desk.look(number)["state"] == "done"


def test_a_full_disk_is_told_and_the_cut_can_be_asked_for_again(desk):
    number = desk.ask().json["number"]
    desk.work(largest_file=300)
    told = desk.look(number)
    assert (told["state"], told["problem"], told["release"]) == ("failed", "full", None)
    assert list(desk.press.folder.glob(".unfinished-*")) == []
    page = desk.client.get(f"/exports/cuts/{number}", headers={"Accept": "text/html"})
    assert "plus de place sur le disque" in page.text
    again = desk.ask().json["number"]
    assert again != number
    desk.work()
    assert desk.look(again)["state"] == "done"


def test_another_run_at_the_same_dataset_is_waited_for(desk, monkeypatch):
    from exports import publishing

    number, plain = desk.ask().json["number"], publishing.cut

    def meanwhile(*told, **named):
        process = desk.worker()
        until(lambda: desk.jobs() == [("todo", 1)], process)
        assert desk.look(number)["state"] == "waiting"
        process.terminate()
        process.wait()
        return plain(*told, **named)

    monkeypatch.setattr(publishing, "cut", meanwhile)
    desk.press.publish(Wanted(("places",), ("csv",), (("commune", "97401"),)))


def test_too_many_that_wait_are_refused_for_now(desk):
    with desk.press.database.connect() as connection:
        connection.execute(
            """INSERT INTO geoplatform.cut (level, code, name, requested_at)
               SELECT 'commune', to_char(n, 'FM00000'), 'x', now() FROM generate_series(1, 200) AS n"""
        )
    refused = desk.ask()
    assert (refused.status_code, desk.jobs()) == (503, [])
    assert int(refused.headers["Retry-After"]) > 0


def test_the_web_asks_and_reaches_nothing_of_the_queue(desk):
    database = desk.press.database
    for role in ("geoplatform_web", "geoplatform_loader", "geoplatform_reader"):
        with database.connect(role) as connection:
            for statement in (
                "SELECT * FROM queue.procrastinate_jobs",
                "SELECT queue.procrastinate_register_worker_v1()",
                "SELECT published.end_cut(1, NULL, 'failed', now())",
            ):
                with pytest.raises(pg.InsufficientPrivilege):
                    connection.execute(statement)
    with database.connect(EXPORTER) as connection:
        for statement in (
            "INSERT INTO queue.procrastinate_jobs (queue_name, task_name) VALUES ('cuts', 'cut')",
            "SELECT published.request_cut('commune', '97401', now())",
            "UPDATE geoplatform.cut SET state = 'done'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
