"""Lists of features: which, in what order, how many, how spelled."""

from __future__ import annotations

import time
from contextlib import contextmanager

import psycopg
import pytest
import shapely
from shapely.geometry import shape

from geoplatform import encode
from geoplatform.store import places
from tests import grid
from tests.web.ogc.planting import application, every, listed


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


# OGC 19-079r2 /req/filter/mixing-expressions
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


@contextmanager
def without_database(database):
    """Meanwhile nobody can connect, and nobody is connected."""
    with psycopg.connect(database.cluster.url(database="postgres"), autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS false')
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (database.name,)
        )
        try:
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS true')


@pytest.mark.parametrize(
    "path", ["/collections/places/items?limit=2", "/collections/communes", "/collections/communes/items"]
)
def test_who_has_the_answer_keeps_it_while_the_database_is_away(client, database, planted, path):
    etag = client.get(f"/ogc{path}").headers["ETag"]
    time.sleep(0.3)  # longer than a revision holds without being asked for
    with without_database(database):
        assert client.get(f"/ogc{path}", headers={"If-None-Match": etag}).status_code == 304
        gone = client.get(f"/ogc{path}")
        assert (gone.status_code, gone.mimetype) == (503, "application/problem+json")
    assert client.get(f"/ogc{path}").status_code == 200


@pytest.mark.france
@pytest.mark.parametrize(
    "box", [(-5, 42, 9, 51), (-63, -22, 56, 51), (1, 44, 6, 49.3), (1, 44, 6, 48.9), (2.2, 48.7, 2.5, 49)]
)
def test_the_limits_of_a_box_are_all_there_however_many_they_are(france, box):
    client = application(france)
    found, count = every(client, "communes", bbox=",".join(map(str, box)), limit=2_000, skipGeometry="true")
    query = "SELECT code FROM published.communes WHERE ST_Intersects(geom, ST_MakeEnvelope(%s, %s, %s, %s, 4326)) ORDER BY code"
    codes = [code for (code,) in france.rows(query, *box)]
    assert [one["id"] for one in found] == codes
    assert count == -(-len(codes) // 2_000)
