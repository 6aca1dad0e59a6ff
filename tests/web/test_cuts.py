"""Asking for a cut and seeing how far it has come: forms and JSON, refusals, and the page in a real Chromium with a real worker."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import expect

from geoplatform.store import cuts
from tests.conftest import activate
from tests.exports.conftest import EXPORTER, NOW, press  # noqa: F401 - a fixture
from tests.exports.test_worker import Desk, desk  # noqa: F401 - a fixture
from tests.web.ogc.planting import DRAWING, application
from tests.web.test_browser import chromium, ours  # noqa: F401 - a fixture
from tests.web.test_gateway import until
from tests.web.test_server import Running, running

SCOPE = {"level": "commune", "code": "97401"}
HTML = {"Accept": "text/html"}


@pytest.fixture
def client(database):
    activate(database, DRAWING)
    return application(database, public_url="https://carte.example")


def test_the_pages_button_leads_to_the_page_of_the_cut(client):
    form = client.get("/communes/97401", headers=HTML).text
    assert 'action="/exports/cuts"' in form
    assert re.search('name="code" value="97401"', form)
    first, second = (client.post("/exports/cuts", data=SCOPE, headers=HTML) for _ in range(2))
    assert (first.status_code, first.headers["Location"]) == (303, second.headers["Location"])
    page = client.get(first.headers["Location"], headers=HTML)
    assert page.status_code == 200
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page.text
    assert "Commune A (97401)" in page.text
    assert "geoplatform worker" in page.text, "no worker is there, and the page says so"
    english = client.get(first.headers["Location"], headers={**HTML, "Accept-Language": "en", "Cookie": "lang=en"})
    assert english.status_code == 200


def test_programs_are_told_where_to_look(client):
    answer = client.post("/exports/cuts", json=SCOPE)
    assert answer.status_code == 202
    assert (
        answer.headers["Location"]
        == answer.json["url"]
        == f"https://carte.example/exports/cuts/{answer.json['number']}"
    )
    told = client.get(f"/exports/cuts/{answer.json['number']}?f=json")
    assert (told.headers["Retry-After"], told.headers["Cache-Control"]) == ("2", "no-store")
    assert told.json["scope"] == {"level": "commune", "code": "97401", "name": "Commune A"}


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"level": "commune", "code": "99999"}, 404, "99999"),
        ({"level": "commune", "code": "../../etc"}, 404, "../../etc"),
        ({"level": "commune", "code": "97401\u0000"}, 404, "97401"),
        ({"level": "commune", "code": 97401}, 400, "97401"),
        ({"level": "commune"}, 400, "code"),
        ({"level": "region", "code": "04"}, 400, "region"),
        ({"level": ["commune"], "code": "97401"}, 400, "commune"),
        ([], 400, "object"),
    ],
)
def test_what_cannot_be_cut_is_named(client, body, status, word):
    answer = client.post("/exports/cuts", json=body)
    assert answer.status_code == status
    assert word in answer.text
    assert client.get("/exports/cuts/1?f=json").status_code == 404


def test_neither_form_nor_json_is_refused_and_so_is_an_unknown_number(client):
    assert client.post("/exports/cuts", data=b"x", content_type="text/plain").status_code == 415
    for number in ("1", "99999999999999999999", "x"):
        assert client.get(f"/exports/cuts/{number}").status_code == 404


def test_before_a_first_vintage_nothing_can_be_cut(database):
    assert application(database).post("/exports/cuts", json=SCOPE).status_code == 503


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[bad"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, 303),
        ({"Origin": "https://carte.example"}, 303),
        ({}, 303),
    ],
)
def test_the_page_of_another_site_cannot_ask(client, headers, status):
    assert client.post("/exports/cuts", data=SCOPE, headers={**HTML, **headers}).status_code == status


def test_requests_are_counted(database):
    activate(database, DRAWING)
    client = application(database, submit_rate="2 per minute")
    statuses = [client.post("/exports/cuts", json=SCOPE).status_code for _ in range(3)]
    assert statuses == [202, 202, 429]


@pytest.fixture
def server(desk, tmp_path) -> Iterator[Running]:  # noqa: F811
    with running(desk.press.database, tmp_path / "server", EXPORTS=str(desk.press.folder)) as server:
        yield server


def workers_of(server: Running) -> list[int]:
    """Pids of the workers that are kept running beside a server."""
    parents, workers = {}, []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            number = int(path.name)
            parents[number] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if b"\0geoplatform.cli\0worker\0" in (path / "cmdline").read_bytes():
                workers.append(number)
    return [number for number in workers if parents.get(parents[number]) == server.pid]


def test_a_server_has_a_worker_beside_it_begins_it_again_and_takes_it_along(desk: Desk, tmp_path):  # noqa: F811
    folder = str(desk.press.folder)
    with running(desk.press.database, tmp_path / "server", "--cuts", EXPORTS=folder) as server:
        until(lambda: len(workers_of(server)) == 1)
        (first,) = workers_of(server)
        os.kill(first, signal.SIGKILL)
        until(lambda: len(workers_of(server)) == 1 and workers_of(server) != [first])
        number = desk.ask().json["number"]
        until(lambda: desk.look(number)["state"] == "done")
        (second,) = workers_of(server)
        assert server.ask("/exports/places-commune-97401?f=json")[0].status == 200
    assert not Path(f"/proc/{second}").exists()


def test_a_server_that_is_killed_leaves_no_worker(desk: Desk, tmp_path):  # noqa: F811
    with running(desk.press.database, tmp_path / "server", "--cuts", EXPORTS=str(desk.press.folder)) as server:
        until(lambda: len(workers_of(server)) == 1)
        (worker,) = workers_of(server)
        others = server.children()
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{worker}").exists())
        for pid in others:  # granian's own outlive it
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1100])
def test_the_page_of_a_cut_waits_and_leads_to_the_files(chromium, server, desk: Desk, tmp_path, width):  # noqa: F811
    url = f"http://127.0.0.1:{server.port}"
    context = chromium.new_context(viewport={"width": width, "height": 700}, base_url=url)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if not ours(request.url, url) else None)
    page.goto("/communes/97401")
    page.get_by_role("button", name="Télécharger les lieux de cette commune").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/exports/cuts/*")
    expect(page.get_by_role("progressbar", name="Les fichiers se préparent")).to_be_visible()
    expect(page.get_by_role("status").last).to_contain_text("En attente")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=str(tmp_path / "waiting.png"), full_page=True)
    exporter, number = desk.press.database.store(EXPORTER), int(page.url.rpartition("/")[2])
    exporter.writing(lambda connection: cuts.begin(connection, number, NOW))
    exporter.writing(lambda connection: cuts.tell(connection, number, "write", 3, 10))
    expect(page.get_by_role("status").last).to_contain_text("Les fichiers sont écrits : 3 sur 10.")
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 15 + 80 * 3 // 10)
    page.screenshot(path=str(tmp_path / "writing.png"), full_page=True)
    exporter.writing(lambda connection: cuts.end(connection, number, NOW))
    expect(page.get_by_role("status").last).to_contain_text("En attente")
    worker = desk.worker()
    page.wait_for_url("**/exports/places-commune-97401", timeout=60_000)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Commune A")
    page.get_by_role("button", name="Mettre à jour").click()
    page.wait_for_url("**/exports/places-commune-97401")
    worker.terminate()
    assert worker.wait(60) == 0
    context.close()
    assert complaints == []
