"""What the containers share that GDAL writes, from Arrow. Their bytes depend on what is in them only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio

from exports.slices import Slice
from geoplatform.store.collections import GEOMETRY

_CRS = "EPSG:4326"


def count(path: Path) -> int:
    """Number of features that are read back, of the first layer: a GeoPackage has its looks in another.

    ValueError if the file is not what it should be.
    """
    source = f"/vsizip/{path}" if path.suffix == ".zip" else path
    try:
        return int(pyogrio.read_info(source, layer=0, force_feature_count=True)["features"])
    except pyogrio.errors.DataSourceError as error:
        raise ValueError(str(error)) from error


def write(
    rows: Slice, target: Path, driver: str, *, renamed: bool = False, only_located: bool = False, **options: Any
) -> None:
    """A file of one of GDAL's drivers. `renamed`: with the short names of columns; `only_located`: without rows that have no
    geometry; the other options are pyogrio's.
    """
    short = {field.name: field.short for field in rows.dataset.fields} if renamed else {}
    with rows.reader() as reader:
        names = [short.get(name, name) for name in reader.schema.names]
        schema = pa.schema(
            [field.with_name(name).remove_metadata() for field, name in zip(reader.schema, names, strict=True)]
        )
        batches = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in reader)
        if only_located:
            batches = (batch.filter(batch.column(GEOMETRY).is_valid()) for batch in batches)
        pyogrio.write_arrow(
            pa.RecordBatchReader.from_batches(schema, batches), os.fspath(target), driver=driver, geometry_name=GEOMETRY,
            geometry_type=rows.dataset.geometry_type, crs=_CRS, **options,
        )  # fmt: skip
