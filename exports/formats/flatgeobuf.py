"""FlatGeobuf, with the index that lets a part be fetched by ranges."""

from __future__ import annotations

from pathlib import Path

from exports.formats import gdal
from exports.slices import Slice


def write(rows: Slice, target: Path) -> None:
    """With its packed Hilbert R-tree, so that a part can be fetched by ranges. The tree takes no row without a geometry."""
    gdal.write(rows, target, "FlatGeobuf", only_located=True, layer=rows.dataset.name)
