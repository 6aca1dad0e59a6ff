"""What a geometry of a filter means: a valid shape in EPSG:4326, longitude first, whatever CRS it was written in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geoplatform.cql2.tree import Box, Geometry
from geoplatform.errors import BadFilter
from geoplatform.references import Reference, to_lonlat

_NOTHING = 1e-12  # degrees: a tenth of a micrometre; denormal numbers make PostgreSQL's arithmetic fail
_STEPS = 20  # of each side of a box in a projected CRS, whose sides are no straight lines in degrees
_FARTHEST = 1e9  # metres: no map of the Earth extends that far


def shape_of(node: Geometry | Box, crs: Reference) -> BaseGeometry:
    """The shape. BadFilter if it is not valid, or lies outside the globe. A collection of one kind of shape becomes their union."""
    drawn = _box(node, crs) if isinstance(node, Box) else to_lonlat(_drawn(node), crs)
    _require_globe(drawn, node)
    shape = shapely.transform(drawn, lambda degrees: np.where(np.abs(degrees) < _NOTHING, 0.0, degrees))
    if not shapely.is_valid(shape):
        raise BadFilter(node.at, _named(node), f"this {_named(node)} is not valid: {shapely.is_valid_reason(shape)}")
    if shape.geom_type == "GeometryCollection" and len({shapely.get_dimensions(part) for part in shape.geoms}) == 1:
        return shapely.union_all(list(shape.geoms))
    return shape


def _named(node: Geometry | Box) -> str:
    return "BBOX" if isinstance(node, Box) else node.kind


def _require_globe(shape: BaseGeometry, node: Geometry | Box) -> None:
    for lon, lat in shapely.get_coordinates(shape):
        for name, value, limit in (("longitude", lon, 180), ("latitude", lat, 90)):
            if not math.isfinite(value):
                raise BadFilter(
                    node.at, _named(node), f"this {_named(node)} lies where its CRS knows no longitude and latitude"
                )
            if abs(value) > limit:
                hint = (
                    "; longitude comes first: are the two swapped?" if name == "latitude" and abs(value) <= 180 else ""
                )
                raise BadFilter(node.at, f"{value:.9g}", f"the {name} {value:.9g} is outside -{limit}..{limit}{hint}")


def _box(node: Box, crs: Reference) -> BaseGeometry:
    half = len(node.bounds) // 2
    low, high = node.bounds[:2], node.bounds[half : half + 2]
    if crs.is_geographic:
        (west, south), (east, north) = shapely.get_coordinates(to_lonlat(shapely.MultiPoint([low, high]), crs)).tolist()
        _require_globe(shapely.MultiPoint([(west, south), (east, north)]), node)
        _require_upright(south, north, node)
        if west <= east:
            return _rectangle(west, south, east, north)
        parts = [_rectangle(west, south, 180.0, north), _rectangle(-180.0, south, east, north)]
        if {part.geom_type for part in parts} == {"Polygon"}:
            return shapely.MultiPolygon(parts)
        return shapely.GeometryCollection(parts)
    _require_upright(low[0], high[0], node)
    _require_upright(low[1], high[1], node)
    if max(map(abs, (*low, *high))) > _FARTHEST:
        raise BadFilter(node.at, "BBOX", "this BBOX lies where its CRS knows no longitude and latitude")
    drawn = _rectangle(*low, *high)
    longest = max(high[0] - low[0], high[1] - low[1])
    return to_lonlat(shapely.segmentize(drawn, longest / _STEPS) if longest else drawn, crs)


def _require_upright(low: float, high: float, node: Box) -> None:
    if low > high:
        raise BadFilter(node.at, f"{low:g} {high:g}", f"the BBOX begins at {low:g} and ends at {high:g}")


def _rectangle(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """A polygon; a line or a point if it has no width or height: a polygon without area is none."""
    if west == east and south == north:
        return shapely.Point(west, south)
    if west == east or south == north:
        return shapely.LineString([(west, south), (east, north)])
    return shapely.box(west, south, east, north)


def _drawn(node: Geometry) -> BaseGeometry:
    draw = _DRAW.get(node.kind)
    if draw is not None:
        return draw(node.coordinates, node)
    return shapely.GeometryCollection([_drawn(part) for part in node.coordinates])  # type: ignore[arg-type]


def _flat(positions: Any, least: int, node: Geometry) -> list[tuple[float, float]]:
    """The positions without their heights, if there are enough of them, and all or none have one."""
    if len({len(position) for position in positions}) > 1:
        raise BadFilter(node.at, node.kind, f"some positions of this {node.kind} have a height, and some have none")
    if len(positions) < least:
        raise BadFilter(
            node.at, node.kind, f"a line or ring of a {node.kind} has {least} positions or more, not {len(positions)}"
        )
    return [(position[0], position[1]) for position in positions]


def _ring(positions: Any, node: Geometry) -> list[tuple[float, float]]:
    ring = _flat(positions, 4, node)
    if ring[0] != ring[-1]:
        raise BadFilter(node.at, node.kind, f"a ring of this {node.kind} does not end where it begins")
    return ring


def _polygon(rings: Any, node: Geometry) -> BaseGeometry:
    outer, *holes = (_ring(ring, node) for ring in rings)
    return shapely.Polygon(outer, holes)


_DRAW: dict[str, Callable[[Any, Geometry], BaseGeometry]] = {
    "Point": lambda position, node: shapely.Point(position[:2]),
    "MultiPoint": lambda positions, node: shapely.MultiPoint(_flat(positions, 1, node)),
    "LineString": lambda line, node: shapely.LineString(_flat(line, 2, node)),
    "MultiLineString": lambda lines, node: shapely.MultiLineString([_flat(line, 2, node) for line in lines]),
    "Polygon": _polygon,
    "MultiPolygon": lambda polygons, node: shapely.MultiPolygon([_polygon(rings, node) for rings in polygons]),
}
