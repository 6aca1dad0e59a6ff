"""POST /ogc/search: what lies in a polygon, streamed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import shapely
from shapely.geometry import mapping

from geoplatform.config import Settings
from geoplatform.store import collections, features
from geoplatform.store.engine import Store
from geoplatform.store.spelling import AsFeature
from geoplatform.store.wanted import Wanted
from geoplatform.web import context, create_app
from tests.web.ogc.planting import every

BOX = {"type": "Polygon", "coordinates": [[[55, -22], [56, -22], [56, -21], [55, -21], [55, -22]]]}


def found(client, status=200, **asked):
    answer = client.post("/ogc/search", json=asked)
    assert answer.status_code == status, answer.text
    return json.loads(answer.data)


@pytest.mark.parametrize(
    "written",
    [
        "version > 0 AND distance_m > 1.5",
        "kind IN ('service', 'merchant') OR name LIKE '%° 7%'",
        "created_on BETWEEN DATE('2016-01-01') AND DATE('2100-01-01') AND CASEI(name) LIKE casei('LIEU%')",
        "S_DWITHIN(geom, POINT(55.1 -21.9), 20000)",
        "S_INTERSECTS(geom, BBOX(55.0, -22.0, 55.15, -21.8))",
        "commune_code = '97403' AND distance_m * 2 > 3",
        "category IS NULL",
    ],
)
def test_a_filter_finds_the_same_streamed_and_in_pages(client, planted, written):
    streamed = found(client, filter=written)
    paged, _ = every(client, "places", filter=written, limit=2)
    assert {feature["id"] for feature in streamed["features"]} == {feature["id"] for feature in paged}
    assert streamed["numberReturned"] == len(paged)
    by_id = {feature["id"]: feature for feature in paged}
    assert all(feature == by_id[feature["id"]] for feature in streamed["features"])


def test_limits_are_searched_too(client, planted):
    assert {one["id"] for one in found(client, collection="communes", geometry=BOX)["features"]} == {
        one["id"] for one in every(client, "communes", bbox="55,-22,56,-21")[0]
    }


def ring(count):
    return mapping(shapely.Point(55, -21).buffer(0.1, quad_segs=count // 4))


@pytest.mark.parametrize(
    ("asked", "status", "named", "reason"),
    [
        ({"geometry": {"type": "Point", "coordinates": [0, 0]}}, 400, "geometry", "is not a GeoJSON Polygon or MultiPolygon"),
        ({"geometry": [1]}, 400, "geometry", "is not a GeoJSON Polygon or MultiPolygon"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}}, 400, "geometry", "cannot be read"),
        ({"geometry": {"type": "Polygon", "coordinates": "x"}}, 400, "geometry", "cannot be read"),
        ({"geometry": {"type": "Polygon", "coordinates": []}}, 400, "geometry", "is empty"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}, 400, "geometry",
         "is not valid: Self-intersection"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [900, 0], [900, 1], [0, 0]]]}}, 400, "geometry",
         "does not lie on Earth"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 40], [10, 40], [10, 50], [0, 50], [0, 40]]]}}, 400, "geometry",
         "km², 150,000 are allowed"),
        ({"geometry": ring(10_100)}, 400, "geometry", "10000 are allowed"),
        ({"filter": "secret = 1"}, 400, "filter", "'secret' is no property"),
        ({"filter": 5}, 400, "filter", "is not a CQL2 text or object"),
        ({"filter": {"op": "=", "args": []}, "filter-lang": "cql2-text"}, 400, "filter", "is not cql2-text"),
        ({"filter": "kind = 'x'", "filter-lang": "sql"}, 400, "filter-lang", "is not one of"),
        ({"properties": "name"}, 400, "properties", "is not a list of names"),
        ({"properties": ["name", "x"]}, 400, "properties", "is not one of kind, category"),
        ({"skipGeometry": "yes"}, 400, "skipGeometry", "is not true or false"),
        ({"crs": 2154}, 400, "crs", "is not a text"),
        ({"limit": 5}, 400, "limit", "is no member here"),
        ({"collection": "secrets"}, 404, None, "secrets"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused_by_name(client, planted, asked, status, named, reason):
    told = found(client, status, **asked)
    assert told.get("parameter") == named
    assert reason in told["detail"]


def test_a_body_that_is_no_json_or_too_large_is_refused(client, planted):
    for body, status in ((b"{", 400), (b"\xff", 400), (b"[" * 5_000, 400), (b"[]", 400), (b" " * (1 << 21), 413)):
        answer = client.post("/ogc/search", data=body, content_type="application/json")
        assert answer.status_code == status, answer.text


def test_no_more_searches_are_answered_at_once_than_there_are_places(client, planted):
    held = [client.post("/ogc/search", json={}, buffered=False) for _ in range(3)]
    refused = client.post("/ogc/search", json={})
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    for answer in held:
        answer.close()
    assert client.post("/ogc/search", json={}).status_code == 200


def test_a_search_whose_first_feature_does_not_come_in_time_is_given_up(database, planted):
    settings = Settings(data_dir=Path("data"), database_url=database.url(), statement_timeout_ms=200)
    store = context.open_store(settings)
    slow = create_app(settings, store).test_client()
    with database.connect() as blocker:
        blocker.execute("BEGIN")
        blocker.execute("LOCK TABLE geoplatform.place IN ACCESS EXCLUSIVE MODE")
        answer = slow.post("/ogc/search", json={})
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    assert slow.post("/ogc/search", json={}).status_code == 200
    store.close()


def test_to_close_a_stream_ends_its_query_and_leaves_its_connection_fit(database, client, planted):
    store = Store(database.url("geoplatform_web"), pool_size=1)
    try:
        for _ in range(3):
            with store.snapshot() as connection:
                rows = features.stream(connection, collections.named("places"), Wanted(), AsFeature())
                assert len(next(rows)) > 0
                rows.close()
                assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    finally:
        store.close()


def test_the_real_server_takes_a_long_polygon_in_and_streams_what_lies_in_it(served):
    around = ring(9_000)
    around["coordinates"] = [
        [[55.45 + 3 * (lon - 55), -21.1 + 3 * (lat + 21)] for lon, lat in around["coordinates"][0]]
    ]
    body = json.dumps({"geometry": around}).encode()
    assert len(body) > 300_000
    sent = urllib.request.Request(f"{served.url}/ogc/search?f=geojsonseq", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(sent, timeout=60) as answer:
        records = answer.read().split(b"\x1e")[1:]
    counted = served.database.rows(
        "SELECT count(*) FROM published.place_items WHERE ST_Intersects(geom, ST_SetSRID(ST_GeomFromGeoJSON(%s), 4326))",
        json.dumps(around),
    )
    assert len(records) == counted[0][0] > 1_000
    too_large = urllib.request.Request(
        f"{served.url}/ogc/search", b" " * 1_100_000, {"Content-Type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError, match="413"):
        urllib.request.urlopen(too_large, timeout=60)
