"""Links of a chain: the diff from the last state to the one that was cut now. From `exports.publishing` and `exports.changes.cli`.

A diff is lines of JSON, packed with gzip: a head, tombstones, then what came or changed, in the order of the file. Each of these
names the feature it stands after, so that whoever applies it needs no rule of order.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from exports.changes import applying, comparing
from exports.changes.comparing import Side
from exports.formats.packing import packed
from exports.slices import FEATURE, Slice
from geoplatform.encode import dumps
from geoplatform.store.diffs import Diff

FOLDER = "changes"
KIND = "geoplatform-changes"
VERSION = 1


def folder_of(root: Path, dataset: str, chain: str) -> Path:
    """Where the diffs of a chain lie, and its last state."""
    return root / dataset / FOLDER / chain


def file_name(seq: int) -> str:
    """What the diff of this number is called."""
    return f"{seq}.jsonl.gz"


def state_name(seq: int) -> str:
    """What the state that a number leads to is called; it is never served."""
    return f".{seq}.arrow"


def link(rows: Slice, tip: Diff | None, states: Path, ready: Path, at: dt.datetime) -> Diff | None:
    """The next link, its files in the folder `ready`; None where nothing changed since `tip`.

    A chain without a state that can be read (`states`), or not the one its last number leads to, begins anew: a number without
    a diff, and whoever follows takes the release. ValueError if the diff does not lead to what was cut.
    """
    seq = tip.seq + 1 if tip else 0
    shutil.rmtree(ready, ignore_errors=True)  # of a run that did not come to its end
    found = _compared(states / state_name(tip.seq), tip, rows) if tip else None
    if found and tip:
        old, new = found
        if old.sha256 == new.sha256:
            return None
        ready.mkdir(parents=True)
        target = ready / file_name(seq)
        counts = _write(target, rows, tip, old, new, at)
        _proven(target, old, new)
        with target.open("rb") as file:
            digest, size = hashlib.file_digest(file, "sha256").hexdigest(), target.stat().st_size
        made = Diff(rows.dataset.name, rows.stem, rows.licence, seq, old.sha256, new.sha256, old.rows, new.rows, tip.sha256,
                    digest, size, *counts, at, at, "kept")  # fmt: skip
    else:
        ready.mkdir(parents=True)
        made = Diff(rows.dataset.name, rows.stem, rows.licence, seq, None, comparing.sum_of(rows.features), None, rows.count,
                    None, None, None, 0, 0, 0, at, at, "kept")  # fmt: skip
    _keep(rows, ready / state_name(seq))
    return made


def _compared(state: Path, tip: Diff, rows: Slice) -> tuple[Side, Side] | None:
    """The last state and the one that was cut; None if what is there is not that state."""
    try:
        found = comparing.compared(partial(comparing.kept, state), rows.features)
    except (OSError, pa.ArrowInvalid, KeyError):
        return None
    return found if found[0].sha256 == tip.to_sha256 else None


def _keep(rows: Slice, target: Path) -> None:
    """The state, to compare the next one with."""
    schema = pa.schema([(FEATURE, pa.string())])
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with (
        pa.OSFile(str(target), "wb") as file,
        pa.ipc.new_stream(file, schema, options=options) as stream,
        rows.features() as batches,
    ):
        for features in batches:
            stream.write_batch(pa.RecordBatch.from_arrays([features], schema=schema))


def _write(target: Path, rows: Slice, tip: Diff, old: Side, new: Side, at: dt.datetime) -> tuple[int, int, int]:
    """Numbers of what was created, modified and deleted."""
    went = {comparing.identifier(feature) for _, feature in old.features()}
    came = {comparing.identifier(feature) for _, feature in new.features()}
    head = {
        "type": KIND,
        "version": VERSION,
        "dataset": rows.dataset.name,
        "chain": rows.stem,
        "licence": rows.licence,
        "seq": tip.seq + 1,
        "prev": tip.sha256,
        "from": {"sha256": old.sha256, "rows": old.rows, "at": tip.cut_at.isoformat(timespec="seconds")},
        "to": {"sha256": new.sha256, "rows": new.rows, "at": at.isoformat(timespec="seconds")},
    }
    with packed(target) as pack:
        for line in _lines(head, went, came, new):
            pack(line)
    return len(came - went), len(came & went), len(went - came)


def _lines(head: dict[str, Any], went: set[str], came: set[str], new: Side) -> Iterator[bytes]:
    yield dumps(head).encode() + b"\n"
    for gone in sorted(went - came):
        yield dumps({"op": "delete", "id": gone}).encode() + b"\n"
    for before, feature in new.features():
        operation = "modify" if comparing.identifier(feature) in went else "create"
        after = json.dumps(None if before is None else comparing.identifier(before))
        yield b'{"op":"%b","after":%b,"feature":%b}\n' % (operation.encode(), after.encode(), feature)


def _proven(diff: Path, old: Side, new: Side) -> None:
    """Read the diff back and apply it. ValueError if it does not lead to what was cut."""

    def lines() -> Iterator[bytes]:
        with old.state() as batches:
            for batch in batches:
                yield from batch.cast(pa.binary()).to_pylist()

    found = hashlib.sha256()
    for line in applying.led(lines(), applying.read(diff)):
        found.update(line + b"\n")
    if found.hexdigest() != new.sha256:
        raise ValueError(f"the diff leads to {found.hexdigest()} and not to {new.sha256}, which was cut")
