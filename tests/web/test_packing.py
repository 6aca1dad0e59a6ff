"""What is sent is packed: the files of the bundle beforehand, pages on the way, and not where that would betray a secret."""

from __future__ import annotations

import gzip
import re

import pytest
import zstandard

from geoplatform.web import bundle
from tests.conftest import ROOT
from tests.web.citizens.conftest import town  # noqa: F401 - a fixture

BUNDLE = ROOT / "geoplatform/web/static/bundle"
FOREVER = "public, max-age=31536000, immutable"
HTML = {"Accept": "text/html"}


def marked(client, name: str) -> str:
    with client.application.test_request_context():
        return bundle.asset(name)


@pytest.mark.parametrize(
    "name", ["map.js", "map-shared.js", "map-worker.js", "page.js", "page.css", "map.css", "icon.svg"]
)
@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip"), ("identity", None), (None, None)],
)
def test_a_file_of_the_bundle_comes_as_its_reader_likes_it_and_stays(client, name, accepted, coding):
    answer = client.get(marked(client, name), headers={"Accept-Encoding": accepted} if accepted else {})
    assert answer.status_code == 200
    assert answer.headers.get("Content-Encoding") == coding
    assert answer.headers["Cache-Control"] == FOREVER
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert answer.mimetype in ("text/javascript", "application/javascript", "text/css", "image/svg+xml")
    if coding == "br":
        assert answer.data == (BUNDLE / f"{name}.br").read_bytes()
    else:
        content = gzip.decompress(answer.data) if coding else answer.data
        assert content == (BUNDLE / name).read_bytes()
    known = {"If-None-Match": answer.headers["ETag"], **({"Accept-Encoding": accepted} if accepted else {})}
    assert client.get(marked(client, name), headers=known).status_code == 304


def test_without_its_mark_a_file_is_asked_for_again_and_an_unknown_one_is_none(client):
    assert client.get("/static/bundle/page.js").headers["Cache-Control"] == "no-cache"
    for path in ("/static/bundle/none.js?v=1", "/static/bundle?v=1", "/static/bundle/../../context.py?v=1"):
        answer = client.get(path, headers={"Accept-Encoding": "br"})
        assert answer.status_code == 404
        assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_scripts_name_what_they_share_as_pages_do(client, draw):
    draw("AB")
    shared = marked(client, "map-shared.js")
    assert f'<link rel="modulepreload" href="{shared}">' in client.get("/", headers=HTML).text
    for name in ("map.js", "map-worker.js"):
        assert set(re.findall(r"map-shared\.js[^\"'`]*", (BUNDLE / name).read_text())) == {shared.rpartition("/")[2]}


def test_a_page_with_a_map_needs_less_than_400_kb_of_scripts_and_styles(client):
    names = ("map.js", "map-shared.js", "map-worker.js", "map.css", "page.js", "page.css")
    assert sum((BUNDLE / f"{name}.gz").stat().st_size for name in names) < 370_000


@pytest.mark.parametrize(("coding", "unpack"), [("gzip", gzip.decompress), ("zstd", zstandard.decompress)])
def test_a_page_is_packed(town, coding, unpack):  # noqa: F811
    stranger = town.stranger()
    plain = stranger.page("/communes/97401", headers=HTML)
    answer = stranger.page("/communes/97401", headers={**HTML, "Accept-Encoding": coding})
    assert (answer.headers.get("Content-Encoding"), plain.headers.get("Content-Encoding")) == (coding, None)
    assert unpack(answer.data) == plain.data
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert int(answer.headers["Content-Length"]) == len(answer.data) < len(plain.data) / 2


def test_a_page_that_holds_the_proof_of_a_session_is_not(town):  # noqa: F811
    ana = town.contributor("ana")
    for path in ("/communes/97401", "/me", "/nope"):
        answer = ana.page(path, headers={**HTML, "Accept-Encoding": "gzip, zstd"})
        assert "Content-Encoding" not in answer.headers
        assert 'name="csrf-token"' in answer.text
