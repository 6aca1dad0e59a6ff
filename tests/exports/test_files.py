"""Each file of a release, read back by what we did not write."""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3
import subprocess
import warnings
import zipfile
from contextlib import closing
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from exports.datasets import NAMES, described
from exports.formats import FORMATS, gdal
from tests.exports.conftest import ODD_NAMES, RELEASE

LICENCES = ("CC-BY-NC-SA-4.0", "CC0-1.0", "ODbL-1.0")
#: The allow-list of what a file says of a place.
COLUMNS = [
    "id", "kind", "category", "name", "description", "address", "phone", "website", "opening_hours", "stage", "starts_on",
    "ends_on", "licence", "source", "source_name", "verdict", "method", "commune_code", "commune_name", "department_code",
    "region_code", "epci_code",
    "distance_m", "vintage", "commune_code_at_entry", "version", "created_on", "modified_on",
]  # fmt: skip
TILED = ("places", "communes", "departments")
GDAL = {"gpkg": ".gpkg", "fgb": ".fgb", "shp": ".shp.zip", "geojson": ".geojson"}


KML = "{http://www.opengis.net/kml/2.2}"


def source(released, licence, ending):
    path = released.file("places", f"places-{licence.lower()}{ending}")
    return f"/vsizip/{path}" if ending.endswith(".zip") else path


def located(released, licence):
    query = "SELECT id FROM geoplatform.place WHERE licence = %s AND visibility = 'public'"
    return {str(number) for (number,) in released.database.rows(query, licence)}


def test_every_dataset_has_every_format_and_its_papers(released):
    papers = {"LICENSE", "ATTRIBUTION.md", "datapackage.json", "SHA256SUMS", "manifest.json"}
    for dataset in NAMES:
        stems = [f"places-{licence.lower()}" for licence in LICENCES] if dataset == "places" else [dataset]
        files = {
            stem + format.ending
            for stem in stems
            for format in FORMATS.values()
            if not format.needs_tiles or dataset in TILED
        }
        assert {path.name for path in (released.folder / dataset / RELEASE).iterdir()} == files | papers


@pytest.mark.parametrize("licence", LICENCES)
@pytest.mark.parametrize("form", GDAL)
def test_gdal_finds_the_places_of_the_licence_and_no_other(released, licence, form):
    frame = pyogrio.raw.read(source(released, licence, GDAL[form]))
    names, shapes, columns = list(frame[0]["fields"]), frame[2], frame[3]
    found = dict(zip(names, columns, strict=True))
    expected = located(released, licence) if form == "fgb" else released.ids(licence)
    assert set(found["id"]) == expected
    if form != "shp":
        assert names == COLUMNS
    assert set(found["licence"]) == {licence}
    points = shapely.from_wkb(shapes)
    for identifier, point in zip(found["id"], points, strict=True):
        place = released.database.rows(
            "SELECT ST_X(shown_geom), ST_Y(shown_geom) FROM geoplatform.place WHERE id = %s", identifier
        )[0]
        told = (None, None) if point is None or point.is_empty else (round(point.x, 6), round(point.y, 6))
        assert told == tuple(side and round(side, 6) for side in place)


@pytest.mark.parametrize("form", GDAL)
def test_odd_names_come_through_as_they_are(released, form):
    found = set()
    for licence in ("CC-BY-NC-SA-4.0", "CC0-1.0"):
        frame = pyogrio.raw.read(source(released, licence, GDAL[form]))
        found |= set(frame[3][[name.lower() for name in frame[0]["fields"]].index("name")])
    assert found >= set(ODD_NAMES)


def test_gdal_tells_types_and_the_coordinate_system(released):
    for ending in (".gpkg", ".fgb"):
        info = pyogrio.read_info(source(released, "ODbL-1.0", ending), layer=0)
        assert info["crs"] == "EPSG:4326"
        types = dict(zip(info["fields"], info["dtypes"], strict=True))
        assert types["version"] == "int32"
        assert types["distance_m"] == "float64"
        assert types["created_on"].startswith("datetime64")
        assert info["geometry_type"] == "Point"
    assert pyogrio.read_info(released.file("communes", "communes.gpkg"), layer=0)["geometry_type"] == "MultiPolygon"


