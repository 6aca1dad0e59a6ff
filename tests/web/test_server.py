"""Tiles before Flask, with the real server: clients that go away, proxies, rates, and the same answers as Flask's."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests import grid
from tests.conftest import MANY, Database, activate, cloned
from tests.tiles.test_kept import tile_at
from tests.web.test_gateway import until

TILE = "/tiles/communes/14/{x}/5900.mvt"
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock' AND query ~ 'tile_|Feature'"
)
DRAWING = "AAB\nA.B\nCCB"


@dataclass(frozen=True)
class Running:
    """A server over a small map. `ask` gives answer and body."""

    database: Database
    port: int
    pid: int

    def send(self, path: str) -> socket.socket:
        """A connection over which a path was asked, not more."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return connection

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, None, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()

    def children(self) -> list[int]:
        """Pids of the processes that it has started: they outlive it where it is killed."""
        return [int(child) for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def waiting(self) -> int:
        """How many of our queries wait for a lock."""
        return self.database.rows(WAITING, self.database.name)[0][0]

    @contextmanager
    def held(self, table: str = "vintage") -> Iterator[None]:
        """No tile can be made meanwhile; with `placement`, no list of places."""
        with psycopg.connect(self.database.url()) as connection:
            connection.execute(f"LOCK TABLE geoplatform.{table} IN ACCESS EXCLUSIVE MODE")
            yield


@contextmanager
def running(database: Database, folder, option: str = "--no-cuts", **settings: str) -> Iterator[Running]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GEOPLATFORM_")},
        "GEOPLATFORM_DATABASE_URL": database.url(),
        "GEOPLATFORM_WEB_DATABASE_URL": database.url("geoplatform_web"),
        "GEOPLATFORM_DATA": str(folder),
        "GEOPLATFORM_READ_RATE": MANY,
        **{f"GEOPLATFORM_{name}": value for name, value in settings.items()},
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "geoplatform.cli", "serve", "--port", str(port), "--workers", "1", option]
    process = subprocess.Popen(command, env=environment)
    server = Running(database, port, process.pid)

    def is_ready() -> bool:
        assert process.poll() is None
        try:
            return server.ask("/health/ready")[0].status == 200
        except OSError:
            return False

    try:
        until(is_ready)
        yield server
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def patient(cluster, template, tmp_path_factory) -> Iterator[Running]:
    """A server whose queries end by no timeout within a test."""
    with cloned(cluster, template) as database:
        activate(database, DRAWING)
        with running(
            database, tmp_path_factory.mktemp("patient"), STATEMENT_TIMEOUT_MS="600000", TILE_RATE=MANY
        ) as server:
            yield server


@pytest.fixture(scope="module")
def behind(cluster, template, tmp_path_factory) -> Iterator[Running]:
    """A server behind a proxy, where a client has five tiles made an hour."""
    with cloned(cluster, template) as database:
        activate(database, DRAWING)
        with running(
            database, tmp_path_factory.mktemp("behind"), TRUSTED_PROXIES="1", TILE_RATE="5 per hour"
        ) as server:
            yield server


@pytest.mark.parametrize(
    "path",
    [
        TILE.format(x=1),
        TILE.format(x=2).replace("mvt", "geojson"),
        "/tiles/places/14/3/5900.mvt?kind=project",
    ],
)
def test_the_query_of_a_client_that_went_away_is_cancelled(patient, path):
    with patient.held():
        with patient.send(path):
            until(lambda: patient.waiting() == 1)
        until(lambda: patient.waiting() == 0)  # though the lock is still held
    assert patient.ask(path)[0].status in (200, 204)


@pytest.mark.parametrize("asked", ["limit=5", "filter=name%20LIKE%20'L%25'"])
def test_so_is_that_of_a_list(patient, asked):
    path = f"/ogc/collections/places/items?{asked}"
    with patient.held("placement"):
        with patient.send(path):
            until(lambda: patient.waiting() == 1)
        until(lambda: patient.waiting() == 0)  # though the lock is still held
    assert patient.ask(path)[0].status == 200


def test_clients_that_leave_at_once_leave_no_query_and_no_thread(patient):
    with patient.held():
        for number in range(40):
            with patient.send(TILE.format(x=100 + number)):
                pass
        until(lambda: patient.waiting() == 0)
    assert patient.ask(TILE.format(x=200))[0].status in (200, 204)


def test_a_tile_goes_on_while_anybody_waits_for_it(patient):
    path = TILE.format(x=7)
    with patient.held():
        first, second = patient.send(path), patient.send(path)
        until(lambda: patient.waiting() == 1)
        first.close()
        time.sleep(0.5)  # so long it could have been cancelled
        assert patient.waiting() == 1
    with second:
        assert second.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 204")


