"""The real nginx sends the files of releases in our place, with the configuration we give."""

from __future__ import annotations

import pytest

from tests.clients.test_nginx import get, nginx_before
from tests.conftest import ROOT
from tests.web.test_releases import FGB, SECOND, server, shop  # noqa: F401 - fixtures
from tests.web.test_server import running

pytestmark = pytest.mark.clients

PATH = f"/exports/places/latest/{FGB}"
OLD = "Sun, 29 Nov 2020 06:00:00 GMT"


@pytest.fixture(scope="module")
def nginx(shop, tmp_path_factory):  # noqa: F811
    """Address of nginx before a server that leaves its files to it."""
    folder = tmp_path_factory.mktemp("accelerated")
    given = (ROOT / "deploy/nginx/exports.conf").read_text().replace("FOLDER", str(shop.folder))
    told = {"EXPORTS": str(shop.folder), "ACCEL": "/protected-exports/"}
    with (
        running(shop.database, folder, **told) as server,  # noqa: F811
        nginx_before(f"http://127.0.0.1:{server.port}", given, tmp_path_factory.mktemp("nginx")) as url,
    ):
        yield url


def test_nginx_sends_what_we_would(shop, server, nginx):  # noqa: F811
    ours = f"http://127.0.0.1:{server.port}"
    told = get(ours + PATH)[1]
    tag, day = told["ETag"], told["Last-Modified"]
    for asked in ({}, {"Range": "bytes=10-19"}, {"Range": "bytes=-5"}, {"Range": "bytes=99999999-"},
                  {"Range": "bytes=0-3", "If-Range": tag}, {"Range": "bytes=0-3", "If-Range": '"x"'},
                  {"Range": "bytes=0-3", "If-Range": day}, {"Range": "bytes=0-3", "If-Range": OLD}, {"If-Match": tag},
                  {"If-Match": '"x"'}, {"If-None-Match": tag}, {"If-None-Match": '"x"'}, {"If-Modified-Since": day},
                  {"If-Modified-Since": OLD}, {"If-Unmodified-Since": day}, {"Accept-Encoding": "gzip"}):  # fmt: skip
        status, headers, body = get(ours + PATH, **asked)
        theirs = get(nginx + PATH, **asked)
        assert (theirs[0], theirs[2]) == (status, body), asked
        implied = {"accept-ranges"} if status == 206 else set()
        for name in {name.lower() for name in headers} - {"link", "date", "connection", "server"} - implied:
            assert theirs[1].get_all(name) == headers.get_all(name), (asked, name)
        assert theirs[1]["X-Accel-Redirect"] is None
        assert status >= 300 or "latest/LICENSE" in theirs[1]["Link"]


def test_the_folder_itself_is_closed(nginx):
    for path in (
        f"/protected-exports/places/{SECOND}/{FGB}",
        "/protected-exports/",
        "/exports/places/latest/..%2f..%2fx",
    ):
        assert get(nginx + path)[0] == 404
