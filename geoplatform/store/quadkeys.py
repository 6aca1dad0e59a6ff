"""Areas as ranges of quadkeys, the order in which places lie in their index (`geoplatform.quadkey` in sql/070_place.sql).

From `store.features`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

_Whole = npt.NDArray[np.int64]

_KEY_ZOOM = 31
_MOST_CELLS = 48
_FINER = 3  # zooms at which an edge is looked at more closely
#: Beyond it Web Mercator has no tile, and a place no quadkey.
LARGEST_LATITUDE = 85.0511
_SLACK = 1e-9


def ranges(area: shapely.Geometry) -> list[tuple[int, int]]:
    """[(first, beyond), …] in ascending order, which hold the quadkeys of all that lies in the area (degrees, CRS84).

    They hold more than that: whoever reads them looks at each position. None is empty and no two touch.
    """
    return _merged([_cells(part) for part in shapely.get_parts(area)])


def parted(area: shapely.Geometry) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(ranges of what lies in the area for certain, ranges of what lies at its edge): for counting without looking at each."""
    whole: list[_Cells] = []
    edge: list[_Cells] = []
    for part in shapely.get_parts(area):
        cells = _cells(part)
        for _ in range(_FINER):
            inside = shapely.contains_properly(part, _tiles(cells))
            whole.append(cells.chosen(inside))
            cells = cells.chosen(~inside)
            if cells.zoom == _KEY_ZOOM:
                break
            cells = cells.quarters()
            cells = cells.chosen(shapely.intersects(part, _tiles(cells)))
        edge.append(cells)
    return _merged(whole), _merged(edge)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Tiles of one zoom: columns from the west, rows from the north (int64 arrays of one length)."""

    zoom: int
    x: _Whole
    y: _Whole

    def chosen(self, mask: np.ndarray[Any, Any]) -> _Cells:
        return _Cells(self.zoom, self.x[mask], self.y[mask])

    def quarters(self) -> _Cells:
        x, y = (
            [2 * ends + half for half in halves] for ends, halves in ((self.x, (0, 0, 1, 1)), (self.y, (0, 1, 0, 1)))
        )
        return _Cells(self.zoom + 1, np.concatenate(x), np.concatenate(y))


def _cells(part: shapely.Geometry) -> _Cells:
    """The tiles that a polygon touches: of one zoom, few dozens at most."""
    west, south, east, north = part.bounds
    left, right = _across(west - _SLACK), _across(east + _SLACK)
    top, bottom = _down(north + _SLACK), _down(south - _SLACK)
    for z in range(_KEY_ZOOM, -1, -1):
        side = 1 << z
        columns, rows = ([min(side - 1, int(end * side)) for end in ends] for ends in ((left, right), (top, bottom)))
        if (columns[1] - columns[0] + 1) * (rows[1] - rows[0] + 1) <= _MOST_CELLS:
            break
    x, y = np.meshgrid(np.arange(columns[0], columns[1] + 1), np.arange(rows[0], rows[1] + 1))
    cells = _Cells(z, x.ravel(), y.ravel())
    shapely.prepare(part)
    is_box = shapely.area(part) == shapely.area(shapely.envelope(part))
    return cells if is_box else cells.chosen(shapely.intersects(part, _tiles(cells)))


def _merged(cells: list[_Cells]) -> list[tuple[int, int]]:
    """Ranges of all these, those that touch made one."""
    shifts = [2 * (_KEY_ZOOM - some.zoom) for some in cells]
    keys = [interleaved(some.x, some.y) for some in cells]
    firsts = np.concatenate([key << shift for key, shift in zip(keys, shifts, strict=True)] or [np.empty(0, np.int64)])
    beyonds = np.concatenate(
        [key + 1 << shift for key, shift in zip(keys, shifts, strict=True)] or [np.empty(0, np.int64)]
    )
    order = np.argsort(firsts)
    firsts, beyonds = firsts[order], beyonds[order]
    begins = np.append(True, firsts[1:] > np.maximum.accumulate(beyonds)[:-1]) if len(firsts) else np.empty(0, bool)
    ends = np.append(np.flatnonzero(begins)[1:] - 1, len(firsts) - 1) if len(firsts) else np.empty(0, int)
    return list(zip(firsts[begins].tolist(), np.maximum.accumulate(beyonds)[ends].tolist(), strict=True))


def _tiles(cells: _Cells) -> npt.NDArray[np.object_]:
    """Tiles in degrees, a little larger than they are."""
    side = 1 << cells.zoom
    west, east = (ends / side * 360 - 180 for ends in (cells.x, cells.x + 1))
    north, south = (_latitudes(ends / side) for ends in (cells.y, cells.y + 1))
    boxes: npt.NDArray[np.object_] = shapely.box(west - _SLACK, south - _SLACK, east + _SLACK, north + _SLACK)
    return boxes


def interleaved(across: _Whole, down: _Whole) -> _Whole:
    """Whole numbers with their bits in turns, those of `across` lowest (`geoplatform.interleaved`)."""
    return _spread(across) | _spread(down) << 1


def _spread(number: _Whole) -> _Whole:
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        number = (number | number << shift) & mask
    return number


def _across(lon: float) -> float:
    return min(1.0, max(0.0, (lon + 180) / 360))


def _down(lat: float) -> float:
    lat = min(LARGEST_LATITUDE, max(-LARGEST_LATITUDE, lat))
    return min(1.0, max(0.0, (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2))


def _latitudes(down: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * down))))
