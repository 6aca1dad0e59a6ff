"""Polygons of a batch made fit to keep: valid, wound as RFC 7946 says, MultiPolygons. From and to `loaders.staging`."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from pyproj import Transformer

_EQUAL_AREA = Transformer.from_crs(4326, 6933, always_xy=True)


def repaired(shapes: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    """The shapes as valid MultiPolygons (outer rings counter-clockwise, two dimensions), and what was wrong by index.

    MakeValid with polygons only: lines and points that it leaves over have no area. None where nothing is left.
    """
    result = shapely.force_2d(shapes)
    there = ~shapely.is_missing(result) & ~shapely.is_empty(result)
    result[~there] = None
    wrong: dict[int, str] = {}
    for index in np.flatnonzero(there & ~shapely.is_valid(result)).tolist():
        wrong[index] = str(shapely.is_valid_reason(result[index]))
        result[index] = polygons_of(shapely.make_valid(result[index]))
    return as_multipolygons(result), wrong


def polygons_of(shape: Any) -> Any | None:
    """The polygons of a geometry as one MultiPolygon, None if it has none."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    polygons = [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]
    return shapely.MultiPolygon(polygons) if polygons else None


def as_multipolygons(shapes: np.ndarray) -> np.ndarray:
    """Every polygon as a MultiPolygon with RFC 7946 winding (outer rings counter-clockwise)."""
    result = shapely.orient_polygons(shapes)
    single = np.flatnonzero(shapely.get_type_id(result) == shapely.GeometryType.POLYGON)
    if len(single):
        result[single] = shapely.multipolygons(result[single], indices=np.arange(len(single)))
    return np.asarray(result)


def united(shapes: np.ndarray) -> Any | None:
    """Union of polygons that should not overlap, as a MultiPolygon; None of nothing."""
    try:
        union = shapely.coverage_union_all(shapes)
    except shapely.errors.GEOSException:
        union = None
    if union is None or not union.is_valid:  # edges that do not match: the general union is slower and forgiving
        union = shapely.union_all(shapes)
    return as_multipolygons(np.array([polygons_of(union)], dtype=object))[0]


def areas_km2(shapes: np.ndarray) -> np.ndarray:
    """Area of each shape (EPSG:4326) on the ellipsoid, through the equal-area projection EPSG:6933; NaN where None.

    Edges are straight on the map (RFC 7946 §3.1.1), not geodesics; for the long edges of generalised limits that makes
    a difference of less than a thousandth (tested against GeographicLib).
    """
    projected = shapely.transform(shapes, _EQUAL_AREA.transform, interleaved=False)
    return np.asarray(shapely.area(projected) / 1e6)


def area_km2(shape: Any) -> float:
    """Area of one shape, as `areas_km2`."""
    return float(areas_km2(np.array([shape], dtype=object))[0])


def ewkb(shapes: Any) -> Any:
    """EWKB of shapes in EPSG:4326, None for None."""
    return shapely.to_wkb(shapely.set_srid(shapes, 4326), include_srid=True)
