"""The datasets of a release out of one moment of the database, as slices on disk. From `exports.publishing`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Event

import pyarrow as pa
import pyarrow.compute as pc

from exports import spelling
from exports.datasets import Dataset, has_tiles
from exports.slices import FEATURE, Slice, written
from exports.tiling import tile
from geoplatform.progress import Step
from geoplatform.store import cutting
from geoplatform.store.collections import GEOMETRY, Collection
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
    collection = cutting.filed(dataset.collection)
    spells = features and dataset.holds_points
    work = _Cut(
        store, of, dataset, collection, folder, values=values or (spells and not often),
        features=features and (often or not spells), spells=spells,
    )  # fmt: skip
    parts = cutting.parts(store, collection, dataset.scope)
    with ThreadPoolExecutor(len(parts), "cut") as threads:
        ends = [
            threads.submit(work.read, number, part, frozenset() if number else licences)
            for number, part in enumerate(parts)
        ]
        for _ in step.track((count for _ in parts for count in iter(work.came.get, None)), size=lambda count: count):
            pass
    counts = [end.result() for end in ends]
    day = of.changed_at.date().isoformat()
    slices = []
    for licence in sorted({licence for part in counts for licence in part}):
        paths = tuple(work.path(licence, number) for number, part in enumerate(counts) if licence in part)
        count, located = (sum(part[licence][which] for part in counts if licence in part) for which in (0, 1))
        slices.append(Slice(dataset, licence, paths, count, located, day))
    if tiles and has_tiles(dataset):
        for rows in slices:
            tile(store, of, rows)
    return slices


@dataclass(frozen=True)
class _Cut:
    """One cut, whose parts are read by threads beside each other into streams, one a licence.

    `values`, `features`: what is kept of a row; `spells`: whether features are spelled here and not by PostgreSQL; `came`: is told
    how many rows came, and None when a part ends, however it does; `failed`: a part did, so that the others need not go on.
    """

    store: Store
    of: Moment
    dataset: Dataset
    collection: Collection
    folder: Path
    values: bool
    features: bool
    spells: bool
    came: SimpleQueue[int | None] = field(default_factory=SimpleQueue)
    failed: Event = field(default_factory=Event)

    def path(self, licence: str, number: int) -> Path:
        """Of the stream of a part and licence."""
        return self.folder / f"{licence}.{number}.arrow"

    def read(self, number: int, part: Part, licences: frozenset[str]) -> dict[str, list[int]]:
        """By licence how many rows a part has, and how many of them have a geometry. `licences`: those that get a stream anyway."""
        try:
            with (
                ExitStack() as files,
                cutting.rows(
                    self.store, self.of, self.collection, self.dataset.scope, part,
                    features=self.features and not self.spells, values=self.values or self.spells,
                ) as reader,
            ):  # fmt: skip
                return self._kept(reader, number, licences, files)
        except BaseException:
            self.failed.set()
            raise
        finally:
            self.came.put(None)

    def _kept(
        self, reader: pa.RecordBatchReader, number: int, licences: frozenset[str], files: ExitStack
    ) -> dict[str, list[int]]:
        plain = pa.schema([column.remove_metadata() for column in reader.schema])
        shown = plain if self.values or not self.spells else pa.schema([])
        if self.features and self.spells:
            shown = shown.append(pa.field(FEATURE, pa.string()))
        writers: dict[str, pa.RecordBatchWriter] = {}
        counts: dict[str, list[int]] = {}

        def writer(licence: str) -> pa.RecordBatchWriter:
            if licence not in writers:
                writers[licence] = files.enter_context(written(self.path(licence, number), shown))
                counts[licence] = [0, 0]
            return writers[licence]

        for licence in sorted(licences):
            writer(licence)
        for read in reader:
            if self.failed.is_set():
                break
            batch = pa.RecordBatch.from_arrays(read.columns, schema=plain)
            for licence, rows in _apart(batch, None if self.dataset.holds_points else self.of.vintage.licence):
                columns = [
                    rows.column(name) if name in plain.names else spelling.features(rows, self.collection)
                    for name in shown.names
                ]
                writer(licence).write_batch(pa.RecordBatch.from_arrays(columns, schema=shown))
                counts[licence][0] += rows.num_rows
                if GEOMETRY in plain.names:
                    counts[licence][1] += rows.num_rows - rows.column(GEOMETRY).null_count
            self.came.put(read.num_rows)
        return counts


def _apart(batch: pa.RecordBatch, licence: str | None) -> Iterator[tuple[str, pa.RecordBatch]]:
    """A batch by licence."""
    if licence is not None:
        yield licence, batch
        return
    column = batch.column("licence")
    for value in pc.unique(column).to_pylist():
        yield value, batch.filter(pc.equal(column, value))
