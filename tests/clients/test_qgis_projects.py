"""The real QGIS, offscreen: the collections of OGC API Features, and the projects, definitions and styles of /qgis/."""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from geoplatform.web.themes import THEMES
from tests.geoplatform.test_cli import geoplatform

pytestmark = [pytest.mark.clients, pytest.mark.france]

REUNION = ("55.15", "-21.45", "55.9", "-20.8")
COLOURS = THEMES["light"]
SAINT_DENIS = "97411"


@pytest.fixture
def saved(served, tmp_path):
    """A file of /qgis/, saved."""

    def save(name):
        file = tmp_path / name
        with urllib.request.urlopen(f"{served.url}/qgis/{name}", timeout=30) as answer:
            file.write_bytes(answer.read())
        return file

    return save


@pytest.fixture
def overheard(served):
    """An address that passes everything on to the server, and the requests that came by."""
    asked = []

    class Between(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append(self.path)
            request = urllib.request.Request(
                served.url + self.path, headers={**self.headers, "Accept-Encoding": "identity"}
            )
            try:
                answer = urllib.request.urlopen(request, timeout=30)
            except urllib.error.HTTPError as refused:
                answer = refused
            with answer:
                body = answer.read()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_OPTIONS = do_GET

        def log_message(self, *words):
            pass

    between = ThreadingHTTPServer(("127.0.0.1", 0), Between)
    thread = threading.Thread(target=between.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{between.server_port}", asked
    between.shutdown()
    thread.join()
    between.server_close()


def test_qgis_asks_for_what_the_map_shows_and_follows_every_page(served, qgis, overheard):
    address, asked = overheard
    normandy = ("-2.0", "48.2", "1.8", "50.1")
    told = qgis("collection", address, "communes", *normandy)
    query = "SELECT count(*) FROM published.communes WHERE ST_Intersects(geom, ST_MakeEnvelope(%s, %s, %s, %s, 4326))"
    assert told["ids"] == served.database.rows(query, *map(float, normandy))[0][0] > 2_000
    pages = [parse_qs(urlsplit(path).query) for path in asked if "/collections/communes/items?" in path]
    boxed = [page for page in pages if "bbox" in page]
    assert {tuple(map(float, page["bbox"][0].split(","))) for page in boxed} == {tuple(map(float, normandy))}
    followed = [page["cursor"][0] for page in boxed if "cursor" in page]
    assert len(followed) == len(set(followed)) >= 2


@pytest.mark.parametrize("name", ["communes", "departments", "regions", "epci", "territories", "places"])
def test_a_collection_is_read_whole_within_a_box(served, qgis, name):
    told = qgis("collection", served.url, name, *REUNION)
    where = "geom && ST_MakeEnvelope(%s, %s, %s, %s, 4326)"
    view = "place_items" if name == "places" else name
    rows = served.database.rows(f"SELECT count(*) FROM published.{view} WHERE {where}", *map(float, REUNION))
    assert told["valid"]
    assert told["crs"] == "EPSG:4326"  # this version's name for CRS84, with longitude first
    assert told["ids"] == told["shapes"] == rows[0][0]
    assert {"kind", "category", "commune_code"} <= set(told["fields"]) or {"code", "name"} <= set(told["fields"])


@pytest.mark.parametrize(
    ("scope", "crs", "layers", "codes"),
    [
        ("france", "EPSG:3857", 4, None),
        ("department-974", "EPSG:2975", 4, "974"),
        (f"commune-{SAINT_DENIS}", "EPSG:2975", 4, SAINT_DENIS),
    ],
)
def test_a_project_opens_unbroken_and_draws(served, qgis, saved, tmp_path, scope, crs, layers, codes):
    picture = Path(os.environ.get("QGIS_PICTURES", tmp_path)) / f"{scope}.png"
    told = qgis("project", saved(f"{scope}.qgz"), picture)
    assert told["read"]
    assert told["crs"] == crs
    assert told["title"].startswith("La carte de ma commune · ")
    assert told["errors"] == []
    assert len(told["layers"]) == layers
    assert [layer["error"] for layer in told["layers"].values() if not layer["valid"]] == []
    assert told["colours"][COLOURS["map-land"]] > 5_000
    if codes is None:
        return
    counted = served.database.rows(
        "SELECT count(*) FROM published.place_items WHERE %s IN (commune_code, department_code)", codes
    )
    assert told["layers"]["Lieux"]["count"] == counted[0][0] > 20
    assert told["layers"]["Départements"]["count"] == 1
    assert told["layers"]["Communes"]["count"] == (24 if codes == "974" else 1)


def test_the_form_of_places_has_french_names_choices_and_locks(qgis, saved, tmp_path):
    places = qgis("project", saved("department-974.qgz"), tmp_path / "x.png")["layers"]["Lieux"]
    assert places["aliases"]["kind"] == "Sorte"
    assert places["aliases"]["opening_hours"] == "Horaires"
    assert {places["widgets"][name] for name in ("kind", "category", "licence")} == {"ValueMap"}
    assert places["widgets"]["version"] == "Hidden"
    assert {"commune_code", "verdict", "modified_on"} <= set(places["readonly"])
    assert not {"kind", "name", "address"} & set(places["readonly"])
    assert "lieux : contributrices et contributeurs" in places["attribution"]


@pytest.mark.parametrize("name", ["communes", "departments", "regions", "epci", "places", "tiles"])
def test_a_definition_adds_its_layer(qgis, saved, name):
    told = qgis("definition", saved(f"{name}.qlr"))
    assert (told["done"], told["problem"]) == (True, "")
    assert [layer["valid"] for layer in told["layers"]] == [True]


@pytest.mark.parametrize("suffix", ["qml", "sld"])
@pytest.mark.parametrize("name", ["communes", "departments", "regions", "epci", "places"])
def test_a_style_is_taken(served, qgis, saved, name, suffix):
    told = qgis("style", saved(f"{name}.{suffix}"), served.url, name)
    assert told["done"], told["message"]
    if name == "places":
        assert told["labels"] == ["Commerce", "Service", "Association", "Projet"]
        assert told["colours"] == [
            COLOURS[f"kind-{kind}"] for kind in ("merchant", "service", "association", "project")
        ]
    elif name == "communes":
        assert told["colours"] == [COLOURS["map-land"]]


@pytest.fixture
def login(served):
    """What QGIS is told to connect by: the database as `geoplatform db reader` opens it."""
    name = "qgis_of_tests"
    made = geoplatform(served.database, "db", "reader", name)
    assert made.returncode == 0, made.stderr
    told = dict(line.split(maxsplit=1) for line in made.stdout.splitlines())
    yield "dbname='{database}' host='{host}' port={port} user='{user}' password='{password}'".format(**told)
    assert geoplatform(served.database, "db", "reader", "--drop", name).returncode == 0


@pytest.mark.parametrize(("view", "geometry"), [("departments", "MultiPolygon"), ("exportable_places", "Point")])
def test_the_database_is_read_by_a_login_of_its_own(served, qgis, login, view, geometry):
    told = qgis("postgis", login, view, geometry)
    assert told["valid"], told["error"]
    assert told["crs"] == "EPSG:4326"
    assert told["ids"] == served.database.rows(f"SELECT count(*) FROM published.{view} WHERE geom IS NOT NULL")[0][0]
    assert not told["writable"]


def test_the_database_itself_tells_qgis_how_its_views_look(qgis, login):
    places = qgis("postgis", login, "exportable_places", "Point")
    assert places["renderer"] == "categorizedSymbol"
    assert places["colours"] == [COLOURS[f"kind-{kind}"] for kind in ("merchant", "service", "association", "project")]
    assert places["aliases"]["opening_hours"] == "Horaires"
    assert places["widgets"]["category"] == "ValueMap"
    edges = {view: qgis("postgis", login, view, "MultiPolygon")["edges"] for view in ("regions", "communes")}
    assert edges == {"regions": [COLOURS["map-department"]], "communes": [COLOURS["map-line"]]}
