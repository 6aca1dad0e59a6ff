"""Run by a Python that has the programs people read our files with: what they say of a file, as JSON.

Arguments: `frictionless` datapackage.json | `csv-detective` file | `geoparquet` file | `geopandas` file | `duckdb` file |
`python` code | `commands-of-duckdb` code.
"""

import json
import sys


def frictionless(path):
    from frictionless import validate

    report = validate(path)
    # Its reader of Parquet counts no bytes, and misses them.
    tasks = [task for task in report.tasks if not task.place.endswith(".parquet")]
    return {
        "errors": [error.message for found in (report, *tasks) for error in found.errors],
        "rows": {task.place: task.stats.get("rows") for task in tasks if task.type == "table"},
    }


def csv_detective(path):
    from csv_detective import routine

    told = routine(path, num_rows=-1, output_profile=False, save_results=False)
    formats = {name: column["format"] for name, column in told["columns"].items()}
    return {"encoding": told["encoding"], "separator": told["separator"], "formats": formats}


def put_extensions():
    """Put DuckDB's extensions, which come from wheels here, where it looks for what it has fetched before."""
    import os
    import shutil
    from pathlib import Path

    import duckdb
    import duckdb_extension_httpfs
    import duckdb_extension_spatial

    (version,) = duckdb.execute("SELECT library_version FROM pragma_version()").fetchone()
    (platform,) = duckdb.execute("PRAGMA platform").fetchone()
    place = Path(os.environ["HOME"], ".duckdb", "extensions", version, platform)
    place.mkdir(parents=True, exist_ok=True)
    for wheel in (duckdb_extension_httpfs, duckdb_extension_spatial):
        for file in Path(wheel.__file__).parent.rglob("*.duckdb_extension"):
            shutil.copy(file, place)


def geoparquet(path):
    import subprocess
    from pathlib import Path

    put_extensions()
    said = {}
    for check in ("bbox", "compression", "spec"):
        run = subprocess.run(
            [Path(sys.executable).with_name("gpio"), "check", check, path], capture_output=True, text=True
        )
        said[check] = [run.returncode, run.stdout]
    return said


def geopandas(path):
    import geopandas

    frame = geopandas.read_parquet(path) if path.endswith(".parquet") else geopandas.read_file(path)
    return {"rows": len(frame), "crs": frame.crs.to_authority(), "located": int(frame.geometry.notna().sum())}


def duckdb(path):
    import duckdb

    rows = duckdb.connect().execute("SELECT count(*), count(geom) FROM read_parquet(?)", [path]).fetchone()
    return dict(zip(("rows", "located"), rows, strict=True))


def python(code):
    """What a page's lines of Python leave behind: rows of the frame, and its system of coordinates where it has one."""
    names = {}
    exec(code, names)
    frame = names["places"]
    return {"rows": len(frame), "crs": frame.crs.to_authority() if hasattr(frame, "crs") else None}


def commands_of_duckdb(code):
    """What a page's statements leave behind."""
    import duckdb

    put_extensions()
    database = duckdb.connect()
    database.execute(code)
    rows = database.execute("SELECT count(*), count(ST_X(geom)) FROM places").fetchone()
    return dict(zip(("rows", "located"), rows, strict=True))


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1].replace("-", "_")](sys.argv[2])))
