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
Runs = list[tuple[int, int]]
_Line = range | list[int]

_KEY_ZOOM = 31
_SIDE = 1 << _KEY_ZOOM
_MOST_CELLS = 48
_MOST_OF_BOX = 400
_FEW_BITS = 5
_FINER = 3  # zooms at which an edge is looked at more closely
#: Beyond it Web Mercator has no tile, and a place no quadkey.
LARGEST_LATITUDE = 85.0511
_SLACK = 1e-9


def ranges(area: shapely.Geometry) -> Runs:
    """[(first, beyond), …] in ascending order, which hold the quadkeys of all that lies in the area (degrees, CRS84).

    They hold more than that: whoever reads them looks at each position. None is empty and no two touch.
    """
    if (edges := _edges_of(area)) is not None:
        left, right, top, bottom = _widened(edges)
        shift = max(0, max(right - left, bottom - top).bit_length() - _FEW_BITS)
        while ((right >> shift) - (left >> shift) + 1) * ((bottom >> shift) - (top >> shift) + 1) > _MOST_OF_BOX:
            shift += 1
        across, down = range(left >> shift, (right >> shift) + 1), range(top >> shift, (bottom >> shift) + 1)
        return _scaled(_runs((across, down)), shift)
    return _merged([_cells(part) for part in shapely.get_parts(area)])


@dataclass(frozen=True, slots=True)
class Counted:
    """How what lies in a box is counted: cells of zoom `level` that lie inside, and keys around them.

    `inner`, `edges`: tiles of zoom 31 that the cells fill, and in which the box's edges lie: least and greatest column from the
    west, then row from the north. `inner` is empty where no cell lies inside.
    """

    level: int
    cells: Runs
    inner: list[int]
    around: Runs
    edges: list[int]


def counted(area: shapely.Geometry, levels: range) -> Counted | None:
    """A rectangle along meridians and parallels (degrees) as it is counted in one of these levels; None for any other area."""
    edges = _edges_of(area)
    if edges is None:
        return None
    left, right, top, bottom = edges
    for level in reversed(levels):
        shift = _KEY_ZOOM - level
        # What begins beyond the tile of an edge and one more lies inside, whatever the last bit of the edge.
        columns = range((left + 1 >> shift) + 1, right - 1 >> shift)
        rows = range((top + 1 >> shift) + 1, bottom - 1 >> shift)
        if len(columns) * len(rows) <= _MOST_OF_BOX:
            break
    if not columns or not rows:
        return Counted(levels[-1], [], [], ranges(area), list(edges))
    inner = [columns[0] << shift, (columns[-1] + 1 << shift) - 1, rows[0] << shift, (rows[-1] + 1 << shift) - 1]
    west, east, north, south = (side >> shift for side in _widened(edges))
    across, down = range(west, east + 1), range(north, south + 1)
    beside, beyond = [x for x in across if x not in columns], [y for y in down if y not in rows]
    around = _runs((across, beyond), (beside, rows))
    return Counted(level, _runs((columns, rows)), inner, _scaled(around, shift), list(edges))


def _edges_of(area: shapely.Geometry) -> tuple[int, int, int, int] | None:
    """Columns and rows of zoom 31 in which the edges of a rectangle lie, None for any other area."""
    if area.geom_type != "Polygon" or area.area != shapely.envelope(area).area:
        return None
    west, south, east, north = area.bounds
    left, right, top, bottom = (
        min(_SIDE - 1, int(end * _SIDE)) for end in (_across(west), _across(east), _down(north), _down(south))
    )
    return left, right, top, bottom


def _widened(edges: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """A tile more on each side, for arithmetic is not everywhere the same in its last bit."""
    left, right, top, bottom = edges
    return max(left - 1, 0), min(right + 1, _SIDE - 1), max(top - 1, 0), min(bottom + 1, _SIDE - 1)


def _runs(*rectangles: tuple[_Line, _Line]) -> Runs:
    """The keys of some rectangles of columns and rows that do not overlap, as ranges."""
    keys = np.concatenate(
        [(_spread(_line(across))[:, None] | _spread(_line(down)) << 1).ravel() for across, down in rectangles]
    )
    keys.sort()
    breaks = np.flatnonzero(keys[1:] - keys[:-1] > 1)
    firsts = keys[np.concatenate([[0], breaks + 1])]
    return list(zip(firsts.tolist(), (keys[np.append(breaks, len(keys) - 1)] + 1).tolist(), strict=True))


def _line(numbers: _Line) -> _Whole:
    return np.array(numbers, np.int64) if isinstance(numbers, list) else np.arange(numbers.start, numbers.stop)


def _scaled(spans: Runs, shift: int) -> Runs:
    """Ranges of keys of a zoom as ranges of quadkeys."""
    return [(first << 2 * shift, beyond << 2 * shift) for first, beyond in spans]


def parted(area: shapely.Geometry) -> tuple[Runs, Runs]:
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
    return cells.chosen(shapely.intersects(part, _tiles(cells)))


def _merged(cells: list[_Cells]) -> Runs:
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
