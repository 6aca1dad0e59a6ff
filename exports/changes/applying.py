"""From a file of a release and the diffs after it to that file of a later release, byte for byte. From the command line.

No database takes part: whoever mirrors a file can follow it, and prove that what was published is what was announced.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from exports.changes.comparing import identifier
from exports.formats import geojson
from exports.formats.packing import packed
from geoplatform.errors import BadSource, Misuse

_KIND = "geoplatform-changes"
_VERSION = 1


class State(msgspec.Struct):
    """Where a diff begins or leads. `sha256`: of the features as lines, hex; `rows`: how many."""

    sha256: str
    rows: int


class Head(msgspec.Struct, rename={"begin": "from", "end": "to", "kind": "type"}):
    """The first line of a diff."""

    kind: str
    version: int
    chain: str
    licence: str
    seq: int
    prev: str | None
    begin: State
    end: State


class _Entry(msgspec.Struct):
    op: str
    id: str | None = None
    after: str | None = None
    feature: msgspec.Raw = msgspec.Raw(b"")


@dataclass
class Changes:
    """A diff as it is applied. `gone`: identifiers of what leaves its place; `after`: what comes, by the feature it follows."""

    name: str
    sha256: str
    head: Head
    gone: set[str] = field(default_factory=set)
    after: dict[str | None, list[bytes]] = field(default_factory=dict)


def read(path: Path) -> Changes:
    """A diff. BadSource (file, row) if it is none."""
    entry, number = msgspec.json.Decoder(_Entry), 1
    try:
        content = path.read_bytes()
        lines = gzip.decompress(content).splitlines()
        head = msgspec.json.decode(lines[0], type=Head) if lines else None
        if head is None or (head.kind, head.version) != (_KIND, _VERSION):
            raise BadSource(f"{path.name} is not a diff of version {_VERSION}", file=path.name, row=1)
        found = Changes(path.name, hashlib.sha256(content).hexdigest(), head)
        for number, line in enumerate(lines[1:], 2):
            one = entry.decode(line)
            if one.op == "delete" and one.id is not None:
                found.gone.add(one.id)
            elif one.op in ("create", "modify"):
                feature = bytes(one.feature)
                if one.op == "modify":
                    found.gone.add(identifier(feature))
                found.after.setdefault(one.after, []).append(feature)
            else:
                raise BadSource(f"{path.name}, line {number}: {one.op!r} is no operation", file=path.name, row=number)
    except (gzip.BadGzipFile, EOFError, zlib.error, msgspec.DecodeError) as error:
        raise BadSource(f"{path.name}, line {number}: {error}", file=path.name, row=number) from error
    return found


def led(lines: Iterator[bytes], by: Changes) -> Iterator[bytes]:
    """The features of the state that a diff leads to, from those of the state that it begins with.

    BadSource at the end if they are not that state, or what comes has no place.
    """
    begun, missing, waiting = hashlib.sha256(), set(by.gone), dict(by.after)

    def following(name: str | None) -> Iterator[bytes]:
        # One after the other, not by recursion: a thousand newcomers may stand in a row.
        stack = list(reversed(waiting.pop(name, [])))
        while stack:
            line = stack.pop()
            yield line
            stack += reversed(waiting.pop(identifier(line), []))

    yield from following(None)
    for line in lines:
        begun.update(line + b"\n")
        name = identifier(line) if by.gone or waiting else ""
        if name in by.gone:
            missing.discard(name)
            continue
        yield line
        if waiting:
            yield from following(name)
    if begun.hexdigest() != by.head.begin.sha256:
        raise BadSource(
            f"{by.name} begins with the state {by.head.begin.sha256}, and what is there is {begun.hexdigest()}",
            file=by.name,
        )
    if missing or waiting:
        raise BadSource(f"{by.name} tells of {next(iter(missing or waiting))!r}, which is not there", file=by.name)


def apply(base: Path, diffs: Sequence[Path], target: Path) -> int:
    """Number of features written to `target`: whole or not at all. `.geojsonl`, `.geojsonl.gz` or `.geojson`, both files.

    BadSource if a diff is none, is not the one after the one before, or does not fit the file; Misuse for another ending.
    """
    changes = [read(path) for path in diffs]
    for before, one in pairwise(changes):
        if (one.head.chain, one.head.seq, one.head.prev) != (before.head.chain, before.head.seq + 1, before.sha256):
            raise BadSource(
                f"{one.name} (number {one.head.seq} of {one.head.chain}) does not follow {before.name} "
                f"(number {before.head.seq} of {before.head.chain}) by its number and hash",
                file=one.name,
            )
    _ending(target)
    part = target.with_name(f"{target.name}.part")
    ended, count = hashlib.sha256(), 0
    last = changes[-1].head
    try:
        with _features(base) as lines, _written(part, target, last) as write:
            for one in changes:
                lines = led(lines, one)
            for line in lines:
                ended.update(line + b"\n")
                count += 1
                write(line)
        if ended.hexdigest() != last.end.sha256:
            raise BadSource(
                f"{changes[-1].name} leads to {last.end.sha256}, and {ended.hexdigest()} came out", file=base.name
            )
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return count


def _ending(path: Path) -> str:
    found = next((ending for ending in (".geojsonl.gz", ".geojsonl", ".geojson") if path.name.endswith(ending)), None)
    if found is None:
        raise Misuse(f"{path.name}: diffs lead from and to .geojson, .geojsonl and .geojsonl.gz")
    return found


@contextmanager
def _features(path: Path) -> Iterator[Iterator[bytes]]:
    ending = _ending(path)
    try:
        with path.open("rb") as content:
            file: Any = gzip.GzipFile(fileobj=content) if ending.endswith(".gz") else content
            if ending == ".geojson" and not file.readline().endswith(b'"features":[\n'):
                raise BadSource(f"{path.name} is not a file of a release", file=path.name, row=1)
            yield (line.rstrip(b",\n") for line in file if line != b"]}\n")
    except (gzip.BadGzipFile, EOFError, zlib.error, msgspec.DecodeError) as error:
        raise BadSource(f"{path.name}: {error}", file=path.name) from error


@contextmanager
def _written(part: Path, target: Path, head: Head) -> Iterator[Any]:
    if target.name.endswith(".gz"):
        with packed(part) as pack:
            yield lambda line: pack(line + b"\n")
        return
    with part.open("wb") as file:
        if target.name.endswith(".geojsonl"):
            yield lambda line: file.write(line + b"\n")
            return
        file.write(geojson.head(head.chain, head.licence))
        separators = iter([b"\n"])
        yield lambda line: file.write(next(separators, b",\n") + line)
        file.write(geojson.TAIL)
