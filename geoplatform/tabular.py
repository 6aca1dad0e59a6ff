"""Features as files of one table: FlatGeobuf and GeoParquet, whole in memory, so for pages of bounded length.

From the web (and later the exports). Columns are equally long lists; the geometry is WKB in WGS 84 longitude/latitude.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely

GEOMETRY = "geom"
_EMPTY = {"string": object, "integer": np.int64, "number": np.float64}


def flatgeobuf(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str], geometry_type: str) -> bytes:
    """FlatGeobuf bytes. `types`: string, integer or number for each column but the geometry; `geometry_type`: as in GeoJSON."""
    fields = [name for name in columns if name != GEOMETRY]
    data, masks = [], []
    for name in fields:
        mask = np.array([value is None for value in columns[name]], dtype=bool)
        blank = "" if types[name] == "string" else 0
        data.append(np.array([blank if value is None else value for value in columns[name]], dtype=_EMPTY[types[name]]))
        masks.append(mask)
    shapes = np.array([None if shape is None else bytes(shape) for shape in columns[GEOMETRY]], dtype=object)
    file = io.BytesIO()
    pyogrio.raw.write(
        file, shapes, data, fields, field_mask=masks, driver="FlatGeobuf", geometry_type=geometry_type, crs="EPSG:4326",
        layer="features", SPATIAL_INDEX="NO",
    )  # fmt: skip
    return file.getvalue()


def geoparquet(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str], geometry_type: str) -> bytes:
    """GeoParquet 1.1 bytes (zstd), the geometry as WKB with its box and the CRS that the specification takes for granted."""
    kinds = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64()}
    arrays = {name: pa.array(values, kinds[types[name]]) for name, values in columns.items() if name != GEOMETRY}
    wkb = [None if shape is None else bytes(shape) for shape in columns[GEOMETRY]]
    known = shapely.from_wkb([shape for shape in wkb if shape is not None])
    told: dict[str, Any] = {"encoding": "WKB", "geometry_types": [geometry_type], "edges": "planar"}
    if len(known):
        told["bbox"] = [float(side) for side in shapely.total_bounds(known)]
    meta = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: told}}
    table = pa.table({**arrays, GEOMETRY: pa.array(wkb, pa.binary())})
    file = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(meta)}), file, compression="zstd")
    return file.getvalue()
