"""Downloads: the files of releases with all their headers, ranges and refusals, from Flask and from a real server; their pages."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import http.client
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from exports.publishing import Wanted
from geoplatform.config import Settings
from geoplatform.errors import Misuse
from geoplatform.store import releases
from geoplatform.web import context
from tests import grid
from tests.conftest import Database, activate, cloned
from tests.exports.conftest import EXPORTER, NOW, Press
from tests.web.ogc.planting import DRAWING, application, plant, plant_each, plant_others
from tests.web.test_server import Running, running

FIRST, SECOND = "2026-11-29", "2026-11-30"
COMMUNE = "places-commune-97401"
FGB = "places-odbl-1.0.fgb"
FORMATS = ("geojson", "csv", "gpkg", "fgb", "parquet")
BIG = 300 << 20
HTML = {"Accept": "text/html"}


@dataclass(frozen=True)
class Shop:
    """A database with two releases of places and limits, the folder they lie in, and a client of the web over them."""

    database: Database
    folder: Path
    client: FlaskClient
    #: What `latest` gave between the two.
    earlier: bytes

    def get(self, path: str, method: str = "GET", /, **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(f"/exports{path}", method=method, headers=named)

    def kept(self, name: str = FGB, release: str = SECOND, dataset: str = "places") -> bytes:
        return (self.folder / dataset / release / name).read_bytes()


@pytest.fixture(scope="module")
def shop(cluster, template, tmp_path_factory) -> Iterator[Shop]:
    with cloned(cluster, template) as database:
        activate(database, DRAWING)
        folder = tmp_path_factory.mktemp("releases") / "exports"
        client = application(database, export_folder=folder, public_url="https://carte.example")
        plant(database, client)
        plant_others(database, client)
        press = Press(database, folder)
        wanted = Wanted(("places", "communes"), FORMATS)
        press.publish(wanted)
        press.publish(Wanted(("places",), ("csv",), (("commune", "97401"),)))
        earlier = client.get(f"/exports/places/latest/{FGB}").data
        plant_each(database, client, [{"name": "Nouveau", "position": grid.at(DRAWING, 0.2, 0.2)}])
        press.publish(wanted, now=NOW + dt.timedelta(days=1))
        yield Shop(database, folder, client, earlier)


@pytest.fixture(scope="module")
def server(shop, tmp_path_factory) -> Iterator[Running]:
    with running(shop.database, tmp_path_factory.mktemp("server"), EXPORTS=str(shop.folder)) as server:
        yield server


def register(shop: Shop, dataset: str, files: list[dict], name: str = FIRST, now: dt.datetime = NOW) -> None:
    """A release of any files, as the register takes it."""
    told = {"dataset": dataset, "name": name, "collection": "places", "scope": "commune", "scope_code": dataset[-5:],
            "scope_name": "Ailleurs", "vintage": 2026, "change_seq": 1, "program_version": "1", "cut_at": NOW.isoformat(),
            "files": files}  # fmt: skip
    store = shop.database.store(EXPORTER)
    store.writing(lambda connection: releases.register(connection, [told], now))


def told_file(path: Path, **facts: object) -> dict:
    content = path.read_bytes()
    return {"name": path.name, "format": "csv", "media_type": "text/csv; charset=utf-8", "licence": "ODbL-1.0", "rows": 1,
            "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), **facts}  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_comes_with_all_that_programs_ask_of_it(shop, method):
    content, answer = shop.kept(), shop.get(f"/places/latest/{FGB}", method, Accept_Encoding="gzip, zstd, br")
    digest = hashlib.sha256(content)
    assert answer.status_code == 200
    assert answer.data == (content if method == "GET" else b"")
    headers = dict(answer.headers)
    assert headers["Content-Length"] == str(len(content))
    assert headers["Content-Type"] == "application/flatgeobuf"
    assert headers["ETag"] == f'"{digest.hexdigest()}"'
    assert headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert headers["Last-Modified"] == "Mon, 30 Nov 2026 06:00:00 GMT"
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert set(headers["Access-Control-Expose-Headers"].split(", ")) == {
        "ETag", "Content-Length", "Content-Range", "Accept-Ranges", "Repr-Digest", "Link", "Last-Modified"
    }  # fmt: skip
    assert headers["Cache-Control"] == "public, max-age=3600"
    assert headers["Content-Disposition"] == f'inline; filename="{FGB}"'
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Link"] == (
        '<https://carte.example/exports/places/latest/LICENSE>; rel="license", '
        '<https://carte.example/exports/places/latest/datapackage.json>; rel="describedby"; type="application/json", '
        f'<https://carte.example/exports/places/{SECOND}/{FGB}>; rel="memento"'
    )
    assert not {"Content-Encoding", "Vary", "Set-Cookie", "Content-Range", "X-Accel-Redirect"} & set(headers)


def test_a_dated_address_never_changes_and_leads_to_the_latest(shop):
    for release, content in ((FIRST, shop.earlier), (SECOND, shop.kept())):
        answer = shop.get(f"/places/{release}/{FGB}")
        assert answer.data == content
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert f'<https://carte.example/exports/places/latest/{FGB}>; rel="latest-version"' in answer.headers["Link"]
        assert f"/exports/places/{release}/LICENSE" in answer.headers["Link"]
        assert "memento" not in answer.headers["Link"]


def test_latest_is_the_new_release_as_soon_as_there_is_one(shop):
    assert shop.earlier == shop.kept(release=FIRST) != shop.kept()
    assert shop.get(f"/places/latest/{FGB}").data == shop.kept()


def test_every_registered_file_is_the_one_that_was_summed(shop):
    for dataset in ("places", "communes", COMMUNE):
        for file in shop.get(f"/{dataset}?f=json").json["files"]:
            answer = shop.client.get(file["url"])
            assert hashlib.sha256(answer.data).hexdigest() == file["sha256"], file["name"]
            assert answer.headers["Content-Type"] == file["media_type"]
            assert len(answer.data) == file["bytes"]


RANGES = {
    "bytes=0-99": (0, 100), "bytes=100-199": (100, 200), "bytes=0-0": (0, 1), "bytes=5-": (5, None), "Bytes=7-9": (7, 10),
    "bytes=-1": (-1, None), "bytes=-50": (-50, None), "bytes=-99999999": (0, None), "bytes=10-99999999999999999999": (10, None),
}  # fmt: skip
NO_RANGES = (
    "bytes=9-5", "bytes=-", "bytes=", "bytes", "bytes=a-b", "bytes=1", "octets=0-5", "bytes=0-5,10-15", "bytes=0-5, 7-9",
    "bytes=-5-", "bytes=1-2-3", "bytes=+1-2", "bytes=٣-٥", "bytes=" + "9" * 5000 + "-",
)  # fmt: skip


@pytest.mark.parametrize("asked", RANGES)
def test_a_range_is_cut_out(shop, asked):
    content, (begin, end) = shop.kept(), RANGES[asked]
    answer = shop.get(f"/places/latest/{FGB}", Range=asked)
    part = content[begin:end]
    assert (answer.status_code, answer.data) == (206, part)
    at = begin if begin >= 0 else len(content) + begin
    assert answer.headers["Content-Range"] == f"bytes {at}-{at + len(part) - 1}/{len(content)}"
    assert answer.headers["Content-Length"] == str(len(part))
    assert answer.headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    head = shop.get(f"/places/latest/{FGB}", "HEAD", Range=asked)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(content)))


@pytest.mark.parametrize("asked", NO_RANGES, ids=lambda asked: asked[:20])
def test_what_is_no_single_range_gives_the_whole_file(shop, asked):
    answer = shop.get(f"/places/latest/{FGB}", Range=asked)
    assert (answer.status_code, answer.data) == (200, shop.kept())
    assert "Content-Range" not in answer.headers


def test_a_range_beyond_the_end_is_refused_with_the_length(shop):
    size = len(shop.kept())
    for asked in (f"bytes={size}-", f"bytes={size}-{size + 9}", "bytes=99999999999999999999999-", "bytes=-0"):
        answer = shop.get(f"/places/latest/{FGB}", Range=asked)
        assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{size}"), asked
        assert answer.json["status"] == 416
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Content-Range" in answer.headers["Access-Control-Expose-Headers"]


def test_if_range_gives_the_whole_file_where_it_is_another(shop):
    path = f"/places/latest/{FGB}"
    whole = shop.get(path)
    tag, day = whole.headers["ETag"], whole.headers["Last-Modified"]
    for known in (tag, day):
        assert shop.get(path, Range="bytes=0-9", If_Range=known).status_code == 206
    old = f'"{hashlib.sha256(shop.earlier).hexdigest()}"'
    for known in (old, f"W/{tag}", "Sun, 29 Nov 2026 06:00:00 GMT", "Tue, 01 Dec 2026 06:00:00 GMT", "nonsense", '"'):
        answer = shop.get(path, Range="bytes=0-9", If_Range=known)
        assert (answer.status_code, answer.data) == (200, whole.data), known


def test_what_is_known_is_not_sent_again(shop):
    path = f"/places/latest/{FGB}"
    whole = shop.get(path)
    tag, day = whole.headers["ETag"], whole.headers["Last-Modified"]
    for method in ("GET", "HEAD"):
        for headers in ({"If-None-Match": tag}, {"If-None-Match": f'"x", W/{tag}'}, {"If-None-Match": "*"},
                        {"If-Modified-Since": day}, {"If-None-Match": tag, "Range": "bytes=0-9"}):  # fmt: skip
            answer = shop.get(path, method, **headers)
            assert (answer.status_code, answer.data) == (304, b""), headers
            for name in ("ETag", "Cache-Control", "Access-Control-Allow-Origin"):
                assert answer.headers[name] == whole.headers[name]
    for headers in ({"If-None-Match": '"x"'}, {"If-Modified-Since": "Sun, 29 Nov 2026 06:00:00 GMT"},
                    {"If-None-Match": '"x"', "If-Modified-Since": day}):  # fmt: skip
        assert shop.get(path, **headers).data == whole.data
    assert shop.get(path, If_Match=tag).data == whole.data
    stale = shop.get(path, If_Match='"x"')
    assert (stale.status_code, stale.data) == (412, b"")


def test_pages_of_other_sites_may_ask_for_ranges(shop):
    answer = shop.get(
        f"/places/latest/{FGB}", "OPTIONS", Origin="https://a.example", Access_Control_Request_Headers="range"
    )
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Range" in answer.headers["Access-Control-Allow-Headers"]


UNKNOWN = {
    "/nowhere": ("dataset", "nowhere"), f"/nowhere/latest/{FGB}": ("dataset", "nowhere"),
    "/places/2026-11-01": ("release", "2026-11-01"), f"/places/2026-11-01/{FGB}": ("release", "2026-11-01"),
    "/places/latest/x.fgb": ("file", "x.fgb"), f"/places/{FIRST}/x.fgb": ("file", "x.fgb"),
    f"/communes/latest/{FGB}": ("file", FGB), f"/{COMMUNE}/{SECOND}": ("release", SECOND),
}  # fmt: skip


@pytest.mark.parametrize("path", UNKNOWN)
def test_what_is_not_registered_is_named(shop, path):
    for method in ("GET", "HEAD"):
        answer = shop.get(path, method, Accept="*/*" if path.count("/") == 3 else "application/json")
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
    noun, name = UNKNOWN[path]
    assert shop.get(path, Accept="application/json").json["detail"] == f"no {noun} is known as {name}"
    assert shop.get(path, Accept="text/html").headers["Content-Type"].startswith("text/html")


NOT_A_FILE = (
    "/places/latest/..", "/places/latest/%2e%2e", "/places/latest/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/../latest/LICENSE",
    "/%2e%2e/latest/LICENSE", "/places/../LICENSE", "/places/%2e%2e/LICENSE", "/places/latest/%2fetc%2fpasswd",
    "/places/latest/..%5c..%5csecret", "/places/latest/LICENSE%00", "/places/latest/%00", "/%00/latest/LICENSE",
    "/places/%00/LICENSE", "/places/latest/" + "a" * 5000, "/places/" + "a" * 5000 + "/LICENSE", "/" + "a" * 5000,
    "/places/latest/LICENSE.", "/places/latest/license", "/Places/latest/LICENSE", "/places/latest/.secret",
    "/places/latest/secret", "/places/latest/secret.csv", "/.unfinished/latest/LICENSE", "/places/latest/LICENSE%20",
    "/places/latest/LICENSE%0A", "/places/latest/%ff%fe", "/places/latest/LICENSE;x", "/places/current/LICENSE",
    "/places/latest/%25", "/places/LATEST/LICENSE", "/places/latest/a/b", "/places/latest/é",
)  # fmt: skip


@pytest.mark.parametrize("path", NOT_A_FILE, ids=lambda path: path[:40])
def test_nothing_but_registered_names_leads_to_a_file(shop, server, path):
    for secret in (shop.folder / "places" / SECOND / "secret", shop.folder / "places" / SECOND / "secret.csv",
                   shop.folder / "secret"):  # fmt: skip
        secret.write_text("a secret")
    assert shop.get(path, Accept="application/json").status_code == 404
    if path.isascii():
        answer, body = server.ask(f"/exports{path}", Accept="application/json")
        assert answer.status in (404, 400, 414)
        assert b"secret\n" not in body
        assert b"root:" not in body


def test_other_methods_are_refused(shop):
    for path in ("", "/places", f"/places/{FIRST}", f"/places/latest/{FGB}"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = shop.get(path, method)
            assert answer.status_code == 405
            assert {"GET", "HEAD"} <= set(answer.headers["Allow"].split(", "))


def test_reading_is_counted(shop):
    client = application(shop.database, export_folder=shop.folder, read_rate="2 per hour")
    statuses = [client.get(f"/exports/places/latest/{FGB}").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_a_file_that_is_not_as_it_was_published_is_not_served(shop, caplog):
    folder = shop.folder / "places-commune-97403" / FIRST
    folder.mkdir(parents=True)
    files = []
    for name in ("missing.csv", "longer.csv", "shorter.csv", "linked.csv", "folder.csv", "good.csv"):
        (folder / name).write_text("a,b\r\n1,2\r\n")
        files.append(told_file(folder / name))
    register(shop, "places-commune-97403", files)
    for name in ("missing.csv", "linked.csv", "folder.csv"):
        (folder / name).unlink()
    (folder / "longer.csv").write_text("a,b\r\n1,2\r\n3,4\r\n")
    (folder / "shorter.csv").write_text("a,b\r\n")
    (folder / "linked.csv").symlink_to(folder / "good.csv")
    (folder / "folder.csv").mkdir()
    for file in files:
        caplog.clear()
        for method in ("GET", "HEAD"):
            answer = shop.get(f"/places-commune-97403/latest/{file['name']}", method, Accept="application/json")
            if file["name"] == "good.csv":
                assert answer.status_code == 200
                continue
            assert (answer.status_code, answer.headers["Cache-Control"]) == (503, "no-store")
            assert answer.headers["Retry-After"]
            assert file["name"] in caplog.text
            assert method == "HEAD" or str(folder) not in answer.text
    page = shop.get("/places-commune-97403", **HTML)  # its manifest is not even registered
    assert page.status_code == 200


def test_a_server_without_a_folder_serves_no_file(shop):
    client = application(shop.database)
    assert client.get(f"/exports/places/latest/{FGB}").status_code == 503
    assert client.get("/exports/places", headers=HTML).status_code == 200


def test_an_empty_file_is_served_whole(shop):
    folder = shop.folder / "places-commune-97402" / FIRST
    folder.mkdir(parents=True)
    (folder / "void.csv").write_bytes(b"")
    register(shop, "places-commune-97402", [told_file(folder / "void.csv", rows=0)])
    path = "/places-commune-97402/latest/void.csv"
    answer = shop.get(path)
    assert (answer.status_code, answer.data, answer.headers["Content-Length"]) == (200, b"", "0")
    assert shop.get(path, Range="bytes=0-").status_code == 416


def test_nginx_is_told_which_file_to_send(shop):
    client = application(shop.database, export_folder=shop.folder, accel="/protected-exports/")
    path = f"/exports/places/latest/{FGB}"
    whole = shop.get(f"/places/latest/{FGB}")
    for headers in ({}, {"Range": "bytes=0-9"}):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.data) == (200, b"")
        assert answer.headers["X-Accel-Redirect"] == f"/protected-exports/places/{SECOND}/{FGB}"
        for name in ("ETag", "Repr-Digest", "Last-Modified", "Cache-Control", "Content-Type", "Content-Disposition"):
            assert answer.headers[name] == whole.headers[name]
        assert answer.headers.get("Content-Length", "0") == "0"
    assert client.head(path).headers["Content-Length"] == whole.headers["Content-Length"]
    assert client.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert client.get(path, headers={"Range": "bytes=99999999-"}).status_code == 416
    assert client.get(path, headers={"If-Match": whole.headers["ETag"]}).data == whole.data
    assert client.get("/exports/places/latest/../x").status_code == 404


@pytest.mark.parametrize("told", ["protected", "/protected", "//", "/a b/", "http://x/", "/a/\n"])
def test_a_location_of_nginx_is_a_path(told):
    with pytest.raises(Misuse, match="GEOPLATFORM_ACCEL"):
        Settings.from_environment({"GEOPLATFORM_ACCEL": told})
    there = Settings.from_environment({"GEOPLATFORM_ACCEL": "/protected-exports/"})
    assert Settings.from_environment(there.as_environment()).accel == "/protected-exports/"


def test_pages_tell_what_there_is(shop):
    home = shop.get("", **HTML)
    assert 'href="/exports/places"' in home.text
    assert f'href="/exports/{COMMUNE}"' in home.text
    page = shop.get("/places", **HTML).text
    assert 'href="https://opendatacommons.org/licenses/odbl/1-0/"' in page
    assert "Licence ouverte de bases de données (ODbL) 1.0" in page
    assert hashlib.sha256(shop.kept()).hexdigest() in page
    assert f'href="/exports/places/latest/{FGB}"' in page
    assert f"/vsicurl/https://carte.example/exports/places/latest/{FGB}" in page
    for program in ("geopandas.read_file(", "pandas.read_csv(", "ogr2ogr -f PostgreSQL", "read_parquet("):
        assert program in page
    assert f'href="/exports/places/{FIRST}"' in page
    assert "Limites administratives" in page
    details = re.findall("<details>.*?</details>", page, re.DOTALL)
    empty = "places-cc-by-nc-sa-4.0.csv"
    assert f"latest/{empty}" in details[0]
    assert f"latest/{empty}" not in page.replace(details[0], "")
    earlier = shop.get(f"/places/{FIRST}", **HTML).text
    assert "Vous regardez une version antérieure" in earlier
    assert f'href="/exports/places/{FIRST}/{FGB}"' in earlier
    assert "latest/" not in earlier
    assert "Adresses de la dernière version" in shop.get(f"/places/{SECOND}", **HTML).text


def test_pages_speak_english(shop):
    shop.client.set_cookie("lang", "en")
    try:
        assert "Download the data" in shop.get("", **HTML).text
        page = shop.get("/places", **HTML).text
    finally:
        shop.client.delete_cookie("lang")
    assert '<html lang="en">' in page
    assert "Open Database License (ODbL) 1.0" in page
    for french in ("Télécharger", "Licence ouverte", "Les fichiers", "Données du", "lignes"):
        assert french not in page


def test_pages_are_data_for_programs(shop):
    listed = shop.get("", Accept="application/json")
    assert {"places", "communes", COMMUNE} <= {one["dataset"] for one in listed.json["datasets"]}
    assert "Accept" in listed.headers["Vary"]
    told = shop.get("/places?f=json").json
    assert (told["release"], told["is_latest"]) == (SECOND, True)
    assert [one["release"] for one in told["releases"]] == [SECOND, FIRST]
    assert told["permanent_url"] == f"https://carte.example/exports/places/{SECOND}"
    assert told["attribution"]
    file = next(one for one in told["files"] if one["name"] == FGB)
    assert file["licence_url"] == "https://opendatacommons.org/licenses/odbl/1-0/"
    assert file["url"] == f"https://carte.example/exports/places/latest/{FGB}"
    dated = shop.get(f"/places/{FIRST}?f=json").json
    assert dated["is_latest"] is False
    assert dated["files"][0]["url"].startswith(f"https://carte.example/exports/places/{FIRST}/")
    assert shop.get("/places/latest?f=json").json == told
    assert shop.get("/places?f=xml").status_code == 400
    assert json.dumps(told)


def test_many_releases_are_folded(shop):
    for number in range(30):
        name = f"2025-01-{number + 1:02d}"
        register(shop, "places-commune-97405", [], name=name, now=NOW - dt.timedelta(days=300 - number))
    page = shop.get("/places-commune-97405", **HTML).text
    before, _, folded = page.partition("Versions plus anciennes (6)")
    assert "/2025-01-30" in before
    assert "/2025-01-01" in folded
    assert "/2025-01-01" not in before


def test_a_server_without_releases_says_how_to_make_one(client):
    page = client.get("/exports", headers=HTML)
    assert page.status_code == 200
    assert "geoplatform publish" in page.text
    assert client.get("/exports?f=json").json == {"datasets": []}


def test_a_commune_leads_to_its_own_files(shop):
    link = f'href="/exports/{COMMUNE}"'
    assert link in shop.client.get("/communes/97401", headers=HTML).text
    home = shop.client.get("/", headers=HTML).text
    assert 'href="/exports"' in home


def test_a_real_server_gives_the_same(shop, server):
    path = f"/exports/places/latest/{FGB}"
    for method, headers in (("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=10-19"}), ("GET", {"Range": "bytes=99999999-"}),
                            ("GET", {"Accept-Encoding": "gzip"})):  # fmt: skip
        ours = shop.get(path.removeprefix("/exports"), method, **headers)
        theirs, body = server.ask(path, method, **headers)
        assert (theirs.status, body) == (ours.status_code, ours.data)
        for name in set(ours.headers.keys()) - {"Link", "Date"}:
            assert theirs.headers[name] == ours.headers[name], name
        assert "gzip" not in theirs.headers.get("Content-Encoding", "")


@pytest.mark.parametrize("name", [FGB, "places-odbl-1.0.gpkg"])
def test_gdal_reads_what_we_serve(shop, server, name):
    address = f"/vsicurl/http://127.0.0.1:{server.port}/exports/places/latest/{name}"
    rows = next(one["rows"] for one in shop.get("/places?f=json").json["files"] if one["name"] == name)
    assert pyogrio.read_info(address)["features"] == rows
    assert len(pyogrio.raw.read(address)[2]) == rows
    assert len(pyogrio.raw.read(address, bbox=(54.9, -22.1, 55.04, -21.96))[2]) < rows


def test_gdal_reads_a_part_of_a_large_file_by_ranges(shop, recorded):
    """A box of a file of megabytes, over a server that writes down what it is asked."""
    port, asked, size = recorded
    address = f"/vsicurl/http://127.0.0.1:{port}/exports/places-commune-97408/latest/many.fgb"
    read = f"import pyogrio; print(len(pyogrio.raw.read({address!r}, bbox=(10.0, 10.0, 10.01, 10.01))[2]))"
    told = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, check=True, timeout=60)
    assert 0 < int(told.stdout) < 30
    parts = [
        (int(begin), int(end)) for begin, end in (span[6:].split("-") for method, span in asked if method == "GET")
    ]
    assert parts
    assert sum(end - begin + 1 for begin, end in parts) < size / 5


@pytest.fixture
def recorded(shop) -> Iterator[tuple[int, list[tuple[str, str]], int]]:
    """Port of a server of WSGI, what it is asked (method, range), and the size of its large file."""
    folder = shop.folder / "places-commune-97408" / FIRST
    folder.mkdir(parents=True)
    count = 40_000
    points = shapely.points(np.linspace(0, 20, count), np.linspace(0, 20, count))
    words = np.array(["word" * 20] * count, dtype=object)
    pyogrio.raw.write(
        folder / "many.fgb", shapely.to_wkb(points), [words], ["name"], geometry_type="Point", crs="EPSG:4326"
    )
    register(shop, "places-commune-97408", [told_file(folder / "many.fgb", media_type="application/flatgeobuf")])
    asked: list[tuple[str, str]] = []

    def listening(environ, start):
        asked.append((environ["REQUEST_METHOD"], environ.get("HTTP_RANGE", "none")))
        return shop.client.application(environ, start)

    listener = make_server("127.0.0.1", 0, listening, threaded=True)
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    yield listener.server_port, asked, (folder / "many.fgb").stat().st_size
    listener.shutdown()
    thread.join()
    listener.server_close()


@pytest.fixture(scope="module")
def big(shop) -> tuple[str, str]:
    """Address and SHA-256 of a large file."""
    folder = shop.folder / "places-commune-97409" / FIRST
    folder.mkdir(parents=True)
    digest = hashlib.sha256()
    with (folder / "big.csv").open("wb") as file:
        for number in range(BIG >> 20):
            piece = number.to_bytes(4, "big") * (1 << 18)
            digest.update(piece)
            file.write(piece)
    facts = {"name": "big.csv", "format": "csv", "media_type": "text/csv; charset=utf-8", "licence": "ODbL-1.0", "rows": 1,
             "bytes": BIG, "sha256": digest.hexdigest()}  # fmt: skip
    register(shop, "places-commune-97409", [facts])
    yield "/exports/places-commune-97409/latest/big.csv", digest.hexdigest()
    shutil.rmtree(folder.parent)


def test_a_large_file_is_served_whole_and_to_many_and_not_to_who_left(server, big):
    path, digest = big
    resting = [server.send(path) for _ in range(40)]  # who read nothing hold no thread of ours
    assert server.ask("/health/live")[0].status == 200

    def read(_: int) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        connection.request("GET", path)
        answer, summed = connection.getresponse(), hashlib.sha256()
        while piece := answer.read(1 << 20):
            summed.update(piece)
        return summed.hexdigest()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(read, range(4))) == {digest}
    for one in resting:
        one.close()
    answer, body = server.ask(path, Range=f"bytes={100 << 20}-{(103 << 20) - 1}")
    assert (answer.status, len(body)) == (206, 3 << 20)
    assert body == b"".join(number.to_bytes(4, "big") * (1 << 18) for number in (100, 101, 102))


def test_fetches_are_counted_by_file_and_day_and_a_part_further_on_is_none(shop):
    def counted() -> int:
        with shop.client.application.app_context():
            context.fetches().tell()
        query = "SELECT coalesce(sum(fetches), 0)::int FROM geoplatform.fetch_count WHERE name = %s"
        return shop.database.rows(query, FGB)[0][0]

    before = counted()
    for headers, more in (
        ({}, 1),
        ({"Range": "bytes=0-9"}, 1),
        ({"Range": "bytes=10-19"}, 0),
        ({"Range": "bytes=-5"}, 0),
    ):
        shop.get(f"/places/latest/{FGB}", **headers).close()
        assert counted() == before + more, headers
        before += more
    shop.get(f"/places/latest/{FGB}", "HEAD").close()
    etag = shop.get(f"/places/latest/{FGB}", "HEAD").headers["ETag"]
    assert shop.get(f"/places/latest/{FGB}", If_None_Match=etag).status_code == 304
    assert counted() == before