def test_a_geopackage_explains_its_columns(released):
    with closing(sqlite3.connect(source(released, "ODbL-1.0", ".gpkg"))) as database:
        told = dict(
            database.execute("SELECT column_name, description FROM gpkg_data_columns WHERE table_name = 'places'")
        )
        assert set(told) == set(COLUMNS)
        assert told["version"] == "Version number, from 1."
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT last_change FROM gpkg_contents").fetchone()[0].endswith("T00:00:00.000Z")


@pytest.mark.parametrize(
    ("name", "titles"),
    [("places-odbl-1.0", ["Lieux (fr)", "Places (en)"]), ("communes", ["Communes (fr)", "Communes (en)"])],
)
def test_a_geopackage_holds_its_looks_where_qgis_seeks_them(released, name, titles):
    dataset = name.partition("-")[0]
    with closing(sqlite3.connect(released.file(dataset, f"{name}.gpkg"))) as database:
        rows = database.execute(
            "SELECT styleName, styleQML, styleSLD, useAsDefault, f_table_name, f_geometry_column FROM layer_styles ORDER BY id"
        ).fetchall()
        (data_type,) = database.execute(
            "SELECT data_type FROM gpkg_contents WHERE table_name = 'layer_styles'"
        ).fetchone()
    assert [(row[0], row[3]) for row in rows] == [(titles[0], 1), (titles[1], 0)]
    assert all(row[4:] == (dataset, "geom") for row in rows)
    assert all("<qgis" in row[1] and "StyledLayerDescriptor" in row[2] for row in rows)
    assert data_type == "attributes"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of more layers than one
        assert gdal.count(released.file(dataset, f"{name}.gpkg")) == released.rows(dataset, f"{name}.gpkg")


def test_a_shapefile_has_names_of_its_own_and_says_its_encoding(released):
    with zipfile.ZipFile(released.file("places", "places-cc0-1.0.shp.zip")) as archive:
        assert archive.testzip() is None
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"shp", "shx", "dbf", "prj", "cpg"}
        assert archive.read("places-cc0-1.0.cpg") == b"UTF-8"


def test_short_names_are_short_and_differ(released):
    with released.database.store("geoplatform_exporter").reading() as connection:
        found = [described(connection, name, None) for name in NAMES]
    for dataset in found:
        short = [field.short for field in dataset.fields]
        assert all(len(one) <= 10 for one in short)
        assert len(set(short)) == len(short)


@pytest.mark.parametrize("licence", LICENCES)
def test_a_kml_holds_each_place_with_all_that_is_told_of_it(released, licence):
    """Read as XML: GDAL gives numbers of its own for the identifiers of KML."""
    root = ElementTree.parse(released.file("places", f"places-{licence.lower()}.kml")).getroot()
    found = {}
    for mark in root.iter(f"{KML}Placemark"):
        told = {data.get("name"): data.text for data in mark.iter(f"{KML}SimpleData")}
        found[told["id"]] = (mark.findtext(f"{KML}name"), mark.findtext(f"{KML}Point/{KML}coordinates"))
        assert set(told) <= set(COLUMNS)
        assert told["licence"] == licence
    assert set(found) == released.ids(licence)
    assert {number for number, (_, position) in found.items() if position} == located(released, licence)
    names = dict(released.database.rows("SELECT id::text, name FROM geoplatform.place"))
    assert all(name == names[number] for number, (name, _) in found.items())


def rows(path, comma, mark=False):
    text = path.read_bytes().decode("utf-8-sig" if mark else "utf-8")
    assert text.count("\r\n") >= 1
    return list(csv.DictReader(text.splitlines(keepends=True), delimiter=comma))


@pytest.mark.parametrize("licence", LICENCES)
def test_python_reads_the_csv_as_it_was_meant(released, licence):
    found = rows(released.file("places", f"places-{licence.lower()}.csv"), ",")
    assert {row["id"] for row in found} == released.ids(licence)
    assert all(list(row) == [*COLUMNS, "longitude", "latitude"] for row in found)
    assert {row["longitude"] == "" for row in found} >= {False}
    for row in found:
        (lon,) = released.database.rows("SELECT ST_X(shown_geom) FROM geoplatform.place WHERE id = %s", row["id"])[0]
        assert (float(row["longitude"]) if row["longitude"] else None) == (lon if lon is None else round(lon, 7))


