"""What only a real server shows: bodies without a length, many readers at once."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from geoplatform.model import LonLat
from tests.conftest import Served

pytestmark = pytest.mark.france


@pytest.fixture(scope="module")
def token(served: Served) -> str:
    command = [sys.executable, "-m", "geoplatform.cli", "token", "create", "--label", "served"]
    return subprocess.run(command, env=served.environment, check=True, capture_output=True, text=True).stdout.strip()


def post_chunked(served: Served, token: str, chunks) -> tuple[int, dict]:
    connection = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/geo+json"}
    connection.request("POST", "/api/v1/places", iter(chunks), headers, encode_chunked=True)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_a_place_may_come_in_chunks_but_not_without_end(served, token):
    body = json.dumps({
        "type": "Feature", "geometry": {"type": "Point", "coordinates": [55.4101, -21.2796]},
        "properties": {"kind": "project", "name": "En morceaux"},
    }).encode()  # fmt: skip
    status, place = post_chunked(served, token, [body[:40], body[40:]])
    assert (status, place["properties"]["commune_code"]) == (201, "97414")
    status, problem = post_chunked(served, token, [body, *[b" " * 65536] * 8])
    assert (status, problem["status"]) == (413, 413)


def test_forty_readers_at_once_are_all_served(served):
    def read(number: int) -> int:
        path = ("/communes/97414", "/communes/97407", "/", "/communes/97499")[number % 4]
        request = urllib.request.Request(served.url + path, headers={"Accept": "text/html"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    with ThreadPoolExecutor(40) as pool:
        assert set(pool.map(read, range(120))) == {200, 404}


def tile_figures(served: Served) -> dict[str, float]:
    with urllib.request.urlopen(f"{served.url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("geoplatform_tile")
    }


def test_a_thousand_at_once_have_a_cold_tile_made_once(served):
    path = f"{served.url}/tiles/departments/7/65/44.mvt"
    asked = 'geoplatform_tile_requests_total{layer="departments",outcome="%s",zoom="7"}'

    def read(_: int) -> tuple[str, bytes]:
        with urllib.request.urlopen(path, timeout=60) as answer:
            return answer.headers["ETag"], answer.read()

    before = tile_figures(served)
    with ThreadPoolExecutor(64) as pool:
        found = set(pool.map(read, range(1000)))
    after = tile_figures(served)
    assert len(found) == 1
    assert after[asked % "made"] - before.get(asked % "made", 0) == 1
    assert after[asked % "hit"] - before.get(asked % "hit", 0) == 999


def test_what_another_program_writes_shows_within_moments(served):
    from tests.tiles.test_kept import tile_at

    spot = "POINT(55.5319 -20.9011)"
    tile = tile_at(16, LonLat(55.5319, -20.9011))
    path = f"{served.url}/tiles/places/{tile.z}/{tile.x}/{tile.y}.geojson"

    def names() -> set[str]:
        with urllib.request.urlopen(path, timeout=30) as answer:
            return {feature["properties"].get("name") for feature in json.loads(answer.read())["features"]}

    assert "Par une autre porte" not in names()
    with served.database.connect() as connection:
        made = connection.execute(
            """INSERT INTO geoplatform.place (id, kind, name, licence, source, created_at, modified_at, geom)
               VALUES (gen_random_uuid(), 'project', 'Par une autre porte', 'CC0-1.0', 'citizen', now(), now(),
                       ST_GeomFromText(%s, 4326))
               RETURNING id""",
            (spot,),
        ).fetchone()
        connection.execute("SELECT geoplatform.place_missing(id) FROM geoplatform.vintage WHERE state = 'active'")
        try:
            deadline = time.monotonic() + 30
            while "Par une autre porte" not in names():
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            connection.execute("DELETE FROM geoplatform.place WHERE id = %s", made)
