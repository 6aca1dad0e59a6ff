"""Generalised copies of the limits for maps: communes, departments, regions, EPCI and territories of one coverage.

From `loaders.run`; to `store.staging`. Neighbours are simplified together, so that no gap opens between them and no commune
vanishes; the units above are dissolved from the very same polygons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pyproj import Transformer
from sqlalchemy import Connection

from geoplatform.progress import Step
from geoplatform.store import staging, vintages
from loaders.parallel import ahead, give_back
from loaders.polygons import as_multipolygons, polygons_of, united

#: EPSG:3857 ends here; beyond, a tile shows nothing.
_MERCATOR_LATITUDE = 85.0511
_TO_MERCATOR = Transformer.from_crs(4326, 3857, always_xy=True).transform
_SNAP_M = 0.01
#: Side of the world in EPSG:3857, and units to a tile's side.
_WORLD_M = 40075016.685578488
_UNITS = 4096
_WRITTEN_AT_ONCE = 2000


@dataclass
class Sheet:
    """Communes of one territory as they are drawn: codes, polygons (EPSG:3857), the units each belongs to, and what maps
    tell of it beside."""

    codes: list[str]
    shapes: np.ndarray
    units: dict[str, list[str | None]]
    told: dict[str, list[Any]] = field(default_factory=dict)


@dataclass
class Drawn:
    """How many vertices each span of zooms got, and which communes do not meet their neighbours there, by its lowest zoom;
    the tiles that were finished, and their bytes."""

    vertices: dict[int, int] = field(default_factory=dict)
    mismatched: dict[int, list[str]] = field(default_factory=dict)
    tiles: int = 0
    tile_bytes: int = 0


def draw(connection: Connection, vintage_id: int, precision_m: float, step: Step) -> Drawn:
    """Store the generalised copies of a staged vintage for the spans of zooms that it needs, and the tiles that take long.

    A span whose tolerance is finer than the set's own precision would only repeat its limits: the next one begins there.
    """
    spans = _needed(staging.zoom_spans(connection), precision_m)
    drawn = Drawn({zoom: 0 for zoom, _ in spans})
    communes_from = staging.communes_from_zoom(connection)
    territories = staging.territories_of(connection, vintage_id)
    elsewhere: set[str] = set()
    with staging.filling(connection, vintage_id, "drawing") as copy:
        for territory in step.track(territories):
            sheet = _sheet(territory, staging.communes_of_territory(connection, vintage_id, territory), elsewhere)
            give_back()
            copy(ahead(_rows(sheet, spans, communes_from, drawn), 2))
    vintages.keep_drawn_zooms(connection, vintage_id, sorted(drawn.vertices))
    drawn.tiles, drawn.tile_bytes = staging.finish_tiles(connection, vintage_id)
    return drawn


def _needed(spans: list[tuple[int, float]], precision_m: float) -> list[tuple[int, float]]:
    coarse = [(zoom, tolerance_m) for zoom, tolerance_m in spans if tolerance_m > 1.5 * precision_m]
    finest = min((zoom for zoom, tolerance_m in spans if tolerance_m <= 1.5 * precision_m), default=0)
    return [*coarse, (finest, 0.0)]


def _sheet(territory: str, rows: list[tuple[Any, ...]], elsewhere: set[str]) -> Sheet:
    """A territory's communes. A region or EPCI that already lies in another one (no real one does) is not drawn twice."""
    codes, names, people, departments, regions, epci, wkb = (list(column) for column in zip(*rows, strict=True))
    shapes = shapely.from_wkb([bytes(geometry) for geometry in wkb])
    if np.abs(shapely.total_bounds(shapes)[[1, 3]]).max() > _MERCATOR_LATITUDE:
        shapes = shapely.clip_by_rect(shapes, -180, -_MERCATOR_LATITUDE, 180, _MERCATOR_LATITUDE)
    mercator = shapely.transform(shapes, _TO_MERCATOR, interleaved=False)
    units = {"department": departments, "region": regions, "epci": epci, "territory": [territory] * len(codes)}
    for level in ("region", "epci"):
        units[level] = [None if f"{level} {code}" in elsewhere else code for code in units[level]]
        elsewhere |= {f"{level} {code}" for code in units[level]}
    told = {"name": names, "department_code": departments, "population": people}
    return Sheet(codes, joined(mercator), units, told)


