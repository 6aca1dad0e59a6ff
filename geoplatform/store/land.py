"""Land of the world by country. From the loaders; read by the placement functions in SQL."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from geoplatform.store.engine import driver

_MOST_VERTICES = 128


def replace(connection: Connection, rows: Iterable[tuple[str, bool, bytes]]) -> int:
    """Number of pieces stored in place of the earlier ones; rows are (country, is French, WKB polygon in EPSG:4326)."""
    connection.execute(text("DELETE FROM geoplatform.land"))
    with driver(connection).cursor() as cursor:
        cursor.executemany(
            f"""
            INSERT INTO geoplatform.land (country, is_france, geom)
            SELECT %s, %s, ST_Subdivide(ST_MakeValid(ST_GeomFromWKB(%s, 4326)), {_MOST_VERTICES})
            """,
            rows,
        )
    connection.execute(text("SELECT geoplatform.analyse_boundaries()"))
    return int(connection.execute(text("SELECT count(*) FROM geoplatform.land")).scalar_one())


def is_loaded(connection: Connection) -> bool:
    """Whether there is any land."""
    return bool(connection.execute(text("SELECT EXISTS (SELECT FROM geoplatform.land)")).scalar_one())
