"""Each role can do its work and nothing more."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from psycopg import errors as pg

from geoplatform.model import Kind, Submission
from tests import grid
from tests.conftest import entered

PRIVATE = (
    "place", "placement", "change", "api_token", "release", "release_file", "diff", "erasure", "vintage", "commune", "department",
    "region", "epci",
    "land", "vintage_finding", "place_reference", "arrival", "installation", "territory", "category", "commune_name",
    "drawing", "zoom_span", "movement", "former_commune", "territory_edition", "layer_style", "place_cell", "place_cell_delta",
    "tile_touch", "revision_step", "finished_tile", "cut", "place_version", "fetch_count",
    "street", "address", "confirmation",
)  # fmt: skip


def test_every_private_table_is_listed_here(database):
    rows = database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'geoplatform'")
    assert {name for (name,) in rows} == set(PRIVATE)


@pytest.mark.parametrize("role", ["geoplatform_web", "geoplatform_reader"])
@pytest.mark.parametrize("table", PRIVATE)
def test_web_and_reader_reach_no_private_table(database, role, table):
    with database.connect(role) as connection:
        for statement in (f"SELECT * FROM geoplatform.{table}", f"DELETE FROM geoplatform.{table}"):
            with pytest.raises((pg.InsufficientPrivilege, pg.ReadOnlySqlTransaction)):
                connection.execute(statement)


def test_the_web_reads_every_published_view_and_writes_none(database):
    views = [name for (name,) in database.rows("SELECT viewname FROM pg_views WHERE schemaname = 'published'")]
    with database.connect("geoplatform_web") as connection:
        for view in views:
            connection.execute(f"SELECT * FROM published.{view} LIMIT 1")
            with pytest.raises(psycopg.Error):
                connection.execute(f"DELETE FROM published.{view}")


def test_no_function_of_the_readers_sees_a_place_that_the_public_does_not(database, draw):
    draw("AB")
    store = database.store("geoplatform_web")
    made = Submission(id=uuid.uuid4(), kind=Kind.PROJECT, name="Refuge secret", position=grid.at("AB", 0.5, 0.5))
    store.writing(lambda connection: entered(connection, made))
    with database.connect() as connection:
        connection.execute("UPDATE geoplatform.place SET status = 'hidden'")
    with database.connect("geoplatform_reader") as connection:
        # a function that names its argument in an error, cheaper than the view's own conditions
        query = "SELECT 1 FROM published.exportable_places WHERE fid > 0 AND has_schema_privilege(name, 'USAGE')"
        assert connection.execute(query).fetchall() == []
        for view in ("places", "changes"):
            with pytest.raises(pg.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM published.{view}")


def test_the_reader_is_read_only_with_a_time_limit(database):
    with database.connect("geoplatform_reader") as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("30s",)
        connection.execute("SELECT * FROM published.communes LIMIT 1")
        with pytest.raises(pg.InsufficientPrivilege):
            connection.execute("SELECT published.token_label('\\x00', now())")


def test_the_web_cannot_become_another_role_or_make_objects(database):
    with database.connect("geoplatform_web") as connection:
        for statement in (
            "SET ROLE geoplatform_owner",
            "CREATE TABLE published.mine (x int)",
            "CREATE TABLE public.mine (x int)",
            "SELECT geoplatform.place_missing(1)",
            "COPY (SELECT 1) TO PROGRAM 'true'",
        ):
            with pytest.raises(pg.InsufficientPrivilege):
                connection.execute(statement)


def test_only_the_loader_may_make_temporary_tables(cluster, template):
    # on the installed database itself: PostgreSQL does not copy a database's own grants to a clone
    with (
        psycopg.connect(cluster.url("geoplatform_web", template)) as connection,
        pytest.raises(pg.InsufficientPrivilege),
    ):
        connection.execute("CREATE TEMPORARY TABLE mine (x int)")
    with psycopg.connect(cluster.url("geoplatform_loader", template)) as connection:
        connection.execute("CREATE TEMPORARY TABLE mine (x int)")


@pytest.mark.parametrize("statement", ["UPDATE geoplatform.change SET actor = 'x'", "DELETE FROM geoplatform.change"])
def test_nobody_but_the_owner_rewrites_the_change_log(database, statement):
    for role in ("geoplatform_loader", "geoplatform_web", "geoplatform_reader"):
        with database.connect(role) as connection, pytest.raises(psycopg.Error):
            connection.execute(statement)


def test_the_loader_sees_no_keys(database):
    with database.connect("geoplatform_loader") as connection, pytest.raises(pg.InsufficientPrivilege):
        connection.execute("SELECT * FROM geoplatform.api_token")


def test_no_role_has_any_right_to_what_is_kept_of_people(database):
    rights = database.rows("""
        SELECT r.rolname, c.relname FROM pg_class AS c CROSS JOIN pg_roles AS r
        WHERE c.relnamespace = 'people'::regnamespace AND c.relkind IN ('r', 'v', 'S') AND r.rolname ~ '^geoplatform_'
          AND r.rolname NOT IN ('geoplatform_owner', 'geoplatform_admin')
          AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(r.oid, c.oid, 'USAGE, SELECT, UPDATE')
              ELSE has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                   OR has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') END
        UNION ALL
        SELECT r.rolname, p.proname FROM pg_proc AS p CROSS JOIN pg_roles AS r
        WHERE r.rolname ~ '^geoplatform_' AND r.rolname NOT IN ('geoplatform_owner', 'geoplatform_admin')
          AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
          AND (p.pronamespace = 'people'::regnamespace
               OR (p.pronamespace = 'citizens'::regnamespace AND r.rolname <> 'geoplatform_web'))
        UNION ALL
        SELECT r.rolname, n.nspname FROM pg_namespace AS n CROSS JOIN pg_roles AS r
        WHERE n.nspname = 'people' AND r.rolname ~ '^geoplatform_' AND r.rolname NOT IN ('geoplatform_owner', 'geoplatform_admin')
          AND has_schema_privilege(r.oid, n.oid, 'USAGE')
    """)
    assert rights == []


def test_every_function_for_citizens_asks_for_a_key_first(database):
    others = {name for (name,) in database.rows("""
        SELECT p.proname FROM pg_proc AS p
        WHERE p.pronamespace = 'citizens'::regnamespace AND (p.proargnames[1] <> 'key' OR p.proargtypes[0] <> 'bytea'::regtype)
    """)}  # fmt: skip
    assert others == {"ask_link", "use_link", "use_identity"}  # by which one gets a key


def test_functions_that_act_for_their_owner_fix_their_search_path(database):
    loose = database.rows("""
        SELECT p.proname FROM pg_proc AS p
        WHERE p.pronamespace IN ('published'::regnamespace, 'geoplatform'::regnamespace, 'people'::regnamespace,
                                 'citizens'::regnamespace) AND p.prosecdef
          AND NOT coalesce(array_to_string(p.proconfig, ',') LIKE '%search_path=%pg_temp%', false)
    """)
    assert loose == []


def test_the_loader_can_tell_the_planner_what_it_loaded(database, draw):
    draw("AB")
    rows = database.rows("SELECT reltuples FROM pg_class WHERE relkind = 'r' AND relname ~ '^commune_v[0-9]+$'")
    assert rows == [(2.0,)]


def test_nothing_is_granted_to_everybody(database):
    granted = database.rows("""
        SELECT p.proname FROM pg_proc AS p
        WHERE p.pronamespace IN ('published'::regnamespace, 'geoplatform'::regnamespace, 'people'::regnamespace,
                                 'citizens'::regnamespace)
          AND has_function_privilege('public', p.oid, 'EXECUTE')
    """)
    assert granted == []