def test_no_cell_of_a_csv_is_run_by_a_spreadsheet(released):
    names = set()
    for licence in LICENCES:
        for ending, comma, mark in ((".csv", ",", False), ("-excel.csv", ";", True)):
            for row in rows(released.file("places", f"places-{licence.lower()}{ending}"), comma, mark):
                names.add(row["name"])
                texts = [row[name] for name in ("name", "description", "address", "phone", "category")]
                assert not [text for text in texts if text[:1] in "=@\t\r" and text]
                assert row["phone"] in ("", "+262 262 12 34 56")
    assert "'=HYPERLINK(1)" in names
    assert "'@SOMME(A1)" in names


def test_the_csv_for_excel_is_what_a_french_excel_opens(released):
    content = released.file("places", "places-odbl-1.0-excel.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfid;kind;")
    row = next(row for row in rows(released.file("places", "places-odbl-1.0-excel.csv"), ";", True) if row["longitude"])
    assert "," in row["longitude"]
    assert "." not in row["longitude"]


def test_geojson_is_a_collection_of_whole_features(released):
    document = json.loads(released.file("places", "places-cc0-1.0.geojson").read_text())
    assert document["type"] == "FeatureCollection"
    assert document["licence"] == "CC0-1.0"
    assert {feature["id"] for feature in document["features"]} == released.ids("CC0-1.0")
    assert all(list(feature["properties"]) == COLUMNS[1:] for feature in document["features"])
    assert {feature["geometry"] is None for feature in document["features"]} == {True, False}
    lines = gzip.decompress(released.file("places", "places-cc0-1.0.geojsonl.gz").read_bytes()).splitlines()
    assert [json.loads(line) for line in lines] == document["features"]


def test_limits_are_wound_as_geojson_wants(released):
    document = json.loads(released.file("communes", "communes.geojson").read_text())
    assert {feature["id"] for feature in document["features"]} == {
        code for (code,) in released.database.rows("SELECT code FROM published.communes")
    }
    for feature in document["features"]:
        for ring in feature["geometry"]["coordinates"]:
            assert shapely.LinearRing(ring[0]).is_ccw


def test_geoparquet_tells_its_geometry_and_boxes(released):
    for dataset, name, kind in (
        ("places", "places-odbl-1.0.parquet", "Point"),
        ("communes", "communes.parquet", "MultiPolygon"),
    ):
        with pq.ParquetFile(released.file(dataset, name)) as file:
            told = json.loads(file.metadata.metadata[b"geo"])
            table = file.read()
        assert told["version"] == "1.1.0"
        column = told["columns"][told["primary_column"]]
        assert column["geometry_types"] == [kind]
        assert column["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
        shapes = shapely.from_wkb(table.column("geom").to_numpy())
        for shape, box in zip(shapes, table.column("bbox").to_pylist(), strict=True):
            assert box is None if shape is None else tuple(box.values()) == shape.bounds
        assert column["bbox"] == list(shapely.total_bounds(shapes))


def test_the_hilbert_curve_orders_the_rows(released):
    found = rows(released.file("places", "places-odbl-1.0.csv"), ",")
    ordered = released.database.rows(
        "SELECT id FROM geoplatform.place WHERE licence = 'ODbL-1.0' ORDER BY shown_geom, id"
    )
    assert [row["id"] for row in found] == [str(number) for (number,) in ordered]


def test_sha256sum_agrees(released):
    for dataset in NAMES:
        folder = released.folder / dataset / RELEASE
        checked = subprocess.run(
            ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True
        )
        assert checked.returncode == 0, checked.stderr
        assert checked.stdout.count(": OK") == len(list(folder.iterdir())) - 2  # but for the sums and the manifest


def test_the_manifest_and_the_register_tell_the_same(released):
    told = released.manifest("places")
    (number, seq, vintage), *_ = released.database.rows(
        "SELECT id, change_seq, vintage FROM published.releases WHERE dataset = 'places' AND state = 'current'"
    )
    files = released.database.rows(
        """SELECT name, format, media_type, licence, rows, bytes, sha256 FROM published.release_files
           WHERE release_id = %s ORDER BY ordinal""",
        number,
    )
    listed = [tuple(file.values()) for file in told["files"]]
    assert files[: len(listed)] == listed
    assert [name for name, *_ in files[len(listed) :]] == ["manifest.json"]
    assert (told["change_seq"], told["vintage"]["year"]) == (seq, vintage)
    assert seq == released.database.rows("SELECT max(seq) FROM geoplatform.change")[0][0]
    assert told["left_out"]
