"""store/tables.py, the comments and the installed schema say the same."""

from __future__ import annotations

import psycopg
import pytest
from geoalchemy2 import Geometry
from pyproj import CRS
from sqlalchemy import create_engine, inspect
from sqlalchemy.dialects import postgresql

from geoplatform.errors import SchemaMismatch, StoreUnavailable
from geoplatform.store import kept, schema
from geoplatform.store.engine import Store


def named(database, column):
    """The type of a column as PostgreSQL calls it."""
    query = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s"
    return database.rows(query, column.table.fullname, column.name)[0][0]


def test_every_mirrored_table_has_the_columns_and_types_of_the_database(database):
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(database.url()))
    inspector = inspect(engine)
    for table in kept.metadata.tables.values():
        found = {column["name"]: column for column in inspector.get_columns(table.name, schema=table.schema)}
        assert list(found) == [column.name for column in table.columns], table.fullname
        for column in table.columns:
            there = found[column.name]["type"]
            if isinstance(column.type, Geometry):
                assert (there.geometry_type, there.srid) == (column.type.geometry_type, column.type.srid)
            else:
                dialect = postgresql.dialect()
                # A collation orders codes; it is the database's business and no query depends on its mirror.
                known = there.__visit_name__ != "null"  # SQLAlchemy has no xid8 and no xml
                spelled = there.compile(dialect).replace(' COLLATE "C"', "") if known else named(database, column)
                assert spelled == column.type.compile(dialect), f"{table.fullname}.{column.name}"
            if table.schema == "geoplatform":
                assert found[column.name]["nullable"] == column.nullable, f"{table.fullname}.{column.name}"
        if table.schema == "geoplatform":
            key = inspector.get_pk_constraint(table.name, schema=table.schema)["constrained_columns"]
            assert key == [column.name for column in table.primary_key.columns]
    engine.dispose()


@pytest.mark.parametrize("schema_name", ["published", "geoplatform"])
def test_every_table_and_view_is_mirrored(database, schema_name):
    query = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND relnamespace = %s::regnamespace"
    found = {name for (name,) in database.rows(query, schema_name)}
    assert found == {table.name for table in kept.metadata.tables.values() if table.schema == schema_name}


def test_every_published_view_and_column_has_a_comment(database):
    bare = database.rows("""
        SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum >= 0
        WHERE c.relnamespace = 'published'::regnamespace AND c.relkind = 'v' AND NOT a.attisdropped
          AND coalesce(col_description(c.oid, a.attnum), '') = ''
        UNION ALL
        SELECT c.relname, NULL FROM pg_class AS c
        WHERE c.relnamespace IN ('published'::regnamespace, 'geoplatform'::regnamespace) AND c.relkind IN ('v', 'r', 'p')
          AND obj_description(c.oid) IS NULL
    """)
    assert bare == []


def test_every_territory_has_a_projected_crs_that_proj_knows(database):
    rows = database.rows("SELECT code, legal_srid FROM geoplatform.territory")
    assert len(rows) == 13
    assert all(CRS.from_epsg(srid).is_projected for _, srid in rows)


def test_installing_twice_changes_nothing(database):
    assert schema.install(database.url()) is False


def test_a_newer_schema_is_refused_with_both_versions(database):
    with database.connect() as connection:
        connection.execute("INSERT INTO geoplatform.installation (schema_version, sql_sha256) VALUES (999, '')")
    with pytest.raises(SchemaMismatch, match="999"):
        schema.install(database.url())
    with pytest.raises(SchemaMismatch, match="999"):
        Store(database.url("geoplatform_web")).require_schema()


def test_a_database_of_other_sql_files_is_refused_and_says_what_to_do(database):
    with database.connect() as connection:
        connection.execute("ALTER TABLE geoplatform.installation DROP COLUMN sql_sha256")
    with pytest.raises(SchemaMismatch, match="geoplatform db destroy"):
        schema.install(database.url())


def test_an_unreachable_server_is_store_unavailable(tmp_path):
    with pytest.raises(StoreUnavailable):
        schema.install(f"postgresql://nobody@/nothing?host={tmp_path}")
    with pytest.raises(StoreUnavailable), Store(f"postgresql://nobody@/x?host={tmp_path}").reading():
        pass


def test_the_sql_files_are_plain_psql_and_numbered():
    numbers = [file.name[:3] for file in schema.files()]
    assert numbers == sorted(set(numbers))
    for file in schema.files():
        text = file.read_text()
        assert text.startswith("-- "), f"{file.name} does not say what it is"
        assert not [line for line in text.splitlines() if line.startswith("\\")], f"{file.name} is not plain SQL"
