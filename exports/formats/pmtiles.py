"""PMTiles 3: the very vector tiles that the server serves, in one file that browsers read by ranges."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
from pmtiles.reader import MmapSource, Reader, traverse
from pmtiles.tile import Compression, TileType, tileid_to_zxy
from pmtiles.writer import Writer

from exports.slices import TILES_TOLD, Slice

_NOTHING = gzip.compress(b"", mtime=0)
#: Where a map begins: metropolitan France, as the TileJSON of the tiles says.
_CENTER = (2.5, 46.6)
_E7 = 10_000_000


def write(rows: Slice, target: Path) -> None:
    """The file, clustered: tiles in the order of their identifiers, alike ones once.

    Without any tile it holds that of zoom 0, empty: the format has no file without tiles.
    """
    with pa.OSFile(str(rows.tiles)) as source, pa.ipc.open_stream(source) as stream, target.open("wb") as file:
        told = json.loads(stream.schema.metadata[TILES_TOLD])
        writer, columns, lines = Writer(file), set[int](), set[int]()
        deepest = told["vector_layers"][0]["maxzoom"]
        for batch in stream:
            for number, tile in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                writer.write_tile(number, tile)
                z, x, y = tileid_to_zxy(number)
                if z == deepest:
                    columns.add(x)
                    lines.add(y)
        if not writer.tile_entries:
            writer.write_tile(0, _NOTHING)
        writer.finalize(_header(deepest, columns, lines) if columns else _header(0, {0}, {0}), told)


def count(path: Path) -> int:
    """Number of rows that are read back. ValueError if the file is not what it should be.

    Every tile is unpacked. Places are those that the deepest tiles without margins count; limits those that the deepest name.
    """
    with path.open("rb") as file:
        source = MmapSource(file)
        reader = Reader(source)
        header, (layer,) = reader.header(), reader.metadata()["vector_layers"]
        tiles = traverse(source, header, header["root_offset"], header["root_length"])
        try:
            if not sum(len(zlib.decompress(tile, 31)) for _, tile in tiles):
                return 0
        except zlib.error as error:
            raise ValueError(f"a tile cannot be unpacked: {error}") from error
    if layer["id"] == "places":
        return int(pc.sum(_read(path, layer["maxzoom"] - 1, "point_count").cast(pa.int64())).as_py() or 0)
    return int(pc.count_distinct(_read(path, layer["maxzoom"], "code")).as_py())


def _read(path: Path, zoom: int, name: str) -> Any:
    """A column of all features of a zoom."""
    try:
        _, table = pyogrio.read_arrow(path, columns=[name], read_geometry=False, ZOOM_LEVEL=zoom)
    except pyogrio.errors.DataSourceError as error:
        raise ValueError(str(error)) from error
    return table.column(name)


def _header(z: int, columns: set[int], lines: set[int]) -> dict[str, Any]:
    """What is told of tiles of a zoom that stand in these columns and lines."""
    west, east = (_longitude(column, z) for column in (min(columns), max(columns) + 1))
    south, north = (_latitude(line, z) for line in (max(lines) + 1, min(lines)))
    lon, lat = (
        _CENTER if west < _CENTER[0] < east and south < _CENTER[1] < north else ((west + east) / 2, (south + north) / 2)
    )
    return {
        "tile_type": TileType.MVT, "tile_compression": Compression.GZIP,
        "min_lon_e7": round(west * _E7), "min_lat_e7": round(south * _E7),
        "max_lon_e7": round(east * _E7), "max_lat_e7": round(north * _E7),
        "center_zoom": min(z, 6), "center_lon_e7": round(lon * _E7), "center_lat_e7": round(lat * _E7),
    }  # fmt: skip


def _longitude(column: int, z: int) -> float:
    return 360 * column / (1 << z) - 180


def _latitude(line: int, z: int) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * line / (1 << z)))))
