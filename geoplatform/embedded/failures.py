"""How the failures of the cluster are told: EmbeddedFailed, with the path and what the system or PostgreSQL said."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

from geoplatform.errors import EmbeddedFailed

SHOWN_LINES = 8


def failure(message: str, path: Path, **facts: object) -> EmbeddedFailed:
    """The error, to be raised; its fact `path` is the file or directory the message speaks of."""
    return EmbeddedFailed(message, path=str(path), **facts)


def require(done: CompletedProcess[str], purpose: str, directory: Path) -> None:
    """Nothing if the program succeeded; EmbeddedFailed, with its last words, if it did not."""
    if done.returncode != 0:
        words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-SHOWN_LINES:])
        raise failure(f"could not {purpose} in {directory}:\n{words}", directory)


@contextmanager
def refusals_told(path: Path) -> Iterator[None]:
    """Tell the operating system's refusals (no permission, disk full) as EmbeddedFailed; `path` if it names none."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise failure(f"{where}: {error.strerror or error}", Path(os.fsdecode(where))) from error
