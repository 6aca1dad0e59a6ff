"""The rows of one file to be, on disk as Arrow: what every container is written from. From `exports.cutting` and `exports.formats`.

Each is one licence of one dataset, in the order in which `store.cutting` gives rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from exports import spelling
from exports.datasets import Dataset
from geoplatform.store.collections import GEOMETRY
from geoplatform.store.cutting import filed

FEATURE = "feature"
#: Where a file of tiles says, as JSON, what PMTiles tell of them.
TILES_TOLD = b"tiles"


@dataclass(frozen=True)
class Slice:
    """The rows of a dataset under one licence (SPDX). `paths`: Arrow streams, one after the other; `count`: of its rows;
    `located`: how many of them have a geometry; `changed_day`: day of the last change of the data, for containers that must
    name one.
    """

    dataset: Dataset
    licence: str
    paths: tuple[Path, ...]
    count: int
    located: int
    changed_day: str

    @property
    def stem(self) -> str:
        """What its files are called but for the ending: places name their licence, because each licence has its own."""
        return f"{self.dataset.name}-{self.licence.lower()}" if self.dataset.holds_points else self.dataset.name

    @property
    def names(self) -> list[str]:
        """Its columns but the geometry."""
        return [field.name for field in self.dataset.fields]

    @property
    def tiles(self) -> Path:
        """Its vector tiles, where they were cut (`exports.tiling`)."""
        return self.paths[0].with_name(f"{self.licence}.tiles")

    @contextmanager
    def batches(self, names: Sequence[str] | None = None) -> Iterator[Iterator[pa.RecordBatch]]:
        """Its rows in batches of some megabytes, with these columns: all values and the geometry by default."""
        with self.reader(names) as reader:
            yield (batch for batch in reader if batch.num_rows)

    @contextmanager
    def reader(self, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatchReader]:
        """The same as a reader, for libraries that take one."""
        wanted = [*self.names, GEOMETRY] if names is None else list(names)
        with streams(self.paths) as (schema, batches):
            chosen = pa.schema([schema.field(name) for name in wanted])
            yield pa.RecordBatchReader.from_batches(chosen, (batch.select(wanted) for batch in batches))

    @contextmanager
    def features(self) -> Iterator[Iterator[pa.Array]]:
        """Its rows as GeoJSON texts, in batches: as they were kept, or spelled now."""
        with streams(self.paths) as (schema, batches):
            filled = (batch for batch in batches if batch.num_rows)
            if FEATURE in schema.names:
                yield (batch.column(FEATURE) for batch in filled)
            else:
                collection = filed(self.dataset.collection)
                yield (spelling.features(batch, collection) for batch in filled)


@contextmanager
def streams(paths: Sequence[Path]) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """What Arrow streams of one schema hold, one after the other."""
    with ExitStack() as opened:
        found = [pa.ipc.open_stream(opened.enter_context(pa.OSFile(str(path)))) for path in paths]
        yield found[0].schema, (batch for stream in found for batch in stream)


@contextmanager
def written(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatchWriter]:
    """A writer of one slice's rows."""
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema, options=options) as stream:
        yield stream
