"""Town halls of the register and synthetic places."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest

from geoplatform.model import Licence
from geoplatform.progress import Progress
from geoplatform.store import places
from loaders import synthetic
from loaders.register import AUTHORITY, load_town_halls
from tests.conftest import NOW

QUIET = Progress(io.StringIO())


@pytest.mark.france
def test_every_town_hall_is_a_register_place_with_licence_source_and_verdict(france):
    rows = france.rows("""
        SELECT count(*), count(DISTINCT id), min(kind), max(kind), min(licence), max(licence), min(source), max(source),
               count(verdict), count(*) FILTER (WHERE source_name = %s)
        FROM published.places
    """, AUTHORITY)  # fmt: skip
    assert rows == [
        (34_859, 34_859, "service", "service", "etalab-2.0", "etalab-2.0", "register", "register", 34_859, 34_859)
    ]


@pytest.mark.france
def test_loading_the_register_again_adds_nothing_and_reports_the_share_outside(france_copy, tables):
    outcome = load_town_halls(france_copy.store("geoplatform_loader"), tables, QUIET, NOW)
    assert (outcome.stored, outcome.known_before) == (0, 34_859)
    assert outcome.outside_share == pytest.approx(0.0555, abs=0.001)
    assert france_copy.rows("SELECT count(*) FROM geoplatform.place") == [(34_859,)]


@pytest.mark.france
def test_the_town_hall_of_saint_louis_is_as_the_register_gives_it(france):
    row = france.rows("""
        SELECT name, commune_code, verdict, opening_hours, website, phone, round(ST_X(geom)::numeric, 4),
               round(ST_Y(geom)::numeric, 4)
        FROM published.places WHERE name = 'Mairie — Saint-Louis' AND department_code = '974'
    """)[0]  # fmt: skip
    assert row[:6] == (
        "Mairie — Saint-Louis", "97414", "inside", "Mo-Fr 08:00-16:00", "https://saintlouis.re/", "02 62 91 39 50",
    )  # fmt: skip
    assert [float(value) for value in row[6:]] == [55.4094, -21.287]


def synthetic_rows(database, count, seed):
    store = database.store("geoplatform_loader")
    with store.reading() as connection:
        categories = places.all_categories(connection)
    centres = np.array([[55.05, -21.95], [55.15, -21.95]])
    return list(
        synthetic.places(
            count,
            seed,
            centres,
            np.array([0.05, 0.05]),
            np.array([900, 100]),
            np.array([[54, -23, 56, -21]]),
            categories,
        )
    )


def test_the_same_seed_gives_the_same_places_and_another_seed_others(database):
    assert synthetic_rows(database, 200, 1) == synthetic_rows(database, 200, 1)
    assert synthetic_rows(database, 200, 1) != synthetic_rows(database, 200, 2)
    assert synthetic_rows(database, 50, 1) == synthetic_rows(database, 50, 1)


def test_synthetic_places_are_labelled_follow_the_population_and_can_be_removed(database, draw):
    draw("AB")
    store = database.store("geoplatform_loader")
    with store.transaction() as connection:
        assert places.load_bulk(connection, synthetic_rows(database, 2000, 1), "synthetic", NOW) == 2000
    names = database.rows(
        "SELECT DISTINCT source, source_name, name LIKE '%%démonstration%%' FROM published.places WHERE %s", True
    )
    assert names == [("synthetic", synthetic.SOURCE_NAME, True)]
    counts = dict(
        database.rows("SELECT commune_code, count(*) FROM published.places WHERE commune_code IS NOT NULL GROUP BY 1")
    )
    assert counts["97401"] > 4 * counts["97402"]
    licences = {name for (name,) in database.rows("SELECT DISTINCT licence FROM published.places")}
    assert licences == {str(licence) for licence in Licence}
    with store.transaction() as connection:
        assert places.withdraw_synthetic(connection) == 2000
    assert database.rows("SELECT count(*) FROM published.places") == [(0,)]


def test_a_bulk_load_logs_each_creation_once(database, draw):
    draw("AB")
    store = database.store("geoplatform_loader")
    rows = synthetic_rows(database, 300, 5)
    with store.transaction() as connection:
        places.load_bulk(connection, rows, "synthetic", NOW)
    database.settle()
    logged = database.rows("SELECT place_id, operation, version FROM published.changes ORDER BY seq")
    assert sorted(place for place, _, _ in logged) == sorted(row[0] for row in rows)
    assert {(operation, version) for _, operation, version in logged} == {("create", 1)}


def test_a_bulk_load_that_breaks_leaves_nothing(database, draw):
    draw("AB")
    rows = synthetic_rows(database, 50, 3)
    bad = (*rows[0][:1], "no such kind", *rows[0][2:])
    with pytest.raises(Exception, match="kind"), database.store("geoplatform_loader").transaction() as connection:
        places.load_bulk(connection, itertools.chain(rows[1:], [bad]), "synthetic", NOW)
    for table in ("place", "placement", "change", "arrival"):
        assert database.rows(f"SELECT count(*) FROM geoplatform.{table}") == [(0,)]
