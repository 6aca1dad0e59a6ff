"""The vector tiles of a slice out of one moment of the database: the very ones that the server serves. From `exports.cut`.

They are kept beside the slice in the order in which PMTiles wants them, with what is to be told of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any

import numpy as np
import pyarrow as pa
from pmtiles.tile import zxy_to_tileid

from exports.slices import TILES_TOLD, Slice, written
from geoplatform.store import cutting, tiles
from geoplatform.store.cutting import Moment
from geoplatform.store.engine import Store
from geoplatform.store.tiles import Layer, PlaceFilter
from geoplatform.tiles import pyramid
from geoplatform.tiles.cache import joined

#: The deepest zoom of a file. Places are one by one from 14; a unit of a tile of zoom 12 is 2 m, less than limits are true to.
DEEPEST = {Layer.PLACES: 14, Layer.COMMUNES: 12, Layer.DEPARTMENTS: 12}
SCHEMA = pa.schema([("id", pa.uint64()), ("tile", pa.binary())])
#: What tiles show is asked for in cells so many zooms deeper: their side is the margin of a tile, 64/4096.
_MARGIN_BITS = 6
_AT_ONCE, _WRITTEN_AT_ONCE = 128, 4096
_CONNECTIONS = 2

Address = tuple[int, int, int]


def tile(store: Store, of: Moment, rows: Slice) -> None:
    """Write a slice's tiles (`Slice.tiles`): identifier as of PMTiles and gzipped bytes, empty ones left out."""
    layer = Layer(rows.dataset.collection)
    scope = rows.dataset.scope
    only = PlaceFilter(
        licence=rows.licence if layer.has_places else None,
        commune=scope.code if scope and scope.level == "commune" else None,
        department=scope.code if scope and scope.level == "department" else None,
    )
    with store.reading() as connection:
        first, fields = tiles.first_zooms(connection)[layer], tiles.fields(connection)[layer]
    zooms = range(first, DEEPEST[layer] + 1)
    with ExitStack() as opened:
        connections: SimpleQueue[Any] = SimpleQueue()
        for _ in range(_CONNECTIONS):
            connections.put(opened.enter_context(cutting.connected(store, of)))
        connection = connections.get()
        is_whole = layer.has_places and scope is None
        found: set[Address] = set()
        if not is_whole:
            found = (
                _around(tiles.keys(connection, only, zooms[-1] + _MARGIN_BITS), zooms)
                if layer.has_places
                else _covering(tiles.boxes(connection, layer), zooms)
            )
        connections.put(connection)

        def made(addresses: list[Address]) -> list[tuple[int, bytes]]:
            """These tiles, asked for one by one, but for those that are empty."""
            one = connections.get()
            try:
                parts = tiles.many(one, layer, addresses, only)
            finally:
                connections.put(one)
            packed = (joined(each.finished, each.made).body for each in parts)
            return [(zxy_to_tileid(*at), body) for at, body in zip(addresses, packed, strict=True) if body]

        def made_of_zoom(z: int) -> list[tuple[int, bytes]]:
            """Every tile of a zoom, asked for at once."""
            one = connections.get()
            kept: list[tuple[int, bytes]] = []
            crowded: list[Address] = []
            try:
                for key, body in tiles.of_zoom(one, z, rows.licence):
                    at = z, pyramid.every_second_bit(key), pyramid.every_second_bit(key >> 1)
                    if body is None:
                        crowded.append(at)
                    else:
                        kept.append((zxy_to_tileid(*at), joined(None, body).body))
            finally:
                connections.put(one)
            if crowded:
                kept += made(crowded)
            return sorted(kept)

        told = json.dumps(_told(of, rows, layer, zooms, fields)).encode()
        threads = ThreadPoolExecutor(_CONNECTIONS, "tiles")
        opened.callback(threads.shutdown, cancel_futures=True)
        file = opened.enter_context(written(rows.tiles, SCHEMA.with_metadata({TILES_TOLD: told})))
        if is_whole:
            pieces = threads.map(made_of_zoom, zooms)
        else:
            ordered = sorted(found, key=lambda address: zxy_to_tileid(*address))
            pieces = threads.map(
                made, [ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE)]
            )
        for piece in pieces:
            for start in range(0, len(piece), _WRITTEN_AT_ONCE):
                part = piece[start : start + _WRITTEN_AT_ONCE]
                columns = [pa.array([row[side] for row in part], field.type) for side, field in enumerate(SCHEMA)]
                file.write_batch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))


def _told(of: Moment, rows: Slice, layer: Layer, zooms: range, fields: dict[str, str]) -> dict[str, Any]:
    """What PMTiles' metadata say, as the TileJSON of the layer does."""
    limits = f"{of.vintage.attribution} ({of.vintage.licence})"
    contributed = f"contributrices et contributeurs de geoplatform ({rows.licence})"
    return {
        "name": rows.dataset.title,
        "description": f"{rows.dataset.title} ({rows.licence})",
        "attribution": contributed if layer.has_places else limits,
        "type": "overlay",
        "version": f"{of.vintage.year}.0.0",
        "vector_layers": [
            {
                "id": layer.value,
                "description": rows.dataset.title,
                "minzoom": zooms[0],
                "maxzoom": zooms[-1],
                "fields": fields,
            }
        ],
    }


def _around(keys: Iterable[int], zooms: range) -> set[Address]:
    """The tiles that show what lies in cells, margins included. `keys`: of the deepest zoom and `_MARGIN_BITS` more."""
    cells = np.unique(np.fromiter(keys, np.int64))
    found: set[Address] = set()
    for z in reversed(zooms):
        across, down, side = pyramid.every_second_bit(cells), pyramid.every_second_bit(cells >> 1), 1 << z
        for step_x in (-1, 0, 1):
            for step_y in (-1, 0, 1):
                x, y = (across + step_x) >> _MARGIN_BITS, (down + step_y) >> _MARGIN_BITS
                inside = (x >= 0) & (y >= 0) & (x < side) & (y < side)
                pairs = np.unique((x[inside] << 32) | y[inside])
                found.update((z, int(pair) >> 32, int(pair) & 0xFFFFFFFF) for pair in pairs)
        cells = np.unique(cells >> 2)
    return found


def _covering(boxes: Iterable[tuple[float, float, float, float]], zooms: range) -> set[Address]:
    """The tiles that show what lies in boxes. Drawn limits leave the true ones by less than a tile's margin; both are added."""
    found: set[Address] = set()
    for west, south, east, north in boxes:
        for z in zooms:
            wider = 2 * 360 / (1 << z + _MARGIN_BITS)
            box = max(-180.0, west - wider), south - wider, min(180.0, east + wider), north + wider
            found.update((one.z, one.x, one.y) for one in pyramid.covering(box, z))
    return found
