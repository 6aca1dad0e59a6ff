"""gzip whose bytes depend on what is packed only: not on file, time, or the pieces in which it is handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from isal.igzip import IGzipFile

_LEVEL = 2
_PIECE = 1 << 20


@contextmanager
def packed(target: Path) -> Iterator[Callable[[bytes], None]]:
    """A function that packs what it is given into the file. igzip's bytes depend on how it is fed: it gets equal pieces."""
    with target.open("wb") as file, IGzipFile("", "wb", _LEVEL, file, 0) as archive:
        waiting = bytearray()

        def pack(content: bytes) -> None:
            nonlocal waiting
            waiting += content
            if len(waiting) >= _PIECE:
                whole = len(waiting) - len(waiting) % _PIECE
                with memoryview(waiting) as view:
                    for begin in range(0, whole, _PIECE):
                        archive.write(view[begin : begin + _PIECE])
                waiting = waiting[whole:]

        yield pack
        archive.write(bytes(waiting))
