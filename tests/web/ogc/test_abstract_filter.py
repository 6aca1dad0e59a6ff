"""The abstract tests of OGC API Features Part 3: queryables and filters (OGC 19-079r2, Annex A). Requirements in comments.

What queryables look like is tested with the other schemas, CQL2 itself in tests/cql2; shapely and Python judge here.
"""

from __future__ import annotations

import json
import unicodedata

import pytest
import shapely
from shapely import LineString, MultiPoint, Point, box
from shapely.geometry import mapping, shape

from geoplatform.web.ogc.service import CONFORMANCE
from tests.web.ogc import standard
from tests.web.ogc.planting import EVERY, LIMITS, every, listed, pages, told
from tests.web.ogc.standard import EPSG, fits
from tests.web.ogc.test_abstract_crs import HERE, moved

CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"
#: Its sides touch nothing that is drawn, but they cross limits.
AREA = box(55.02, -21.99, 55.13, -21.83)
#: A number that each feature of every collection has, by collection.
NUMBER = dict.fromkeys(LIMITS, "vintage") | {"places": "version"}


def prop(name):
    return {"property": name}


def op(name, *arguments):
    return {"op": name, "args": list(arguments)}


def plain(text):
    """A text without accents."""
    return "".join(sign for sign in unicodedata.normalize("NFD", text) if not unicodedata.combining(sign))


def in_area(_properties, geometry):
    return geometry is not None and geometry.intersects(AREA)


def spatial(conformance, name, constant):
    """A filter by this function of a geometry, with shapely to judge."""
    holds = getattr(shapely, name.removeprefix("s_"))
    tree = op(name, prop("geom"), mapping(constant))
    return conformance, f"{name.upper()}(geom, {constant.wkt})", tree, lambda p, g: g is not None and holds(g, constant)