def _rows(sheet: Sheet, spans: list[tuple[int, float]], communes_from: int, drawn: Drawn) -> Iterator[pa.RecordBatch]:
    """From the finest span to the coarsest: each begins with the polygons of the one before.

    Communes are left out of the spans that end below the zoom `communes_from`.
    """
    beyond = 99
    for zoom, tolerance_m in sorted(spans, reverse=True):
        if tolerance_m > 0:  # step by step: no more than two copies of a country at a time
            sheet.shapes = without_islets(sheet.shapes, tolerance_m**2)
            give_back()
            sheet.shapes = simplified(sheet.shapes, tolerance_m)
        drawn.vertices[zoom] += int(shapely.get_num_coordinates(sheet.shapes).sum())
        drawn.mismatched.setdefault(zoom, []).extend(mismatched(sheet))
        grid = beyond - 1 if tolerance_m > 0 else None  # of the deepest zoom that shows this copy
        if beyond > communes_from:
            yield from _written("commune", zoom, sheet.codes, sheet.shapes, grid, sheet.told)
        for level, codes, unions in _units(sheet, tolerance_m**2):
            yield from _written(level, zoom, codes, unions, grid)
        beyond = zoom


def on_grid(shapes: np.ndarray, zoom: int) -> np.ndarray:
    """Polygons (EPSG:3857) with every vertex on the grid of a zoom's tiles, 4096 to a side; valid, outer rings clockwise.

    What is smaller than the grid is one square of it: nothing vanishes.
    """
    unit = _WORLD_M / (_UNITS << zoom)
    units = shapely.transform(shapes, lambda xy: (xy + _WORLD_M / 2) / unit)
    result = shapely.set_precision(units, 1.0, mode="valid_output")
    polygonal = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
    for index in np.flatnonzero(~np.isin(shapely.get_type_id(result), polygonal)).tolist():
        result[index] = polygons_of(result[index])
    for index in np.flatnonzero(shapely.is_missing(result) | shapely.is_empty(result)).tolist():
        x, y = np.floor(shapely.get_coordinates(shapely.point_on_surface(units[index]))[0])
        result[index] = shapely.box(x, y, x + 1, y + 1)
    wound = shapely.orient_polygons(as_multipolygons(result), exterior_cw=True)
    return np.asarray(shapely.transform(wound, lambda xy: xy * unit - _WORLD_M / 2))


def mismatched(sheet: Sheet) -> list[str]:
    """Codes of the communes that overlap a neighbour, or share a limit with it that is not vertex for vertex the same."""
    if shapely.coverage_is_valid(sheet.shapes):
        return []
    edges = shapely.coverage_invalid_edges(sheet.shapes)
    return [sheet.codes[index] for index in np.flatnonzero(~shapely.is_empty(edges)).tolist()]


def joined(shapes: np.ndarray) -> np.ndarray:
    """The polygons (EPSG:3857) as a valid coverage: where limits do not match, they are joined within a centimetre.

    For drawing only: a point is placed by the limits as they were published. What does not match is joined together with its
    neighbours, which stay as they are towards the rest; the whole country at once takes seventy times as long, and twice the
    memory. That is done where the result would still not match.
    """
    wrong = np.flatnonzero(~shapely.is_empty(shapely.coverage_invalid_edges(shapes)))
    if not len(wrong):
        return shapes
    near = np.unique(shapely.STRtree(shapes).query(shapes[wrong], predicate="intersects")[1])
    result = shapes.copy()
    result[near] = _clean(shapes[near])
    return result if shapely.coverage_is_valid(result) else _clean(shapes)


