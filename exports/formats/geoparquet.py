"""GeoParquet 1.1: WKB, a box of each row as covering, row groups along the Hilbert curve, zstd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from exports.slices import Slice
from geoplatform.store.collections import GEOMETRY

_GROUP_ROWS = 50_000
_LEVEL = 9
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_BOX = pa.struct([(side, pa.float64()) for side in _SIDES])


def write(rows: Slice, target: Path) -> None:
    """The file, in flat memory: one row group at a time."""
    whole = np.array([np.inf, np.inf, -np.inf, -np.inf])
    with rows.reader() as reader:
        schema = pa.schema([*(field.remove_metadata() for field in reader.schema), pa.field("bbox", _BOX)])
        with pq.ParquetWriter(
            target, schema, compression="zstd", compression_level=_LEVEL, version="2.6", write_page_index=True
        ) as file:
            waiting: list[pa.RecordBatch] = []
            for batch in reader:
                waiting.append(batch)
                while sum(part.num_rows for part in waiting) >= _GROUP_ROWS:
                    table = pa.Table.from_batches(waiting)
                    file.write_table(_boxed(table.slice(0, _GROUP_ROWS), schema, whole))
                    waiting = table.slice(_GROUP_ROWS).to_batches()
            if waiting:
                file.write_table(_boxed(pa.Table.from_batches(waiting), schema, whole))
            file.add_key_value_metadata({"geo": json.dumps(_told(rows, whole))})


def count(path: Path) -> int:
    """Number of rows that are read back. ValueError if the file is not what it should be."""
    try:
        with pq.ParquetFile(path) as file:
            return sum(batch.num_rows for batch in file.iter_batches(columns=[GEOMETRY]))
    except pa.ArrowInvalid as error:
        raise ValueError(str(error)) from error


def _boxed(table: pa.Table, schema: pa.Schema, whole: Any) -> pa.Table:
    """With the box of each row, and `whole` grown by them."""
    shapes = table.column(GEOMETRY).combine_chunks()
    bounds = shapely.bounds(shapely.from_wkb(shapes.to_numpy(zero_copy_only=False)))
    known = ~np.isnan(bounds[:, 0])
    if known.any():
        whole[:2] = np.minimum(whole[:2], bounds[known, :2].min(axis=0))
        whole[2:] = np.maximum(whole[2:], bounds[known, 2:].max(axis=0))
    sides = [pa.array(bounds[:, number]) for number in range(4)]
    boxes = pa.StructArray.from_arrays(sides, fields=list(_BOX), mask=pa.array(~known))
    return pa.table([*table.columns, boxes], schema=schema)


def _told(rows: Slice, whole: Any) -> dict[str, Any]:
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": [rows.dataset.geometry_type],
        "crs": CRS("OGC:CRS84").to_json_dict(),
        "edges": "planar",
        "covering": {"bbox": {side: ["bbox", side] for side in _SIDES}},
    }
    if np.isfinite(whole).all():
        column["bbox"] = [float(side) for side in whole]
    return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
