"""The tables of a vintage while it is being loaded: filled by COPY, read back for its checks. From the loaders."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import numpy as np
import pgpq
import pyarrow as pa
from sqlalchemy import Connection, text

from geoplatform.store.engine import driver

Row = tuple[Any, ...]

_TEXT, _TEXTS, _EWKB = pa.string(), pa.list_(pa.string()), pa.binary()
#: Columns of each table in the order the loader gives them, with Arrow's types for binary COPY; geometries travel as EWKB.
COPIED: dict[str, dict[str, pa.DataType]] = {
    "region": {"code": _TEXT, "name": _TEXT, "geom": _EWKB},
    "department": {"code": _TEXT, "name": _TEXT, "region_code": _TEXT, "geom": _EWKB},
    "epci": {"code": _TEXT, "name": _TEXT, "kind": _TEXT, "geom": _EWKB},
    "commune": {
        "code": _TEXT,
        "name": _TEXT,
        "territory_code": _TEXT,
        "department_code": _TEXT,
        "region_code": _TEXT,
        "epci_code": _TEXT,
        "postal_codes": _TEXTS,
        "population": pa.int32(),
        "geometry_source": _TEXT,
        "area_km2": pa.float64(),
        "geom": _EWKB,
    },
    "territory_edition": {
        "code": _TEXT,
        "communes": pa.int32(),
        "communes_without_geometry": pa.int32(),
        "area_km2": pa.float64(),
        "geom": _EWKB,
    },
    "drawing": {
        "level": _TEXT,
        "from_zoom": pa.int16(),
        "code": _TEXT,
        "name": _TEXT,
        "department_code": _TEXT,
        "population": pa.int32(),
        "geom": _EWKB,
    },
    "vintage_finding": {
        "ordinal": pa.int32(),
        "kind": _TEXT,
        "codes": _TEXTS,
        "area_km2": pa.float64(),
        "detail": _TEXT,
        "geom": _EWKB,
    },
}
_PARTITIONED = ("commune", "drawing")
_READ_AT_ONCE = 500
_WRITTEN_AT_ONCE = 2000
_TILES_AT_ONCE = 50


def batch_of(table: str, columns: dict[str, Any]) -> pa.RecordBatch:
    """Columns (sequences or arrays, by name) of a table of `COPIED` as one batch, made outside any connection."""
    types = COPIED[table]
    arrays = {
        name: given if isinstance(given := columns[name], pa.Array) else pa.array(given, kind, from_pandas=True)
        for name, kind in types.items()
    }
    return pa.record_batch(arrays)


@contextmanager
def filling(connection: Connection, vintage_id: int, table: str) -> Iterator[Callable[[Iterable[pa.RecordBatch]], int]]:
    """A function that copies batches (`batch_of`) into a table, each row of this vintage, and gives the number of rows.

    It may be called several times; the connection is free between the calls. `commune` and `drawing` become this vintage's
    partition in the end, indexed then, so they are filled once.
    """
    which = {"parent": table, "id": vintage_id}
    target = f"geoplatform.{table}"
    if table in _PARTITIONED:
        target = connection.execute(text("SELECT geoplatform.open_partition(:parent, :id)"), which).scalar_one()
    yield lambda batches: _copy(connection, vintage_id, table, target, batches)
    if table in _PARTITIONED:
        connection.execute(text("SELECT geoplatform.attach_partition(:parent, :id)"), which)


def copy_rows(connection: Connection, vintage_id: int, table: str, rows: Iterable[Row]) -> int:
    """Number of rows copied at once into a table of `COPIED`, as `filling`. The rows must not ask this connection."""
    with filling(connection, vintage_id, table) as copy:
        return copy(batches_of(table, rows))


def batches_of(table: str, rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    """Rows, each in the order of the table's columns, as batches."""
    remaining = iter(rows)
    while some := list(islice(remaining, _WRITTEN_AT_ONCE)):
        yield batch_of(table, dict(zip(COPIED[table], zip(*some, strict=True), strict=True)))


