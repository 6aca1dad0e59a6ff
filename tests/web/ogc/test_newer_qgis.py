"""The requests of QGIS 3.32 to 4, newer than the one that Debian has: replayed as its provider makes them.

Written from the source of the provider (src/providers/wfs/oapif of QGIS 3.44 and 4.0): what it asks, in which order, with which
headers, what it reads of each answer, and what it does without when something is not as it wants.
"""

from __future__ import annotations

import json
import uuid
from urllib.parse import quote

import pyogrio
import pytest

from tests import grid
from tests.web.ogc.planting import DRAWING, EVERY, ITEMS, feature

JSON = "application/json"
GEOJSON = "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
SCHEMA = "application/schema+json"
FLATGEOBUF = "application/flatgeobuf"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
#: QgsOapifConformanceRequest: none of these missing, or no filter is ever sent.
FILTERS = {
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
}


class Qgis:
    """One layer, opened as QGIS does: what it learns is kept, what it would not cope with fails."""

    def __init__(self, client, collection, headers=None):
        self.client, self.headers = client, headers or {}
        landing = self.get("/ogc", JSON)
        self.data = self.link(landing, ["data", REL + "data"], JSON)
        description = self.get(self.link(landing, ["service-desc"], OPENAPI), OPENAPI)
        limit = description["components"]["parameters"]["limit"]["schema"]
        self.page_size = limit.get("default", limit["maximum"])
        # It builds these addresses itself and follows no link to them.
        self.address = f"{self.data}/{collection}"
        self.items = f"{self.address}/items"
        told = self.get(self.address, JSON)
        assert told["id"] == collection
        self.crs = told["crs"][0]
        self.storage_crs = told["storageCrs"]
        self.count = told.get("itemCount", -1)
        self.box = told["extent"]["spatial"]["bbox"][0]
        classes = set(self.get(self.link(landing, ["conformance", REL + "conformance"], JSON), JSON)["conformsTo"])
        self.filters = classes >= FILTERS
        self.compares_case = "http://www.opengis.net/spec/cql2/1.0/conf/case-insensitive-comparison" in classes
        self.spatial = bool(classes & {f"http://www.opengis.net/spec/cql2/1.0/conf/{name}"
                                       for name in ("basic-spatial-functions", "basic-spatial-operators")})  # fmt: skip
        queryables = self.get(self.link(told, [REL + "queryables"], SCHEMA), SCHEMA)
        self.queryables = {
            name: schema.get("type", "") for name, schema in queryables["properties"].items() if "$ref" not in schema
        }
        sample = self.get(f"{self.items}?limit=10", GEOJSON)
        self.fields = {name for one in sample["features"] for name in one["properties"]}
        self.methods = self.options(self.items)
        # The first feature's, or that of a feature which is not there.
        identifier = sample["features"][0]["id"] if sample["features"] else "unknown_id"
        self.feature_methods = self.options(f"{self.items}/{identifier}")
        schema = self.get(self.link(told, [REL + "schema", "describedby"], SCHEMA), SCHEMA)
        self.schema = schema["properties"]

    def answer(self, address, accept, method="GET", **more):
        path = address.removeprefix("http://localhost")
        headers = {"Accept": accept, **self.headers, **more.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **more)

    def get(self, address, accept):
        """The answer, read. A redirect is followed by none of its requests."""
        got = self.answer(address, accept)
        assert got.status_code == 200, got.text
        assert got.content_type.replace(" ", "").partition(";charset")[0] == accept
        return json.loads(got.data)

    def link(self, document, rels, media_type):
        """The address of the first link with one of these short names and this type (QgsOAPIFJson::findLink)."""
        (found, *_others) = [
            link["href"]
            for rel in rels
            for link in document["links"]
            if link["rel"] == rel and link["type"] == media_type
        ]
        return found

    def options(self, address):
        answer = self.answer(address, "*/*", "OPTIONS")
        assert answer.status_code in (200, 204)
        return {method.strip() for method in answer.headers["Allow"].split(",")}

    def pages(self, query=""):
        """All features of the map's request, page after page."""
        found, address = [], f"{self.items}?limit={self.page_size}{query}"
        while address:
            page = self.get(address, GEOJSON)
            found += page["features"]
            nexts = [link for link in page["links"] if link["rel"] == "next"]
            assert all(link["type"] == GEOJSON for link in nexts)
            address = nexts[0]["href"] if nexts else None
        return found

    def matching(self, expression):
        return self.pages(f"&filter={quote(expression)}&filter-lang=cql2-text")


