"""Filters reach the indexes of the columns they ask."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Connection, select

from geoplatform.cql2 import check, parse_text
from geoplatform.store.filtering import condition
from tests.cql2.conftest import ASKED, PROPERTIES


@pytest.fixture(scope="module")
def crowded(asked):
    """The table with 20,000 more rows, spread over the globe, and the indexes that a collection has."""
    with asked.database.connect() as connection:
        connection.execute(
            """
            INSERT INTO asked (id, kind, code, population, day, geom)
            SELECT n, 'kind ' || n % 5000, n::text, n, date '2000-01-01' + n % 3000,
                   ST_SetSRID(ST_MakePoint(n % 360 - 179.75, n / 360 * 3.1 - 85), 4326)
            FROM generate_series(1000, 20999) AS n
            """
        )
        for column in ("kind", "code", "population", "day"):
            connection.execute(f"CREATE INDEX asked_{column} ON asked ({column})")
        connection.execute("CREATE INDEX asked_geom ON asked USING gist (geom)")
        connection.execute("ANALYZE asked")
    yield asked
    with asked.database.connect() as connection:
        connection.execute("DELETE FROM asked WHERE id >= 1000")


def plan(connection: Connection, text: str) -> str:
    query = select(ASKED.c.id).where(condition(check(parse_text(text), PROPERTIES), dict(ASKED.c)))
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    return "\n".join(connection.exec_driver_sql("EXPLAIN " + str(compiled), compiled.params).scalars())


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("code = '5000'", "code"),
        ("kind IN ('kind 1','kind 2')", "kind"),
        ("population = 5000", "population"),
        ("population BETWEEN 5000 AND 5010", "population"),
        ("day = DATE('2001-01-01')", "day"),
        ("T_DURING(day,INTERVAL('2001-01-01','2001-01-05'))", "day"),
        ("S_INTERSECTS(geom,BBOX(55,-22,56,-20))", "geom"),
        ("S_INTERSECTS(geom,BBOX(179,-22,-179,-20))", "geom"),
        ("S_INTERSECTS(geom,POINT(55.5 -21))", "geom"),
        ("S_WITHIN(geom,POLYGON((55 -22,56 -22,56 -20,55 -22)))", "geom"),
        ("S_DWITHIN(geom,POINT(55.5 -21),500)", "geom"),
        ("S_DWITHIN(geom,POINT(-180 -21),500)", "geom"),
        ("S_INTERSECTS(geom,BBOX(55,-22,56,-20)) AND kind LIKE 'kind 1%'", "geom"),
    ],
)
def test_a_filter_reaches_the_index(crowded, text, index):
    with crowded.store.reading() as connection:
        found = plan(connection, text)
    assert set(re.findall(r"Scan (?:using|on) asked_(\w+)", found)) == {index}, found
