"""The datasets of a release out of one moment of the database, as slices on disk. From `exports.publishing`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import pyarrow as pa
import pyarrow.compute as pc

from exports import spelling
from exports.datasets import Dataset, has_tiles
from exports.slices import FEATURE, Slice, written
from exports.tiling import tile
from geoplatform.progress import Step
from geoplatform.store import cutting
from geoplatform.store.collections import GEOMETRY
from geoplatform.store.cutting import Moment, Part
from geoplatform.store.engine import Store


def cut(
    store: Store,
    of: Moment,
    dataset: Dataset,
    folder: Path,
    *,
    features: bool,
    values: bool,
    often: bool,
    tiles: bool,
    licences: frozenset[str],
    step: Step,
) -> list[Slice]:
    """A dataset's rows at a moment as one slice a licence, in a folder of their own.

    `features`, `values`: what will be asked of the slices; places that are not asked for their features `often` are spelled when
    they are. `tiles`: its tiles too, where it has any. `licences`: those that get a slice even without a row, so that a file
    once published goes on being there.
    """
    folder.mkdir(parents=True)
    spells = features and dataset.holds_points
    kept = _Kept(values or (spells and not often), features and (often or not spells), spells)
    parts = cutting.parts(store, cutting.filed(dataset.collection), dataset.scope)
    heaps = [_Heap(folder, number) for number in range(len(parts))]
    came: SimpleQueue[int | None] = SimpleQueue()
    with ThreadPoolExecutor(len(parts), "cut") as threads:
        works = [
            threads.submit(_fill, heap, kept, store, of, dataset, part, frozenset() if heap.number else licences, came)
            for heap, part in zip(heaps, parts, strict=True)
        ]
        for _ in step.track((count for _ in parts for count in iter(came.get, None)), size=lambda count: count):
            pass
    for work in works:
        work.result()
    day = of.changed_at.date().isoformat()
    slices = []
    for licence in sorted({licence for heap in heaps for licence in heap.counts}):
        held = [heap for heap in heaps if licence in heap.counts]
        count, located = (sum(heap.counts[licence][which] for heap in held) for which in (0, 1))
        slices.append(Slice(dataset, licence, tuple(heap.path(licence) for heap in held), count, located, day))
    if tiles and has_tiles(dataset):
        for rows in slices:
            tile(store, of, rows)
    return slices


@dataclass(frozen=True)
class _Kept:
    """What slices keep of a row. `spells`: whether its feature is spelled here and not by PostgreSQL."""

    values: bool
    features: bool
    spells: bool


@dataclass
class _Heap:
    """What one connection has read, a stream a licence. `counts`: rows, and how many of them have a geometry."""

    folder: Path
    number: int
    counts: dict[str, list[int]] = field(default_factory=dict)

    def path(self, licence: str) -> Path:
        """Of the stream of a licence."""
        return self.folder / f"{licence}.{self.number}.arrow"


def _fill(
    heap: _Heap,
    kept: _Kept,
    store: Store,
    of: Moment,
    dataset: Dataset,
    part: Part,
    licences: frozenset[str],
    came: SimpleQueue[int | None],
) -> None:
    """Read a part; `came` is told how many rows did, and None when it ends, however it does."""
    collection = cutting.filed(dataset.collection)
    asked = {"features": kept.features and not kept.spells, "values": kept.values or kept.spells}
    try:
        with ExitStack() as files:
            reader = files.enter_context(cutting.rows(store, of, collection, dataset.scope, part, **asked))
            plain = pa.schema([column.remove_metadata() for column in reader.schema])
            shown = plain if kept.values or not kept.spells else pa.schema([])
            if kept.features and kept.spells:
                shown = shown.append(pa.field(FEATURE, pa.string()))
            writers: dict[str, pa.RecordBatchWriter] = {}

            def writer(licence: str) -> pa.RecordBatchWriter:
                if licence not in writers:
                    writers[licence] = files.enter_context(written(heap.path(licence), shown))
                    heap.counts[licence] = [0, 0]
                return writers[licence]

            for licence in sorted(licences):
                writer(licence)
            for read in reader:
                batch = pa.RecordBatch.from_arrays(read.columns, schema=plain)
                for licence, rows in _apart(batch, None if dataset.holds_points else of.vintage.licence):
                    columns = [
                        rows.column(name) if name in plain.names else spelling.features(rows, collection)
                        for name in shown.names
                    ]
                    writer(licence).write_batch(pa.RecordBatch.from_arrays(columns, schema=shown))
                    counts = heap.counts[licence]
                    counts[0] += rows.num_rows
                    counts[1] += rows.num_rows - rows.column(GEOMETRY).null_count if GEOMETRY in plain.names else 0
                came.put(read.num_rows)
    finally:
        came.put(None)


def _apart(batch: pa.RecordBatch, licence: str | None) -> Iterator[tuple[str, pa.RecordBatch]]:
    """A batch by licence."""
    if licence is not None:
        yield licence, batch
        return
    column = batch.column("licence")
    for value in pc.unique(column).to_pylist():
        yield value, batch.filter(pc.equal(column, value))