@pytest.mark.parametrize("name", EVERY)
def test_a_layer_is_opened_with_all_that_newer_versions_can_do(atlas, name):
    layer = Qgis(atlas.client, name)
    assert (layer.crs, layer.storage_crs) == (CRS84, CRS84)
    assert layer.filters
    assert layer.compares_case
    assert layer.spatial
    assert 1 <= layer.page_size <= 10_000
    assert layer.count == len(layer.pages()) > 0
    west, south, east, north = layer.box
    assert west < east
    assert south < north
    # 3.44 makes its fields from the schema: name, type and format, title as alias, order, what cannot be written.
    positions = [property_["x-ogc-propertySeq"] for property_ in layer.schema.values()]
    assert len(set(positions)) == len(positions)
    geometries = [one for one in layer.schema.values() if one.get("x-ogc-role") == "primary-geometry"]
    assert [one["format"] for one in geometries] == ["geometry-point" if name == "places" else "geometry-multipolygon"]
    attributes = {
        key: one for key, one in layer.schema.items() if "format" not in one or "geometry" not in one["format"]
    }
    assert layer.fields <= attributes.keys()
    assert all({"type", "title"} <= one.keys() for one in attributes.values())
    assert {one["type"] for one in attributes.values()} <= {"string", "integer", "number", "boolean", "array"}
    assert set(layer.queryables) <= attributes.keys()


@pytest.mark.parametrize(
    ("expression", "sql"),
    [
        # QgsOapifCql2TextExpressionCompiler, for each kind of node that it compiles
        ("(\"commune_code\" = '{}')".format(grid.code_of("C")), "commune_code = '{}'".format(grid.code_of("C"))),
        ("(\"name\" = 'Lieu n° 3 « l''été »')", "name = 'Lieu n° 3 « l''été »'"),
        ("(\"kind\" <> 'merchant')", "kind <> 'merchant'"),
        ("(NOT (\"kind\" = 'merchant'))", "NOT kind = 'merchant'"),
        ('("category" IS NULL)', "category IS NULL"),
        ('("category" IS NOT NULL)', "category IS NOT NULL"),
        ("(\"kind\" IN ('merchant','service'))", "kind IN ('merchant', 'service')"),
        ("(\"kind\" NOT IN ('merchant','service'))", "kind NOT IN ('merchant', 'service')"),
        ("(\"version\" BETWEEN 1 AND 2)", "version BETWEEN 1 AND 2"),
        ("((\"version\" + 1) * 2 >= 4)", "(version + 1) * 2 >= 4"),
        ("(\"name\" LIKE 'Lieu%')", "name LIKE 'Lieu%%'"),
        ("(NOT (\"name\" LIKE 'Lieu n° 1%'))", "name NOT LIKE 'Lieu n° 1%%'"),
        ("CASEI(\"name\") LIKE CASEI('%LIEU%')", "name ILIKE '%%lieu%%'"),
        ("((\"kind\" = 'project') OR ((\"kind\" = 'service') AND (\"version\" = 1)))",
         "kind = 'project' OR kind = 'service' AND version = 1"),
        ("(\"modified_on\" >= DATE('2020-01-01'))", "modified_on >= '2020-01-01'"),
        ("(\"modified_on\" < DATE('2020-01-01'))", "modified_on < '2020-01-01'"),
    ],
)  # fmt: skip
def test_the_filter_of_a_layer_is_applied_by_the_server(atlas, expression, sql):
    found = Qgis(atlas.client, "places").matching(expression)
    expected = atlas.database.rows(f"SELECT id::text FROM published.place_items WHERE {sql}")
    assert sorted(one["id"] for one in found) == sorted(identifier for (identifier,) in expected)


