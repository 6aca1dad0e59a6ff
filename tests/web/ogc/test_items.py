"""Lists of features: which, in what order, how many, how spelled."""

from __future__ import annotations

from geoplatform import encode
from geoplatform.store import places
from tests.web.ogc.planting import listed


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
