"""Files of a release as other people's programs find them: installed apart by `make test-clients`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.exports.test_files import LICENCES

pytestmark = pytest.mark.clients

READERS = ROOT / ".setup" / "readers.venv" / "bin" / "python"


def told(program: str, path: Path) -> dict:
    """What a program says of a file."""
    command = [READERS, Path(__file__).with_name("outside.py"), program, path]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=path.parent, env=os.environ)
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
def test_geoparquet_is_as_its_checker_wants_it(released, stem):
    dataset, _, name = stem.partition("/")
    for status, said in told("geoparquet", released.file(dataset, f"{name}.parquet")).values():
        assert status == 0, said


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
