"""Diffs as they are followed over HTTP, and the feed of a commune."""

from __future__ import annotations

import gzip
import hashlib
import json
import xml.etree.ElementTree as ET

import pytest

from exports.changes import applying
from exports.publishing import Wanted
from tests.conftest import KEY
from tests.exports.conftest import Press
from tests.exports.test_changes import changes_of, turn
from tests.web.ogc.planting import application

ATOM, TOMBSTONE = "{http://www.w3.org/2005/Atom}", "{http://purl.org/atompub/tombstones/1.0}"
CHAIN = "places-odbl-1.0"


@pytest.fixture
def web(press: Press):
    press.publish(Wanted(formats=("geojsonseq",), datasets=("places",)))
    client = application(press.database, export_folder=press.folder, public_url="https://carte.example")
    return press, client


def path_of(url: str) -> str:
    assert url.startswith("https://carte.example/")
    return url.removeprefix("https://carte.example")


def test_a_mirror_follows_a_file_by_its_state_and_diffs(web, tmp_path):
    press, client = web
    base = tmp_path / f"{CHAIN}.geojsonl.gz"
    base.write_bytes(client.get(f"/exports/places/latest/{base.name}").data)
    turn(press)
    changes_of(press)
    state = client.get(f"/exports/places/changes/{CHAIN}/state.json").json
    assert (state["seq"], state["chain"], state["prev"]) == (1, CHAIN, None)
    assert state["from"]["sha256"] == hashlib.sha256(gzip.decompress(base.read_bytes())).hexdigest()
    answer = client.get(path_of(state["diffs"][0]["url"]))
    assert hashlib.sha256(answer.data).hexdigest() == state["sha256"] == answer.headers["ETag"].strip('"')
    assert answer.headers["Content-Type"] == "application/gzip"
    assert client.get(path_of(state["diffs"][0]["url"]), headers={"Range": "bytes=0-9"}).status_code == 206
    diff, out = tmp_path / "1.jsonl.gz", tmp_path / "out.geojsonl"
    diff.write_bytes(answer.data)
    applying.apply(base, [diff], out)
    assert hashlib.sha256(out.read_bytes()).hexdigest() == state["to"]["sha256"]
    listed = client.get("/exports/places/changes").json["chains"]
    assert {one["chain"]: one["seq"] for one in listed}[CHAIN] == 1
    assert 'href="/exports/places/changes"' in client.get("/exports/places", headers={"Accept": "text/html"}).text


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/exports/nirgends/changes", 404, "nirgends"),
        (f"/exports/nirgends/changes/{CHAIN}/state.json", 404, "nirgends"),
        ("/exports/places/changes/nirgends/state.json", 404, "nirgends"),
        (f"/exports/places/changes/{CHAIN}/7.jsonl.gz", 404, "7"),
        (f"/exports/places/changes/{CHAIN}/0.jsonl.gz", 404, "0"),
        (f"/exports/places/changes/..%2F{CHAIN}/state.json", 404, ""),
        (f"/exports/places/changes/{CHAIN}/99999999999999999999.jsonl.gz", 404, "99999999999999999999"),
        (f"/exports/places/changes/{CHAIN}/.0.arrow", 404, ""),
        ("/communes/99999/changes.atom", 404, "99999"),
        ("/communes/%00/changes.atom", 404, ""),
    ],
)
def test_what_is_not_there_is_named(released, path, status, word):
    answer = application(released.database, export_folder=released.folder).get(path)
    assert (answer.status_code, word in answer.text) == (status, True)


def test_a_diff_that_was_taken_back_is_gone_and_the_chain_stays_told(web):
    press, client = web
    turn(press)
    changes_of(press)
    with press.database.connect() as connection:
        connection.execute("SELECT published.withdraw_diffs(%s, 1)", (CHAIN,))
    answer = client.get(f"/exports/places/changes/{CHAIN}/1.jsonl.gz")
    assert (answer.status_code, "latest release" in answer.json["detail"]) == (410, True)
    state = client.get(f"/exports/places/changes/{CHAIN}/state.json").json
    assert (state["seq"], state["diffs"]) == (1, [])


def test_the_feed_of_a_commune_tells_days_and_tombstones_and_nobody(web):
    press, client = web
    ((gone, code),) = press.database.rows(
        """SELECT id, commune_code FROM published.place_items WHERE licence = 'ODbL-1.0' AND geom IS NOT NULL
           AND commune_code IS NOT NULL ORDER BY id LIMIT 1"""
    )
    with press.database.connect() as connection:
        connection.execute("SELECT citizens.delete_place(%s, %s, now(), NULL)", (KEY, gone))
    press.database.settle()
    answer = client.get(f"/communes/{code}/changes.atom")
    assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    feed = ET.fromstring(answer.data)
    assert [one.get("ref") for one in feed.iter(f"{TOMBSTONE}deleted-entry")] == [f"urn:uuid:{gone}"]
    entries = list(feed.iter(f"{ATOM}entry"))
    shown = press.database.rows("SELECT count(*) FROM published.places WHERE commune_code = %s", code)
    assert len(entries) == shown[0][0] > 0
    days = [one.text for one in feed.iter(f"{ATOM}updated")]
    assert all(day.endswith("T00:00:00Z") for day in days)
    assert "somebody" not in answer.text
    for entry in entries:
        assert client.get(path_of(entry.find(f"{ATOM}link").get("href"))).status_code == 200
    again = client.get(f"/communes/{code}/changes.atom", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert "changes.atom" in client.get(f"/communes/{code}", headers={"Accept": "text/html"}).text


def test_heads_of_diffs_name_no_hour_but_the_cut(web):
    press, client = web
    turn(press)
    changes_of(press)
    lines = gzip.decompress(client.get(f"/exports/places/changes/{CHAIN}/1.jsonl.gz").data).splitlines()
    assert set(json.loads(lines[0])) == {
        "type", "version", "dataset", "chain", "licence", "seq", "prev", "from", "to",
    }  # fmt: skip
    assert {name for line in lines[1:] for name in json.loads(line)} <= {"op", "id", "after", "feature"}
