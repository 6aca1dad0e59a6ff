"""What is wrong, where, and with which value: the words a client reads."""

from __future__ import annotations

import json

import pytest

from geoplatform.cql2 import Limits, check, parse_json, parse_text, to_text
from geoplatform.cql2.tree import BODY_LIMITS, Literal, Type
from geoplatform.errors import BadFilter, Misuse
from geoplatform.store.filtering import condition
from geoplatform.web.problems import STATUS
from tests.cql2.conftest import PROPERTIES

NO_END = "character 8: this string has no end; a quote within is doubled: 'O''Brien' (and \\' is a quote within, too)"
TEXTS = {
    "": "character 1: the filter is empty",
    "kind = 'a": NO_END,
    "kind = 'a\\'": NO_END,
    'kind = "a': "character 8: this name has no end",
    'kind = "a"': "character 8: 'a' is no property; there are id, kind, name, code, population",
    "kint = 'a'": "character 1: 'kint' is no property; there are kind, id, name",
    "kind != 'a'": "character 6: '!' is no sign of CQL2; write <> for what differs",
    "kind == 'a'": "character 7: a value is missing before '='; CQL2 writes = for what is equal",
    "kind = NULL": "character 8: a value is missing before 'NULL'; NULL is asked for with IS NULL",
    "kind ILIKE 'a'": "character 6: an operator or the end is missing before 'ILIKE'; for any case write CASEI",
    "kind = 'a'; DROP TABLE place": "character 11: ';' is no sign of CQL2; a filter is one expression",
    "kind = 'a' -- id": "character 8: - takes integer or number, not 'a' (string)",
    "kind = 'a'\n AND\n  kint = 'b'": "line 3, character 3: 'kint' is no property",
    "kind =": "character 7: a value is missing before the end",
    "(kind = 'a'": "character 12: ')' is missing before the end",
    "kind = 'a')": "character 11: an operator or the end is missing before ')'",
    "kind NOT 'a'": "character 10: LIKE, BETWEEN or IN is missing before \"'a'\"",
    "id BETWEEN 1 OR 2": "character 14: 'AND' is missing before 'OR' (BETWEEN … AND …)",
    "kind IN 'a'": "character 9: '(' is missing before \"'a'\"",
    "kind IN ()": "character 6: in takes a list that holds something",
    "kind IN (('a','b'))": "character 14: a list stands only behind IN",
    "kind IS 'a'": "character 9: 'NULL' is missing before \"'a'\"",
    "id = 1 = open": "character 8: '=' compares what is compared already",
    "id ^ 2 ^ 3 = 1": "character 8: a ^ b ^ c has two meanings",
    "id = 1a": "character 7: a letter follows the number 1",
    "id = +-1": "character 7: a value is missing before '-'",
    "id = 9223372036854775808": "character 6: 9223372036854775808 is no whole number of 64 bits",
    "id = 1e999": "character 6: 1e999 is no finite number of double precision",
    "pg_sleep(10)": "character 1: 'pg_sleep' is no function; there are casei, accenti, s_dwithin, s_contains",
    "open = pg_sleep(10)": "character 8: 'pg_sleep' is no function",
    '"pg_sleep"(10)': "character 1: the name of a function stands without quotes",
    "s_intersect(geom,POINT(1 2))": "character 1: 's_intersect' is no function; there are s_intersects",
    "A_CONTAINS(kind,('a'))": "character 1: a_contains asks for an array; no property here is one",
    "kind": "character 1: kind is no condition: it is neither true nor false",
    "1": "character 1: 1 is no condition",
    "POINT(1 2)": "character 1: Point is no condition",
    "kind = 1": "character 8: = compares values of one type, not 'kind' (string) with '1' (integer)",
    "'1' < population": "character 7: < compares values of one type, not '1' (string) with 'population' (integer)",
    "kind = open": "character 8: = compares values of one type, not 'kind' (string) with 'open' (boolean)",
    "open IN (TRUE, 1)": "character 16: in compares values of one type",
    "made_at > DATE('2026-01-01')": "character 11: > compares values of one type, not 'made_at' (timestamp) with",
    "geom = geom": "character 1: = does not compare 'geom' (geometry)",
    "INTERVAL('..','..') = day": "character 1: = does not compare 'interval'",
    "kind AND open": "character 1: and takes boolean, not 'kind' (string)",
    "kind + 1 = 2": "character 1: + takes integer or number, not 'kind' (string)",
    "CASEI(id) = 'a'": "character 7: casei takes string, not 'id' (integer)",
    "id LIKE '1%'": "character 1: like takes string, not 'id' (integer)",
    "kind LIKE name": "character 11: a pattern of LIKE is a string",
    "kind LIKE 'a\x01'": "character 11: a pattern holds a control character",
    "INTERVAL('..','..') IS NULL": "character 21: isNull asks a property or a value, not 'interval'",
    "S_INTERSECTS(geom)": "character 1: s_intersects takes 2 operands, not 1",
    "S_INTERSECTS(geom,'POINT(1 2)')": "character 19: s_intersects takes geometry, not 'POINT(1 2)' (string)",
    "S_INTERSECTS(geom,POINT(1 91))": "character 19: the latitude 91 is outside -90..90; longitude comes first",
    "S_INTERSECTS(geom,POINT(181 1))": "character 19: the longitude 181 is outside -180..180",
    "S_INTERSECTS(geom,POINT(1e300 1))": "character 19: the longitude 1e+300 is outside -180..180",
    "S_INTERSECTS(geom,POINT(1))": "character 26: a number is missing before ')'",
    "S_INTERSECTS(geom,POINT(1 2 3 4))": "character 31: ')' is missing before '4'",
    "S_INTERSECTS(geom,POINT M (1 2 3))": "character 25: M is not read",
    "S_INTERSECTS(geom,POINT EMPTY)": "character 25: EMPTY is not read",
    "S_INTERSECTS(geom,CIRCULARSTRING(1 2,3 4,5 6))": "character 36: ')' is missing before '2'",
    "S_INTERSECTS(geom,LINESTRING(1 2))": "character 19: a line or ring of a LineString has 2 positions or more, not 1",
    "S_INTERSECTS(geom,LINESTRING(1 2,3 4 5))": "character 19: some positions of this LineString have a height",
    "S_INTERSECTS(geom,POLYGON((0 0,1 1,0 0)))": "character 19: a line or ring of a Polygon has 4 positions or more",
    "S_INTERSECTS(geom,POLYGON((0 0,1 1,1 0,0 1)))": "character 19: a ring of this Polygon does not end where it begins",
    "S_INTERSECTS(geom,POLYGON((0 0,1 1,1 0,0 1,0 0)))": "character 19: this Polygon is not valid: Self-intersection[0.5 0.5]",
    "S_INTERSECTS(geom,GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 2))))": "character 38: a GEOMETRYCOLLECTION holds no other",
    "S_WITHIN(geom,GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(1 2,3 4)))": "character 15: s_within takes no collection",
    "S_INTERSECTS(geom,BBOX(1,2,3))": "character 19: a BBOX has four numbers (west, south, east, north) or six, not 3",
    "S_INTERSECTS(geom,BBOX(1,2,3,1))": "character 19: the BBOX begins at 2 and ends at 1",
    "S_INTERSECTS(geom,BBOX(1,2,3,id))": "character 30: a number is missing before 'id'",
    "S_DWITHIN(geom,POINT(1 2))": "character 1: S_DWITHIN takes 3 operands, not 2",
    "S_DWITHIN(geom,POINT(1 2),-1)": "character 27: s_dwithin takes a number of metres, from 0 to 21,000,000",
    "S_DWITHIN(geom,POINT(1 2),id)": "character 27: s_dwithin takes a number of metres",
    "S_DWITHIN(geom,POINT(1 2),'1')": "character 27: s_dwithin takes integer or number, not '1' (string)",
    "S_DWITHIN(geom,geom,1)": "character 1: s_dwithin takes a property, a geometry that is written out, and metres",
    "S_DWITHIN(geom,BBOX(1,2,3,4),1)": "character 16: s_dwithin takes a geometry whose edges are shorter than a degree",
    "day = DATE('2026-02-30')": "character 7: '2026-02-30' is in no calendar",
    "day = DATE('0000-01-01')": "character 7: '0000-01-01' is in no calendar",
    "day = DATE('1/1/2026')": "character 7: '1/1/2026' is no date; write it as '2026-11-22'",
    "day = DATE(kind)": "character 12: a string in single quotes is missing before 'kind'",
    "made_at = TIMESTAMP('2026-01-01T00:00:00')": "character 11: '2026-01-01T00:00:00' is no timestamp; write it in UTC",
    "made_at = TIMESTAMP('2026-01-01T24:00:00Z')": "character 11: '2026-01-01T24:00:00Z' is in no calendar",
    "T_AFTER(kind,DATE('2026-01-01'))": "character 9: t_after takes a date, a timestamp or an interval, not 'kind' (string)",
    "T_AFTER(day,INTERVAL('2026-01-02','2026-01-01'))": "character 13: the interval ends on 2026-01-01, before it begins",
    "T_AFTER(day,INTERVAL(kind,day))": "character 22: an interval has a date or timestamp at its end, not 'kind' (string)",
    "T_AFTER(day,INTERVAL('x',day))": "character 22: 'x' is no date",
    "kind = 'a\0'": "character 10: the character NUL means nothing here",
    "kind = '\ud800'": "character 9: half of a surrogate pair is no character",
    "(" * 1900: "character 34: nested deeper than 32 levels",
    "NOT " * 33 + "open": "nested deeper than 32 levels",
    "1+" * 40 + "1 = 1": "nested deeper than 32 levels",
    "open OR " * 200 + "open": "more than 200 properties, values and geometries",
    "x" * 4097: "a filter of 4097 bytes is longer than 4096",
    "é" * 2049: "a filter of 4098 bytes is longer than 4096",
}  # fmt: skip


