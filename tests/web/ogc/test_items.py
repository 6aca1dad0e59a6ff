"""Lists of features: which, in what order, how many, how spelled."""

from __future__ import annotations

import pytest
import shapely
from shapely.geometry import shape

from geoplatform import encode
from geoplatform.store import places
from tests import grid
from tests.web.ogc.planting import every, listed


def test_a_feature_is_what_the_rest_of_the_platform_says_it_is(client, database, planted):
    with database.store("geoplatform_web").reading() as connection:
        expected = {str(one.id): encode.place_feature(places.get(connection, one.id)) for one in planted}
    found = {feature["id"]: feature for feature in listed(client, "places")["features"]}
    assert set(found) == set(expected)
    for identifier, feature in found.items():
        told = feature["properties"]
        for name, value in expected[identifier]["properties"].items():
            if name not in ("method", "vintage"):
                assert told[name] == value, name
        assert feature["geometry"] == expected[identifier]["geometry"]
        assert (told["department_code"], told["region_code"], told["epci_code"]) == ("974", "04", "200000001")


@pytest.mark.parametrize("sort", [None, "name", "-distance_m"])
@pytest.mark.parametrize("box", [None, "55.0,-22,55.15,-21.8"])
@pytest.mark.parametrize("kind", [None, "service"])
@pytest.mark.parametrize(
    "territory",
    [{}, {"commune_code": grid.code_of("B")}, {"department_code": "974"}, {"filter": f"commune_code IN ('{grid.code_of('A')}')"}],
)  # fmt: skip
def test_whatever_is_asked_together_each_condition_holds_and_none_is_lost(atlas, territory, kind, box, sort):
    asked = {name: value for name, value in (("kind", kind), ("bbox", box), ("sortby", sort)) if value} | territory
    wanted = {
        one["id"]
        for one in every(atlas.client, "places")[0]
        if kind in (None, one["properties"]["kind"])
        and (
            not box or (one["geometry"] and shapely.box(*map(float, box.split(","))).intersects(shape(one["geometry"])))
        )
        and territory.get("commune_code", one["properties"]["commune_code"]) == one["properties"]["commune_code"]
        and ("department_code" not in territory or one["properties"]["department_code"] == "974")
        and ("filter" not in territory or one["properties"]["commune_code"] == grid.code_of("A"))
    }
    found, _ = every(atlas.client, "places", limit=2, **asked)
    assert sorted(one["id"] for one in found) == sorted(wanted)
    page = listed(atlas.client, "places", offset=1, limit=1, **asked)
    assert [one["id"] for one in page["features"]] == [one["id"] for one in found[1:2]]
    assert page["numberMatched"] == len(wanted)
