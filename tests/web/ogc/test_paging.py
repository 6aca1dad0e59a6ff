"""Pages that stay right while places come, go, move and change between them; numbers that are those of plain SQL."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import grid
from tests.web.ogc.planting import ITEMS, every, feature, links_of, listed

PLACES = ITEMS.format("places")
C = grid.code_of("C")
#: Every way in which a list is walked, and the same in SQL.
WALKS = [
    ({}, "true"),
    ({"bbox": "54,-23,55.3,-20"}, "geom && ST_MakeEnvelope(54, -23, 55.3, -20, 4326)"),
    ({"commune_code": C}, f"commune_code = '{C}'"),
    ({"department_code": "974"}, "department_code = '974'"),
    ({"sortby": "-name"}, "true"),
    ({"sortby": "category,distance_m", "kind": "association"}, "kind = 'association'"),
    ({"filter": "name LIKE 'Lieu%' OR category = 'music'"}, "name LIKE 'Lieu%%' OR category = 'music'"),
    ({"bbox": "54,-23,57,-20", "filter": "kind <> 'project'"}, "kind <> 'project' AND geom IS NOT NULL"),
    ({"commune_code": C, "sortby": "-version"}, f"commune_code = '{C}'"),
]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "move", "rename"]),
        st.integers(0, 999),
        st.floats(0.05, 2.95),
        st.floats(0.05, 2.95),
    ),
    max_size=3,
)


def happens(client, key, event, there):
    """One write by another client; the identifiers of what it touched."""
    what, number, column, row = event
    if what == "add" or not there:
        made = client.post(PLACES, json=feature(column, row, name=f"Nouveau {number}"), headers=key)
        assert made.status_code == 201, made.text
        return {made.headers["Location"].rpartition("/")[2]}
    touched = sorted(there)[number % len(there)]
    path = f"{PLACES}/{touched}"
    if what == "remove":
        assert client.delete(path, headers=key).status_code == 204
    else:
        change = (
            {"geometry": feature(column, row)["geometry"]} if what == "move" else {"properties": {"name": f"{number}"}}
        )
        assert client.patch(path, json=change, headers=key).status_code == 200
    return {touched}


def identifiers(database, sql):
    return {identifier for (identifier,) in database.rows(f"SELECT id::text FROM published.place_items WHERE {sql}")}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(walk=st.sampled_from(WALKS), limit=st.integers(1, 5), between=st.lists(EVENTS, max_size=6))
def test_what_nobody_touches_comes_exactly_once(garden, walk, limit, between):
    database, client, key = garden
    query, sql = walk
    before, touched, met = identifiers(database, sql), set(), []
    page, waiting = listed(client, "places", limit=limit, **query), list(between)
    while True:
        met += [one["id"] for one in page["features"]]
        assert page["numberMatched"] == len(identifiers(database, sql))
        assert page["numberReturned"] == len(page["features"]) <= limit
        if not (following := links_of(page, "next")):
            break
        for event in waiting.pop(0) if waiting else ():
            touched |= happens(client, key, event, identifiers(database, "true"))
        page = json.loads(client.get(following[0]["href"]).data)
    untouched = [identifier for identifier in met if identifier not in touched]
    assert sorted(untouched) == sorted(before - touched)
    for identifier in sorted(identifiers(database, "true"))[12:]:  # a garden, not a forest
        assert client.delete(f"{PLACES}/{identifier}", headers=key).status_code == 204


@pytest.mark.parametrize(("query", "sql"), WALKS)
def test_an_offset_counts_along_the_same_walk(garden, query, sql):
    database, client, _key = garden
    whole = [one["id"] for one in every(client, "places", **query)[0]]
    assert sorted(whole) == sorted(identifiers(database, sql))
    for offset in range(len(whole) + 1):
        page = listed(client, "places", offset=offset, limit=2, **query)
        assert [one["id"] for one in page["features"]] == whole[offset : offset + 2]
        assert page["numberMatched"] == len(whole)
