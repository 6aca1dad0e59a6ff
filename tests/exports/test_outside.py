"""Files of a release as other people's programs find them: installed apart by `make test-clients`."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.conftest import ROOT
from tests.exports.test_files import LICENCES
from tests.web.test_server import running

pytestmark = pytest.mark.clients

READERS = ROOT / ".setup" / "readers.venv" / "bin" / "python"


def told(program: str, what: Path | str, folder: Path | None = None) -> dict:
    """What a program says of a file, or comes to by a text; a home of its own in `folder`."""
    command = [READERS, Path(__file__).with_name("outside.py"), program, what]
    home = {"HOME": str(folder)} if folder else {}
    place = folder or Path(what).parent
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=place, env=os.environ | home)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("dataset", ["places", "communes"])
def test_frictionless_finds_every_row_valid_against_the_schema_and_every_checksum_right(released, dataset):
    found = told("frictionless", released.file(dataset, "datapackage.json"))
    assert found["errors"] == []
    files = released.manifest(dataset)["files"]
    assert found["rows"] == {file["name"]: file["rows"] for file in files if file["format"] in ("csv", "excel")}


@pytest.mark.parametrize(("ending", "separator"), [(".csv", ","), ("-excel.csv", ";")])
@pytest.mark.parametrize("licence", LICENCES)
def test_data_gouv_fr_recognises_positions_and_codes(released, licence, ending, separator):
    """csv-detective decides there what becomes a map: of longitudes and latitudes, never of one column."""
    found = told("csv-detective", released.file("places", f"places-{licence.lower()}{ending}"))
    assert (found["encoding"].lower().replace("-", ""), found["separator"]) == ("utf8", separator)
    formats = found["formats"]
    assert (formats["longitude"], formats["latitude"]) == ("longitude_wgs", "latitude_wgs")
    assert (formats["commune_code"], formats["department_code"]) == ("code_commune", "code_departement")
    assert not {name for name, form in formats.items() if form.startswith(("latlon", "lonlat", "geojson"))}


@pytest.mark.parametrize("stem", ["places/places-cc0-1.0", "communes/communes"])
def test_geoparquet_is_as_its_checker_wants_it(released, tmp_path, stem):
    dataset, _, name = stem.partition("/")
    found = told("geoparquet", released.file(dataset, f"{name}.parquet"), tmp_path)
    for status, said in found.values():
        assert status == 0, said
    assert "0 warnings, 0 failed" in found["spec"][1]


def test_geojsonhint_finds_nothing_but_in_what_is_broken(released, tmp_path):
    broken = tmp_path / "broken.geojson"
    broken.write_text('{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": null}]}')
    paths = [broken, *(released.file("places", f"places-{licence.lower()}.geojson") for licence in LICENCES),
             *(released.file(name, f"{name}.geojson") for name in ("communes", "departments", "regions"))]  # fmt: skip
    place = subprocess.run(
        ["sh", ROOT / "deploy/setup/node.sh", sys.prefix], capture_output=True, text=True, check=True
    ).stdout.strip()
    command = [Path(place, "node"), ROOT / "tests/clients/geojsonhint/hint.js", *paths]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert [path for path, findings in found.items() if findings] == [str(broken)]


@pytest.mark.parametrize("dataset", ["places", "communes"])
def test_geopandas_and_duckdb_read_what_the_manifest_counts(released, dataset):
    for file in released.manifest(dataset)["files"]:
        path = released.file(dataset, file["name"])
        if file["format"] in ("geojson", "gpkg", "fgb", "parquet"):
            found = told("geopandas", path)
            assert found["rows"] == file["rows"], path.name
            assert found["crs"] == (["OGC", "CRS84"] if file["format"] == "parquet" else ["EPSG", "4326"]), path.name
        if file["format"] == "parquet":
            assert told("duckdb", path)["rows"] == file["rows"]


@pytest.fixture(scope="module")
def commands(released, tmp_path_factory):
    """The commands that the page of places tells, by the first word that says for whom."""
    with running(released.database, tmp_path_factory.mktemp("page"), EXPORTS=str(released.folder)) as server:
        address = f"http://127.0.0.1:{server.port}/exports/places?f=html"
        with urllib.request.urlopen(address, timeout=30) as answer:
            page = answer.read().decode()
        found = [
            html.unescape(one) for one in re.findall('<pre class="command"><code>(.*?)</code></pre>', page, re.DOTALL)
        ]
        words = ("/vsicurl", "import geopandas", "import pandas", "ogr2ogr", "INSTALL")
        yield {word: next(one for one in found if one.startswith(word)) for word in words}


@pytest.fixture(scope="module")
def rows(released):
    """How many places of the fullest licence there are, and how many of them have a position."""
    return released.database.rows(
        """SELECT count(*)::int, count(geom)::int FROM published.place_items GROUP BY licence ORDER BY 1 DESC LIMIT 1"""
    )[0]


def test_the_lines_for_python_do_what_the_page_says(commands, rows, tmp_path):
    assert told("python", commands["import geopandas"], tmp_path) == {"rows": rows[1], "crs": ["EPSG", "4326"]}
    assert told("python", commands["import pandas"], tmp_path) == {"rows": rows[0], "crs": None}


def test_the_statements_for_duckdb_do_what_the_page_says(commands, rows, tmp_path):
    assert told("commands-of-duckdb", commands["INSTALL"], tmp_path) == {"rows": rows[0], "located": rows[1]}


def test_the_command_for_postgis_does_what_the_page_says(released, commands, rows):
    facts = conninfo_to_dict(released.database.url())
    there = {f"PG{name.upper()}": str(value) for name, value in facts.items() if name in ("host", "port", "user")}
    command = commands["ogr2ogr"].replace("ma_base", facts["dbname"])
    try:
        subprocess.run(command, shell=True, check=True, env=os.environ | there, timeout=120)
        found = released.database.rows("SELECT count(*)::int, count(geom)::int, min(ST_SRID(geom)) FROM public.places")
    finally:
        with released.database.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS public.places")
    assert found == [(rows[1], rows[1], 4326)]
