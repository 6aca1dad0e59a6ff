"""A command of ours in a process beside another one: `serve` has `worker` beside it. From `cli`."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Before a command that ended by itself is begun again; and how long one may take to stop before it is killed.
_PAUSE_S, _PATIENCE_S = 5.0, 8.0


@contextmanager
def beside(command: str) -> Iterator[None]:
    """`geoplatform` with this command meanwhile, begun anew if it ends, and stopped by its pid."""
    leaving, starting = threading.Event(), threading.Lock()
    running: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes] | None:
        with starting:
            if leaving.is_set():
                return None
            running[:] = [subprocess.Popen([sys.executable, "-m", "geoplatform.cli", command])]
            return running[0]

    def keep() -> None:
        while process := start():
            process.wait()
            leaving.wait(_PAUSE_S)

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        with starting:
            leaving.set()
        for process in running:
            process.terminate()
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
        keeper.join(_PATIENCE_S)
