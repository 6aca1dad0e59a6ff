"""The abstract tests of OGC API Features Part 1: core, GeoJSON, HTML (OGC 17-069r4, Annex A). Requirements in comments."""

from __future__ import annotations

import datetime as dt
import json
import re
from html.parser import HTMLParser

import pytest
import shapely
from shapely.geometry import shape

from geoplatform.web.ogc.service import CONFORMANCE
from tests.web.ogc import standard
from tests.web.ogc.planting import EVERY, ITEMS, LIMITS, every, links_of, listed, pages, told
from tests.web.ogc.standard import fits

GEOJSON = "application/geo+json"
RESOURCES = ["/", "/conformance", "/api", "/collections", "/collections/{}", "/collections/{}/items",
             "/collections/{}/queryables", "/collections/{}/sortables", "/collections/{}/schema"]  # fmt: skip


def types_of(links):
    return {link["type"] for link in links}


def path_of(link):
    return link["href"].removeprefix("http://localhost")


# /req/core/root-op, /req/core/root-success
def test_the_landing_page_leads_to_the_description_the_conformance_and_the_data(atlas):
    landing = told(atlas.client, "/")
    fits(landing, standard.LANDING)
    assert links_of(landing, "service-desc") or links_of(landing, "service-doc")
    for rel in ("conformance", "data", "service-desc", "service-doc", "self", "alternate"):
        assert links_of(landing, rel), rel
    for link in landing["links"]:
        if link["rel"] != "search":
            answer = atlas.client.get(path_of(link))
            assert (answer.status_code, answer.mimetype) == (200, link["type"].partition(";")[0]), link


# /req/core/root-op: a path without its slash is the same resource and not a redirect that QGIS would not follow
@pytest.mark.parametrize("path", ["", "/", "/collections/", "/conformance/", "/collections/places/items/"])
def test_a_slash_more_or_less_is_no_redirect(atlas, path):
    assert atlas.client.get(f"/ogc{path}", headers={"Accept": "application/json"}).status_code == 200


# /req/core/api-definition-op, /req/core/api-definition-success
def test_the_description_is_what_its_links_promise(atlas):
    landing = told(atlas.client, "/")
    for link in links_of(landing, "service-desc") + links_of(landing, "service-doc"):
        answer = atlas.client.get(path_of(link))
        assert answer.content_type.replace(" ", "").startswith(link["type"])
    assert told(atlas.client, "/api")["openapi"].startswith("3.0.")


# /req/core/conformance-op, /req/core/conformance-success
def test_the_conformance_classes_are_told_and_each_is_of_a_standard(atlas):
    declared = told(atlas.client, "/conformance")
    fits(declared, standard.CONFORMANCE)
    assert all(
        re.fullmatch(r"http://www\.opengis\.net/spec/[a-z0-9-]+/1\.0/conf/[a-z0-9-]+", one) for one in CONFORMANCE
    )


PROMISED = {
    "ogcapi-features-1": {"core", "oas30", "geojson", "html"},
    "ogcapi-features-2": {"crs"},
    "ogcapi-features-3": {"queryables", "queryables-query-parameters", "filter", "features-filter"},
    "ogcapi-features-4": {"create-replace-delete", "update", "features", "optimistic-locking-etags"},
    "ogcapi-features-5": {"schemas", "core-roles-features", "returnables-and-receivables", "queryables", "sortables"},
    "ogcapi-common-3": {"schemas"},
    "cql2": {"cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison",
             "basic-spatial-functions", "basic-spatial-operators"},
}  # fmt: skip


def test_every_class_that_clients_look_for_is_among_them():
    wanted = {f"http://www.opengis.net/spec/{spec}/1.0/conf/{name}" for spec, of in PROMISED.items() for name in of}
    assert wanted <= set(CONFORMANCE)


# /req/core/http, /rec/core/head
@pytest.mark.parametrize("path", RESOURCES)
@pytest.mark.parametrize("name", EVERY)
def test_head_says_what_get_says_without_a_body(atlas, name, path):
    there = f"/ogc{path.format(name)}"
    got, asked = atlas.client.get(there), atlas.client.head(there)
    assert (asked.status_code, asked.data) == (200, b"")
    for header in ("Content-Type", "ETag", "Vary", "Content-Crs"):
        assert asked.headers.get(header) == got.headers.get(header), header


