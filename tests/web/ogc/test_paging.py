"""Pages that stay right while places come and go between them."""

from __future__ import annotations

import json
import random

import pytest

from tests import grid
from tests.web.ogc.planting import ITEMS, every, feature, links_of, listed

WALKS = [
    {},
    {"bbox": "54,-23,57,-20"},
    {"commune_code": grid.code_of("C")},
    {"sortby": "-name"},
    {"sortby": "category,distance_m"},
]


@pytest.mark.parametrize("query", WALKS)
def test_what_stays_comes_exactly_once_while_others_come_and_go(client, planted, key, query):
    chance = random.Random(5)
    before = {one["id"] for one in every(client, "places", **query)[0]}
    gone, met = set(), []
    page = listed(client, "places", limit=1, **query)
    while True:
        met += [one["id"] for one in page["features"]]
        following = links_of(page, "next")
        if not following:
            break
        if len(gone) < 3:
            leaving = chance.choice(sorted(before - gone))
            assert client.delete(f"{ITEMS.format('places')}/{leaving}", headers=key).status_code == 204
            gone.add(leaving)
            assert client.post(ITEMS.format("places"), json=feature(0.5, 0.2), headers=key).status_code == 201
        page = json.loads(client.get(following[0]["href"]).data)
        assert page["numberMatched"] == listed(client, "places", **query)["numberMatched"]
    assert len(met) == len(set(met))
    assert before - gone <= set(met)
    whole = [one["id"] for one in every(client, "places", **query)[0]]
    for offset in range(len(whole) + 1):
        assert [one["id"] for one in listed(client, "places", offset=offset, limit=2, **query)["features"]] == whole[
            offset : offset + 2
        ]
