"""S_DWITHIN takes what PostGIS takes without the boxes that bring it to the index."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from geoplatform.cql2.tree import Geometry, Literal, Name, Operation, Type

_EVERYWHERE = """
    INSERT INTO asked (id, geom)
    SELECT 1000 + n, ST_SetSRID(ST_MakePoint(n % 45 * 8 - 180, n / 45 * 7.5 - 90), 4326) FROM generate_series(0, 45 * 25 - 1) AS n
    UNION ALL
    SELECT 9000 + n, ST_MakeEnvelope(n * 10, n * 8, n * 10 + 0.5, n * 8 + 0.5, 4326) FROM generate_series(-10, 10) AS n
"""
_NEAR = "SELECT id FROM asked WHERE ST_DWithin(geom::geography, ST_SetSRID(ST_MakePoint(%s, %s), 4326)::geography, %s) ORDER BY id"


@pytest.fixture(scope="module")
def globe(asked):
    with asked.database.connect() as connection:
        connection.execute(_EVERYWHERE)
    return asked


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lon=st.floats(-180, 180),
    lat=st.floats(-90, 90),
    metres=st.sampled_from([0.0, 10.0, 9_000_000.0, 2.1e7]) | st.floats(1e4, 5e6),
)
@example(lon=180.0, lat=0.0, metres=900_000.0)
@example(lon=-179.9, lat=52.5, metres=900_000.0)
@example(lon=0.0, lat=88.0, metres=300_000.0)
@example(lon=0.0, lat=-82.5, metres=850_000.0)
def test_the_boxes_around_lose_nothing(globe, lon, lat, metres):
    tree = Operation("s_dwithin", (Name("geom"), Geometry("Point", (lon, lat)), Literal(metres, Type.NUMBER)))
    expected = globe.database.rows(_NEAR, lon if abs(lon) > 1e-12 else 0, lat if abs(lat) > 1e-12 else 0, metres)
    assert globe.of(tree) == [number for (number,) in expected]
