"""Each operator in both forms: the text gives the JSON, the JSON gives the text's tree, and both are written back."""

from __future__ import annotations

import json

import pytest

from geoplatform.cql2 import parse_json, parse_text, to_json, to_text
from geoplatform.cql2.tree import TEMPORAL


def prop(name: str) -> dict[str, str]:
    return {"property": name}


def op(name: str, *args: object) -> dict[str, object]:
    return {"op": name, "args": list(args)}


KIND, POPULATION, DAY, MADE, GEOM = map(prop, ("kind", "population", "day", "made_at", "geom"))
POINT = {"type": "Point", "coordinates": [55.5, -21.0]}
PERIOD = {"interval": ["2026-01-01", ".."]}
PAIRS: dict[str, object] = {
    "kind = 'merchant'": op("=", KIND, "merchant"),
    "(\"commune_code\" = '97414')": op("=", prop("commune_code"), "97414"),
    "kind <> 'O''Brien'": op("<>", KIND, "O'Brien"),
    "kind <> 'O\\'Brien'": op("<>", KIND, "O'Brien"),
    "population < -5": op("<", POPULATION, -5),
    "population <= 5.0": op("<=", POPULATION, 5.0),
    "population > 5e3": op(">", POPULATION, 5000.0),
    "population >= .5": op(">=", POPULATION, 0.5),
    "5 = population": op("=", 5, POPULATION),
    "open = TRUE": op("=", prop("open"), True),
    "open": prop("open"),
    "false": False,
    '"and" = "a ""b"""': op("=", prop("and"), prop('a "b"')),
    "eo:cloud.cover = été": op("=", prop("eo:cloud.cover"), prop("été")),
    "a AND b AND c OR d": op("or", op("and", prop("a"), prop("b"), prop("c")), prop("d")),
    "a AND (b AND c)": op("and", prop("a"), op("and", prop("b"), prop("c"))),
    "a and (b or c)": op("and", prop("a"), op("or", prop("b"), prop("c"))),
    "NOT a OR b": op("or", op("not", prop("a")), prop("b")),
    "NOT (a OR b)": op("not", op("or", prop("a"), prop("b"))),
    "NOT NOT a": op("not", op("not", prop("a"))),
    "NOT kind = 'x' AND a": op("and", op("not", op("=", KIND, "x")), prop("a")),
    "kind LIKE 'O''B%'": op("like", KIND, "O'B%"),
    "kind NOT LIKE '50\\%'": op("not", op("like", KIND, "50\\%")),
    "population BETWEEN 1 AND 2 AND a": op("and", op("between", POPULATION, 1, 2), prop("a")),
    "population NOT BETWEEN 1 AND 2": op("not", op("between", POPULATION, 1, 2)),
    "kind IN ('a','b')": op("in", KIND, ["a", "b"]),
    "kind NOT IN ('a')": op("not", op("in", KIND, ["a"])),
    "kind IS NULL": op("isNull", KIND),
    "kind IS NOT NULL": op("not", op("isNull", KIND)),
    "CASEI(kind) LIKE casei('%x%')": op("like", op("casei", KIND), op("casei", "%x%")),
    "ACCENTI(CASEI(kind)) = 'x'": op("=", op("accenti", op("casei", KIND)), "x"),
    "population + 1 - 2 > 3": op(">", op("-", op("+", POPULATION, 1), 2), 3),
    "population - (1 - 2) > 3": op(">", op("-", POPULATION, op("-", 1, 2)), 3),
    "population + 2 * 3 > 1": op(">", op("+", POPULATION, op("*", 2, 3)), 1),
    "(population + 2) * 3 / 4 > 1": op(">", op("/", op("*", op("+", POPULATION, 2), 3), 4), 1),
    "population % 2 = 1 div 2": op("=", op("%", POPULATION, 2), op("div", 1, 2)),
    "-population ^ 2 > 1": op(">", op("^", op("*", -1, POPULATION), 2), 1),
    "2 ^ -1 * 3 > 1-1": op(">", op("*", op("^", 2, -1), 3), op("-", 1, 1)),
    "S_INTERSECTS(geom,BBOX(55,-22,56,-20))": op("s_intersects", GEOM, {"bbox": [55, -22, 56, -20]}),
    "S_WITHIN(geom,BBOX(1,2,3,4,5,6))": op("s_within", GEOM, {"bbox": [1, 2, 3, 4, 5, 6]}),
    "s_contains(geom,POINT(55.5 -21))": op("s_contains", GEOM, POINT),
    "S_DISJOINT(POINT Z (55.5 -21 7), geom)": op("s_disjoint", {"type": "Point", "coordinates": [55.5, -21, 7]}, GEOM),
    "S_EQUALS(geom,MULTIPOINT(1 2, 3 4))": op("s_equals", GEOM, {"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}),
    "S_EQUALS(geom,MULTIPOINT((1 2)))": op("s_equals", GEOM, {"type": "MultiPoint", "coordinates": [[1, 2]]}),
    "S_CROSSES(geom,LINESTRING(1 2,3 4))": op("s_crosses", GEOM, {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}),
    "S_OVERLAPS(geom,MULTILINESTRING((1 2,3 4)))": op(
        "s_overlaps", GEOM, {"type": "MultiLineString", "coordinates": [[[1, 2], [3, 4]]]}
    ),
    "S_TOUCHES(geom,POLYGON((0 0,1 0,1 1,0 0)))": op(
        "s_touches", GEOM, {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    ),
    "S_TOUCHES(geom,MULTIPOLYGON(((0 0,1 0,1 1,0 0))))": op(
        "s_touches", GEOM, {"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]]]}
    ),
    "S_INTERSECTS(geom,GEOMETRYCOLLECTION(POINT(55.5 -21),POINT(55.5 -21)))": op(
        "s_intersects", GEOM, {"type": "GeometryCollection", "geometries": [POINT, POINT]}
    ),
    "S_DWITHIN(geom, POINT(55.5 -21), 500)": op("S_DWITHIN", GEOM, POINT, 500),
    "day = DATE('2026-11-22')": op("=", DAY, {"date": "2026-11-22"}),
    "made_at > TIMESTAMP('2026-11-22T10:00:00Z')": op(">", MADE, {"timestamp": "2026-11-22T10:00:00Z"}),
    "made_at > TIMESTAMP('2026-11-22T10:00:00.25Z')": op(">", MADE, {"timestamp": "2026-11-22T10:00:00.250000Z"}),
    **{
        f"{name.upper()}(day,INTERVAL('2026-01-01','..'))": op(name, DAY, PERIOD)
        for name in TEMPORAL
    },
    "T_AFTER(day,INTERVAL(day,made_at))": op("t_after", DAY, {"interval": [DAY, MADE]}),
    "A_CONTAINS(tags,('a',1))": op("a_contains", prop("tags"), ["a", 1]),
    "A_EQUALS((),tags)": op("a_equals", [], prop("tags")),
    "A_CONTAINEDBY(tags,('a'))": op("a_containedBy", prop("tags"), ["a"]),
    "A_OVERLAPS(tags,(DATE('2026-01-01'),FALSE))": op("a_overlaps", prop("tags"), [{"date": "2026-01-01"}, False]),
    "Buffer(geom,10,'m') = TRUE": op("=", op("Buffer", GEOM, 10, "m"), True),
    "now() = 1": op("=", op("now"), 1),
    "(kind = 'a') = (kind = 'b')": op("=", op("=", KIND, "a"), op("=", KIND, "b")),
}  # fmt: skip


@pytest.mark.parametrize("text", PAIRS)
def test_text_and_json_say_the_same(text):
    tree = parse_text(text)
    assert to_json(tree) == PAIRS[text]
    assert parse_json(PAIRS[text]) == tree
    assert parse_json(json.dumps(PAIRS[text])) == tree
    assert parse_json(json.dumps(PAIRS[text]).encode()) == tree
    assert parse_text(to_text(tree)) == tree


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("((\"a\" = 1) AND (\"b\" IS NULL))", "a = 1 AND b IS NULL"),
        ("a*(b*c)=1", "a * (b * c) = 1"),
        ("not(not a or b)", "NOT (NOT a OR b)"),
        ("s_intersects(geom, point z (1 2 3))", "S_INTERSECTS(geom, POINT(1.0 2.0 3.0))"),
        ("T_DURING(x, INTERVAL('..', '2026-01-01T00:00:00Z'))", "T_DURING(x, INTERVAL('..', '2026-01-01T00:00:00Z'))"),
        ("casei(\"Like\") = 'a'", "CASEI(\"Like\") = 'a'"),
    ],
)  # fmt: skip
def test_text_is_written_with_the_parentheses_it_needs(written, said):
    assert to_text(parse_text(written)) == said


def test_one_is_not_one_point_nought():
    assert parse_text("a = 1") != parse_text("a = 1.0")
    assert parse_text("a = 1") != parse_text("a = TRUE")