def test_whoever_comes_after_a_cancelled_one_gets_the_tile(patient):
    path = TILE.format(x=8)
    with patient.held():
        with patient.send(path):
            until(lambda: patient.waiting() == 1)
        second = patient.send(path)
        until(lambda: patient.waiting() == 1)
    with second:
        assert second.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 204")


def test_a_tile_is_the_same_before_flask_and_by_it(patient):
    ((year,),) = patient.database.rows("SELECT year FROM geoplatform.vintage")
    where = tile_at(10, grid.at(DRAWING, 0.5, 0.5))
    for layer in ("communes", "all"):
        for suffix in ("mvt", "geojson"):
            path = f"/tiles/{layer}/{where.z}/{where.x}/{where.y}.{suffix}"
            plain, kept, by_flask = patient.ask(path), patient.ask(path), patient.ask(f"{path}?vintage={year}")
            assert plain[1] == kept[1] == by_flask[1] != b""
            told = [
                {name.lower(): value for name, value in answer.headers.items() if name.lower() != "date"}
                for answer, _ in (plain, kept, by_flask)
            ]
            assert told[0] == told[1] == told[2]


def test_a_head_of_a_tile_has_its_headers_made_or_kept(patient):
    for _ in range(2):
        head, nothing = patient.ask("/tiles/all/6/30/23.geojson", "HEAD", Accept_Encoding="gzip")
        whole, body = patient.ask("/tiles/all/6/30/23.geojson", Accept_Encoding="gzip")
        assert nothing == b""
        assert {**head.headers, "Date": ""} == {**whole.headers, "Date": ""}
        assert int(head.headers["Content-Length"]) == len(body) > 0


def test_an_impossible_tile_is_the_same_problem_before_flask_and_by_it(patient):
    plain, filtered = patient.ask("/tiles/places/2/4/0.mvt"), patient.ask("/tiles/places/2/4/0.mvt?kind=project")
    assert plain[0].status == filtered[0].status == 404
    assert plain[1] == filtered[1]
    assert json.loads(plain[1])["instance"] == "/tiles/places/2/4/0.mvt"
    assert patient.ask("/tiles/places/40/4/0.mvt")[0].status == 404
    assert patient.ask("/tiles/places/2/1/0.mvt", "POST")[0].status == 405


def test_https_at_the_proxy_shows_in_tiles_made_kept_and_unchanged(behind):
    for forwarded, expected in (("https", "max-age=31536000"), ("http", None)):
        told = {"X_Forwarded_Proto": forwarded, "X_Forwarded_For": f"192.0.2.{len(forwarded)}"}
        made, _ = behind.ask(f"/tiles/all/{len(forwarded)}/1/1.geojson", **told)
        kept, _ = behind.ask(f"/tiles/all/{len(forwarded)}/1/1.geojson", **told)
        same, _ = behind.ask(f"/tiles/all/{len(forwarded)}/1/1.geojson", If_None_Match=made.headers["ETag"], **told)
        assert [answer.status for answer in (made, kept, same)] == [200, 200, 304]
        assert {answer.headers["Strict-Transport-Security"] for answer in (made, kept, same)} == {expected}


def test_tiles_that_are_made_are_counted_for_each_client_and_kept_ones_are_not(behind):
    path, filtered = "/tiles/places/9/{n}/174.geojson", "/tiles/places/9/{n}/174.geojson?kind=project"
    mine, other = {"X_Forwarded_For": "198.51.100.1"}, {"X_Forwarded_For": "198.51.100.2"}
    asked = [behind.ask(one.format(n=n), **mine) for n in (1, 2, 3) for one in (path, filtered)]
    assert [answer.status for answer, _ in asked] == [200] * 5 + [429]
    plain, problem = behind.ask(path.format(n=3).replace("/3/", "/4/"), **mine)
    assert plain.status == 429
    assert int(plain.headers["Retry-After"]) > 0
    assert problem == behind.ask(filtered.format(n=4), **mine)[1]
    assert {behind.ask(path.format(n=1), **mine)[0].status for _ in range(9)} == {200}  # it is kept
    assert behind.ask(path.format(n=4), **other)[0].status == 200


def test_a_store_that_fails_is_a_problem_of_tiles_too(patient):
    with patient.database.connect() as connection:
        connection.execute("ALTER FUNCTION published.tile_parts RENAME TO tile_parts_away")
        try:
            answer, problem = patient.ask(TILE.format(x=300))
        finally:
            connection.execute("ALTER FUNCTION published.tile_parts_away RENAME TO tile_parts")
    assert (answer.status, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert json.loads(problem)["type"] == "urn:geoplatform:problem:SchemaMismatch"
    assert patient.ask(TILE.format(x=300))[0].status in (200, 204)