def _copy(connection: Connection, vintage_id: int, table: str, target: str, batches: Iterable[pa.RecordBatch]) -> int:
    fields = {"vintage_id": pa.int32(), **COPIED[table]}
    encoder = pgpq.ArrowToPostgresBinaryEncoder(pa.schema(fields))
    count = 0
    with (
        driver(connection).cursor() as cursor,
        cursor.copy(f"COPY {target} ({', '.join(fields)}) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.write(encoder.write_header())
        for batch in batches:
            number = pa.array(np.full(batch.num_rows, vintage_id, dtype=np.int32))
            copy.write(encoder.write_batch(pa.record_batch([number, *batch.columns], names=list(fields))))
            count += batch.num_rows
        copy.write(encoder.finish())
    return count


def repair(connection: Connection, vintage_id: int, rows: list[tuple[str, float | None, bytes | None]]) -> None:
    """Put repaired polygons in the place of the published ones: (code, area in km², EWKB or None where nothing is left)."""
    if not rows:
        return
    connection.execute(
        text("""
            UPDATE geoplatform.commune
            SET geom = CAST(:geom AS bytea)::geometry, area_km2 = :area,
                geometry_source = CASE WHEN CAST(:geom AS bytea) IS NULL THEN 'missing' ELSE 'repaired' END
            WHERE vintage_id = :id AND code = :code
        """),
        [{"id": vintage_id, "code": code, "area": area, "geom": wkb} for code, area, wkb in rows],
    )


def analyse(connection: Connection, vintage_id: int) -> None:
    """Tell the planner what the communes of a vintage are like, before they are asked for by department."""
    connection.execute(text("SELECT geoplatform.analyse_partition('commune', :id)"), {"id": vintage_id})


def analyse_derived(connection: Connection, vintage_id: int) -> None:
    """Tell the planner what was made of the communes: maps, names, units, findings."""
    connection.execute(
        text("SELECT geoplatform.analyse_partition('drawing', :id), geoplatform.analyse_boundaries()"),
        {"id": vintage_id},
    )


def finish_tiles(connection: Connection, vintage_id: int) -> tuple[int, int]:
    """(tiles, bytes): the tiles of limits that take long, made once and kept gzipped with the vintage (zoom_span.finished)."""
    query = "SELECT layer, z, x, y, mvt FROM geoplatform.tiles_to_finish(%s)"
    store = "INSERT INTO geoplatform.finished_tile (vintage_id, layer, z, x, y, packed) VALUES (%s, %s, %s, %s, %s, %s)"
    count = size = 0
    with driver(connection).cursor(name="tiles_to_finish", binary=True) as made, driver(connection).cursor() as storing:
        made.execute(query, (vintage_id,))
        while some := made.fetchmany(_TILES_AT_ONCE):
            rows = [(vintage_id, *address, zlib.compress(mvt, 9, 31)) for *address, mvt in some]
            storing.executemany(store, rows)
            count, size = count + len(rows), size + sum(len(row[-1]) for row in rows)
    return count, size


def name_communes(connection: Connection, vintage_id: int) -> None:
    """Make the names under which the communes of a vintage are found."""
    connection.execute(
        text("""
            INSERT INTO geoplatform.commune_name (vintage_id, code, search_key)
            SELECT c.vintage_id, c.code, geoplatform.search_key(c.name)
            FROM geoplatform.commune AS c WHERE c.vintage_id = :id
        """),
        {"id": vintage_id},
    )


def zoom_spans(connection: Connection) -> list[tuple[int, float]]:
    """(lowest zoom, tolerance in metres of EPSG:3857) of each span of zooms that shares one generalised copy."""
    rows = connection.execute(
        text(
            "SELECT min(from_zoom) AS from_zoom, tolerance_m FROM geoplatform.zoom_span GROUP BY tolerance_m ORDER BY 1"
        )
    )
    return [(row.from_zoom, row.tolerance_m) for row in rows]


def communes_from_zoom(connection: Connection) -> int:
    """The lowest zoom at which maps show communes."""
    query = text("SELECT min(from_zoom) FROM geoplatform.zoom_span WHERE communes <> 'none'")
    return int(connection.execute(query).scalar_one())


def previous_areas(connection: Connection, vintage_id: int) -> dict[str, float]:
    """Area in km² (ellipsoid) of each department in the active vintage, another than this one; empty before the first."""
    rows = connection.execute(
        text("""
            SELECT c.department_code, sum(c.area_km2) AS area
            FROM geoplatform.commune AS c JOIN geoplatform.vintage AS v ON v.id = c.vintage_id AND v.state = 'active'
            WHERE c.vintage_id <> :id AND c.department_code IS NOT NULL AND c.area_km2 IS NOT NULL
            GROUP BY c.department_code
        """),
        {"id": vintage_id},
    )
    return {row.department_code: row.area for row in rows}


_GROUP = "coalesce(c.department_code, c.territory_code)"


def communes_of(connection: Connection, vintage_id: int, group: str) -> list[Row]:
    """(code, geometry as WKB) of the communes with limits of a department, or of a territory without any, by code."""
    rows = connection.execute(
        text(f"""
            SELECT c.code, ST_AsBinary(c.geom) FROM geoplatform.commune AS c
            WHERE c.vintage_id = :id AND c.geom IS NOT NULL AND {_GROUP} = :of
            ORDER BY c.code
        """),  # noqa: S608 - our own expression
        {"id": vintage_id, "of": group},
    )
    return [tuple(row) for row in rows]


def neighbours_of(connection: Connection, vintage_id: int, group: str) -> list[Row]:
    """(code, geometry as WKB) of the communes of other groups whose box meets the box of one of this group's."""
    rows = connection.execute(
        text(f"""
            WITH near AS (
                SELECT DISTINCT other.code
                FROM geoplatform.commune AS c
                JOIN geoplatform.commune AS other ON other.vintage_id = :id AND other.geom && c.geom
                WHERE c.vintage_id = :id AND {_GROUP} = :of
            )
            SELECT c.code, ST_AsBinary(c.geom) FROM geoplatform.commune AS c JOIN near ON near.code = c.code
            WHERE c.vintage_id = :id AND {_GROUP} <> :of
            ORDER BY c.code
        """),  # noqa: S608 - our own expression
        {"id": vintage_id, "of": group},
    )
    return [tuple(row) for row in rows]


def territories_of(connection: Connection, vintage_id: int) -> list[str]:
    """Codes of the territories of which a vintage holds a commune with limits."""
    rows = connection.execute(
        text("""
            SELECT DISTINCT territory_code FROM geoplatform.commune
            WHERE vintage_id = :id AND geom IS NOT NULL ORDER BY territory_code
        """),
        {"id": vintage_id},
    )
    return list(rows.scalars())


def communes_of_territory(connection: Connection, vintage_id: int, territory: str) -> list[Row]:
    """(code, name, population, department, region, EPCI, geometry as WKB) of a territory's communes with limits, by code."""
    rows = connection.execute(
        text("""
            SELECT code, name, population, department_code, region_code, epci_code, ST_AsBinary(geom) FROM geoplatform.commune
            WHERE vintage_id = :id AND geom IS NOT NULL AND territory_code = :of ORDER BY code
        """),
        {"id": vintage_id, "of": territory},
    )
    return [tuple(row) for row in rows]


def streamed(connection: Connection, vintage_id: int, by: str) -> Iterator[tuple[str, list[Row]]]:
    """(unit, [(commune code, geometry as WKB)]) for each unit of a kind, streamed.

    `by`: territory_code, department_code, epci_code, or collectivity (territories of communes without a department).
    Communes without limits or unit are left out.
    """
    unit = "CASE WHEN department_code IS NULL THEN territory_code END" if by == "collectivity" else by
    query = f"""
        SELECT {unit} AS unit, code, ST_AsBinary(geom) FROM geoplatform.commune
        WHERE vintage_id = %s AND geom IS NOT NULL AND {unit} IS NOT NULL ORDER BY unit, code
    """  # noqa: S608 - one of our own four names
    with driver(connection).cursor(name=f"by_{by}") as cursor:
        cursor.itersize = _READ_AT_ONCE
        cursor.execute(query, (vintage_id,))
        for key, rows in groupby(cursor, key=itemgetter(0)):
            yield key, [(code, wkb) for _, code, wkb in rows]