# /req/core/http: RFC 9110 §15.5.6
@pytest.mark.parametrize("method", ["put", "delete", "patch", "post"])
@pytest.mark.parametrize(
    "path", ["/", "/conformance", "/collections", "/collections/communes/items", "/collections/places"]
)
def test_a_method_that_a_resource_has_not_is_refused_with_those_it_has(atlas, method, path):
    answer = getattr(atlas.client, method)(f"/ogc{path}", json={})
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


# /rec/core/cross-origin
@pytest.mark.parametrize("path", ["/", "/api", "/collections", "/collections/places/items"])
def test_programs_in_pages_of_others_may_read(atlas, path):
    answer = atlas.client.get(f"/ogc{path}", headers={"Origin": "https://carte.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


# /req/core/query-param-unknown
@pytest.mark.parametrize("path", [*RESOURCES, "/collections/{}/items/{id}"])
@pytest.mark.parametrize("name", EVERY)
def test_a_parameter_that_the_description_does_not_have_is_refused_by_name(atlas, name, path):
    identifier = listed(atlas.client, name, limit=1)["features"][0]["id"]
    problem = told(atlas.client, path.format(name, id=identifier), 400, frobnicate="1")
    fits(problem, standard.PROBLEM)
    assert (problem["parameter"], problem["status"]) == ("frobnicate", 400)


# /req/core/query-param-invalid
@pytest.mark.parametrize(
    ("parameter", "value"),
    [("limit", "0"), ("limit", "-1"), ("limit", "1.5"), ("limit", "many"), ("bbox", "1,2,3"), ("bbox", "a,b,c,d"),
     ("datetime", "yesterday"), ("crs", "http://www.opengis.net/def/crs/EPSG/0/1"), ("bbox-crs", "EPSG:9"), ("f", "shp")],
)  # fmt: skip
@pytest.mark.parametrize("name", EVERY)
def test_a_value_that_a_parameter_cannot_have_is_refused_by_name(atlas, name, parameter, value):
    problem = told(atlas.client, f"/collections/{name}/items", 400, **{parameter: value})
    assert problem["parameter"] == parameter
    assert str(problem["value"]) == value


# /req/core/crs84
@pytest.mark.parametrize("name", EVERY)
def test_without_a_crs_positions_are_longitude_and_latitude_of_wgs_84(atlas, name):
    for feature in every(atlas.client, name)[0]:
        if feature["geometry"]:
            west, south, east, north = shape(feature["geometry"]).bounds
            assert 54 < west <= east < 56
            assert -23 < south <= north < -21


# /req/core/fc-md-op, /req/core/fc-md-success, /req/core/fc-md-links, /req/core/fc-md-items
def test_the_collections_are_all_there_and_lead_to_themselves_in_each_format(atlas):
    known = told(atlas.client, "/collections")
    fits(known, standard.COLLECTIONS)
    assert [one["id"] for one in known["collections"]] == list(EVERY)
    assert types_of(links_of(known, "self")) == {"application/json"}
    assert types_of(links_of(known, "alternate")) == {"text/html"}
    seen_as_page = links_of(known, "alternate")[0]
    assert atlas.client.get(path_of(seen_as_page)).mimetype == "text/html"


# /req/core/fc-md-items-links, /req/core/fc-md-extent, /req/core/sfc-md-op, /req/core/sfc-md-success
@pytest.mark.parametrize("name", EVERY)
def test_a_collection_is_the_same_in_the_list_and_by_itself_and_leads_to_its_items(atlas, name):
    alone = told(atlas.client, f"/collections/{name}")
    fits(alone, standard.COLLECTION)
    assert alone in told(atlas.client, "/collections")["collections"]
    items = links_of(alone, "items")
    assert {GEOJSON, "text/html"} <= types_of(items)
    for link in items:
        answer = atlas.client.get(path_of(link))
        assert (answer.status_code, answer.mimetype) == (200, link["type"].partition(";")[0])
    box = shapely.box(*alone["extent"]["spatial"]["bbox"][0])
    for feature in every(atlas.client, name)[0]:
        assert feature["geometry"] is None or box.covers(shape(feature["geometry"]))
    interval = alone["extent"].get("temporal", {"interval": [[None, None]]})["interval"][0]
    assert interval == [None, None] or interval[0] < interval[1]


def test_a_collection_that_is_not_there_is_404(atlas):
    for path in ("", "/items", "/items/1", "/queryables", "/sortables", "/schema"):
        fits(told(atlas.client, f"/collections/nothing{path}", 404), standard.PROBLEM)


# /req/core/fc-op, /req/core/fc-response, /req/core/fc-numberReturned, /req/core/fc-numberMatched, /req/core/fc-timeStamp
@pytest.mark.parametrize("name", EVERY)
def test_a_list_of_features_says_how_many_there_are_and_when(atlas, name):
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    page = listed(atlas.client, name)
    after = dt.datetime.now(dt.UTC)
    fits(page, standard.FEATURES)
    assert page["numberReturned"] == len(page["features"])
    (number,) = atlas.database.rows(f"SELECT count(*) FROM published.{'place_items' if name == 'places' else name}")[0]
    assert page["numberMatched"] == number
    assert before <= dt.datetime.fromisoformat(page["timeStamp"]) <= after


# /req/core/fc-limit-definition, /req/core/fc-limit-response-1
@pytest.mark.parametrize("limit", [1, 2, 5, 9_999, 10_000, 10_001, 10**17])
@pytest.mark.parametrize("name", EVERY)
def test_no_more_features_come_than_the_limit_says_and_a_limit_too_high_is_the_highest(atlas, name, limit):
    page = listed(atlas.client, name, limit=limit)
    assert page["numberReturned"] == min(limit, page["numberMatched"])


BOXES = ["55,-22,55.1,-21.9", "55.05,-21.95,55.15,-21.85", "55.1,-22,55.1,-22", "55.14,-21.86,55.16,-21.84", "0,0,1,1",
         "-180,-90,180,90", "55,-22,0,55.1,-21.9,100", "177,-60,-177,60", "50,-30,-170,0"]  # fmt: skip


# /req/core/fc-bbox-definition, /req/core/fc-bbox-response
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("name", EVERY)
def test_a_box_gives_what_touches_it_and_nothing_else(atlas, name, box):
    numbers = [float(one) for one in box.split(",")]
    west, south, east, north = numbers if len(numbers) == 4 else [*numbers[:2], *numbers[3:5]]
    parts = [shapely.box(west, south, east, north)] if west <= east else [
        shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]  # fmt: skip
    area = shapely.union_all(parts) if west != east else shapely.Point(west, south)
    expected = {
        feature["id"]
        for feature in every(atlas.client, name)[0]
        if feature["geometry"] and area.intersects(shape(feature["geometry"]))
    }
    found, _ = every(atlas.client, name, bbox=box, limit=2)
    assert {feature["id"] for feature in found} == expected
    assert listed(atlas.client, name, bbox=box)["numberMatched"] == len(expected)


# /req/core/fc-time-definition, /req/core/fc-time-response: the places were all made on one day
@pytest.mark.parametrize(
    ("interval", "matches"),
    [
        ("{day}", True), ("{day}T12:00:00Z", True), ("{day}T00:00:00Z/{day}T23:59:59Z", True), ("{day}/..", True),
        ("../{day}", True), ("{day}/", True), ("/{day}", True), ("2000-01-01T00:00:00Z/..", True),
        ("2000-01-01/2001-01-01", False), ("2200-01-01T00:00:00.5Z/..", False), ("2000-01-01T00:00:00+04:00", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", EVERY)
def test_a_time_gives_the_features_of_that_time_and_all_that_have_none(atlas, name, interval, matches):
    day = listed(atlas.client, "places")["features"][0]["properties"]["modified_on"]
    page = listed(atlas.client, name, datetime=interval.format(day=day))
    whole = listed(atlas.client, name)["numberMatched"]
    assert page["numberMatched"] == (whole if matches or name in LIMITS else 0)


# /req/core/fc-links, /req/core/fc-rel-type, /rec/core/next-1
@pytest.mark.parametrize("name", EVERY)
def test_a_list_leads_to_itself_to_other_formats_and_to_the_next_page_of_the_same_query(atlas, name):
    whole = [feature["id"] for feature in listed(atlas.client, name)["features"]]
    query = {"limit": 2, "crs": standard.EPSG + "4326"}
    page = listed(atlas.client, name, **query)
    assert types_of(links_of(page, "self")) == {GEOJSON}
    assert "text/html" in types_of(links_of(page, "alternate"))
    assert json.loads(atlas.client.get(path_of(links_of(page, "self")[0])).data)["features"] == page["features"]
    assert bool(links_of(page, "next")) == (len(whole) > 2)
    assert [f["id"] for one in pages(atlas.client, name, **query) for f in one["features"]] == whole
    for one in pages(atlas.client, name, **query):
        assert one["numberMatched"] == len(whole)


# /req/core/f-op, /req/core/f-success, /req/core/f-links
@pytest.mark.parametrize("name", EVERY)
def test_a_feature_by_itself_is_the_one_of_the_list_and_leads_back(atlas, name):
    for feature in every(atlas.client, name)[0]:
        answer = atlas.client.get(f"{ITEMS.format(name)}/{feature['id']}")
        alone = json.loads(answer.data)
        fits(alone, standard.FEATURE)
        assert answer.mimetype == GEOJSON
        assert {key: value for key, value in alone.items() if key != "links"} == feature
        assert types_of(links_of(alone, "self")) == {GEOJSON}
        assert links_of(alone, "alternate")
        (back,) = links_of(alone, "collection")
        assert path_of(back) == f"/ogc/collections/{name}"
        assert back["type"]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    "identifier", ["nothing", "0", "99999", "00000000-0000-0000-0000-000000000000", "%00", "é", "a" * 900]
)
def test_a_feature_that_is_not_there_is_404(atlas, name, identifier):
    fits(told(atlas.client, f"/collections/{name}/items/{identifier}", 404), standard.PROBLEM)


# /req/geojson/definition, /req/geojson/content
@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", GEOJSON, "application/geo+json, application/json;q=0.9"]
)
@pytest.mark.parametrize("name", EVERY)
def test_features_come_as_geojson_whoever_asks_for_json(atlas, name, accept):
    headers = {"Accept": accept} if accept else {}
    answer = atlas.client.get(ITEMS.format(name), headers=headers)
    assert answer.mimetype == GEOJSON
    for feature in json.loads(answer.data)["features"]:
        assert feature["geometry"] is None or shape(feature["geometry"]).is_valid


class _Checked(HTMLParser):
    """Whether each element that is opened is closed, in order."""

    EMPTY = frozenset(("meta", "link", "br", "hr", "img", "input", "area", "base", "col", "source", "wbr"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.hrefs: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.hrefs += [value for key, value in attrs if tag == "a" and key == "href" and value]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


# /req/html/definition, /req/html/content
@pytest.mark.parametrize("path", [*RESOURCES, "/collections/{}/items/{id}"])
@pytest.mark.parametrize("name", EVERY)
def test_a_browser_gets_a_page_with_what_the_data_say_and_links_that_lead_somewhere(atlas, name, path):
    feature = listed(atlas.client, name, limit=1)["features"][0]
    there = f"/ogc{path.format(name, id=feature['id'])}"
    answer = atlas.client.get(there, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert atlas.client.get(f"{there}?f=html").mimetype == "text/html"
    checked = _Checked()
    checked.feed(answer.text)
    assert checked.open == []
    inside = {href for href in checked.hrefs if href.startswith(("/ogc", "http://localhost/ogc"))}
    assert inside
    for href in inside:
        assert atlas.client.get(href.removeprefix("http://localhost")).status_code == 200, href
    if "items" in path:
        assert feature["properties"]["name"].split(" «")[0] in answer.text
