"""Runs a statement through pgbench. From the jobs; to PostgreSQL's own program."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

_PLACES = "/usr/lib/postgresql"


def transactions_per_second(url: str, script: str, *, clients: int, lasting_s: int, folder: Path) -> float:
    """How often a second so many clients run this script, prepared. RuntimeError with pgbench's words if it fails."""
    file = folder / "statement.sql"
    file.write_text(script)
    command = [
        _program(),
        "-n",
        "-M",
        "prepared",
        "-c",
        str(clients),
        "-j",
        "2",
        "-T",
        str(lasting_s),
        "-f",
        str(file),
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = re.search(r"tps = ([0-9.]+)", done.stdout)
    if done.returncode != 0 or told is None:
        raise RuntimeError(f"pgbench failed: {done.stderr[-800:]}")
    return float(told[1])


def _program() -> str:
    found = shutil.which("pgbench")
    return found or str(max(Path(_PLACES).glob("*/bin/pgbench"), default="pgbench"))
