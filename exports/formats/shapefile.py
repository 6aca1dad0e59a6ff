"""Shapefile, zipped: names of at most ten characters, texts of at most 254 bytes, UTF-8."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from exports.formats import gdal
from exports.slices import Slice

_EPOCH = (1980, 1, 1, 0, 0, 0)


def write(rows: Slice, target: Path) -> None:
    """Zipped; names of at most ten characters, texts of at most 254 bytes, UTF-8."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        file = Path(folder) / f"{rows.stem}.shp"
        gdal.write(
            rows, file, "ESRI Shapefile", renamed=True, encoding="UTF-8", layer_options={"DBF_DATE_LAST_UPDATE": rows.changed_day}
        )  # fmt: skip
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for part in sorted(Path(folder).iterdir()):
                entry = zipfile.ZipInfo(part.name, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                with part.open("rb") as source, archive.open(entry, "w", force_zip64=True) as sink:
                    while piece := source.read(1 << 20):
                        sink.write(piece)
