"""A query that takes longer than it may."""

from __future__ import annotations

import json
from pathlib import Path

from geoplatform.config import Settings
from geoplatform.web import context
from tests.web.ogc import standard
from tests.web.ogc.planting import ITEMS, application
from tests.web.ogc.standard import fits

MANY = """
INSERT INTO geoplatform.place (id, kind, name, description, licence, source, created_at, modified_at, geom)
SELECT gen_random_uuid(), kind, name, repeat('ab', 1900), licence, source, created_at, modified_at, geom
FROM (SELECT * FROM geoplatform.place ORDER BY fid LIMIT 1) one, generate_series(1, 4000)
"""
PLACED = """
INSERT INTO geoplatform.placement (place_id, vintage_id, verdict, method, commune_code, distance_m)
SELECT p.id, one.vintage_id, one.verdict, one.method, one.commune_code, one.distance_m
FROM geoplatform.place p, (SELECT * FROM geoplatform.placement LIMIT 1) one
WHERE NOT EXISTS (SELECT FROM geoplatform.placement known WHERE known.place_id = p.id)
"""
#: Each pattern is tried from each sign of each description on, and none of them matches.
SLOW = " OR ".join(f"CASEI(description) LIKE CASEI('%b%a%b%a%b%a%{sign}')" for sign in "cdefghijklmnopqrstuvwxyz")


def test_a_filter_that_runs_into_the_statement_timeout_is_503_and_says_when_to_come_back(database, planted):
    with database.connect() as connection:
        connection.execute(MANY)
        connection.execute(PLACED)
    settings = Settings(data_dir=Path("data"), database_url=database.url(), statement_timeout_ms=200)
    store = context.open_store(settings)
    hasty = application(database, store)
    for part in ({}, {"limit": 1}, {"f": "csv"}):
        answer = hasty.get(ITEMS.format("places"), query_string={"filter": SLOW, **part})
        assert answer.status_code == 503
        problem = json.loads(answer.data)
        fits(problem, standard.PROBLEM)
        assert int(answer.headers["Retry-After"]) > 0
        assert "longer than it may" in problem["detail"]
    after = hasty.get(ITEMS.format("places"), query_string={"limit": 1})
    assert (after.status_code, json.loads(after.data)["numberMatched"]) == (200, 4_009)
    store.close()
