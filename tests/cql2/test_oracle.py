"""Another library reads the same texts and takes the same rows: `cql2`, whose SQL PostGIS runs beside ours."""

from __future__ import annotations

import cql2
import pytest
from hypothesis import HealthCheck, given, settings

from geoplatform.cql2 import to_text
from tests.cql2.trees import simple


@pytest.fixture(scope="module")
def theirs(asked):
    """The same table for its SQL, which knows no SRID."""
    with asked.database.connect() as connection:
        names = "id, kind, name, code, population, area, open, day, made_at, ended_at"
        connection.execute(f"CREATE VIEW theirs AS SELECT {names}, ST_SetSRID(geom, 0) AS geom FROM asked")
        yield lambda text: [
            number
            for (number,) in connection.execute(
                f"SELECT id FROM theirs WHERE {cql2.parse_text(text).to_sql()} ORDER BY id"
            )
        ]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(tree=simple)
def test_both_take_the_same_rows(asked, theirs, tree):
    text = to_text(tree)
    assert asked(text) == theirs(text), text
