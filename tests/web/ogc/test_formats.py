"""The same features in every format, read back by what we did not write."""

from __future__ import annotations

import csv
import io
import json

import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from tests.web.ogc.planting import ITEMS, listed


def got(client, **query):
    answer = client.get(ITEMS.format("places"), query_string=query)
    assert answer.status_code == 200, answer.text
    return answer


def test_geojson_text_sequences_hold_the_same_features(client, planted):
    answer = got(client, f="geojsonseq")
    assert answer.mimetype == "application/geo+json-seq"
    found = [json.loads(record) for record in answer.text.split("\x1e")[1:]]
    assert found == listed(client, "places")["features"]


def test_csv_holds_the_same_rows_with_longitude_and_latitude_apart(client, planted):
    rows = list(csv.DictReader(io.StringIO(got(client, f="csv").text)))
    features = listed(client, "places")["features"]
    assert [row["id"] for row in rows] == [feature["id"] for feature in features]
    for row, feature in zip(rows, features, strict=True):
        assert [float(row["longitude"]), float(row["latitude"])] == feature["geometry"]["coordinates"]
        assert row["name"] == feature["properties"]["name"]
        assert row["description"] == (feature["properties"]["description"] or "")


def test_flatgeobuf_is_read_by_gdal_with_types_and_nulls(client, planted, tmp_path):
    answer = got(client, f="fgb", limit=4)
    (tmp_path / "places.fgb").write_bytes(answer.data)
    told, table = pyogrio.read_arrow(tmp_path / "places.fgb")
    features = listed(client, "places", limit=4)["features"]
    assert (told["geometry_type"], told["crs"]) == ("Point", "EPSG:4326")
    assert table["id"].to_pylist() == [feature["id"] for feature in features]
    for name in ("name", "description", "commune_code", "version", "distance_m"):
        expected = [feature["properties"][name] for feature in features]
        assert table[name].to_pylist() == pytest.approx(expected, abs=0.1) if name == "distance_m" else expected
    assert answer.headers["OGC-NumberMatched"] == "9"
    assert 'rel="next"' in answer.headers["Link"]


def test_geoparquet_says_where_its_geometry_is(client, planted):
    table = pq.read_table(io.BytesIO(got(client, f="parquet").data))
    geo = json.loads(table.schema.metadata[b"geo"])
    shapes = shapely.from_wkb(table["geom"].to_pylist())
    assert geo["columns"]["geom"]["bbox"] == list(shapely.total_bounds(shapes))
    assert table["id"].to_pylist() == [feature["id"] for feature in listed(client, "places")["features"]]


@pytest.mark.parametrize("name", ["communes", "departments", "regions", "epci", "territories"])
@pytest.mark.parametrize("form", ["fgb", "parquet", "csv", "geojsonseq"])
def test_limits_come_in_every_format_too(client, planted, name, form, tmp_path):
    answer = client.get(ITEMS.format(name), query_string={"f": form})
    assert answer.status_code == 200
    expected = [feature["id"] for feature in listed(client, name)["features"]]
    if form == "fgb":
        (tmp_path / "limits.fgb").write_bytes(answer.data)
        told, table = pyogrio.read_arrow(tmp_path / "limits.fgb")
        assert told["geometry_type"] == "MultiPolygon"
        assert table["id"].to_pylist() == expected
    elif form == "parquet":
        assert pq.read_table(io.BytesIO(answer.data))["id"].to_pylist() == expected
    else:
        assert all(identifier in answer.text for identifier in expected)


@pytest.mark.parametrize("form", ["geojson", "geojsonseq", "csv"])
def test_a_search_streams_what_lies_in_the_polygon(client, planted, form):
    polygon = {
        "type": "Polygon",
        "coordinates": [[[55.0, -22.0], [55.2, -22.0], [55.2, -21.7], [55.0, -21.7], [55.0, -22.0]]],
    }
    answer = client.post(
        "/ogc/search", query_string={"f": form}, json={"geometry": polygon, "filter": "kind <> 'merchant'"}
    )
    assert answer.status_code == 200
    inside = [feature for feature in listed(client, "places")["features"] if feature["properties"]["kind"] != "merchant"
              and shapely.geometry.shape(polygon).intersects(shapely.geometry.shape(feature["geometry"]))]  # fmt: skip
    identifiers = {feature["id"] for feature in inside}
    if form == "geojson":
        assert {feature["id"] for feature in json.loads(answer.data)["features"]} == identifiers
    elif form == "geojsonseq":
        assert {json.loads(record)["id"] for record in answer.text.split("\x1e")[1:]} == identifiers
    else:
        assert {row["id"] for row in csv.DictReader(io.StringIO(answer.text))} == identifiers
    assert 0 < len(identifiers) < 9