def test_the_map_and_the_filter_are_sent_together(atlas):
    layer = Qgis(atlas.client, "places")
    corner, far = (grid.at(DRAWING, *spot) for spot in ((0, 1.4), (3, 3)))
    box = f"{corner.lon},{corner.lat},{far.lon},{far.lat}"
    envelope = f"ST_MakeEnvelope({box}, 4326)"
    # 3.28: bbox, always in CRS84. 3.32: in the layer's system, which is said, and the answer in it too.
    plain = layer.pages(f"&bbox={box}")
    said = layer.pages(f"&bbox={box}&crs={quote(CRS84, '')}&bbox-crs={quote(CRS84, '')}")
    assert [one["id"] for one in plain] == [one["id"] for one in said]
    within = atlas.database.rows(f"SELECT id::text FROM published.place_items WHERE geom && {envelope}")
    assert sorted(one["id"] for one in plain) == sorted(identifier for (identifier,) in within)
    assert 0 < len(plain) < layer.count
    # … with the layer's own filter, and the box as part of it when the expression holds one.
    merchants = "(\"kind\" = 'merchant')"
    several = layer.pages(f"&bbox={box}&filter={quote(merchants)}&filter-lang=cql2-text")
    inside = layer.matching(f"({merchants} AND S_INTERSECTS(geom,BBOX({box})))")
    assert {one["id"] for one in several} == {one["id"] for one in inside}
    assert {one["properties"]["kind"] for one in several} == {"merchant"}
    point = one["geometry"]["coordinates"] if (one := several[0]) else None
    assert [found["id"] for found in layer.matching(f"S_INTERSECTS(geom,POINT({point[0]} {point[1]}))")] == [one["id"]]


def test_an_equality_is_sent_as_a_parameter_of_its_own_where_filters_are_not_needed(atlas):
    layer = Qgis(atlas.client, "places")
    assert layer.queryables["commune_code"] == "string"
    found = layer.pages(f"&commune_code={grid.code_of('C')}&kind=service")
    expected = layer.matching(f"((\"commune_code\" = '{grid.code_of('C')}') AND (\"kind\" = 'service'))")
    assert sorted(one["id"] for one in found) == sorted(one["id"] for one in expected)


@pytest.mark.parametrize(
    "asked", ["0000-01-01T00:00:00Z/2100-01-01T00:00:00Z", "1999-12-31T00:00:00Z/9999-12-31T00:00:00Z"]
)
def test_the_temporal_controller_asks_with_the_years_0_and_9999(atlas, asked):
    layer = Qgis(atlas.client, "places")
    assert len(layer.pages(f"&datetime={quote(asked, '')}")) == layer.count


def test_the_layer_is_asked_in_the_coordinates_of_the_project(atlas):
    layer = Qgis(atlas.client, "places")
    for crs in ("http://www.opengis.net/def/crs/EPSG/0/2975", "http://www.opengis.net/def/crs/EPSG/0/4326"):
        answer = layer.answer(f"{layer.items}?limit=1&crs={quote(crs, '')}", GEOJSON)
        assert answer.headers["Content-Crs"] == f"<{crs}>"
        first = json.loads(answer.data)["features"][0]["geometry"]["coordinates"]
        # EPSG:4326 is in the authority's order, latitude first; QGIS turns it round.
        assert (first[0] < 0) == crs.endswith("4326")


def test_without_a_key_a_layer_cannot_be_edited_and_with_one_it_can(atlas):
    assert Qgis(atlas.client, "places").methods == {"GET", "HEAD", "OPTIONS"}
    assert Qgis(atlas.client, "communes").feature_methods == {"GET", "HEAD", "OPTIONS"}


