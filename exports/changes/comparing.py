"""What differs between two states of a file of features, row by row. From `exports.changes.chain`.

A state gives its features each time anew: GeoJSON texts (UTF-8) in batches, in the order of the files.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from exports.formats.text import joined
from exports.slices import FEATURE, streams

Flags = np.ndarray[Any, np.dtype[np.bool_]]
Hashes = np.ndarray[Any, np.dtype[np.uint64]]
State = Callable[[], AbstractContextManager[Iterator[pa.Array]]]


class _Identified(msgspec.Struct):
    id: str


_decoder = msgspec.json.Decoder(_Identified)


def identifier(feature: bytes) -> str:
    """Of a feature's text. msgspec.DecodeError or ValidationError if it is none."""
    return _decoder.decode(feature).id


@contextmanager
def kept(path: Path) -> Iterator[Iterator[pa.Array]]:
    """The features of a state that was kept: of an Arrow stream."""
    with streams([path]) as (_, batches):
        yield (batch.column(FEATURE) for batch in batches if batch.num_rows)


@dataclass(frozen=True)
class Side:
    """One of the two states. `sha256`: of its features as lines; `hashes`: of each row; `changed`: which of them differ."""

    state: State
    sha256: str
    hashes: Hashes
    changed: Flags

    @property
    def rows(self) -> int:
        """Number of its features."""
        return len(self.hashes)

    def features(self) -> Iterator[tuple[bytes | None, bytes]]:
        """Those that differ, each after the one that stands before it (None for the first)."""
        start, last = 0, None
        with self.state() as batches:
            for batch in batches:
                here = np.flatnonzero(self.changed[start : start + len(batch)])
                if len(here):
                    values = batch.cast(pa.binary())
                    for number in here.tolist():
                        before = values[number - 1].as_py() if number else last
                        yield before, values[number].as_py()
                start += len(batch)
                last = batch.cast(pa.binary())[len(batch) - 1].as_py()


def compared(before: State, after: State) -> tuple[Side, Side]:
    """Two states with what differs: rows that only one has, and those that stand elsewhere among the others.

    Memory: some 20 bytes a row. Rows are told apart by keyed hashes of 64 bits, with a key of each comparison's own.
    """
    key = secrets.token_bytes(16)
    (old_sum, old), (new_sum, new) = _hashed(before, key), _hashed(after, key)
    stays_old, stays_new = np.isin(old, new), np.isin(new, old)
    order = np.argsort(old)
    places = order[np.searchsorted(old, new[stays_new], sorter=order)] if stays_new.any() else order[:0]
    astray = places < np.maximum.accumulate(places) if len(places) else np.zeros(0, np.bool_)
    stays_old[places[astray]] = False
    stays_new[np.flatnonzero(stays_new)[astray]] = False
    return Side(before, old_sum, old, ~stays_old), Side(after, new_sum, new, ~stays_new)


def sum_of(state: State) -> str:
    """SHA-256, hex, of a state's features as lines."""
    whole = hashlib.sha256()
    with state() as batches:
        for batch in batches:
            whole.update(joined(batch, "\n") + b"\n")
    return whole.hexdigest()


def _hashed(state: State, key: bytes) -> tuple[str, Hashes]:
    whole = hashlib.sha256()
    parts: list[bytes] = []
    with state() as batches:
        for batch in batches:
            whole.update(joined(batch, "\n") + b"\n")
            rows = batch.cast(pa.binary()).to_pylist()
            parts.append(b"".join(hashlib.blake2b(row, digest_size=8, key=key).digest() for row in rows))
    return whole.hexdigest(), np.frombuffer(b"".join(parts), np.uint64)
