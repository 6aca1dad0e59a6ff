"""The real server, ended in the midst of writing, and a database whose connections are cut: nothing is half done."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
import uuid

from tests import grid
from tests.web.citizens.conftest import DRAWING, feature, spot
from tests.web.test_server import running

#: Rows that have lost what belongs to them.
BROKEN = """
    SELECT 'placement', count(*) FROM geoplatform.place AS p
        WHERE NOT EXISTS (SELECT FROM geoplatform.placement AS l WHERE l.place_id = p.id)
    UNION ALL SELECT 'change', count(*) FROM geoplatform.place AS p
        WHERE NOT EXISTS (SELECT FROM geoplatform.change AS l WHERE l.place_id = p.id AND l.version = p.version)
    UNION ALL SELECT 'author', count(*) FROM geoplatform.place AS p
        WHERE NOT EXISTS (SELECT FROM people.author AS a WHERE a.place_id = p.id AND a.version = p.version)
    UNION ALL SELECT 'version', count(*) FROM geoplatform.place AS p
        WHERE p.version - 1 <> (SELECT count(*) FROM geoplatform.place_version AS v WHERE v.place_id = p.id)
    UNION ALL SELECT 'keeper', count(*) FROM geoplatform.place AS p
        WHERE NOT EXISTS (SELECT FROM people.keeper AS k WHERE k.place_id = p.id)
"""


def test_a_server_that_is_killed_leaves_every_place_whole(town, tmp_path):
    ana = town.contributor("ana")
    token = ana.post("/me/tokens", {"label": "x", "scopes": ["read", "contribute"]}).json["secret"]
    stored: list[str] = []

    def write(port: int) -> None:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/geo+json"}
        chance = random.Random(port)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            while True:
                point = grid.at(DRAWING, chance.random() * 2, chance.random())
                body = json.dumps(feature(uuid.uuid4().hex, [point.lon, point.lat]))
                connection.request("POST", "/api/v1/places?distinct=true", body, headers)
                answer = connection.getresponse()
                place = json.loads(answer.read())["id"]
                assert answer.status == 201
                stored.append(place)
                connection.request("PATCH", f"/api/v1/places/{place}", '{"properties": {"phone": "0262"}}', headers | {
                    "Content-Type": "application/json"})  # fmt: skip
                connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return  # the server is gone

    with running(town.database, tmp_path / "killed", SUBMIT_RATE="100000 per minute") as server:
        threads = [threading.Thread(target=write, args=(server.port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(2)
        for pid in server.children():
            os.kill(pid, signal.SIGKILL)
        os.kill(server.pid, signal.SIGKILL)
        for thread in threads:
            thread.join()
    assert len(stored) > 3
    ours = {place for (place,) in town.rows("SELECT id::text FROM geoplatform.place")}
    assert set(stored) <= ours  # what was answered is there
    assert {name: count for name, count in town.rows(BROKEN) if count} == {}


def test_leaving_is_whole_or_not_at_all_while_connections_are_cut(town):
    for number in range(6):
        ana = town.contributor(f"ana{number}")
        for place in range(5):
            ana.add(f"Lieu {number} {place}", spot(0.1 + place / 10, 0.1 + number / 10))
        stop = threading.Event()

        def cut(stop=stop) -> None:
            while not stop.wait(random.uniform(0.001, 0.01)):
                town.run("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = current_database() AND usename = 'geoplatform_web'""")

        cutter = threading.Thread(target=cut)
        cutter.start()
        answer = ana.post("/me/leaving", {"otherwise": "delete", "confirm": True})
        stop.set()
        cutter.join()
        assert answer.status_code in (200, 401, 503)  # 401: it was done, and not heard of
        left = town.rows("SELECT count(*) FROM geoplatform.place WHERE name LIKE %s", f"Lieu {number} %")[0][0]
        gone = town.rows("SELECT count(*) FROM people.contact WHERE email = %s", f"ana{number}@example.org")[0][0] == 0
        assert (gone, left) in ((True, 0), (False, 5))
