"""What no client may ask: each refused by name, none of it a failure of ours."""

from __future__ import annotations

import base64
import itertools
import json

import pytest

from tests.web.ogc import standard
from tests.web.ogc.planting import ITEMS, feature, listed, told
from tests.web.ogc.standard import EPSG, fits

LEAP = "2016-12-31T23:59:60Z"
HUGE = "1" * 5_000
REFUSED = [
    ("limit", ["", "0", "-1", "1e3", "²", HUGE]),
    ("offset", ["-1", "1000000000", "99999999999999999999", "0x1"]),
    ("bbox", ["", "1,2,3", "1,2,3,4,5", "nan,nan,nan,nan", "1,2,nan,4,5,nan", "1e999,0,1,1", "-1e999,-1e999,1e999,1e999",
              "1e308,1e308,1e308,1e308", "200,0,210,1", "0,91,1,92", "1,1,0,0", ",,,", "１,1,2,2", "0,0,1,1\x00"]),
    ("datetime", ["", "/", "../..", "a/b/c", "\x00", "2020", "2020/2019", "2020-01-02/2020-01-01", "0000-01-01",
                  "2020-02-30", "2020-01-01T24:00:00Z", "2020-01-01T00:00:61Z", "2020-01-01T12:30:60Z",
                  "2020-01-01T00:00:00", "2020-01-01T00:00:00+25:00", "9999-12-31T23:59:59-23:00"]),
    ("cursor", ["", "=", "\x00", "é", HUGE, "bm9uZQ"]),
    ("properties", ["x", "geom", "name,x", "\x00", "'"]),
    ("sortby", ["", "-", "x", "geom", "name,name", "name;--", "\x00"]),
    ("skipGeometry", ["", "1", "yes"]),
    ("f", ["", "shp", "\x00", HUGE]),
    ("filter-lang", ["", "sql", "CQL2-TEXT"]),
    ("filter", ["", "\x00", "name", "pg_sleep(10)", "pg_sleep(10) = 1", "name = 'O'B'", "name = 'a\x00b'", "name = 'a", "x" * 4_097,
                "name = '" + "é" * 2_050 + "'", "(" * 1_900 + "name = 'a'" + ")" * 1_900, "NOT " * 900 + "name = 'a'",
                "name = 'a' OR " * 250 + "name = 'b'", "name = 'a'; DROP TABLE place", "name = 1", "secret = 1",
                "S_INTERSECTS(geom, POINT(1e400 0))", "S_INTERSECTS(geom, POINT(nan nan))", "S_INTERSECTS(geom, POINT(0 100))",
                "S_INTERSECTS(geom, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))", "S_DWITHIN(geom, POINT(55 -21), -1)"]),
]  # fmt: skip
OF_PLACES = [
    ("filter", ["version > 1e400", "version = 99999999999999999999", "created_on > DATE('0000-01-01')",
                "T_DURING(created_on, INTERVAL('2021-01-01', '2020-01-01'))"]),
    ("version", ["", "x", "nan", HUGE]), ("created_on", ["", "0000-00-00", "2020-02-30", "\x00"]),
    ("id", ["\x00"]), ("commune_code", ["\x00", "a" * 4_097]), ("geom", ["POINT(0 0)"]), ("vintage", ["2025"]), ("\x00", ["x"]),
]  # fmt: skip


@pytest.mark.parametrize("name", ["places", "communes"])
@pytest.mark.parametrize(("parameter", "value"), [(one, value) for one, values in REFUSED for value in values])
def test_a_wrong_value_is_refused_by_the_name_of_its_parameter(atlas, name, parameter, value):
    problem = told(atlas.client, f"/collections/{name}/items", 400, **{parameter: value})
    fits(problem, standard.PROBLEM)
    assert problem["parameter"] == parameter
    assert len(problem["detail"]) > 10
    shown = problem["value"]
    assert shown is None or len(str(shown)) <= 100


@pytest.mark.parametrize(("parameter", "value"), [(one, value) for one, values in OF_PLACES for value in values])
def test_a_wrong_value_of_a_property_of_places_is_refused_by_name(atlas, parameter, value):
    problem = told(atlas.client, "/collections/places/items", 400, **{parameter: value})
    assert problem["parameter"].strip("\x00 ") == parameter.strip("\x00 ")


@pytest.mark.parametrize("box", ["1e300,1e300,1e301,1e301", "-1e300,-1e300,1e300,1e300", "-1e308,-1e308,1e308,1e308"])
@pytest.mark.parametrize("code", ["3857", "2154", "2975", "8903", "3163"])
def test_a_projected_box_of_absurd_size_is_refused_by_name(atlas, code, box):
    assert told(atlas.client, "/collections/places/items", 400, bbox=box, bbox_crs=EPSG + code)["parameter"] == "bbox"
    written = f"S_INTERSECTS(geom, BBOX({box}))"
    problem = told(atlas.client, "/collections/places/items", 400, filter=written, filter_crs=EPSG + code)
    assert (problem["parameter"], "BBOX" in problem["detail"]) == ("filter", True)


def spelled(*cursor):
    return base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode().rstrip("=")


