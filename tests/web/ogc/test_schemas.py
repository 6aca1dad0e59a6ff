"""What collections say of their properties is what their features hold."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from geoplatform.store.collections import COLLECTIONS
from tests.web.ogc.planting import listed

TYPES = {"string": str, "integer": int, "number": (int, float), "array": list}


@pytest.mark.parametrize("name", COLLECTIONS)
def test_each_value_is_of_the_type_that_the_schema_says(client, planted, name):
    told = json.loads(client.get(f"/ogc/collections/{name}/schema").data)["properties"]
    assert [one["x-ogc-propertySeq"] for one in told.values()] == list(range(1, len(told) + 1))
    found = listed(client, name)["features"]
    assert found
    for feature in found:
        assert list(feature["properties"]) == [key for key in told if key not in ("id", "geom")]
        for key, value in feature["properties"].items():
            assert told[key]["title"]
            assert told[key]["description"]
            if value is None:
                continue
            assert isinstance(value, TYPES[told[key]["type"]]), key
            if told[key].get("format") == "date":
                dt.date.fromisoformat(value)
            assert value in told[key].get("enum", [value])


@pytest.mark.parametrize("name", COLLECTIONS)
def test_every_column_of_the_view_is_shown_or_hidden_on_purpose_and_the_types_are_those_of_the_database(
    database, client, planted, name
):
    collection = COLLECTIONS[name]
    rows = database.rows(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'published' AND table_name = %s",
        collection.table.name,
    )
    known = {"text": "string", "uuid": "string", "date": "string", "smallint": "integer", "integer": "integer",
             "bigint": "integer", "real": "number", "double precision": "number", "ARRAY": "array"}  # fmt: skip
    told = json.loads(client.get(f"/ogc/collections/{name}/schema").data)["properties"]
    for column, kind in rows:
        if column in told and column not in ("geom",):
            assert told[column]["type"] == known[kind], column
        else:
            assert column in collection.hidden or column in ("geom", collection.identifier)
