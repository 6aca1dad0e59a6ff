"""`python -m tests.bench [JOB ...]`: runs the jobs (all by default) and prints one table.

GEOPLATFORM_DATABASE_URL names a server (of a role that may create databases); without it a private one is made in a
temporary folder and removed. GEOPLATFORM_BENCH_COUNT: how many points and rows, a million by default.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from geoplatform import embedded
from tests.bench import bulk, exports, features, load, pages, place, submit, tiles, vintage
from tests.bench.bench import Bench
from tests.bench.figure import Figure, show

JOBS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "load": load.figures,
    "place": place.figures,
    "bulk": bulk.figures,
    "submit": submit.figures,
    "vintage": vintage.figures,
    "tiles": tiles.figures,
    "features": features.figures,
    "exports": exports.figures,
    "pages": pages.figures,
}


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """URL of the operator's server, or of a durable private one that is gone afterwards."""
    given = os.environ.get("GEOPLATFORM_DATABASE_URL")
    if given:
        yield given
        return
    try:
        with embedded.running(folder) as cluster:
            yield cluster.url(embedded.ADMIN, embedded.DATABASE)
    finally:
        embedded.destroy(folder)


def main(names: list[str]) -> int:
    """Exit code: 2 if a name is not that of a job."""
    unknown = [name for name in names if name not in JOBS]
    if unknown:
        print(f"no such job: {', '.join(unknown)}; there are {', '.join(JOBS)}", file=sys.stderr)
        return 2
    count = int(os.environ.get("GEOPLATFORM_BENCH_COUNT", "1000000"))
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="geoplatform-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server runs under another account when we are root
        with _server(folder / "data") as url:
            bench = Bench(url, count, folder)
            try:
                for job in names or JOBS:
                    print(f"measuring {job}", file=sys.stderr)
                    figures += JOBS[job](bench)
            finally:
                bench.close()
                show(figures)  # what was measured, also when a later job fails
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
