"""Layers of a geographic file, read in batches. From `loaders.sources`; through pyogrio (GDAL), GeoJSON through our own reader.

A file of a whole country is never in memory at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyogrio
import pyogrio.errors
import shapely

from geoplatform.errors import BadSource, NoMap
from loaders.files import shapefile
from loaders.files.archives import unpacked
from loaders.files.geojson import GeoJson

_AT_ONCE = 4096
_JSON = (".geojson", ".json", ".geojsonl", ".geojsons")
_DAMAGE = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError, pa.ArrowInvalid)

Column: TypeAlias = list[Any] | pa.Array


@dataclass(frozen=True)
class Batch:
    """Some features: their columns as they were read (`values_of` gives them in Python), and their shapes (two dimensions, CRS
    of the layer).

    `first_row`: number of the first of them in the file, from 1. `wkb`: little-endian WKB of the shapes, where it was read.
    """

    columns: dict[str, Column]
    shapes: np.ndarray
    first_row: int
    wkb: pa.Array | None = None


@dataclass(frozen=True)
class Layer:
    """One layer of a file. `crs` is WKT or an identifier, None where the file does not tell; `fields` as the file spells them.

    `read` gives its batches with the named columns; `notes` is what was decided about its encoding. `fault`: why it cannot be
    read, where it stands among others; it has no fields then.
    """

    source: str
    name: str
    fields: tuple[str, ...]
    crs: str | None
    geometry_type: str | None
    count: int | None
    read: Callable[[Sequence[str]], Iterator[Batch]]
    notes: tuple[str, ...] = ()
    fault: BadSource | None = None

    def may_belong_to(self, other: Layer) -> bool:
        """Whether both are of one format, so that what cannot be read of the one may be more of the other."""
        return _format_of(self.source) == _format_of(other.source)

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Its features with these columns. BadSource names the first feature that is neither a polygon nor without shape."""
        for batch in self.read(columns):
            types = shapely.get_type_id(batch.shapes)
            wrong = np.flatnonzero(
                ~np.isin(types, (-1, shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON))
            )
            if len(wrong):
                kind = shapely.GeometryType(types[wrong[0]]).name
                row = batch.first_row + int(wrong[0])
                raise BadSource(f"{self.source}: feature {row} is a {kind}, not a polygon", file=self.source, row=row)
            yield batch


@contextmanager
def opened(path: Path, scratch: Path, encoding: str | None = None) -> Iterator[list[Layer]]:
    """Every layer of a file, folder or archive; archives are unpacked below `scratch`.

    BadSource names what is wrong with the only file, or with all of them; among others, a file that cannot be read is a layer
    with a fault: whether that matters depends on what the others are.
    """
    if not path.exists():
        raise BadSource(f"{path} does not exist", file=str(path))
    layers: list[Layer] = []
    for spelled, file in unpacked(path, scratch):
        # What is shown goes into public reports, and where the file lies on this machine does not belong there.
        shown = spelled.removeprefix(f"{path.parent}/")
        try:
            layers += (
                [_json_layer(shown, file)] if file.suffix.lower() in _JSON else _gdal_layers(shown, file, encoding)
            )
        except BadSource as error:
            layers.append(_unreadable(shown, file.stem, error))
    faults = [layer.fault for layer in layers if layer.fault is not None]
    if len(faults) == len(layers):
        raise next((fault for fault in faults if not isinstance(fault, NoMap)), faults[0])
    yield layers


def _unreadable(shown: str, name: str, error: BadSource) -> Layer:
    def read(_: Sequence[str]) -> Iterator[Batch]:
        raise error

    return Layer(shown, name, (), None, None, None, read, fault=error)


def _format_of(shown: str) -> str:
    suffix = Path(shown.partition(", layer ")[0]).suffix.lower()
    return "json" if suffix in _JSON else suffix


def _json_layer(shown: str, file: Path) -> Layer:
    source = GeoJson(shown, file)

    def read(columns: Sequence[str]) -> Iterator[Batch]:
        for first_row, values, shapes in source.batches(columns):
            yield Batch(values, shapes, first_row)

    return Layer(shown, file.stem, source.fields, source.crs, source.geometry_type, source.count, read)


def _gdal_layers(shown: str, file: Path, encoding: str | None) -> Iterator[Layer]:
    notes: tuple[str, ...] = ()
    if file.suffix.lower() != ".shp":
        encoding = None  # the others say it themselves
    else:
        shapefile.refuse_incomplete(shown, file)
        told = shapefile.encoding_of(file, encoding)
        encoding, notes = told.name, told.notes
    try:
        names = [str(name) for name, _ in pyogrio.list_layers(file)]
    except _DAMAGE as error:
        raise BadSource(f"{shown} cannot be read: {error}", file=shown) from error
    if not names:
        raise BadSource(f"{shown} cannot be read: it has no layer; is it cut off?", file=shown)
    for name in names:
        spelled = shown if len(names) == 1 else f"{shown}, layer {name}"
        try:
            yield _gdal_layer(spelled, file, name, encoding, notes)
        except NoMap as error:  # styles and metadata, which GeoPackages hold beside their maps
            yield _unreadable(spelled, name, error)


def _gdal_layer(shown: str, file: Path, name: str, encoding: str | None, notes: tuple[str, ...]) -> Layer:
    # Named to the driver, not to pyogrio: that sets SHAPE_ENCODING for the thread, and a damaged file leaves it set.
    options = {"ENCODING": encoding} if encoding else {}
    try:
        info = pyogrio.read_info(file, layer=name, **options)
    except (*_DAMAGE, OSError, ValueError, UnboundLocalError) as error:  # the last: pyogrio's own, on a damaged .prj
        raise BadSource(f"{shown} cannot be read: {error}", file=shown) from error

    def read(columns: Sequence[str]) -> Iterator[Batch]:
        first_row = 1
        try:
            with pyogrio.raw.open_arrow(
                file, layer=name, columns=list(columns), batch_size=_AT_ONCE, use_pyarrow=True, **options
            ) as (meta, stream):
                for batch in stream:
                    wkb = batch[meta["geometry_name"] or "wkb_geometry"]
                    shapes = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False))
                    if shapely.has_z(shapes).any() or shapely.has_m(shapes).any():
                        shapes, wkb = np.asarray(shapely.force_2d(shapes)), None
                    yield Batch({name: batch[name] for name in columns}, shapes, first_row, wkb)
                    first_row += batch.num_rows
        except (*_DAMAGE, OSError, ValueError, shapely.errors.GEOSException) as error:
            raise BadSource(f"{shown}, after feature {first_row - 1}: {error}", file=shown, row=first_row) from error

    if info["geometry_type"] is None:
        raise NoMap(f"{shown} has no geometry: it is a table, not a map", file=shown)
    fields = tuple(str(field) for field in info["fields"])
    return Layer(shown, name, fields, info["crs"], info["geometry_type"], int(info["features"]), read, notes)


def values_of(column: Column) -> list[Any]:
    """A column's cells in Python, None for NULL.

    A text that ends within a letter loses what there is of it (`shapefile.encoding_of` tells).
    """
    if isinstance(column, list):
        return column
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        texts = column.cast(pa.binary()).to_pylist()
        return [None if text is None else shapefile.up_to_a_whole_letter(text) for text in texts]
