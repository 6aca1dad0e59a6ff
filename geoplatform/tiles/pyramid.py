"""Which tiles of the WebMercatorQuad pyramid hold a place, and which cover a box."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from geoplatform.model import MAX_ZOOM, TileAddress

_KEY_ZOOM = 31
_MARGIN = 64 / 4096
_LARGEST_LATITUDE = 85.05112877980659


#: Of each zoom: itself, by how many bits zoom 31 is finer, how far beyond its edge a tile shows (in tiles of zoom 31), its last
#: column.
_ZOOMS = [
    (z, _KEY_ZOOM - z, math.ceil((1 << (_KEY_ZOOM - z)) * _MARGIN) + 1, (1 << z) - 1) for z in range(MAX_ZOOM + 1)
]


def tiles_of(quadkey: int) -> Iterator[tuple[int, int, int]]:
    """(z, x, y) of every tile that shows what lies in this tile of zoom 31 (`geoplatform.quadkey`), margins included."""
    across, down = every_second_bit(quadkey), every_second_bit(quadkey >> 1)
    for z, finer, slack, side in _ZOOMS:
        left, right = across - slack >> finer, across + slack >> finer
        top, bottom = down - slack >> finer, down + slack >> finer
        if left == right and top == bottom:
            yield z, left, top
            continue
        for x in range(max(0, left), min(side, right) + 1):
            for y in range(max(0, top), min(side, bottom) + 1):
                yield z, x, y


def covering(box: tuple[float, float, float, float], z: int) -> Iterator[TileAddress]:
    """The tiles of a zoom that a box (west, south, east, north; degrees) touches, row by row. West may lie east of east."""
    west, south, east, north = box
    if west > east:
        yield from covering((west, south, 180.0, north), z)
        yield from covering((-180.0, south, east, north), z)
        return
    left, top = _tile_at(west, north, z)
    right, bottom = _tile_at(east, south, z)
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            yield TileAddress(z, x, y)


def count_covering(box: tuple[float, float, float, float], z: int) -> int:
    """How many tiles `covering` gives, without making them."""
    west, south, east, north = box
    if west > east:
        return count_covering((west, south, 180.0, north), z) + count_covering((-180.0, south, east, north), z)
    left, top = _tile_at(west, north, z)
    right, bottom = _tile_at(east, south, z)
    return (right - left + 1) * (bottom - top + 1)


def _tile_at(lon: float, lat: float, z: int) -> tuple[int, int]:
    side = 1 << z
    lat = max(-_LARGEST_LATITUDE, min(_LARGEST_LATITUDE, lat))
    down = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return min(side - 1, max(0, int((lon + 180) / 360 * side))), min(side - 1, max(0, int(down * side)))


def every_second_bit(interleaved: Any) -> Any:
    """Of a number, from the lowest; of each number of an array of int64 too."""
    bits = interleaved & 0x5555555555555555
    for shift, mask in (
        (1, 0x3333333333333333),
        (2, 0x0F0F0F0F0F0F0F0F),
        (4, 0x00FF00FF00FF00FF),
        (8, 0x0000FFFF0000FFFF),
    ):
        bits = (bits | bits >> shift) & mask
    return (bits | bits >> 16) & 0xFFFFFFFF
