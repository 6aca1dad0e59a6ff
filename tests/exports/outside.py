"""Run by a Python that has the programs people read our files with: what they say of a file, as JSON.

Arguments: `frictionless` datapackage.json | `csv-detective` file | `geoparquet` file | `geopandas` file | `duckdb` file.
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


def geoparquet(path):
    import subprocess
    from pathlib import Path

    said = {}
    for check in ("bbox", "compression"):
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


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1].replace("-", "_")](sys.argv[2])))
