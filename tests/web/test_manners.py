"""Headers, health, limits, and errors for people and programs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from geoplatform.config import Settings
from geoplatform.errors import GeoplatformError, Misuse, StoreBusy
from geoplatform.store.engine import Cancellation, Store
from geoplatform.web import context, create_app, problems

HTML = {"Accept": "text/html"}


@pytest.mark.parametrize(
    "path", ["/", "/nope", "/communes/97401", "/tiles/places/0/0/0.mvt", "/health/live", "/api/v1/x"]
)
def test_every_answer_has_strict_headers(client, draw, path):
    draw("AB")
    headers = client.get(path, headers=HTML).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Referrer-Policy" in headers
    assert "Set-Cookie" not in headers


def test_pages_hold_no_address_of_another_host(client, draw):
    draw("AB")
    import re

    for path in ("/", "/communes/97401", "/nope"):
        text = client.get(path, headers=HTML).get_data(as_text=True)
        loads = re.findall(r'(?:src|href|action)="(https?://[^"]+)"', text)
        assert not [
            url
            for url in loads
            if url.split("/")[2]
            not in ("localhost", "creativecommons.org", "opendatacommons.org", "www.etalab.gouv.fr")
        ]
        assert not re.search(r"<script(?![^>]*(?:src=|application/json|ld\+json))", text)
        assert " style=" not in text


def test_open_data_may_be_read_from_other_sites_and_pages_with_cookies_not(client, draw):
    draw("AB")
    assert client.get("/communes/97401?f=geojson").headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in client.get("/", headers=HTML).headers


def test_health_is_live_without_a_vintage_and_ready_with_one(client, draw):
    assert client.get("/health/live").status_code == 200
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.get_json()["title"]) == (503, "Service temporarily unavailable")
    draw("AB")
    assert client.get("/health/ready").get_json() == {"status": "ready", "vintage": 2025, "communes": 2}


def test_store_unavailable_is_503_and_tells_no_secret(tmp_path):
    app = create_app(Settings(data_dir=tmp_path), Store(f"postgresql://u:hunter2@/x?host={tmp_path}"))
    for path, headers in (("/health/ready", {}), ("/", HTML), ("/tiles/places/0/0/0.mvt", {})):
        answer = app.test_client().get(path, headers=headers)
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
        assert b"hunter2" not in answer.data and str(tmp_path).encode() not in answer.data
    assert app.test_client().get("/health/live").status_code == 200


def test_store_busy_a_slow_query_ends_with_503_and_retry_after(database, draw):
    draw("AB")
    settings = Settings(data_dir=Path("data"), database_url=database.url(), statement_timeout_ms=200)
    app = create_app(settings)  # by the general URL: the web takes its own role and limits after connecting
    store = context.open_store(settings)
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT current_user").scalar() == "geoplatform_web"
    with database.connect() as blocker:
        blocker.execute("BEGIN")
        blocker.execute("LOCK TABLE geoplatform.vintage IN ACCESS EXCLUSIVE MODE")
        answer = app.test_client().get("/tiles/communes/0/0/0.mvt")
    store.close()
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_store_busy_a_cancel_that_came_too_early_ends_the_statement_that_begins_after_it(database):
    cancellation, store = Cancellation(), database.store("geoplatform_web")
    with pytest.raises(StoreBusy), store.bare(cancellation) as connection:
        connection.execute("SET statement_timeout = 0")
        impatient = threading.Thread(target=cancellation.cancel)
        impatient.start()
        time.sleep(0.02)  # the server was told so, and had nothing to end
        connection.execute("SELECT pg_sleep(60)")
    impatient.join(10)
    assert not impatient.is_alive()
    with store.bare() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_too_many_requests_are_429_with_retry_after(database, draw):
    draw("AB")
    app = create_app(Settings(data_dir=Path("data"), read_rate="3 per minute"), database.store("geoplatform_web"))
    answers = [app.test_client().get("/communes?q=a") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].mimetype == "application/problem+json"
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_misuse_the_web_without_a_database_says_how_to_start_it():
    with pytest.raises(Misuse, match="geoplatform serve"):
        create_app(Settings(data_dir=Path("data")))


def test_every_error_of_ours_that_a_request_can_meet_has_a_status():
    covered = {kind for kind, _ in problems.STATUS}
    operator_only = {
        "Misuse", "Underway", "BadSource", "NoMap", "FetchFailed", "GateFailed", "EmbeddedFailed", "ExportFailed",
    }  # fmt: skip

    def leaves(kind):
        return [kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))]

    for kind in leaves(GeoplatformError)[1:]:
        if kind.__module__ == "geoplatform.errors" and kind.__name__ not in operator_only:
            assert any(issubclass(kind, known) for known in covered), kind


@pytest.mark.parametrize("path", ["/", "/?q=commune", "/communes/97401", "/communes/97499", "/nope"])
def test_a_page_needs_one_connection_at_a_time(database, draw, path):
    draw("AB")
    store = Store(database.url("geoplatform_web"), pool_size=1)
    try:
        answer = create_app(Settings(data_dir=Path("data")), store).test_client().get(path, headers=HTML)
    finally:
        store.close()
    assert answer.status_code in (200, 404)


def test_misuse_a_rate_that_is_none_is_named(database):
    with pytest.raises(Misuse, match="'lots'"):
        create_app(Settings(data_dir=Path("data"), read_rate="lots"), database.store("geoplatform_web"))


@pytest.mark.parametrize("path", ["/tiles/communes/8/167/143.mvt", "/communes/97401?f=geojson", "/static/x"])
@pytest.mark.parametrize("date", ["Mon, 01 Jan 99999999999 00:00:00 GMT", "x", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_an_impossible_date_in_a_header_is_ignored(client, draw, path, date):
    draw("AB")
    headers = {"If-Modified-Since": date, "If-Unmodified-Since": date, "If-Range": date, "If-None-Match": date}
    assert client.get(path, headers=headers).status_code < 500


def test_pages_that_depend_on_language_and_format_say_so(client, draw):
    draw("AB")
    headers = client.get("/communes/97401", headers=HTML).headers
    assert {"Accept", "Cookie"} <= {name.strip() for name in headers["Vary"].split(",")}
    assert "private" in headers["Cache-Control"]


def test_wrong_methods_are_405_with_allow(client, draw):
    draw("AB")
    answer = client.delete("/communes/97401")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["/static/../config.py", "/static/%2e%2e/config.py", "/communes/..%2f..%2fetc/places.csv"]
)
def test_paths_lead_nowhere_outside(client, draw, path):
    draw("AB")
    assert client.get(path).status_code in (400, 404)
