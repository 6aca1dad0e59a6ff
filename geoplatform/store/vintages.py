"""Vintages of the official boundaries: staged, activated, listed. From the loaders and the web."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select, text

from geoplatform.errors import NoVintage
from geoplatform.model import Vintage, VintageState
from geoplatform.store.engine import Store, driver
from geoplatform.store.tables import vintages as published

Row = tuple[Any, ...]

#: Columns of each table in the order the loader gives them, with PostgreSQL's types for binary COPY.
#: Geometries travel as EWKB, so `bytea` on the wire.
COPIED: dict[str, dict[str, str]] = {
    "region": {"code": "text", "name": "text"},
    "department": {"code": "text", "name": "text", "region_code": "text", "geom": "bytea"},
    "epci": {"code": "text", "name": "text", "kind": "text"},
    "commune": {
        "code": "text",
        "name": "text",
        "territory_code": "text",
        "department_code": "text",
        "region_code": "text",
        "epci_code": "text",
        "postal_codes": "text[]",
        "population": "int4",
        "geometry_source": "text",
        "area_km2": "float8",
        "geom": "bytea",
    },
    "vintage_gap": {"ordinal": "int4", "area_km2": "float8", "geom": "bytea"},
}


def open_stage(connection: Connection, facts: dict[str, Any], report: dict[str, Any], now: dt.datetime) -> int:
    """Identifier of a new, staged vintage. An earlier stage of the same file makes way."""
    connection.execute(
        text(
            "DELETE FROM geoplatform.vintage WHERE state = 'staged' AND activated_at IS NULL AND source_sha256 = :sum"
        ),
        {"sum": facts["source_sha256"]},
    )
    columns = [*facts, "report", "staged_at"]
    names, binds = ", ".join(columns), ", ".join(f":{column}" for column in columns)
    made = connection.execute(
        text(f"INSERT INTO geoplatform.vintage ({names}) VALUES ({binds}) RETURNING id"),  # noqa: S608 - our own names
        {**facts, "report": json.dumps(report, ensure_ascii=False), "staged_at": now},
    )
    return int(made.scalar_one())


def copy_rows(connection: Connection, vintage_id: int, table: str, rows: Iterable[Row]) -> int:
    """Number of rows copied into a table of `COPIED`, each of this vintage."""
    columns = COPIED[table]
    names = ", ".join(["vintage_id", *columns])
    count = 0
    with (
        driver(connection).cursor() as cursor,
        cursor.copy(f"COPY geoplatform.{table} ({names}) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.set_types(["int4", *columns.values()])
        for row in rows:
            copy.write_row((vintage_id, *row))
            count += 1
    return count


def analyse(connection: Connection) -> None:
    """Tell the planner what was loaded."""
    connection.execute(text("SELECT geoplatform.analyse_boundaries()"))


def activate(store: Store, vintage_id: int, now: dt.datetime) -> int:
    """Number of places that had to be placed for it; the vintage is then the one everybody sees.

    Going back to an earlier one is the same call. No place is missed: those submitted meanwhile are placed on every
    vintage by themselves, and those whose submission began before this one was staged are waited for. NoVintage if
    there is none of this number; nothing is changed then.
    """
    with store.transaction() as connection:
        analyse(connection)
    place_all, which = text("SELECT geoplatform.place_all(:id)"), {"id": vintage_id}
    with store.transaction() as connection:
        placed = connection.execute(place_all, which).scalar_one()
        connection.execute(text("LOCK TABLE geoplatform.place IN SHARE ROW EXCLUSIVE MODE"))
        placed += connection.execute(place_all, which).scalar_one()
        changed = connection.execute(
            text("""
                UPDATE geoplatform.vintage
                SET state = CASE WHEN id = :id THEN 'active' ELSE 'retired' END,
                    activated_at = CASE WHEN id = :id THEN :now ELSE activated_at END,
                    retired_at = CASE WHEN id = :id THEN NULL ELSE :now END
                WHERE id = :id OR state = 'active'
                RETURNING id
            """),
            {**which, "now": now},
        )
        if vintage_id not in changed.scalars().all():
            raise NoVintage(f"there is no vintage number {vintage_id}", vintage=vintage_id)
    return int(placed)


def active(connection: Connection) -> Vintage | None:
    """The vintage everybody sees, or None before the first load."""
    row = connection.execute(select(published).where(published.c.state == "active")).one_or_none()
    return _vintage(row) if row else None


def every(connection: Connection) -> list[Vintage]:
    """All vintages, staged ones too, the newest first. For operators."""
    rows = connection.execute(
        text("""
            SELECT v.*, (v.report -> 'counts' ->> 'communes')::integer AS communes,
                   (v.report -> 'counts' ->> 'without_geometry')::integer AS communes_without_geometry
            FROM geoplatform.vintage AS v
            ORDER BY v.year DESC, v.id DESC
        """)
    )
    return [_vintage(row) for row in rows]


def _vintage(row: Any) -> Vintage:
    return Vintage(
        id=row.id,
        year=row.year,
        title=row.title,
        state=VintageState(row.state),
        publisher=row.publisher,
        attribution=row.attribution,
        licence=row.licence,
        edition=row.edition,
        precision_m=row.precision_m,
        communes=row.communes,
        communes_without_geometry=row.communes_without_geometry,
    )
