"""Vintages of the official boundaries: staged, activated, listed, dropped. From the loaders and the web."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from psycopg import errors as pg
from sqlalchemy import Connection, exc, func, select, text

from geoplatform.errors import GateFailed, Misuse, NoVintage
from geoplatform.model import BBox, Vintage, VintageState
from geoplatform.store import history
from geoplatform.store.engine import Store
from geoplatform.store.tables import commune_editions, vintage_findings
from geoplatform.store.tables import vintages as published


def open_stage(connection: Connection, facts: dict[str, Any], now: dt.datetime) -> int:
    """Number of a new, staged vintage. An earlier stage of the same file for the same year makes way.

    `facts`: the columns of geoplatform.vintage that say what it is and where it comes from.
    """
    earlier = connection.execute(
        text("""
            SELECT id FROM geoplatform.vintage
            WHERE state = 'staged' AND activated_at IS NULL AND source_sha256 = :sum AND year = :year
        """),
        {"sum": facts["source_sha256"], "year": facts["year"]},
    )
    for number in earlier.scalars().all():
        connection.execute(text("SELECT geoplatform.drop_vintage(:id)"), {"id": number})
    columns = [*facts, "staged_at"]
    names, binds = ", ".join(columns), ", ".join(f":{column}" for column in columns)
    made = connection.execute(
        text(f"INSERT INTO geoplatform.vintage ({names}) VALUES ({binds}) RETURNING id"),  # noqa: S608 - our own names
        {**facts, "staged_at": now},
    )
    return int(made.scalar_one())


def keep_report(connection: Connection, vintage_id: int, report: dict[str, Any]) -> None:
    """Store what the loader counted and what its gates said."""
    connection.execute(
        text("UPDATE geoplatform.vintage SET report = :report WHERE id = :id"),
        {"id": vintage_id, "report": json.dumps(report, ensure_ascii=False)},
    )


def keep_drawn_zooms(connection: Connection, vintage_id: int, zooms: list[int]) -> None:
    """Store the zooms from which on each generalised copy of a vintage is drawn."""
    connection.execute(
        text("UPDATE geoplatform.vintage SET drawn_zooms = CAST(:zooms AS smallint[]) WHERE id = :id"),
        {"id": vintage_id, "zooms": zooms},
    )


def failed_gates(connection: Connection, vintage_id: int) -> dict[str, str]:
    """What each gate that refuses this vintage says, by the name of the gate; nothing if it was active before.

    NoVintage if there is none of this number.
    """
    query = text("SELECT report, activated_at FROM geoplatform.vintage WHERE id = :id")
    row = connection.execute(query, {"id": vintage_id}).one_or_none()
    if row is None:
        raise NoVintage(f"there is no vintage number {vintage_id}", vintage=vintage_id)
    gates = row.report.get("gates", []) if row.activated_at is None else []
    return {gate["name"]: gate["detail"] for gate in gates if gate["severity"] == "failure"}


def fill(store: Store, vintage_id: int) -> int:
    """Number of places that got their verdict in this vintage; 0 where they had it already. Nobody sees it yet."""
    with store.transaction() as connection:
        # One moment for all its statements: a place submitted meanwhile is in none of them, and `place_missing` places it.
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        placed = connection.execute(
            text("SELECT geoplatform.fill_placements(id) FROM geoplatform.vintage WHERE id = :id AND NOT is_placed"),
            {"id": vintage_id},
        ).scalar()
    return int(placed or 0)


@dataclass(frozen=True)
class Activation:
    """What an activation did: how many places had to be placed, and what became of those the vintage before held."""

    placed: int
    reattribution: dict[str, Any] | None

    def told(self) -> str:
        """It in a line, for the operator."""
        if self.reattribution is None:
            return f"{self.placed} places placed"
        counts = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in self.reattribution["counts"].items())
        unknown = "" if self.reattribution["movements_cover"] else "; INSEE's movements of that time are not loaded"
        return f"{self.placed} places placed; against {self.reattribution['earlier_year']}: {counts}{unknown}"


def activate(store: Store, vintage_id: int, now: dt.datetime, waived: frozenset[str] = frozenset()) -> Activation:
    """Place what is not placed yet in a vintage and make it the one everybody sees; its re-attribution report is stored.

    Going back to an earlier one is the same call. No place is missed: those submitted meanwhile are placed by themselves,
    and those whose submission began before are waited for. NoVintage if there is none of this number, GateFailed if one of
    its gates refuses it and is not among the `waived`; nothing is changed then.
    """
    with store.reading() as connection:
        failed = failed_gates(connection, vintage_id)
    refusing = {name: detail for name, detail in failed.items() if name not in waived}
    if refusing:
        told = "; ".join(f"{name}: {detail}" for name, detail in refusing.items())
        raise GateFailed(f"vintage number {vintage_id} was not activated: {told}", gates=sorted(refusing))
    placed = fill(store, vintage_id)
    which = {"id": vintage_id}
    with store.snapshot() as connection:
        earlier, later = active(connection), _numbered(connection, vintage_id)
        is_other = earlier is not None and earlier.id != later.id
        report = history.reattribution(connection, earlier, later) if earlier and is_other else None
    with store.transaction() as connection:
        history.refresh_former(connection, later)
        connection.execute(text("LOCK TABLE geoplatform.place IN SHARE ROW EXCLUSIVE MODE"))
        placed += connection.execute(text("SELECT geoplatform.place_missing(:id)"), which).scalar_one()
        connection.execute(
            text("""
                UPDATE geoplatform.vintage
                SET state = CASE WHEN id = :id THEN 'active' ELSE 'retired' END,
                    activated_at = CASE WHEN id = :id THEN :now ELSE activated_at END,
                    retired_at = CASE WHEN id = :id THEN NULL ELSE :now END,
                    reattribution = CASE WHEN id = :id THEN coalesce(:report, reattribution) ELSE reattribution END
                WHERE id = :id OR state = 'active'
            """),
            {**which, "now": now, "report": json.dumps(report, ensure_ascii=False) if report else None},
        )
    return Activation(int(placed), report)


def drop(connection: Connection, vintage_id: int) -> None:
    """Remove a vintage with its communes and placements. NoVintage if there is none, Misuse if it is the active one."""
    found = connection.execute(text("SELECT 1 FROM geoplatform.vintage WHERE id = :id"), {"id": vintage_id}).scalar()
    if found is None:
        raise NoVintage(f"there is no vintage number {vintage_id}", vintage=vintage_id)
    try:
        connection.execute(text("SELECT geoplatform.drop_vintage(:id)"), {"id": vintage_id})
    except exc.DBAPIError as error:
        if isinstance(error.orig, pg.ObjectInUse):
            raise Misuse(f"vintage number {vintage_id} is the active one: activate another first") from error
        raise


#: Without the reports, which are long: every page asks for the vintage in force.
_PUBLIC = select(*(column for column in published.c if column.name not in ("report", "reattribution")))


def active(connection: Connection) -> Vintage | None:
    """The vintage everybody sees, or None before the first load."""
    row = connection.execute(_PUBLIC.where(published.c.state == "active")).one_or_none()
    return _vintage(row) if row else None


def public(connection: Connection) -> list[Vintage]:
    """The active vintage and the retired ones, the newest first."""
    rows = connection.execute(_PUBLIC.order_by(published.c.effective_on.desc(), published.c.id.desc()))
    return [_vintage(row) for row in rows]


def of_year(connection: Connection, year: int) -> Vintage | None:
    """The public vintage of a year, or None; of several the active one, else the one activated last."""
    query = _PUBLIC.where(published.c.year == year)
    row = connection.execute(query.order_by(*_PREFERENCE).limit(1)).one_or_none()
    return _vintage(row) if row else None


def asked(connection: Connection, when: int | dt.date) -> Vintage | None:
    """The public vintage of a year, or in force on a day; None if there is none."""
    return of_year(connection, when) if isinstance(when, int) else in_force_on(connection, when)


def in_force_on(connection: Connection, day: dt.date) -> Vintage | None:
    """The public vintage whose communes were in force on a day: the newest that began by then. None if all are later."""
    query = _PUBLIC.where(published.c.effective_on <= day)
    row = connection.execute(query.order_by(published.c.effective_on.desc(), *_PREFERENCE).limit(1)).one_or_none()
    return _vintage(row) if row else None


_PREFERENCE = (published.c.state != "active", published.c.activated_at.desc().nulls_last(), published.c.id.desc())


def holding(connection: Connection, code: str) -> list[Vintage]:
    """The public vintages in which a commune of this code exists, the newest first."""
    held = select(commune_editions.c.vintage_id).where(commune_editions.c.code == code)
    query = _PUBLIC.where(published.c.id.in_(held))
    rows = connection.execute(query.order_by(published.c.effective_on.desc(), published.c.id.desc()))
    return [_vintage(row) for row in rows]


def documents(connection: Connection, vintage_id: int) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
    """(report of the load, report of the re-attribution or None) of a public vintage, None if there is none."""
    query = select(published.c.report, published.c.reattribution).where(published.c.id == vintage_id)
    row = connection.execute(query).one_or_none()
    return (row.report, row.reattribution) if row else None


def findings_geojson(connection: Connection, vintage_id: int, words: dict[str, str]) -> str:
    """What the checks of a public vintage found, as a GeoJSON FeatureCollection (EPSG:4326, 7 decimals).

    `words`: what to say of each kind; the reason of a repair is GEOS's own and stands after it.
    """
    return _findings(connection, "published.vintage_findings", vintage_id, words)


def counted_findings(connection: Connection, vintage_id: int) -> dict[str, int]:
    """How many findings of each kind the checks of a public vintage made."""
    query = select(vintage_findings.c.kind, func.count()).where(vintage_findings.c.vintage_id == vintage_id)
    return {row[0]: row[1] for row in connection.execute(query.group_by(vintage_findings.c.kind))}


def largest_findings(connection: Connection, vintage_id: int, most: int) -> list[tuple[Any, BBox]]:
    """The findings of a public vintage (`kind`, `codes`, `area_km2`, `detail`) with their boxes in degrees, the largest first."""
    shape = vintage_findings.c.geom
    sides = (func.ST_XMin(shape), func.ST_YMin(shape), func.ST_XMax(shape), func.ST_YMax(shape))
    told = [vintage_findings.c[name] for name in ("ordinal", "kind", "codes", "area_km2", "detail")]
    query = select(*told, *sides).where(vintage_findings.c.vintage_id == vintage_id)
    rows = connection.execute(query.order_by(vintage_findings.c.area_km2.desc().nulls_last(), "ordinal").limit(most))
    return [(row, BBox(*row[5:9])) for row in rows]


def _findings(connection: Connection, table: str, vintage_id: int, words: dict[str, str]) -> str:
    text_of_all = text(f"""
        SELECT json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(json_build_object(
            'type', 'Feature', 'id', f.ordinal, 'geometry', ST_AsGeoJSON(ST_ForcePolygonCCW(f.geom), 7)::json,
            'properties', json_build_object('kind', f.kind, 'codes', f.codes, 'area_km2', f.area_km2,
                'detail', nullif(concat_ws(' — ', CAST(:words AS json) ->> f.kind, f.detail), ''))
        ) ORDER BY f.ordinal), '[]'))::text
        FROM {table} AS f WHERE f.vintage_id = :id
    """)  # noqa: S608 - one of our own two names
    return str(connection.execute(text_of_all, {"id": vintage_id, "words": json.dumps(words)}).scalar_one())


def staged_report(connection: Connection, vintage_id: int) -> dict[str, Any]:
    """The report of the load of any vintage, a staged one too. For operators. NoVintage if there is none of this number."""
    query = text("SELECT report FROM geoplatform.vintage WHERE id = :id")
    found = connection.execute(query, {"id": vintage_id}).scalar()
    if found is None:
        raise NoVintage(f"there is no vintage number {vintage_id}", vintage=vintage_id)
    return dict(found)


def staged_findings_geojson(connection: Connection, vintage_id: int) -> str:
    """As `findings_geojson`, of any vintage, without words. For operators."""
    return _findings(connection, "geoplatform.vintage_finding", vintage_id, {})


def every(connection: Connection) -> list[Vintage]:
    """All vintages, staged ones too, the newest first. For operators."""
    return [_vintage(row) for row in connection.execute(text(f"{_EVERY} ORDER BY v.effective_on DESC, v.id DESC"))]


_EVERY = """
    SELECT v.*, (v.report -> 'counts' ->> 'communes')::integer AS communes,
           (v.report -> 'counts' ->> 'without_geometry')::integer AS communes_without_geometry
    FROM geoplatform.vintage AS v
"""


def _numbered(connection: Connection, vintage_id: int) -> Vintage:
    return _vintage(connection.execute(text(f"{_EVERY} WHERE v.id = :id"), {"id": vintage_id}).one())


def _vintage(row: Any) -> Vintage:
    return Vintage(
        id=row.id,
        year=row.year,
        effective_on=row.effective_on,
        title=row.title,
        state=VintageState(row.state),
        publisher=row.publisher,
        attribution=row.attribution,
        licence=row.licence,
        edition=row.edition,
        precision_m=row.precision_m,
        communes=row.communes or 0,
        communes_without_geometry=row.communes_without_geometry or 0,
        activated_at=row.activated_at,
    )
