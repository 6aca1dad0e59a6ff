"""The datasets of a release out of one moment of the database, as slices on disk. From `exports.publishing`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from exports.datasets import Dataset, has_tiles
from exports.slices import Slice, written
from exports.tiling import tile
from geoplatform.progress import Step
from geoplatform.store import cutting
from geoplatform.store.collections import GEOMETRY
from geoplatform.store.cutting import Moment
from geoplatform.store.engine import Store


def cut(
    store: Store,
    of: Moment,
    dataset: Dataset,
    folder: Path,
    *,
    features: bool,
    values: bool,
    tiles: bool,
    licences: frozenset[str],
    step: Step,
) -> list[Slice]:
    """A dataset's rows at a moment as one slice a licence, in a folder of their own. `tiles`: its tiles too, where it has any.

    `licences`: those that get a slice even without a row, so that a file once published goes on being there.
    """
    folder.mkdir(parents=True)
    counts: dict[str, list[int]] = {}
    with ExitStack() as files:
        reader = files.enter_context(
            cutting.rows(store, of, cutting.filed(dataset.collection), dataset.scope, features=features, values=values)
        )
        schema = pa.schema([field.remove_metadata() for field in reader.schema])
        writers: dict[str, pa.RecordBatchWriter] = {}

        def writer(licence: str) -> pa.RecordBatchWriter:
            if licence not in writers:
                writers[licence] = files.enter_context(written(folder / f"{licence}.arrow", schema))
                counts[licence] = [0, 0]
            return writers[licence]

        for licence in sorted(licences):
            writer(licence)
        for batch in step.track(reader, size=lambda batch: batch.num_rows):
            plain = pa.RecordBatch.from_arrays(batch.columns, schema=schema)
            for licence, part in _apart(plain, None if dataset.holds_points else of.vintage.licence):
                writer(licence).write_batch(part)
                counts[licence][0] += part.num_rows
                counts[licence][1] += part.num_rows - part.column(GEOMETRY).null_count if values else 0
    day = of.changed_at.date().isoformat()
    slices = [
        Slice(dataset, licence, folder / f"{licence}.arrow", count, located, day)
        for licence, (count, located) in sorted(counts.items())
    ]
    if tiles and has_tiles(dataset):
        for rows in slices:
            tile(store, of, rows)
    return slices


def _apart(batch: pa.RecordBatch, licence: str | None) -> Iterator[tuple[str, pa.RecordBatch]]:
    """A batch by licence."""
    if licence is not None:
        yield licence, batch
        return
    column = batch.column("licence")
    for value in pc.unique(column).to_pylist():
        yield value, batch.filter(pc.equal(column, value))
