"""Processes that work beside each other, and end with the one that has started them. From the rest of `exports`.

Forked threads of Arrow and GDAL would hang. So each process is forked from one that has imported what they need and runs nothing:
importing it anew in each would take longer than most files.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

_IMPORTED = ["__main__", "exports.formats", "exports.changes.chain"]


def prepare() -> None:
    """Begin to import what the processes of a `pool` need, beside whatever else is done meanwhile."""
    _context()
    forkserver.ensure_running()


def pool(workers: int) -> ProcessPoolExecutor:
    """So many processes, started as they are needed."""
    return ProcessPoolExecutor(workers, _context(), _follow_parent)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    return context


def _follow_parent() -> None:
    """End this process as soon as the one that started it has ended: a writer that nobody waits for would write beside the next."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
