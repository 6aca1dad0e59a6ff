"""Official addresses over HTTP: what is found, how it is spelled, and every refusal."""

from __future__ import annotations

import geojson
import pytest

from tests.loaders.test_addresses import load
from tests.making import ban, ban_line


@pytest.fixture
def streets(database, draw, tmp_path):
    """A few addresses of commune A, and none of commune B."""
    draw("AB")
    load(database, ban(
        tmp_path / "adresses-974.csv",
        ban_line(12, suffix="bis"), ban_line(14, former="Le Bourg", way="0081"),
        ban_line(3, "Allée des Cœurs", postal="", way="0002"),
    ))  # fmt: skip


def asked(client, **query):
    answer = client.get("/api/v1/addresses", query_string=query)
    return answer.status_code, answer.get_json(force=True)


def test_an_address_is_told_as_the_ban_tells_it(client, streets):
    answer = client.get(
        "/api/v1/addresses", query_string={"q": "12 BIS rue de la paix", "commune": "97401", "limit": 1}
    )
    assert (answer.status_code, answer.mimetype) == (200, "application/geo+json")
    told = geojson.loads(answer.text)
    assert told.is_valid
    assert told == {
        "type": "FeatureCollection",
        "attribution": "Base Adresse Nationale",
        "licence": "etalab-2.0",
        "query": "12 BIS rue de la paix",
        "limit": 1,
        "features": [{
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [55.01, -21.59]},
            "properties": {
                "id": "97401_0080_00012_bis", "type": "housenumber", "label": "12 bis Rue de la Paix 97400 Commune A",
                "housenumber": "12 bis", "street": "Rue de la Paix", "postcode": "97400", "citycode": "97401", "city": "Commune A",
                "oldcity": None,
            },
        }],
    }  # fmt: skip


def test_a_street_is_told_where_no_number_is_asked(client, streets):
    status, told = asked(client, q="allee coeurs")
    (street,) = told["features"]
    assert (status, street["properties"]) == (200, {
        "id": "97401_0002", "type": "street", "label": "Allée des Cœurs Commune A", "housenumber": None,
        "street": "Allée des Cœurs", "postcode": None, "citycode": "97401", "city": "Commune A", "oldcity": None,
    })  # fmt: skip
    assert [one["properties"]["oldcity"] for one in asked(client, q="14 rue de la paix")[1]["features"]] == [
        "Le Bourg",
        None,
    ]


@pytest.mark.parametrize(
    "query",
    [
        {"q": "rue de la guerre"}, {"q": "12 rue de la paix", "commune": "97402"}, {"q": "???"}, {"q": "' OR 1=1 --"},
        {"q": "<script>alert(1)</script>"}, {"q": "\u202e\u0000x' & !y:*|("}, {"q": "𝟙𝟚 𝓇𝓊𝑒 中文"},
    ],
)  # fmt: skip
def test_where_nothing_is_meant_nothing_is_found(client, streets, query):
    status, told = asked(client, **query)
    assert (status, told["features"]) == (200, [])


def test_without_addresses_nothing_is_found(client, draw):
    draw("AB")
    assert asked(client, q="12 rue de la paix")[1]["features"] == []


@pytest.mark.parametrize(
    ("query", "status", "parameter", "value"),
    [
        ({}, 400, "q", ""),
        ({"q": " \t\n"}, 400, "q", ""),
        ({"q": "x" * 201}, 400, "q", "x" * 40),
        ({"q": "rue", "limit": "0"}, 400, "limit", "0"),
        ({"q": "rue", "limit": "51"}, 400, "limit", "51"),
        ({"q": "rue", "limit": "-1"}, 400, "limit", "-1"),
        ({"q": "rue", "limit": "two"}, 400, "limit", "two"),
        ({"q": "guerre", "commune": "97499"}, 404, None, None),
        ({"q": "rue", "commune": "hello"}, 404, None, None),
        ({"q": "rue", "commune": ""}, 404, None, None),
        ({"q": "rue", "commune": "97401' --"}, 404, None, None),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(client, streets, query, status, parameter, value):
    got, told = asked(client, **query)
    assert (got, told["status"], told.get("parameter"), told.get("value")) == (status, status, parameter, value)
    if "commune" in query:
        assert told["detail"] == f"no commune is known as {query['commune']}"
