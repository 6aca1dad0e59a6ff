"""The rows of one file to be, on disk as Arrow: what every container is written from. From `exports.cutting` and `exports.formats`.

Each is one licence of one dataset, in the order in which `store.cutting` gives rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from exports.datasets import Dataset
from geoplatform.store.collections import GEOMETRY

FEATURE = "feature"
#: Where a file of tiles says, as JSON, what PMTiles tell of them.
TILES_TOLD = b"tiles"


@dataclass(frozen=True)
class Slice:
    """The rows of a dataset under one licence (SPDX). `path`: an Arrow stream; `count`: of its rows; `located`: how many of
    them have a geometry; `changed_day`: day of the
    last change of the data, for containers that must name one.
    """

    dataset: Dataset
    licence: str
    path: Path
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
        return self.path.with_suffix(".tiles")

    @contextmanager
    def batches(self, names: Sequence[str] | None = None) -> Iterator[Iterator[pa.RecordBatch]]:
        """Its rows in batches of some megabytes, with these columns: all values and the geometry by default."""
        wanted = [*self.names, GEOMETRY] if names is None else list(names)
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_stream(file) as stream:
            yield (batch.select(wanted) for batch in stream if batch.num_rows)

    @contextmanager
    def reader(self, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatchReader]:
        """The same as a reader, for libraries that take one."""
        wanted = [*self.names, GEOMETRY] if names is None else list(names)
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_stream(file) as stream:
            schema = pa.schema([stream.schema.field(name) for name in wanted])
            yield pa.RecordBatchReader.from_batches(schema, (batch.select(wanted) for batch in stream))


@contextmanager
def written(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatchWriter]:
    """A writer of one slice's rows."""
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema, options=options) as stream:
        yield stream
