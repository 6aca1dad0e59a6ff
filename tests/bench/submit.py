"""Job `submit`: places over HTTP, against the bare statement through pgbench."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geoplatform.store import tokens
from tests.bench.bench import OWNER, Bench, Database
from tests.bench.figure import Figure, paired
from tests.bench.pgbench import transactions_per_second

_TIMES = 3
_LASTING_S = 5
_CLIENTS = 8
_PATIENCE_S = 60
STATEMENT = """
\\set lon random(-100000, 600000)
\\set lat random(4400000, 4900000)
SELECT verdict FROM published.submit_place(
    gen_random_uuid(), 'merchant', 'bakery', 'Au Bon Pain', NULL, NULL, NULL, NULL, NULL,
    'CC-BY-NC-SA-4.0', 'public', :lon / 100000.0, :lat / 100000.0, 'bench', now());
"""


def figures(bench: Bench) -> Iterator[Figure]:
    """Submissions a second of eight clients, each waiting for its answer. Both end in a durable commit."""
    with bench.database(bench.france) as database:
        secret = issued_key(database)
        with _serving(database) as port:
            bare, http_rate = paired(
                _TIMES,
                lambda: transactions_per_second(
                    database.url, STATEMENT, clients=_CLIENTS, lasting_s=_LASTING_S, folder=bench.folder
                ),
                lambda: _posted_per_second(port, secret),
            )
    yield Figure("submit", "POST /api/v1/places, 8 clients", http_rate, "pgbench -c 8, submit_place", bare, "places/s")


def issued_key(database: Database) -> str:
    secret = secrets.token_urlsafe(32)
    with database.store(OWNER) as store, store.transaction() as connection:
        tokens.issue(connection, uuid.uuid4(), secret, "bench", dt.datetime.now(dt.UTC), None)
    return secret


@contextmanager
def _serving(database: Database) -> Iterator[int]:
    """Port of a server on this database; it ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environment = os.environ | {
        "GEOPLATFORM_DATABASE_URL": database.url,
        "GEOPLATFORM_SUBMIT_RATE": "100000000 per minute",
    }
    command = [str(Path(sys.executable).with_name("geoplatform")), "serve", "--no-cuts"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        _await_ready(server, port)
        yield port
    finally:
        server.terminate()
        server.wait(_PATIENCE_S)


def _await_ready(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise RuntimeError("the server under test does not answer")


def _posted_per_second(port: int, secret: str) -> float:
    stored: list[int] = []
    end = time.monotonic() + _LASTING_S
    threads = [threading.Thread(target=_post_until, args=(end, port, secret, stored)) for _ in range(_CLIENTS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(stored) < _CLIENTS:
        raise RuntimeError("a client was refused")
    return sum(stored) / (time.monotonic() - began)


def _post_until(end: float, port: int, secret: str, stored: list[int]) -> None:
    """Post over one kept connection; the number of places stored is added only if none was refused."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/geo+json"}
    count = 0
    while time.monotonic() < end:
        connection.request("POST", "/api/v1/places", _feature(), headers)
        response = connection.getresponse()
        response.read()
        if response.status != 201:
            return
        count += 1
    connection.close()
    stored.append(count)


def _feature() -> str:
    position = [round(random.uniform(-1, 6), 5), round(random.uniform(44, 49), 5)]
    properties = {"kind": "merchant", "category": "bakery", "name": "Au Bon Pain", "licence": "CC-BY-NC-SA-4.0"}
    geometry = {"type": "Point", "coordinates": position}
    return json.dumps({"type": "Feature", "geometry": geometry, "properties": properties})
