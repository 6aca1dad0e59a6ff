"""Tiles as files of gzip bytes, shared by the workers of one machine. From `tiles.service` and the web; to the file system.

A file `layer/z/x/y.suffix.gz` holds exactly what is sent, so nginx can serve it with `gzip_static`. Its time of modification
is no time: the seconds are a digest of its bytes, the nanoseconds its length. That gives it the ETag nginx would give it
(`"seconds-length"`, hexadecimal), strong and the same for the same bytes wherever they were made; and a file that is
shorter than it was is seen at once.

What is not true any more is removed; and since a tile may be being made from what was true before, each tile has a
counter that grows when it is touched: a tile is kept only if its counter is what it was before the database was asked. The
lowest bit of a counter says that there may be something to remove: most tiles that a write touches were never asked for.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import mmap
import os
import shutil
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

SUFFIXES = ("mvt", "geojson")
_EMPTY = "none"
_NAMES = tuple(f".{suffix}.{kept}" for suffix in SUFFIXES for kept in ("gz", _EMPTY))
_NS = 1_000_000_000
_SLOTS = 1 << 16
_LOCKS = 1 << 10
_VARIANTS = "variants"
_MOST_VARIANTS = 50_000
#: Deeper tiles are quickly made and very many: whoever asks for them all shall not fill the disk.
_DEEPEST = 18
#: Bytes and files that tiles leave free for others.
_FREE_BYTES, _FREE_FILES = 256 << 20, 10_000
_COMPLAIN_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A tile's bytes, gzipped; empty where a vector tile holds nothing. `etag` with its quotes."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Key:
    """What a tile is asked as. `variant`: filters and vintage in one spelling, empty for the plain tile."""

    layer: str
    z: int
    x: int
    y: int
    suffix: str
    variant: str = ""


class TileCache:
    """The tiles kept below `root`. Every failure of the file system means a tile that is not kept, and a line in the log."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._complained = 0.0
        (root / "locks").mkdir(parents=True, exist_ok=True)
        (root / "new").mkdir(exist_ok=True)
        with self.leading("opening", wait=True), (root / "counters").open("a+b") as file:
            os.posix_fallocate(file.fileno(), 0, 4 * _SLOTS)  # a hole that finds no room later would end the process
            self._counters = memoryview(mmap.mmap(file.fileno(), 4 * _SLOTS)).cast("I")
        self._sweep([entry for entry in (root / "new").iterdir() if entry.is_dir()])

    def find(self, key: Key) -> Kept | None:
        """The tile as it is kept, None if it is not."""
        return self.read(self._stem(key))

    def read(self, stem: str) -> Kept | None:
        """The tile of this path without `.gz`, None if it is not kept."""
        try:
            number = os.open(f"{stem}.gz", os.O_RDONLY)
        except OSError:
            return Kept(b"", "") if os.path.exists(f"{stem}.{_EMPTY}") else None
        try:
            told = os.fstat(number)
            seconds, length = divmod(told.st_mtime_ns, _NS)
            if told.st_size != length:
                return None
            body = os.read(number, length)
        except OSError:
            return None
        finally:
            os.close(number)
        return Kept(body, f'"{seconds:x}-{length:x}"') if len(body) == length else None

    def etag(self, stem: str) -> str | None:
        """ETag of the tile of this path without `.gz`, without reading it; None if it is not kept."""
        try:
            told = os.stat(f"{stem}.gz")
        except OSError:
            return None
        seconds, length = divmod(told.st_mtime_ns, _NS)
        return f'"{seconds:x}-{length:x}"' if told.st_size == length else None

    def made(self, key: Key, make: Callable[[], Kept]) -> tuple[Kept, bool]:
        """(the tile, whether it was made now): one maker at a time for each tile, the others wait for what he keeps."""
        with self._alone(key):
            found = self.find(key)
            if found is not None:
                return found, False
            before = self._guard(key)
            stem = self._stem(key)
            tile = make()
            if key.z <= _DEEPEST:
                self._keep(key, tile, stem, before)
            return tile, True

    def touch(self, tiles: Iterable[tuple[int, int, int]], layers: tuple[str, ...]) -> None:
        """These tiles of these layers, and every variant of them, are no longer true."""
        slots = [(_slot(*tile), *tile) for tile in tiles if tile[0] <= _DEEPEST]
        with self._writing():
            kept = [tile for slot, *tile in slots if self._grow(slot)]
        # What was true before is not kept from here on, so nobody has to wait while it is removed.
        for z, x, y in kept:
            for layer in layers:
                for name in _NAMES:
                    _remove(f"{self.root}/{layer}/{z}/{x}/{y}{name}")

    def forget(self, layers: tuple[str, ...], *, wait: bool = False) -> None:
        """No tile of these layers is true any more. `wait`: until they are removed too, not only out of the way."""
        gone = []
        with self._writing():
            self._grow(0)
            for layer in (*layers, _VARIANTS):
                aside = self.root / "new" / f"{layer}-{os.getpid()}-{time.monotonic_ns()}"
                try:
                    (self.root / layer).rename(aside)
                except FileNotFoundError:
                    continue
                gone.append(aside)
        swept = self._sweep(gone)
        if wait and swept:
            swept.join()

    def _sweep(self, folders: list[Path]) -> threading.Thread | None:
        """Remove folders that nobody reads any more, without having anybody wait; what is left over goes at the next opening."""

        def sweep() -> None:
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)

        if not folders:
            return None
        thread = threading.Thread(target=sweep, name="sweep", daemon=True)
        thread.start()
        return thread

    def size(self) -> tuple[int, int]:
        """(tiles, bytes) that are kept."""
        files = [file.stat().st_size for file in self.root.rglob("*.gz")]
        return len(files), sum(files)

    @contextmanager
    def leading(self, name: str, *, wait: bool) -> Iterator[bool]:
        """Whether this thread, of all on this machine, is the one that does the work of this name meanwhile."""
        number = os.open(self.root / "locks" / name, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(number)

    def _stem(self, key: Key) -> str:
        if not key.variant:
            return f"{self.root}/{key.layer}/{key.z}/{key.x}/{key.y}.{key.suffix}"
        count, general = self._guard(key)
        return (
            f"{self.root}/{_VARIANTS}/{key.layer}/{key.variant}/{key.z}/{key.x}/{key.y}.{general}.{count}.{key.suffix}"
        )

    def _guard(self, key: Key) -> tuple[int, int]:
        return self._counter(_slot(key.z, key.x, key.y)), self._counter(0)

    def _counter(self, slot: int) -> int:
        return self._counters[slot] >> 1

    def _grow(self, slot: int) -> bool:
        """Count one more; whether a tile may be kept there."""
        held = self._counters[slot]
        self._counters[slot] = (held + 2) & 0xFFFFFFFF
        return bool(held & 1)

    def _keep(self, key: Key, tile: Kept, stem: str, before: tuple[int, int]) -> None:
        new = f"{self.root}/new/{os.getpid()}-{threading.get_ident()}"
        try:
            _refuse_full(self.root)
            if tile.body:
                with open(new, "wb") as file:
                    file.write(tile.body)
                os.utime(new, ns=(0, int(tile.etag[1:].split("-")[0], 16) * _NS + len(tile.body)))
            else:
                open(new, "wb").close()
            if key.variant:
                self._make_room()
            os.makedirs(os.path.dirname(stem), exist_ok=True)
            with self._writing():
                if self._guard(key) == before:
                    self._counters[_slot(key.z, key.x, key.y)] |= 1
                    os.replace(new, f"{stem}.gz" if tile.body else f"{stem}.{_EMPTY}")
                    return
            os.unlink(new)
        except OSError as error:
            with suppress(OSError):
                _remove(new)
            if time.monotonic() - self._complained > _COMPLAIN_EVERY_S:
                self._complained = time.monotonic()
                log.warning("a tile is served but not kept: %s", error)

    def _make_room(self) -> None:
        """Variants are too many to be removed one by one: when there are very many, all go."""
        count = self.root / "variants.count"
        try:
            with count.open("ab") as file:
                file.write(b".")
                full = file.tell() > _MOST_VARIANTS
        except OSError:
            return
        if full:
            _remove(str(count))
            self.forget(())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self.leading("counters", wait=True):
            yield

    @contextmanager
    def _alone(self, key: Key) -> Iterator[None]:
        number: Any = None
        try:
            try:
                name = f"{self.root}/locks/{zlib.crc32(repr(key).encode()) % _LOCKS}"
                number = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
                fcntl.flock(number, fcntl.LOCK_EX)
            except OSError as error:
                log.warning("tiles are made without waiting for each other: %s", error)
            yield
        finally:
            if number is not None:
                os.close(number)


def _refuse_full(folder: Path) -> None:
    """OSError where the disk has little room left, or few files."""
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < _FREE_BYTES or (disk.f_files > 0 and disk.f_favail < _FREE_FILES):
        raise OSError(errno.ENOSPC, "the disk is nearly full", str(folder))


def packed(body: bytes) -> Kept:
    """Bytes gzipped, always to the same bytes, with their ETag; nothing stays nothing."""
    if not body:
        return Kept(b"", "")
    return _told(zlib.compress(body, 5, 31))


def joined(finished: bytes | None, rest: bytes) -> Kept:
    """A tile whose first part is there as gzip bytes already: as they are where that is all."""
    if finished is None:
        return packed(rest)
    return packed(zlib.decompress(finished, 31) + rest) if rest else _told(finished)


def _told(whole: bytes) -> Kept:
    """Gzip bytes with their ETag: the checksum they end with says what they hold, their length how."""
    checksum, _length = struct.unpack("<II", whole[-8:])
    return Kept(whole, f'"{checksum & 0x7FFFFFFF:x}-{len(whole):x}"')


def _slot(z: int, x: int, y: int) -> int:
    """A tile's counter. Two tiles may share one: then touching one has the other not kept, or made anew."""
    return 1 + zlib.crc32(struct.pack("<BII", z, x, y)) % (_SLOTS - 1)


def _remove(path: str) -> None:
    """Remove a file that may not be there. OSError where it is there and may not be removed."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return