def refusal(text: str) -> BadFilter:
    with pytest.raises(BadFilter) as caught:
        check(parse_text(text), PROPERTIES)
    return caught.value


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:60]))
def test_a_text_is_refused_with_its_place_and_reason(text):
    assert TEXTS[text] in refusal(text).message


JSONS: dict[str | bytes, str] = {
    "{": "line 1, character 2: no JSON: Expecting property name",
    "": "line 1, character 1: no JSON",
    b"\xff": "byte 1: this is no UTF-8",
    "[" * 4000: "nested deeper than 32 levels",
    "[1]": "$: a list stands only behind in",
    "null": "$: null is asked for with isNull",
    "{}": "$: an object of CQL2 has op and args, property, date",
    '{"op":"and"}': "$.args: the operands of 'and' are no list",
    '{"op":"and","args":[true]}': "$.op: and takes 2 or more operands, not 1",
    '{"op":"not","args":[true],"x":1}': "$: 'x' is no member here; there are op, args",
    '{"op":"not","op":"and","args":[]}': "the member 'op' stands twice in one object",
    '{"op":"pg_sleep","args":[10]}': "$.op: 'pg_sleep' is no function",
    '{"op":"x; DROP","args":[]}': "$.op: 'x; DROP' is no operator and no name of a function",
    '{"op":1,"args":[]}': "$.op: '1' is no string",
    '{"op":"not","args":[{"op":"=","args":[{"property":"kint"},1]}]}': "$.args[0].args[0].property: 'kint' is no property",
    '{"op":"=","args":[{"property":"kind"},1]}': "$.args[1]: = compares values of one type",
    '{"op":"=","args":[{"property":"id"},1e999]}': "$.args[1]: inf is no finite number",
    '{"op":"=","args":[{"property":"id"},NaN]}': "$.args[1]: nan is no finite number",
    '{"op":"=","args":[{"property":"id"},99999999999999999999]}': "$.args[1]: 99999999999999999999 is no whole number",
    '{"op":"=","args":[{"property":"id"},' + "9" * 3000 + "]}": "$.args[1]: inf is no finite number",
    '{"op":"=","args":[{"property":1},1]}': "$.args[0].property: '1' is no string",
    '{"op":"=","args":[{"property":""},1]}': "$.args[0].property: a property has a name",
    '{"op":"=","args":["\\u0000","a"]}': "$.args[0]: holds NUL",
    '{"op":"=","args":["\\ud800","a"]}': "$.args[0]: holds NUL or half of a surrogate pair",
    '{"op":"in","args":[1,2]}': "$.args[1]: is no list",
    '{"op":"in","args":[1,[]]}': "$.op: in takes a list that holds something",
    '{"op":"a_equals","args":[1,[]]}': "$.args[0]: a_equals takes lists, properties and functions",
    '{"op":"=","args":[{"date":"x"},1]}': "$.args[0].date: 'x' is no date",
    '{"op":"=","args":[{"timestamp":5},1]}': "$.args[0].timestamp: '5' is no string",
    '{"op":"t_after","args":[{"interval":["2026-01-01"]},1]}': "$.args[0].interval: an interval has two ends, in a list",
    '{"op":"s_within","args":[{"property":"geom"},{"bbox":[1,2]}]}': "$.args[1].bbox: a bbox is a list of four numbers",
    '{"op":"s_within","args":[{"property":"geom"},{"bbox":[1,2,3,"4"]}]}': "$.args[1].bbox[3]: '4' is no number",
    '{"op":"s_within","args":[{"property":"geom"},{"type":"Circle"}]}': "$.args[1].type: 'Circle' is no kind of geometry",
    '{"op":"s_within","args":[{"property":"geom"},{"type":"Point"}]}': "$.args[1]: this Point has no coordinates",
    '{"op":"s_within","args":[{"property":"geom"},{"type":"Point","coordinates":[1,true]}]}': "$.args[1].coordinates[1]: 'True'",
    '{"op":"s_within","args":[{"property":"geom"},{"type":"Polygon","coordinates":[[]]}]}': "$.args[1].coordinates[0]: is no list",
    '{"op":"s_within","args":[{"property":"geom"},{"type":"Point","coordinates":[1,2],"crs":1}]}': "$.args[1]: 'crs' is no member",
}  # fmt: skip


