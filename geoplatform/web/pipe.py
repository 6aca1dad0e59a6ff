"""A stream to somebody who only reads files, such as granian in its own protocol: a pipe of the system, which makes the writer
wait while nobody reads, and tells him when nobody will. From `web.gateway`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: A reader that takes nothing for so long holds a thread of ours no longer.
_STALLED_S = 60
_OPENED_WITHIN_S = 5.0
#: Bytes: the most that the system gives without a privilege. With 64 kB, writer and reader wake each other for each.
_HOLDS = 1 << 20


class Gone(Exception):
    """Nobody reads any more."""


@contextmanager
def read_by(begin: Callable[[str], None], left: threading.Event) -> Iterator[Callable[[bytes], None]]:
    """What writes to the reader, who is told the pipe's path by `begin`; `left` is set when he goes away. Writing raises Gone
    then, and where he takes nothing for a minute."""
    with tempfile.TemporaryDirectory(prefix="geoplatform-stream-") as folder:
        path = str(Path(folder, "pipe"))
        os.mkfifo(path, 0o600)
        begin(path)
        number = _opened(path, left)

    def write(chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            try:
                rest = rest[os.write(number, rest) :]
            except BlockingIOError:
                if not _writable(number):
                    raise Gone from None
            except BrokenPipeError as broken:
                raise Gone from broken

    try:
        yield write
    finally:
        os.close(number)


def hang_up(address: str, port: int) -> None:
    """End this process's connection with a client, so that what was sent of an answer does not pass for all of it."""
    for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        with suppress(OSError):  # closed meanwhile, or not connected
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with socket.socket(fileno=os.dup(number)) as one:
                if one.family in (socket.AF_INET, socket.AF_INET6) and one.getpeername()[:2] == (address, port):
                    one.shutdown(socket.SHUT_RDWR)


def _writable(number: int) -> bool:
    waiting = select.poll()
    waiting.register(number, select.POLLOUT)
    return bool(waiting.poll(1000 * _STALLED_S))


def _opened(path: str, left: threading.Event) -> int:
    """The pipe for writing, as soon as somebody reads it. Gone if he goes away before."""
    deadline = time.monotonic() + _OPENED_WITHIN_S
    while not left.is_set() and time.monotonic() < deadline:
        try:
            number = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            with suppress(OSError):  # a user has so many pages for pipes; then it is as large as it was
                fcntl.fcntl(number, fcntl.F_SETPIPE_SZ, _HOLDS)
            return number
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            time.sleep(0.0005)
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))  # who opened it meanwhile reads nothing, and ends
    raise Gone