NOWHERE = "00000000-0000-0000-0000-000000000000"
CURSORS = [
    ({}, [("order", 2**63), ("order", -(2**70)), ("order", 1e300), ("order", float("nan")), ("order", True), ("order", None),
          ("order", []), ("order", {}), ("order", "a\x00"), ("order", "\ud800"), ("order",), ("order", 1, 2), (1,),
          ("position", 1, 1)]),
    ({"bbox": "55,-22,56,-21"}, [("position", 2**63, 1), ("position", 1.5, 1), ("position", "a", 1), ("order", 1)]),
    ({"commune_code": "97401"}, [("commune", "974", "x"), ("commune", "\x00", NOWHERE), ("commune", "\ud800", NOWHERE)]),
    ({"sortby": "name"}, [("name", 1, 1), ("name", "\x00", 1), ("name", "\ud800", 1), ("name", "a", None), ("-name", "a", 1)]),
    ({"sortby": "-created_on"}, [("-created_on", "0000-00-00", 1), ("-created_on", 5, 1)]),
    ({"sortby": "distance_m"}, [("distance_m", "a", 1), ("distance_m", 1e39, 1), ("distance_m", 10**400, 1),
                                ("distance_m", float("nan"), 1)]),
    ({"sortby": "version"}, [("version", 2**31, 1), ("version", 1.5, 1), ("version", 1, 2**70)]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "cursor"), [(query, cursor) for query, cursors in CURSORS for cursor in cursors])
def test_a_cursor_that_is_tampered_with_or_of_another_list_is_refused(atlas, query, cursor):
    problem = told(atlas.client, "/collections/places/items", 400, cursor=spelled(*cursor), **query)
    assert problem["parameter"] == "cursor"


@pytest.mark.parametrize("cursor", [("order", "\ud800"), ("order", "\x00"), ("order", 5)])
@pytest.mark.parametrize("name", ["communes", "departments", "regions"])
def test_a_cursor_of_limits_that_is_no_code_is_refused(atlas, name, cursor):
    problem = told(atlas.client, f"/collections/{name}/items", 400, cursor=spelled(*cursor))
    assert problem["parameter"] == "cursor"


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ({"filter": "name = 'O''B%'"}, 0), ({"filter": "name LIKE 'L%l''été%'"}, 9), ({"filter": "version / 0 = 1"}, 0),
        ({"filter": "distance_m * 1e308 * 1e308 > 1"}, 0), ({"filter": "version * 9223372036854775807 > 0"}, 11),
        ({"filter": "name LIKE '" + "%a" * 1_500 + "'"}, 0), ({"version": "1e400"}, 0), ({"version": "1e17"}, 0),
        ({"datetime": "0000-01-01T00:00:00Z/9999-12-31T23:59:59Z"}, 11), ({"datetime": "0000-01-01/2000-01-01"}, 0),
        ({"datetime": LEAP}, 0), ({"datetime": f"{LEAP}/.."}, 11), ({"datetime": "2016-12-31T15:59:60-08:00/.."}, 11),
        ({"bbox": "-1e5,-1e5,1e5,1e5"}, 10), ({"bbox": "1e-400,1e-400,1,1"}, 0), ({"offset": "999999999"}, 11),
    ],
)  # fmt: skip
def test_what_looks_odd_and_means_something_is_answered(atlas, query, matches):
    assert listed(atlas.client, "places", **query)["numberMatched"] == matches


HOSTILE = ["text/html;q=2", "*" * 9_000, "a/b;q=nan", ",,,,", "application/json;q=1e999", "é/é", "*/*;q=0", "x" * 20]


@pytest.mark.parametrize("accept", HOSTILE)
def test_a_hostile_accept_header_is_answered_or_refused(atlas, accept):
    for path in ("/ogc/", ITEMS.format("places"), ITEMS.format("communes")):
        answer = atlas.client.get(path, headers={"Accept": accept.encode().decode("latin-1")})
        assert answer.status_code in (200, 400, 406)


def nested(times):
    return b'{"properties":' * times + b"1" + b"}" * times


BODIES = [
    (b"", 400), (b"{", 400), (json.dumps(feature(0.5, 0.5)).encode()[:-9], 400), (b"\xff\xfe", 400), (b"[" * 100_000, 400),
    (nested(4_000), 400), (nested(100), 422), (b'{"a": NaN}', 400), (b"[]", 422), (b"null", 422), (b"7", 422),
    (b" " * (2 << 20), 413),
    (b'{"type":"Feature","geometry":{"type":"Point","coordinates":[' + HUGE.encode() + b",0]}}", 400),
]  # fmt: skip


# /req/create-replace-delete/exceptions, /req/update/exceptions
def test_a_body_that_is_no_feature_is_refused_and_changes_nothing(client, database, planted, key):
    before = database.rows("SELECT count(*), max(version) FROM geoplatform.place")
    for method, (body, status) in itertools.product(("post", "put", "patch"), BODIES):
        path = ITEMS.format("places") + ("" if method == "post" else f"/{planted[0].id}")
        answer = getattr(client, method)(path, data=body, headers=key, content_type="application/geo+json")
        assert answer.status_code == status, (method, body[:40], answer.text)
        fits(json.loads(answer.data), standard.PROBLEM)
    assert database.rows("SELECT count(*), max(version) FROM geoplatform.place") == before


# /req/create-replace-delete/post-body: RFC 9110 §15.5.16
def test_a_body_of_another_media_type_is_415(client, planted, key):
    for media in ("text/plain", "application/xml", "", "application/json-patch+json"):
        answer = client.post(ITEMS.format("places"), data=b"{}", headers=key, content_type=media)
        assert answer.status_code == 415
        assert json.loads(answer.data)["parameter"] == "Content-Type"


def test_a_value_that_a_property_cannot_have_is_422_by_name(client, planted, key):
    for name, value in itertools.product(("name", "kind"), ("\ud800", "a\x00b", "", 5, [], {}, "a" * 100_000)):
        answer = client.post(ITEMS.format("places"), json=feature(0.5, 0.5, **{name: value}), headers=key)
        assert answer.status_code == 422
        named = [one["parameter"] for one in json.loads(answer.data)["errors"]]
        assert f"properties.{name}" in named, (name, value)
