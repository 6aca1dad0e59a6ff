"""A command of ours in a process beside another one: `serve` has `worker` beside it. From `cli`.

A process of its own looks after it. A thread of the server would have to fork while the server forks too, and each of the two could
then hold open what the other waits to see closed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Before a command that ended by itself is begun again; how long one may take to stop before it is killed; how often is looked.
_PAUSE_S, _PATIENCE_S, _LOOK_S = 5.0, 8.0, 0.2


@contextmanager
def beside(command: str) -> Iterator[None]:
    """`geoplatform` with this command meanwhile, begun anew if it ends. It ends with the caller, also where that is killed."""
    keeper = subprocess.Popen([sys.executable, "-m", "geoplatform.companion", command, str(os.getpid())])
    try:
        yield
    finally:
        _end(keeper, _PATIENCE_S + 2)


def keep(command: str, parent: int) -> None:
    """Have the command run until SIGTERM or SIGINT, or until the process `parent`, which has started this one, is gone."""
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told.append(number))

    def goes_on() -> bool:
        return not told and os.getppid() == parent

    while goes_on():
        process = subprocess.Popen([sys.executable, "-m", "geoplatform.cli", command])
        while goes_on() and process.poll() is None:
            time.sleep(_LOOK_S)
        _end(process, _PATIENCE_S)
        pause = time.monotonic() + _PAUSE_S
        while goes_on() and time.monotonic() < pause:
            time.sleep(_LOOK_S)


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Stop a process by its pid, if it runs."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    keep(sys.argv[1], int(sys.argv[2]))
