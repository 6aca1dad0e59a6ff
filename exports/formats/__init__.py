"""The containers of a release, one module each. From `exports.publishing`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exports.datasets import Dataset, has_tiles
from exports.formats import csv, flatgeobuf, gdal, geojson, geopackage, geoparquet, kml, pmtiles, shapefile
from exports.slices import Slice


@dataclass(frozen=True, slots=True)
class Format:
    """One container. `write` makes a file of a slice; `count` reads it back and says how many rows it holds.

    `effort`: how long it takes, roughly, beside the others; `needs_features`: whether it is made of spelled features;
    `needs_geometry`: whether it leaves out rows that have none; `needs_tiles`: whether it is made of the slice's tiles, so
    that there is none where there are no tiles.
    """

    name: str
    title: str
    ending: str
    media_type: str
    write: Callable[[Slice, Path], None]
    count: Callable[[Path], int]
    effort: int
    needs_features: bool = False
    needs_geometry: bool = False
    needs_tiles: bool = False

    def holds(self, dataset: Dataset) -> bool:
        """Whether there is a file of this dataset."""
        return not self.needs_tiles or has_tiles(dataset)

    def rows_of(self, rows: Slice) -> int:
        """How many rows of a slice its file holds."""
        return rows.located if self.needs_geometry else rows.count

    def file_name(self, rows: Slice) -> str:
        """What the file of a slice is called."""
        return rows.stem + self.ending


_CSV = "text/csv; charset=utf-8"
_EVERY = (
    Format(
        "geojson", "GeoJSON", ".geojson", "application/geo+json", geojson.write_collection, geojson.count_collection, 2, True
    ),
    Format(
        "geojsonseq", "GeoJSON, un objet par ligne", ".geojsonl.gz", "application/gzip", geojson.write_sequence,
        geojson.count_sequence, 3, True,
    ),
    Format("csv", "CSV", ".csv", _CSV, csv.write_plain, csv.count_plain, 2),
    Format("excel", "CSV pour Excel", "-excel.csv", _CSV, csv.write_excel, csv.count_excel, 2),
    Format("gpkg", "GeoPackage", ".gpkg", "application/geopackage+sqlite3", geopackage.write, gdal.count, 9),
    Format("fgb", "FlatGeobuf", ".fgb", "application/flatgeobuf", flatgeobuf.write, gdal.count, 6, needs_geometry=True),
    Format("parquet", "GeoParquet", ".parquet", "application/vnd.apache.parquet", geoparquet.write, geoparquet.count, 4),
    Format("shp", "Shapefile", ".shp.zip", "application/zip", shapefile.write, gdal.count, 8),
    Format("kml", "KML", ".kml", "application/vnd.google-earth.kml+xml", kml.write, kml.count, 9),
    Format(
        "pmtiles", "PMTiles, les tuiles mêmes du serveur", ".pmtiles", "application/vnd.pmtiles", pmtiles.write, pmtiles.count,
        3, needs_geometry=True, needs_tiles=True,
    ),
)  # fmt: skip
FORMATS: dict[str, Format] = {format.name: format for format in _EVERY}