def test_a_layer_is_edited_as_its_form_does(client, planted, key):
    layer = Qgis(client, "places", key)
    assert {"POST"} <= layer.methods
    assert {"PUT", "PATCH", "DELETE"} <= layer.feature_methods
    # What is read only is not shown as writable: the form sends the others.
    writable = {name for name, schema in layer.schema.items() if not schema.get("readOnly") and name != "geom"}
    assert {"kind", "name", "licence"} <= writable
    crs = {"Content-Crs": f"<{layer.crs}>"}
    # QgsOapifCreateFeatureRequest: the identifier is read from Location.
    drawn = feature(0.5, 0.2, name="Chorale de QGIS", opening_hours=None)
    made = layer.answer(layer.items, GEOJSON, "POST", json=drawn, headers={**crs, "Content-Type": GEOJSON})
    assert made.status_code == 201
    identifier = made.headers["Location"].rpartition("/items/")[2]
    assert uuid.UUID(identifier)
    one = f"{layer.items}/{identifier}"
    # QgsOapifPatchFeatureRequest: only the changed attributes, or only the geometry.
    merge = {"Content-Type": "application/merge-patch+json"}
    changed = layer.answer(one, GEOJSON, "PATCH", data=json.dumps({"properties": {"name": "Fanfare"}}), headers=merge)
    assert changed.status_code in (200, 204)
    shape = feature(2.5, 0.3)["geometry"]
    moved = layer.answer(one, GEOJSON, "PATCH", data=json.dumps({"geometry": shape}), headers={**crs, **merge})
    assert moved.status_code in (200, 204)
    now = layer.get(one, GEOJSON)
    assert (now["properties"]["name"], now["geometry"]["coordinates"]) == (
        "Fanfare",
        pytest.approx(shape["coordinates"]),
    )
    # QgsOapifPutFeatureRequest, where PATCH is not offered
    whole = {
        "type": "Feature",
        "id": identifier,
        "geometry": shape,
        "properties": now["properties"] | {"name": "Harmonie"},
    }
    put = layer.answer(one, GEOJSON, "PUT", json=whole, headers={**crs, "Content-Type": GEOJSON})
    assert put.status_code in (200, 204)
    assert layer.get(one, GEOJSON)["properties"]["name"] == "Harmonie"
    assert layer.answer(one, GEOJSON, "DELETE").status_code in (200, 204)
    assert layer.answer(one, GEOJSON).status_code == 404


@pytest.mark.parametrize("name", EVERY)
def test_qgis_4_reads_flatgeobuf_page_by_page(atlas, name, tmp_path):
    layer = Qgis(atlas.client, name)
    told = layer.get(layer.address, JSON)
    assert layer.link(told, ["items"], FLATGEOBUF)
    found, address, number = [], f"{layer.items}?limit=2", 0
    while address:
        page = layer.answer(address, FLATGEOBUF)
        assert page.content_type == FLATGEOBUF
        assert int(page.headers["OGC-NumberMatched"]) == layer.count
        file = tmp_path / f"{number}.fgb"
        file.write_bytes(page.data)
        meta, _, _shapes, columns = pyogrio.raw.read(file)
        found += columns[meta["fields"].tolist().index("id")].tolist()
        nexts = [part.partition(">")[0].strip(" <") for part in page.headers["Link"].split(",") if 'rel="next"' in part]
        address, number = (nexts[0] if nexts else None), number + 1
    assert number == max(1, -(-layer.count // 2))
    assert sorted(found) == sorted(one["id"] for one in layer.pages())


@pytest.mark.parametrize("name", ["places", "communes"])
def test_the_options_of_a_feature_that_is_not_there_are_told_too(atlas, name):
    answer = atlas.client.options(f"{ITEMS.format(name)}/unknown_id", headers={"Accept": "*/*"})
    assert answer.status_code in (200, 204)
    assert "GET" in answer.headers["Allow"]
