"""Polygons of a batch made fit to keep: valid, MultiPolygons, measured. From and to `loaders.staging` and its neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pyarrow import compute
from pyproj import Geod, Transformer

_WGS84 = Geod(ellps="WGS84")
_LOW_DEGREES = 0.5
_LOWEST_DEGREES = 0.1
#: What stands before a polygon's WKB when it becomes the only part of a MultiPolygon: little-endian, type 6, one part.
_ONE_PART = b"\x01\x06\x00\x00\x00\x01\x00\x00\x00"
_EQUAL_AREA = Transformer.from_crs(4326, 6933, always_xy=True)


def repaired(shapes: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    """The shapes, those that are not valid made so, and what was wrong by index; None for what is empty.

    MakeValid with polygons only: lines and points that it leaves over have no area. None where nothing is left.
    """
    result = np.array(shapes)
    there = ~shapely.is_missing(result) & ~shapely.is_empty(result)
    result[~there] = None
    wrong: dict[int, str] = {}
    for index in np.flatnonzero(there & ~shapely.is_valid(result)).tolist():
        wrong[index] = str(shapely.is_valid_reason(result[index]))
        result[index] = polygons_of(shapely.make_valid(result[index]))
    return result, wrong


def multipolygon_wkb(shapes: np.ndarray, given: pa.Array | None) -> pa.Array:
    """WKB of polygons as MultiPolygons (EPSG:4326), null for None. Rings stay wound as they are.

    `given`: little-endian WKB of the same shapes, which is then not written anew: that takes longer than everything else.
    """
    if given is None:
        return pa.array(shapely.to_wkb(_as_multi(shapes)), pa.binary(), from_pandas=True)
    single = shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
    if single.any():
        given = compute.if_else(pa.array(single), compute.binary_join_element_wise(_ONE_PART, given, b""), given)
    missing = shapely.is_missing(shapes)
    return compute.if_else(pa.array(missing), pa.scalar(None, pa.binary()), given) if missing.any() else given


def polygons_of(shape: Any) -> Any | None:
    """The polygons of a geometry as one MultiPolygon, None if it has none."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    polygons = [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]
    return shapely.MultiPolygon(polygons) if polygons else None


def as_multipolygons(shapes: np.ndarray) -> np.ndarray:
    """Every polygon as a MultiPolygon with RFC 7946 winding (outer rings counter-clockwise)."""
    return _as_multi(shapely.orient_polygons(shapes))


def _as_multi(shapes: np.ndarray) -> np.ndarray:
    single = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON)
    if not len(single):
        return shapes
    result = np.array(shapes)
    result[single] = shapely.multipolygons(result[single], indices=np.arange(len(single)))
    return result


def united(shapes: np.ndarray) -> Any | None:
    """Union of polygons that should not overlap, as a MultiPolygon; None of nothing."""
    try:
        union = shapely.coverage_union_all(shapes)
    except shapely.errors.GEOSException:
        union = None
    if union is None or not union.is_valid:  # edges that do not match: the general union is slower and forgiving
        union = shapely.union_all(shapes)
    return as_multipolygons(np.array([polygons_of(union)], dtype=object))[0]


def areas_km2(shapes: np.ndarray, boxes: np.ndarray | None = None) -> np.ndarray:
    """Area of each shape (EPSG:4326) on the ellipsoid WGS 84; NaN where None.

    A low one (under half a degree of latitude) is its area in degrees by the size of a square degree: at its centroid, which is
    true to 10⁻⁵; under a tenth of a degree in the middle of its box, which is true to 3·10⁻⁴ for a triangle, the worst, and
    spares a tenth of a load. A high one goes through the equal-area projection EPSG:6933. Edges are straight on the map (RFC
    7946 §3.1.1), not geodesics; for the long edges of generalised limits that makes a difference of less than a thousandth
    (tested against GeographicLib). `boxes`: their bounds, where they are known.
    """
    boxes = shapely.bounds(shapes) if boxes is None else boxes
    heights, latitudes = boxes[:, 3] - boxes[:, 1], (boxes[:, 1] + boxes[:, 3]) / 2
    middling = np.flatnonzero(heights > _LOWEST_DEGREES)
    latitudes[middling] = shapely.get_y(shapely.centroid(shapes[middling]))
    areas = shapely.area(shapes) * _km2_per_square_degree(latitudes)
    high = np.flatnonzero(heights > _LOW_DEGREES)
    if len(high):
        areas[high] = shapely.area(shapely.transform(shapes[high], _EQUAL_AREA.transform, interleaved=False)) / 1e6
    return np.asarray(areas)


def _km2_per_square_degree(latitudes: np.ndarray) -> np.ndarray:
    """From the radii of curvature along the meridian and across it."""
    phi = np.radians(latitudes)
    flattened = 1 - _WGS84.es * np.sin(phi) ** 2
    across = _WGS84.a / np.sqrt(flattened)
    along = _WGS84.a * (1 - _WGS84.es) / flattened**1.5
    return np.asarray(along * across * np.cos(phi) * np.radians(1.0) ** 2 / 1e6)


def area_km2(shape: Any) -> float:
    """Area of one shape, as `areas_km2`."""
    return float(areas_km2(np.array([shape], dtype=object))[0])


def ewkb(shapes: Any) -> Any:
    """EWKB of shapes in EPSG:4326, None for None."""
    return shapely.to_wkb(shapely.set_srid(shapes, 4326), include_srid=True)
