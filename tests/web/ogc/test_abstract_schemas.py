"""The abstract tests of OGC API Features Part 5 and Common Part 3: schemas (OGC 23-058r1, Annex A). Requirements in comments."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator
from shapely.geometry import shape

from geoplatform.store.collections import COLLECTIONS
from tests.web.ogc import standard
from tests.web.ogc.planting import EVERY, ITEMS, LIMITS, every, links_of, listed, told
from tests.web.ogc.standard import REL, fits

SCHEMA = "application/schema+json"
#: A value of each property that may be sent, such as none of the planted places has.
SENT = {
    "kind": "project", "category": "energy_project", "name": "Autre", "description": "deux\nlignes", "address": "1 rue",
    "phone": "0262 00 00 00", "website": "https://exemple.re/", "opening_hours": "Mo 08:00-12:00", "stage": "idea",
    "starts_on": "2026-01-01", "ends_on": "2026-12-31", "licence": "CC0-1.0",
}  # fmt: skip


def properties(client, name, what="schema"):
    return told(client, f"/collections/{name}/{what}")["properties"]


def having(told_of, key, *values):
    """Names of the properties that say this of themselves."""
    return [name for name, one in told_of.items() if one.get(key) in (values or (True,))]


# /req/schemas/schema, /req/schemas/properties, /req/returnables-and-receivables/get-op, /req/returnables-and-receivables/response,
# /req/queryables/get-op, /req/queryables/response, /req/sortables/get-op, /req/sortables/response
@pytest.mark.parametrize("what", ["schema", "queryables", "sortables"])
@pytest.mark.parametrize("name", EVERY)
def test_each_collection_leads_to_json_schemas_of_its_properties(atlas, name, what):
    (link,) = links_of(told(atlas.client, f"/collections/{name}"), REL + what)
    assert link["type"] == SCHEMA
    for query in ("", "?f=json"):
        answer = atlas.client.get(link["href"] + query, headers={"Accept": SCHEMA})
        assert (answer.status_code, answer.mimetype) == (200, SCHEMA)
        document = json.loads(answer.data)
        Draft202012Validator.check_schema(document)
        fits(document, standard.PROPERTIES)
        assert document["$id"] == link["href"]


# /req/schemas/properties, /req/returnables-and-receivables/response: what is returned is what the schema says, in its order
@pytest.mark.parametrize("name", EVERY)
def test_each_feature_is_what_the_schema_says(atlas, name):
    document = told(atlas.client, f"/collections/{name}/schema")
    schema = document["properties"]
    assert document["additionalProperties"] is False
    assert [one["x-ogc-propertySeq"] for one in schema.values()] == list(range(1, len(schema) + 1))
    checker = Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for feature in every(atlas.client, name)[0]:
        assert list(feature["properties"]) == [key for key in schema if key not in ("id", "geom")]
        values = {"id": feature["id"], **feature["properties"], "geom": feature["geometry"]}
        checker.validate({key: value for key, value in values.items() if value is not None})
        geometry = feature["geometry"]
        assert geometry is None or f"geometry-{shape(geometry).geom_type.lower()}" == schema["geom"]["format"]


# /rec/schemas/title-description
@pytest.mark.parametrize("what", ["schema", "queryables", "sortables"])
@pytest.mark.parametrize("name", EVERY)
def test_each_property_is_explained(atlas, name, what):
    for key, one in properties(atlas.client, name, what).items():
        assert one["title"] and (one.get("description") or key == "geom"), key


@pytest.mark.parametrize("name", EVERY)
def test_every_column_of_the_view_is_shown_or_hidden_on_purpose_and_the_types_are_those_of_the_database(atlas, name):
    collection = COLLECTIONS[name]
    rows = atlas.database.rows(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'published' AND table_name = %s",
        collection.table.name,
    )
    known = {"text": "string", "uuid": "string", "date": "string", "smallint": "integer", "integer": "integer",
             "bigint": "integer", "real": "number", "double precision": "number", "ARRAY": "array"}  # fmt: skip
    schema = properties(atlas.client, name)
    for column, kind in rows:
        if column in schema and column != "geom":
            assert schema[column]["type"] == known[kind], column
        else:
            assert column in (*collection.hidden, "geom", collection.identifier)


# /req/core-roles-features/id, /req/core-roles-features/primary-geometry, /req/core-roles-features/primary-instant
@pytest.mark.parametrize("name", EVERY)
def test_one_property_is_the_identifier_one_the_geometry_and_one_at_most_the_time(atlas, name):
    schema = properties(atlas.client, name)
    features = every(atlas.client, name)[0]
    assert having(schema, "x-ogc-role", "id") == ["id"]
    assert len({feature["id"] for feature in features}) == len(features)
    (geometry,) = having(schema, "x-ogc-role", "primary-geometry")
    assert geometry in properties(atlas.client, name, "queryables")
    instants = having(schema, "x-ogc-role", "primary-instant")
    assert len(instants) == (name == "places") == bool(having(schema, "format", "date", "date-time"))
    for instant in instants:
        day = features[0]["properties"][instant]
        asked = {feature["id"] for feature in every(atlas.client, name, datetime=day)[0]}
        assert asked == {feature["id"] for feature in features if feature["properties"][instant] == day}


# /req/returnables-and-receivables/read-only, /req/returnables-and-receivables/write-only
@pytest.mark.parametrize("name", LIMITS)
def test_what_nobody_may_send_is_read_only(atlas, name):
    schema = properties(atlas.client, name)
    assert having(schema, "readOnly") == list(schema)


# /req/returnables-and-receivables/read-only, /req/returnables-and-receivables/write-only
def test_what_is_not_read_only_is_stored_as_it_was_sent_and_the_rest_stays(client, planted, key):
    schema = properties(client, "places")
    path = f"{ITEMS.format('places')}/{planted[0].id}"
    assert set(schema) - set(having(schema, "readOnly")) == {*SENT, "geom"}
    assert not having(schema, "writeOnly")
    before = json.loads(client.get(path).data)["properties"]
    fixed = dict.fromkeys(having(schema, "readOnly"), "x")
    assert client.patch(path, json={"properties": {**fixed, **SENT}}, headers=key).status_code == 200
    after = json.loads(client.get(path).data)["properties"]
    assert after == {**before, **SENT, "version": 2, "modified_on": after["modified_on"]}


# /req/queryables/response, /req/sortables/response: the same name means the same
@pytest.mark.parametrize("what", ["queryables", "sortables"])
@pytest.mark.parametrize("name", EVERY)
def test_what_may_be_asked_or_sorted_by_is_described_as_in_the_schema(atlas, name, what):
    schema = properties(atlas.client, name)
    for key, one in properties(atlas.client, name, what).items():
        ignored = ("$ref", "readOnly", "x-ogc-role", "x-ogc-propertySeq")
        assert {k: v for k, v in one.items() if k not in ignored} == {
            k: v for k, v in schema[key].items() if k not in ignored
        }


# /req/sortables/response
@pytest.mark.parametrize("name", EVERY)
def test_a_list_is_sorted_by_each_sortable_and_by_nothing_else(atlas, name):
    sortable = properties(atlas.client, name, "sortables")
    assert {one["type"] for one in sortable.values()} <= {"string", "integer", "number", "boolean"}
    whole = {feature["id"] for feature in every(atlas.client, name)[0]}
    for key, one in sortable.items():
        rising, falling = (every(atlas.client, name, sortby=sign + key)[0] for sign in ("", "-"))
        assert {feature["id"] for feature in rising} == {feature["id"] for feature in falling} == whole
        values = [[{"id": f["id"], **f["properties"]}[key] for f in found] for found in (rising, falling)]
        up, down = ([value for value in found if value is not None] for found in values)
        assert values == [up + [None] * (len(whole) - len(up)), down + [None] * (len(whole) - len(down))]
        assert up == down[::-1]
        assert (one["type"] == "string" and "format" not in one) or up == sorted(up)
    for other in {"geom", *properties(atlas.client, name)} - set(sortable):
        assert listed(atlas.client, name, 400, sortby=other)["parameter"] == "sortby"