def _clean(shapes: np.ndarray) -> np.ndarray:
    clean = shapely.coverage_clean(shapes, snapping_distance=_SNAP_M)
    return as_multipolygons(np.where(shapely.is_empty(clean), shapes, clean))


def simplified(shapes: np.ndarray, tolerance_m: float) -> np.ndarray:
    """A valid coverage with fewer vertices: valid MultiPolygons, none empty, shared limits still shared (EPSG:3857)."""
    result = shapely.coverage_simplify(shapes, tolerance_m)
    for index in np.flatnonzero(shapely.is_empty(result) | ~shapely.is_valid(result)).tolist():
        repaired = polygons_of(shapely.make_valid(result[index]))
        result[index] = shapes[index] if repaired is None else repaired
    return as_multipolygons(result)


def without_islets(shapes: np.ndarray, smallest_m2: float) -> np.ndarray:
    """Without the polygons smaller than this; the largest of a commune stays."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    areas = shapely.area(parts)
    largest = np.zeros(len(shapes))
    np.maximum.at(largest, owner, areas)
    kept = (areas >= smallest_m2) | (areas == largest[owner])
    return np.asarray(shapely.multipolygons(parts[kept], indices=owner[kept]))


def _units(sheet: Sheet, smallest_m2: float) -> Iterator[tuple[str, list[str], np.ndarray]]:
    """(level, codes, polygons) of each level above the communes. What departments make up whole is dissolved from them: they
    have far fewer vertices."""
    departments = sheet.units["department"]
    codes, unions = _dissolved(sheet.shapes, departments, smallest_m2)
    yield "department", codes, unions
    for level in ("region", "territory", "epci"):
        units = sheet.units[level]
        of_department = dict(zip(departments, units, strict=True))
        whole = all(of_department[department] == unit for department, unit in zip(departments, units, strict=True))
        if whole and None not in of_department:
            yield level, *_dissolved(unions, [of_department[code] for code in codes], smallest_m2)
        else:
            yield level, *_dissolved(sheet.shapes, units, smallest_m2)


def _dissolved(shapes: np.ndarray, codes: list[str | None], smallest_m2: float) -> tuple[list[str], np.ndarray]:
    """The units by their codes, without the holes smaller than this: gaps between communes, which nobody sees as such."""
    members: dict[str, list[int]] = {}
    for index, code in enumerate(codes):
        if code is not None:
            members.setdefault(code, []).append(index)
    unions = [without_holes(united(shapes[indices]), smallest_m2) for indices in members.values()]
    return list(members), np.array(unions, dtype=object)


def without_holes(shape: Any, smallest_m2: float) -> Any:
    """The MultiPolygon without its holes that enclose less than this, in square metres of its own CRS."""
    parts = []
    for part in shapely.get_parts(shape):
        holes = [ring for ring in part.interiors if shapely.area(shapely.Polygon(ring)) >= smallest_m2]
        parts.append(part if len(holes) == len(part.interiors) else shapely.Polygon(part.exterior, holes))
    return shapely.MultiPolygon(parts)


def _written(
    level: str,
    zoom: int,
    codes: list[str],
    shapes: np.ndarray,
    grid: int | None,
    told: dict[str, list[Any]] | None = None,
) -> Iterator[pa.RecordBatch]:
    for begin in range(0, len(codes), _WRITTEN_AT_ONCE):
        some = slice(begin, begin + _WRITTEN_AT_ONCE)
        drawn = shapes[some] if grid is None else on_grid(shapes[some], grid)
        count = len(drawn)
        columns: dict[str, Any] = {name: [None] * count for name in ("name", "department_code", "population")}
        columns |= {name: values[some] for name, values in (told or {}).items()}
        columns |= {"level": [level] * count, "from_zoom": [zoom] * count, "code": codes[some]}
        columns["geom"] = shapely.to_wkb(shapely.set_srid(drawn, 3857), include_srid=True)
        yield staging.batch_of("drawing", columns)
