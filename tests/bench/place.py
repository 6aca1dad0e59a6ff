"""Job `place`: which commune holds each of many points, all at once and one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from tests.bench.bench import Bench
from tests.bench.figure import Figure, paired, seconds
from tests.bench.pgbench import transactions_per_second

_TIMES = 3
_LASTING_S = 5
#: What a user of PostGIS writes first. Points drive the index on communes; coverage only, without distance or verdict.
#: The fence keeps PostgreSQL from turning the join round.
_NAIVE = """
    SELECT count(f.code)
    FROM points AS p LEFT JOIN LATERAL (
        SELECT c.code FROM geoplatform.commune AS c
        WHERE c.vintage_id = 1 AND ST_Covers(c.geom, p.geom) LIMIT 1) AS f ON true
"""
_OURS = "SELECT count(*) FROM geoplatform.verdicts('points', 1)"
_ONE = """
\\set n random(1, {count})
SELECT * FROM geoplatform.place_point((SELECT geom FROM points WHERE n = :n), 1);
"""
_ONE_NAIVE = """
\\set n random(1, {count})
SELECT code FROM geoplatform.commune
WHERE vintage_id = 1 AND ST_Covers(geom, (SELECT geom FROM points WHERE n = :n)) LIMIT 1;
"""


def figures(bench: Bench) -> Iterator[Figure]:
    """Verdicts with distances against bare coverage, and single lookups likewise."""
    with bench.database(bench.france) as database:
        with database.store() as store:
            rows = bench.rows(store)
        with database.connect() as connection:
            _copy_points(connection, rows)
            naive, ours = paired(
                _TIMES,
                lambda: seconds(lambda: connection.execute(_NAIVE)),
                lambda: seconds(lambda: connection.execute(_OURS)),
            )
        count = len(rows)
        yield Figure(
            "place",
            "verdicts, with distance",
            count / ours,
            "points outer join, coverage only",
            count / naive,
            "points/s",
        )
        for clients in (1, 8):

            def lookups(script: str, clients: int = clients) -> float:
                told = script.format(count=count)
                return transactions_per_second(
                    database.url, told, clients=clients, lasting_s=_LASTING_S, folder=bench.folder
                )

            mine, bare = paired(_TIMES, lambda: lookups(_ONE), lambda: lookups(_ONE_NAIVE))
            yield Figure("place", f"place_point, {clients} connections", mine, "bare ST_Covers", bare, "lookups/s")


def _copy_points(connection: psycopg.Connection[Any], rows: list[tuple[Any, ...]]) -> None:
    connection.execute(
        "CREATE TABLE points (id uuid NOT NULL, n integer NOT NULL, geom geometry(Point, 4326) NOT NULL)"
    )
    with connection.cursor() as cursor, cursor.copy("COPY points FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["uuid", "int4", "bytea"])
        for number, row in enumerate(rows, 1):
            copy.write_row((row[0], number, row[-1]))
    connection.execute("CREATE INDEX ON points USING gist (geom)")
    connection.execute("CREATE UNIQUE INDEX ON points (n)")
    connection.execute("VACUUM ANALYZE points")
