"""One figure of ours beside a peer's, and the table of them all. From the jobs; to the terminal."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from geoplatform.progress import Progress, Step

_LOOKS_A_SECOND = 5
#: Units of which less is better.
_LESS = ("s", "MB", "kB", "requests")


@dataclass(frozen=True)
class Figure:
    """What we need or do, and what the peer does. `unit` is one of which less is better, or a rate such as "points/s"."""

    job: str
    what: str
    ours: float
    peer: str
    theirs: float
    unit: str

    @property
    def ratio(self) -> float:
        """How many times as good as the peer we are: above 1 is better, whatever the unit."""
        return self.theirs / self.ours if self.unit in _LESS else self.ours / self.theirs


class Stopwatch(Progress):
    """A silent progress that keeps the seconds of each step by its title."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def line(self, text: str) -> None:
        """Nothing: the table is all that is said."""

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A step; its seconds are kept when it ends."""
        began = time.monotonic()
        yield Step()
        self.seconds[title] = time.monotonic() - began


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds that `work` takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def peak_mb() -> float:
    """Peak resident memory of this process, MB (VmHWM: since it became this program, not since it was forked)."""
    return _peak_mb(Path("/proc/self"))


def run(command: list[str]) -> tuple[float, float]:
    """Wall-clock seconds that a command takes, and the peak resident memory of the hungriest of all its processes, MB.

    Raises CalledProcessError. What a process takes in the last fifth of a second of its life may be missed.
    """
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    peak = 0.0
    while process.poll() is None:
        peak = max([peak, *map(_peak_mb, _of_session(process.pid))])
        time.sleep(1 / _LOOKS_A_SECOND)
    took = time.monotonic() - began
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return took, peak


def _of_session(number: int) -> Iterator[Path]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError):
            if os.getsid(int(folder.name)) == number:
                yield folder


def _peak_mb(process: Path) -> float:
    try:
        told = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(told["VmHWM"].split()[0]) / 1000 if "VmHWM" in told else 0.0


def paired(times: int, *works: Callable[[], float]) -> list[float]:
    """Median of each work's figure. They take turns, so that a neighbour's load falls on all of them."""
    rounds = [[work() for work in works] for _ in range(times)]
    return [statistics.median(figures) for figures in zip(*rounds, strict=True)]


def show(figures: Iterable[Figure]) -> None:
    """Print the table. A ratio above 1 means that we are better than the peer."""
    table = Table("job", "ours", "peer", "peer's figure", "ratio", title="Ours and the peer, same machine, same run")
    for figure in figures:
        mine, other = (f"{value:,.{2 if value < 100 else 0}f} {figure.unit}" for value in (figure.ours, figure.theirs))
        table.add_row(f"{figure.job}: {figure.what}", mine, figure.peer, other, f"{figure.ratio:.2f}")
    Console().print(table)
