"""Job `submit`: places over HTTP, by a program's key and by a citizen's token, against the bare statement through pgbench.

Every place ends in a durable commit (`synchronous_commit`, as PostgreSQL has it by default).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geoplatform.store import tokens
from tests.bench.asking import Load, wrk
from tests.bench.bench import OWNER, Bench, Database
from tests.bench.figure import Figure, paired
from tests.bench.pgbench import transactions_per_second

_TIMES = 3
_LASTING_S = 5
_CLIENTS = 16
_PATIENCE_S = 60
_GOAL_PER_SECOND = 500
#: Posts a place somewhere in France with the key that it is given.
POST = """
local headers
function init(args)
    headers = {["Authorization"] = "Bearer " .. args[1], ["Content-Type"] = "application/geo+json"}
    math.randomseed(974)
end
function request()
    return wrk.format("POST", "/api/v1/places?distinct=true", headers, string.format(
        '{"type":"Feature","geometry":{"type":"Point","coordinates":[%.5f,%.5f]},"properties":' ..
        '{"kind":"merchant","category":"bakery","name":"Au Bon Pain","licence":"CC-BY-NC-SA-4.0"}}',
        math.random() * 7 - 1, 44 + math.random() * 5))
end
"""


def statement(secret: str) -> str:
    """The bare statement that submits a place by a key, as pgbench runs it."""
    key = hashlib.sha256(secret.encode()).hexdigest()
    return f"""
\\set lon random(-100000, 600000)
\\set lat random(4400000, 4900000)
SELECT verdict FROM citizens.submit_place(
    '\\x{key}', gen_random_uuid(), 'merchant', 'bakery', 'Au Bon Pain', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    'CC-BY-NC-SA-4.0', 'public', :lon / 100000.0, :lat / 100000.0, now(), gen_random_uuid());
"""


def figures(bench: Bench) -> Iterator[Figure]:
    """Submissions a second of sixteen clients, each waiting for its answer, and the seconds that 99 of 100 stayed below."""
    with bench.database(bench.france) as database:
        for who, secret in (("a program", issued_key(database)), ("a citizen", _token(database))):
            loads: list[Load] = []
            with _serving(database) as port:
                _posted(bench.folder, port, secret, [])  # each of its connections plans the statement once
                bare, http_rate = paired(
                    _TIMES,
                    lambda key=secret: transactions_per_second(
                        database.url, statement(key), clients=_CLIENTS, lasting_s=_LASTING_S, folder=bench.folder
                    ),
                    lambda key=secret, at=port, told=loads: _posted(bench.folder, at, key, told),
                )
            what = f"POST /api/v1/places by {who}, {_CLIENTS} clients"
            yield Figure("submit", what, http_rate, f"pgbench -c {_CLIENTS}, submit_place", bare, "places/s")
            yield Figure("submit", what, http_rate, "the goal", _GOAL_PER_SECOND, "places/s")
            worst = max(load.p99_s for load in loads)
            yield Figure("submit", f"{what}, p99", worst, "a tenth of a second", 0.1, "s")


def _posted(folder: Path, port: int, secret: str, loads: list[Load]) -> float:
    loads.append(wrk(folder, port, (), clients=_CLIENTS, post=(POST, secret)))
    return loads[-1].per_second


def issued_key(database: Database) -> str:
    """The secret of a new operator's key."""
    secret = secrets.token_urlsafe(32)
    with database.store(OWNER) as store, store.transaction() as connection:
        tokens.issue(connection, uuid.uuid4(), secret, "bench", dt.datetime.now(dt.UTC), None)
    return secret


def _token(database: Database) -> str:
    """The secret of a token of a citizen who agrees to publication."""
    secret, citizen = secrets.token_urlsafe(32), uuid.uuid4()
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO people.citizen (id, display_name, language, joined_on) VALUES (%s, 'bench', 'fr', now())",
            (citizen,),
        )
        connection.execute(
            """INSERT INTO people.token (id, secret_sha256, citizen_id, label, scopes, created_at, expires_at)
               VALUES (%s, %s, %s, 'bench', '{contribute}', now(), now() + interval '1 day')""",
            (uuid.uuid4(), tokens.digest(secret), citizen),
        )
        connection.execute(
            """INSERT INTO people.consent (citizen_id, purpose, text_version, is_given, occurred_at)
               SELECT %s, purpose, version, true, now() FROM people.consent_text WHERE purpose = 'publication'""",
            (citizen,),
        )
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