@pytest.mark.parametrize("source", JSONS, ids=lambda source: ascii(source[:70]))
def test_json_is_refused_with_its_path_and_reason(source):
    with pytest.raises(BadFilter) as caught:
        check(parse_json(source), PROPERTIES)
    assert JSONS[source] in caught.value.message


def test_a_bad_filter_carries_its_place_and_its_value_cut_short():
    error = refusal("kind = 'a' AND pg_sleep(10)")
    assert (error.parameter, error.place, error.value) == ("filter", "character 16", "pg_sleep")
    assert error.reason.startswith("character 16: 'pg_sleep' is no function; there are casei, accenti,")
    assert len(refusal("kind LIKE 'a" + "\x01" * 3000 + "'").value) == 80


def test_a_bad_filter_is_the_clients_mistake():
    assert next(status for kind, status in STATUS if issubclass(BadFilter, kind)) == 400


def test_a_body_may_be_longer_than_an_address():
    said = json.dumps({"op": "in", "args": [{"property": "code"}, ["x" * 30 for _ in range(199)]]})
    assert len(said) > 4096
    assert parse_json(said, BODY_LIMITS)
    with pytest.raises(BadFilter, match=r"bytes is longer than 4096"):
        parse_json(said)


def test_limits_count_what_is_read():
    ring = ",".join(["0 0"] * 11)
    with pytest.raises(BadFilter, match="more than 10 positions"):
        parse_text(f"S_WITHIN(geom,POLYGON(({ring})))", Limits(coordinates=10))
    line = {"type": "LineString", "coordinates": [[0, 0]] * 11}
    with pytest.raises(BadFilter, match="more than 10 positions"):
        parse_json({"op": "s_within", "args": [{"property": "geom"}, line]}, Limits(coordinates=10))
    with pytest.raises(BadFilter, match="more than 2 properties"):
        parse_json({"op": "in", "args": [1, [2, 3]]}, Limits(terms=2))
    with pytest.raises(BadFilter, match="deeper than 2 levels"):
        parse_json({"op": "not", "args": [{"op": "not", "args": [True]}]}, Limits(depth=2))


def test_what_has_no_end_is_refused_all_the_same():
    endless: dict[str, object] = {"op": "not"}
    endless["args"] = [endless]
    with pytest.raises(BadFilter, match="deeper than 32 levels"):
        parse_json(endless)


@pytest.mark.parametrize("value", ["a\\", "a\\'b"])
def test_text_cannot_say_a_backslash_before_a_quote(value):
    with pytest.raises(BadFilter, match="can only be said in JSON"):
        to_text(Literal(value, Type.STRING))


def test_a_property_without_column_is_our_mistake():
    with pytest.raises(Misuse, match="no column is given for kind"):
        condition(check(parse_text("kind IS NULL"), PROPERTIES), {})
