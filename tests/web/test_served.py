"""What only a real server shows: bodies without a length, many readers at once."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

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
