"""Progress of long work: a bar on a terminal, plain lines elsewhere. Leaf module.

A step is announced, advances, and ends with one line of counts; the loaders and exports take a `Progress` and never
know which kind they talk to.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TextIO, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

T = TypeVar("T")


class Step:
    """One step under way. `outcome` is what its closing line says."""

    def __init__(self) -> None:
        self.outcome = ""

    def track(
        self, items: Iterable[T], total: int | None = None, size: Callable[[T], int] = lambda item: 1
    ) -> Iterator[T]:
        """The same items; the bar follows them where there is one. `size`: for how many of the total an item counts."""
        yield from items


class Progress:
    """Plain lines, one when a step ends: for logs, pipes and tests."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr

    def line(self, text: str) -> None:
        """Say something that is not a step."""
        self.stream.write(text + "\n")
        self.stream.flush()

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A step with its title; on leaving, one line with its outcome and seconds."""
        began = time.monotonic()
        step = Step()
        yield step
        self.line(_closing(title, step, began))


class BarProgress(Progress):
    """A moving bar while a step runs, and the same closing lines."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self.console = Console(file=self.stream, highlight=False)

    def line(self, text: str) -> None:
        """Say something that is not a step."""
        self.console.print(text, markup=False)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A step with its title and a bar; on leaving, one line with its outcome and seconds."""
        began = time.monotonic()
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Bars(*columns, console=self.console, transient=True) as bars:
            step = _BarStep(bars, bars.add_task(title, total=None))
            yield step
        self.line(_closing(title, step, began))


class _BarStep(Step):
    def __init__(self, bars: Bars, task: TaskID) -> None:
        super().__init__()
        self.bars = bars
        self.task = task

    def track(
        self, items: Iterable[T], total: int | None = None, size: Callable[[T], int] = lambda item: 1
    ) -> Iterator[T]:
        if total is None and isinstance(items, Sized):
            total = len(items)
        self.bars.update(self.task, total=total)
        for item in items:
            yield item
            self.bars.advance(self.task, size(item))


def progress_for(stream: TextIO | None = None) -> Progress:
    """The kind of progress that fits where the text goes."""
    stream = stream or sys.stderr
    return BarProgress(stream) if stream.isatty() else Progress(stream)


def _closing(title: str, step: Step, began: float) -> str:
    return f"  {title:<12} {step.outcome}  ({time.monotonic() - began:.1f} s)"
