"""GeoPackage: one layer with its metadata, the meanings of its columns, and how QGIS draws it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pyogrio

from exports.formats import gdal
from exports.slices import Slice
from geoplatform.store.collections import GEOMETRY


def write(rows: Slice, target: Path) -> None:
    """One layer with its metadata; its columns carry their meanings (gpkg_data_columns)."""
    told = {"DESCRIPTION": rows.dataset.title, "IDENTIFIER": rows.dataset.title}
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{rows.changed_day}T00:00:00.000Z"})
    gdal.write(
        rows, target, "GPKG", layer=rows.dataset.name, layer_options={"GEOMETRY_NAME": GEOMETRY, **told},
        layer_metadata={"licence": rows.licence},
    )  # fmt: skip
    try:
        _explain(rows, target)
    except sqlite3.Error as error:
        raise OSError(f"{target.name}: {error}") from error


def _explain(rows: Slice, target: Path) -> None:
    with closing(sqlite3.connect(target)) as database, database:
        database.execute(
            "CREATE TABLE gpkg_data_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, "
            "description TEXT, mime_type TEXT, constraint_name TEXT, CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name), "
            "CONSTRAINT gdc_tn UNIQUE (table_name, name))"
        )
        database.executemany(
            "INSERT INTO gpkg_data_columns (table_name, column_name, name, description) VALUES (?, ?, ?, ?)",
            [(rows.dataset.name, field.name, field.name, field.meaning) for field in rows.dataset.fields],
        )
        database.execute(
            "INSERT INTO gpkg_extensions (table_name, column_name, extension_name, definition, scope) VALUES "
            "('gpkg_data_columns', NULL, 'gpkg_schema', 'http://www.geopackage.org/spec121/#extension_schema', 'read-write')"
        )
        if rows.dataset.looks:
            _add_looks(database, rows)


def _add_looks(database: sqlite3.Connection, rows: Slice) -> None:
    """In the table where QGIS looks for them; it is told as one of attributes, as QGIS does."""
    day = f"{rows.changed_day}T00:00:00.000Z"
    database.execute(
        "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), "
        "f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, "
        "styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)"
    )
    database.executemany(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML, "
        "styleSLD, useAsDefault, description, owner, update_time) VALUES ('', '', ?, ?, ?, ?, ?, ?, ?, '', ?)",
        [
            (rows.dataset.name, GEOMETRY, one.name, one.qml.decode(), one.sld.decode(), one.is_default, one.name, day)
            for one in rows.dataset.looks
        ],
    )
    database.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change) "
        "VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?)",
        (day,),
    )