#: Of each class that is declared: a filter as text, as JSON, and whether it is true of properties and a geometry. {n} is a number.
CASES = [
    ("basic-cql2", "{n} >= 1 AND NOT {n} > 2000", op("and", op(">=", prop("{n}"), 1), op("not", op(">", prop("{n}"), 2000))),
     lambda p, g: 1 <= p["n"] <= 2000),
    ("basic-cql2", "name = 'Lieu n° 3 « l''été »' OR name <> 'Commune A'",
     op("or", op("=", prop("name"), "Lieu n° 3 « l'été »"), op("<>", prop("name"), "Commune A")),
     lambda p, g: p["name"] != "Commune A"),
    ("basic-cql2", "geom IS NULL OR FALSE", op("or", op("isNull", prop("geom")), False), lambda p, g: g is None),
    ("advanced-comparison-operators", "name LIKE '%e%' AND name NOT LIKE 'Commune _'",
     op("and", op("like", prop("name"), "%e%"), op("not", op("like", prop("name"), "Commune _"))),
     lambda p, g: "e" in p["name"] and p["name"][:-1] != "Commune "),
    ("advanced-comparison-operators", "name IN ('Commune B', 'Martinique', 'Ponton', 'La Réunion')",
     op("in", prop("name"), ["Commune B", "Martinique", "Ponton", "La Réunion"]),
     lambda p, g: p["name"] in ("Commune B", "Martinique", "Ponton", "La Réunion")),
    ("advanced-comparison-operators", "{n} BETWEEN 2 AND 3000", op("between", prop("{n}"), 2, 3000),
     lambda p, g: 2 <= p["n"] <= 3000),
    ("case-insensitive-comparison", "CASEI(name) LIKE CASEI('%RÉUNION')",
     op("like", op("casei", prop("name")), op("casei", "%RÉUNION")), lambda p, g: p["name"].endswith("Réunion")),
    ("case-insensitive-comparison", "CASEI(name) = casei('PONTON')", op("=", op("casei", prop("name")), op("casei", "PONTON")),
     lambda p, g: p["name"] == "Ponton"),
    ("accent-insensitive-comparison", "ACCENTI(name) LIKE ACCENTI('%ete%')",
     op("like", op("accenti", prop("name")), op("accenti", "%ete%")), lambda p, g: "ete" in plain(p["name"])),
    ("property-property", "name = name AND {n} <> {n}", op("and", op("=", *[prop("name")] * 2), op("<>", *[prop("{n}")] * 2)),
     lambda p, g: False),
    ("arithmetic", "({n} + 1) * 2 - 1 >= 5 AND 7 div 2 = 3",
     op("and", op(">=", op("-", op("*", op("+", prop("{n}"), 1), 2), 1), 5), op("=", op("div", 7, 2), 3)),
     lambda p, g: (p["n"] + 1) * 2 - 1 >= 5),
    ("arithmetic", "{n} % 2 + 1 = 1", op("=", op("+", op("%", prop("{n}"), 2), 1), 1), lambda p, g: p["n"] % 2 == 0),
    ("basic-spatial-functions", f"S_INTERSECTS(geom, BBOX{AREA.bounds})",
     op("s_intersects", prop("geom"), {"bbox": [*AREA.bounds]}), in_area),
    spatial("basic-spatial-functions", "s_intersects", Point(55.05, -21.98)),
    spatial("basic-spatial-functions-plus", "s_intersects", AREA),
    spatial("basic-spatial-functions-plus", "s_intersects", LineString([(55.05, -21.98), (55.12, -21.96)])),
    spatial("basic-spatial-functions-plus", "s_intersects", MultiPoint([(55.05, -21.98), (55.25, -21.85)])),
    spatial("spatial-functions", "s_within", AREA),
    spatial("spatial-functions", "s_disjoint", AREA),
    spatial("spatial-functions", "s_contains", Point(55.05, -21.95)),
    spatial("spatial-functions", "s_overlaps", AREA),
    spatial("spatial-functions", "s_equals", Point(55.05, -21.98)),
    spatial("spatial-functions", "s_touches", Point(55.0, -21.95)),
    spatial("spatial-functions", "s_crosses", LineString([(54.5, -21.95), (55.5, -21.95)])),
]  # fmt: skip
#: The same of properties that places alone have.
OF_PLACES = [
    ("temporal-functions", "T_AFTER(modified_on, DATE('2000-01-01')) AND kind = 'service'",
     op("and", op("t_after", prop("modified_on"), {"date": "2000-01-01"}), op("=", prop("kind"), "service")),
     lambda p, g: p["kind"] == "service"),
    ("temporal-functions", "T_DURING(created_on, INTERVAL('2000-01-01', '2001-01-01'))",
     op("t_during", prop("created_on"), {"interval": ["2000-01-01", "2001-01-01"]}), lambda p, g: False),
    ("property-property", "commune_code = commune_code_at_entry", op("=", prop("commune_code"), prop("commune_code_at_entry")),
     lambda p, g: p["commune_code"] is not None and p["commune_code"] == p["commune_code_at_entry"]),
    # What is neither true nor false is not true: none of them has a category.
    ("basic-cql2", "NOT category = 'library'", op("not", op("=", prop("category"), "library")), lambda p, g: False),
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(atlas):
    """All features of each collection: identifier, properties, geometry."""
    return {
        name: [
            (one["id"], one["properties"], one["geometry"] and shape(one["geometry"]))
            for one in every(atlas.client, name)[0]
        ]
        for name in EVERY
    }


def identifiers(client, name, /, **query):
    """Those of all pages, each of which says how many there are."""
    found = pages(client, name, limit=6, **query)
    assert {page["numberMatched"] for page in found} == {sum(page["numberReturned"] for page in found)}
    return {feature["id"] for page in found for feature in page["features"]}


def true_of(features, name, holds):
    """Identifiers of the features of which this is true."""
    return {
        one
        for one, properties, geometry in features[name]
        if holds(properties | {"n": properties[NUMBER[name]]}, geometry)
    }


def parameters(client, name):
    """The parameters of a list of features by name, as the description defines them."""
    document = told(client, "/api")
    found = document["paths"][f"/collections/{name}/items"]["get"]["parameters"]
    shared = document["components"]["parameters"]
    defined = [shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in found]
    return {one["name"]: one for one in defined}


# /req/queryables/queryables-link, /req/queryables/get-op, /req/queryables/response: that any property may be asked, or only these
@pytest.mark.parametrize("name", EVERY)
def test_what_is_no_queryable_is_not_asked_where_the_queryables_say_so(atlas, name):
    document = told(atlas.client, f"/collections/{name}/queryables")
    assert document["additionalProperties"] is False
    geometries = [key for key, one in document["properties"].items() if one.get("format", "").startswith("geometry-")]
    assert geometries == ["geom"]
    others = set(told(atlas.client, f"/collections/{name}/schema")["properties"]) - set(document["properties"])
    for other in {*others, "fid", "quadkey", "secret"}:
        for query in (
            {other: "1"},
            {"filter": f"{other} IS NULL"},
            {"filter": json.dumps(op("isNull", prop(other))), "filter_lang": "cql2-json"},
        ):
            fits(told(atlas.client, f"/collections/{name}/items", 400, **query), standard.PROBLEM)


# /req/queryables-query-parameters/parameters, /rec/core/fc-filters
@pytest.mark.parametrize("name", EVERY)
def test_each_queryable_that_is_no_geometry_is_a_parameter(atlas, whole, name):
    defined = parameters(atlas.client, name)
    for parameter, one in told(atlas.client, f"/collections/{name}/queryables")["properties"].items():
        if parameter == "geom":
            assert parameter not in defined
            continue
        assert (defined[parameter]["in"], defined[parameter]["required"]) == ("query", False)
        if (name, parameter) != ("communes", "vintage"):  # a list of communes has it for other years, too
            assert defined[parameter]["schema"] == {key: one[key] for key in ("type", "format", "enum") if key in one}
        values = {identifier: {"id": identifier, **properties}[parameter] for identifier, properties, _ in whole[name]}
        for value in sorted(set(values.values()) - {None})[:3]:
            matching = {identifier for identifier, held in values.items() if held == value}
            assert identifiers(atlas.client, name, **{parameter: value}) == matching, (parameter, value)


# /req/filter/filter-param, /req/filter/filter-lang-param, /req/filter/filter-crs-param, /req/features-filter/filter-param
@pytest.mark.parametrize("name", EVERY)
def test_each_list_has_the_parameters_of_filters_as_the_standard_defines_them(atlas, name):
    defined = parameters(atlas.client, name)
    crs = told(atlas.client, f"/collections/{name}")["crs"]
    for parameter, schema in (
        ("filter", {"type": "string"}),
        ("filter-lang", {"type": "string", "enum": ["cql2-text", "cql2-json"], "default": "cql2-text"}),
        ("filter-crs", {"type": "string", "format": "uri", "enum": crs, "default": standard.CRS84}),
    ):
        one = defined[parameter]
        assert (one["in"], one["required"], one["style"]) == ("query", False, "form")
        assert schema.items() <= one["schema"].items()


def test_of_each_class_of_cql2_that_is_declared_a_filter_is_tried():
    declared = {one.removeprefix(CQL2) for one in CONFORMANCE if one.startswith(CQL2)}
    tried = {conformance for conformance, *_ in (*CASES, *OF_PLACES)}
    assert declared == tried | {"cql2-text", "cql2-json", "basic-spatial-operators"}


# /req/filter/expression-construction, /req/filter/response, /req/features-filter/response
@pytest.mark.parametrize(
    ("name", "case"),
    [(name, case) for name in EVERY for case in (*CASES, *(OF_PLACES if name == "places" else []))],
    ids=lambda one: one if isinstance(one, str) else one[1].encode("ascii", "replace").decode()[:60],
)
def test_a_list_holds_the_features_of_which_the_filter_is_true_and_no_others(atlas, whole, name, case):
    _conformance, text, tree, holds = case
    expected = true_of(whole, name, holds)
    text, spelled = (one.replace("{n}", NUMBER[name]) for one in (text, json.dumps(tree)))
    for query in ({"filter": text}, {"filter": spelled, "filter_lang": "cql2-json"}):
        assert identifiers(atlas.client, name, **query) == expected


# /req/filter/filter-lang-param: a filter in another language than is said
@pytest.mark.parametrize(
    ("spoken", "written"), [("cql2-json", "name = 'a'"), ("cql2-text", json.dumps(op("=", prop("name"), "a")))]
)
@pytest.mark.parametrize("name", EVERY)
def test_a_filter_in_another_language_is_refused(atlas, name, spoken, written):
    problem = told(atlas.client, f"/collections/{name}/items", 400, filter=written, filter_lang=spoken)
    fits(problem, standard.PROBLEM)
    assert problem["parameter"] == "filter"


# /req/filter/filter-crs-param: its coordinates are in the order of its axes; systems that are not listed: test_abstract_crs
@pytest.mark.parametrize("uri", HERE)
@pytest.mark.parametrize("name", EVERY)
def test_the_geometries_of_a_filter_are_in_the_system_that_filter_crs_names(atlas, whole, name, uri):
    there = moved(AREA, uri)
    expected = true_of(whole, name, in_area)
    text, tree = f"S_INTERSECTS(geom, {there.wkt})", json.dumps(op("s_intersects", prop("geom"), mapping(there)))
    assert identifiers(atlas.client, name, filter=text, filter_crs=uri) == expected
    assert (
        identifiers(atlas.client, name, filter=tree, filter_lang="cql2-json", filter_crs=uri, crs=EPSG + "3857")
        == expected
    )


# /req/filter/filter-crs-wgs84: without filter-crs they are in CRS84, whatever the systems of the answer and of the box
@pytest.mark.parametrize("uri", [EPSG + "4326", EPSG + "2975"])
@pytest.mark.parametrize("name", EVERY)
def test_the_geometries_of_a_filter_are_longitude_and_latitude_where_nothing_is_said(atlas, whole, name, uri):
    expected = true_of(whole, name, in_area)
    around = ",".join(map(str, moved(box(54.5, -22.5, 56, -21), uri).bounds))
    assert (
        identifiers(atlas.client, name, filter=f"S_INTERSECTS(geom, {AREA.wkt})", crs=uri, bbox=around, bbox_crs=uri)
        == expected
    )


# /req/filter/mixing-expressions: every pair of conditions on places is tried in test_items
@pytest.mark.parametrize("name", EVERY)
def test_a_filter_and_other_parameters_are_all_fulfilled(atlas, name):
    first = listed(atlas.client, name, limit=1)["features"][0]["properties"]["name"]
    asked = [
        {"filter": f"NOT S_DISJOINT(geom, {AREA.wkt})"}, {"bbox": "55.03,-21.99,55.3,-21.9"}, {"datetime": "2000-01-01/.."},
        {"name": first},
    ]  # fmt: skip
    alone = [identifiers(atlas.client, name, **one) for one in asked]
    for number in range(len(asked)):
        together = {key: value for one in (asked[0], *asked[number:]) for key, value in one.items()}
        assert identifiers(atlas.client, name, **together) == alone[0].intersection(*alone[number:])
