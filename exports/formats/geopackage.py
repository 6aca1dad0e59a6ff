"""GeoPackage: one layer with its metadata and the meanings of its columns."""

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
