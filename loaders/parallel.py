"""Work on several things at once with few of them in memory. GEOS runs without Python's lock, so threads use every core."""

from __future__ import annotations

import ctypes
import gc
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import pyarrow as pa

T = TypeVar("T")
R = TypeVar("R")
_END = object()


def in_parallel(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What `work` makes of each item, in their order; never more items in memory than there are cores, and one."""
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def ahead(items: Iterable[T], count: int = 4) -> Iterator[T]:
    """The same items, made by a thread of their own from now on, up to `count` before they are asked for."""
    source = iter(items)
    pool = ThreadPoolExecutor(1)
    return _made(pool, deque(pool.submit(next, source, _END) for _ in range(count)), source)


def _made(pool: ThreadPoolExecutor, waiting: deque[Future[Any]], source: Iterator[T]) -> Iterator[T]:
    with pool:
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(pool.submit(next, source, _END))
            yield item


def give_back() -> None:
    """Memory that is free but still held by this process goes back to the system, where the system knows how."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):  # another C library has no such function
        ctypes.CDLL(None).malloc_trim(0)
