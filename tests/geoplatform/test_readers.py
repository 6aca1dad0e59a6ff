"""`geoplatform db reader`: a login made, used as QGIS would, and removed."""

from __future__ import annotations

import uuid
from xml.etree import ElementTree

import psycopg
import pytest
from psycopg import errors as pg

from geoplatform.model import Kind, Licence, Submission
from tests import grid
from tests.conftest import entered
from tests.geoplatform.test_cli import geoplatform
from tests.sql.test_roles import PRIVATE

NAME = "analyst_of_tests"


@pytest.fixture
def reader(database, draw):
    """What the command printed, by fact; the login is dropped at the end, for roles outlive their database."""
    draw("AB")
    done = geoplatform(database, "db", "reader", NAME)
    assert done.returncode == 0, done.stderr
    yield dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    with database.connect() as connection:
        connection.execute(f"DROP ROLE IF EXISTS {NAME}")


def connected(reader, **others):
    facts = {name: reader[name] for name in ("host", "port", "user", "password", "sslmode")}
    return psycopg.connect(**{**facts, "dbname": reader["database"], "autocommit": True, **others})


def place(database, name, licence):
    made = Submission(uuid.uuid4(), Kind.PROJECT, name, grid.at("AB", 0.5, 0.5), licence=licence)
    database.store("geoplatform_web").writing(lambda connection: entered(connection, made))


def test_a_reader_reads_communes_and_the_places_that_may_leave(database, reader):
    place(database, "Jardin", Licence.ODBL)
    place(database, "Refuge", Licence.DISPLAY_ONLY)
    with connected(reader) as connection:
        names = connection.execute("SELECT name FROM published.communes WHERE geom IS NOT NULL").fetchall()
        assert len(names) == 2
        assert connection.execute("SELECT name FROM published.exportable_places").fetchall() == [("Jardin",)]


def test_a_reader_writes_nothing_and_reaches_no_private_table(reader):
    with connected(reader) as connection:
        connection.execute("SET default_transaction_read_only = off")  # a default, not a wall: the grants are
        for statement in (
            *(f"SELECT * FROM geoplatform.{table}" for table in PRIVATE),
            "SELECT * FROM published.places",
            "UPDATE published.communes SET name = 'x'",
            "DELETE FROM published.exportable_places",
            "CREATE TABLE public.mine (x int)",
            "SET ROLE geoplatform_owner",
        ):
            # of a view over several tables PostgreSQL says first that nobody can write it
            with pytest.raises((pg.InsufficientPrivilege, pg.ObjectNotInPrerequisiteState)):
                connection.execute(statement)


def test_a_reader_is_limited_from_its_first_statement(database, reader):
    with connected(reader) as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("30s",)
    limit, kept = database.rows("SELECT rolconnlimit, rolpassword FROM pg_authid WHERE rolname = %s", NAME)[0]
    assert limit == 5
    assert kept.startswith("SCRAM-SHA-256$")


def test_a_reader_finds_how_each_view_looks_where_qgis_seeks_it(database, reader):
    query = "SELECT f_table_name, stylename, useasdefault FROM layer_styles WHERE f_table_catalog = current_database()"
    with connected(reader) as connection:
        found = connection.execute(query).fetchall()
        titles = {
            "communes": ("Communes (en)", "Communes (fr)"),
            "departments": ("Departments (en)", "Départements (fr)"),
            "epci": ("Intermunicipalities (en)", "Intercommunalités (fr)"),
            "exportable_places": ("Lieux (fr)", "Places (en)"),
            "regions": ("Regions (en)", "Régions (fr)"),
        }
        assert set(found) == {(view, title, "(fr)" in title) for view, both in titles.items() for title in both}
        assert len(found) == len(set(found))
        documents = connection.execute("SELECT styleqml::text, stylesld::text FROM layer_styles").fetchall()
        views = {name for (name,) in connection.execute("SELECT f_table_name FROM layer_styles")}
        assert all(connection.execute(f"SELECT geom FROM {view} LIMIT 0").description for view in views)
    assert all(root.tag.endswith("qgis") for root in (ElementTree.fromstring(qml) for qml, _ in documents))
    assert all(ElementTree.fromstring(sld).tag.endswith("StyledLayerDescriptor") for _, sld in documents)


def test_another_login_finds_the_styles_of_this_program_and_none_twice(database, reader):
    with database.connect() as connection:
        connection.execute("UPDATE geoplatform.layer_style SET name = name || ' of yesterday'")
    other = f"{NAME}_too"
    assert geoplatform(database, "db", "reader", other).returncode == 0
    assert geoplatform(database, "db", "reader", "--drop", other).returncode == 0
    assert database.rows(
        "SELECT count(*), count(*) FILTER (WHERE name LIKE '%%yesterday') FROM geoplatform.layer_style"
    ) == [(10, 0)]


def test_a_reader_comes_in_by_its_password_only(reader):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connected(reader, password="guessed")


def test_a_dropped_reader_reads_nothing_more_and_can_be_made_again(database, reader):
    assert geoplatform(database, "db", "reader", NAME).returncode == 2
    with connected(reader) as still_open:
        assert geoplatform(database, "db", "reader", "--drop", NAME).returncode == 0
        with pytest.raises(psycopg.Error):
            still_open.execute("SELECT * FROM published.communes")
    with pytest.raises(psycopg.OperationalError):
        connected(reader)
    assert geoplatform(database, "db", "reader", "--drop", NAME).returncode == 1
    assert geoplatform(database, "db", "reader", NAME).returncode == 0


@pytest.mark.parametrize("name", ["geoplatform_web", "pg_x", "Analyst", "a b", 'x"; DROP ROLE y; --', ""])
def test_a_name_that_is_none_or_not_ours_is_refused(database, name):
    for words in ([], ["--drop"]):
        refused = geoplatform(database, "db", "reader", *words, "--", name)
        assert refused.returncode == 2
        assert "cannot be a reader's name" in refused.stderr


def test_a_role_made_by_another_hand_is_not_dropped(database):
    with database.connect() as connection:
        connection.execute("CREATE ROLE somebody_of_tests")
    try:
        refused = geoplatform(database, "db", "reader", "--drop", "somebody_of_tests")
        assert refused.returncode == 1
        assert database.rows("SELECT 1 FROM pg_roles WHERE rolname = 'somebody_of_tests'") == [(1,)]
    finally:
        with database.connect() as connection:
            connection.execute("DROP ROLE somebody_of_tests")
