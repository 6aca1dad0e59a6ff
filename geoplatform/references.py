"""The coordinate reference systems in which the platform answers and is asked, by their OGC names.

Leaf module. Everything is kept as WGS 84 longitude/latitude (CRS84); a system's URI fixes the order of its axes
(OGC 18-058r1 §6.3): EPSG:4326 has latitude first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Transformer

from geoplatform.errors import BadParameter

_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
_PIECES = 32
#: Metres beyond which no map of the Earth extends.
_FARTHEST = 1e9


@dataclass(frozen=True, slots=True)
class Reference:
    """A coordinate reference system. `flips`: its first axis is latitude or northing."""

    uri: str
    srid: int
    title: str
    flips: bool = False
    is_geographic: bool = False


CRS84 = Reference(
    "http://www.opengis.net/def/crs/OGC/1.3/CRS84", 4326, "WGS 84 longitude, latitude", is_geographic=True
)
#: Web Mercator, then the legal system of the metropole and of each territory (décret n° 2000-1276, arrêté du 5 mars 2019).
_PROJECTED = {
    3857: "WGS 84 / Web Mercator",
    2154: "RGF93 / Lambert-93",
    5490: "RGAF09 / UTM 20N",
    2972: "RGFG95 / UTM 22N",
    2975: "RGR92 / UTM 40S",
    10674: "RGM23 / UTM 38S",
    4471: "RGM04 / UTM 38S",
    4467: "RGSPM06 / UTM 21N",
    8903: "RGWF96 / UTM 1S",
    3296: "RGPF / UTM 5S",
    3297: "RGPF / UTM 6S",
    3298: "RGPF / UTM 7S",
    3299: "RGPF / UTM 8S",
    3163: "RGNC91-93 / Lambert Nouvelle-Calédonie",
}
#: CRS84 first: QGIS takes the first one that it is told.
REFERENCES: tuple[Reference, ...] = (
    CRS84,
    Reference(f"{_EPSG}4326", 4326, "WGS 84 latitude, longitude", flips=True, is_geographic=True),
    *(Reference(f"{_EPSG}{srid}", srid, title) for srid, title in _PROJECTED.items()),
)
_BY_NAME = {
    name: reference
    for reference in reversed(REFERENCES)
    for name in (
        reference.uri,
        f"[EPSG:{reference.srid}]",
        f"EPSG:{reference.srid}",
        reference.uri.replace("http://www.opengis.net/def/crs/EPSG/0/", "urn:ogc:def:crs:EPSG::"),
    )
}
_BY_NAME |= dict.fromkeys(("[OGC:CRS84]", "OGC:CRS84", "urn:ogc:def:crs:OGC:1.3:CRS84"), CRS84)
_BY_NAME |= {f"{start}EPSG:4326{end}": REFERENCES[1] for start, end in (("", ""), ("[", "]"))}


def named(name: str, parameter: str) -> Reference:
    """The system of this URI, URN or (safe) CURIE. BadParameter, which lists those there are, for another."""
    found = _BY_NAME.get(name.strip())
    if found is None:
        allowed = [reference.uri for reference in REFERENCES]
        raise BadParameter(parameter, name[:80], f"is not one of {', '.join(allowed)}", allowed=allowed)
    return found


def box(numbers: list[float], reference: Reference, parameter: str = "bbox") -> shapely.Geometry:
    """The area (degrees, CRS84) of four numbers: the least of each axis, then the greatest, in the system's order.

    In CRS84 and EPSG:4326 a western edge east of the eastern one crosses the antimeridian and gives two polygons; what lies
    beyond the world is cut off. A box without an inside is a line or a point. BadParameter for an edge that is none.
    """
    first, second, third, fourth = numbers
    if not all(math.isfinite(number) for number in numbers):
        raise BadParameter(parameter, numbers, "holds a number that is not finite")
    west, south, east, north = (second, first, fourth, third) if reference.flips else numbers
    if south > north:
        raise BadParameter(parameter, numbers, f"its southern edge {south:g} lies north of its northern edge {north:g}")
    if not reference.is_geographic:
        if west > east:
            raise BadParameter(parameter, numbers, f"its western edge {west:g} lies east of its eastern edge {east:g}")
        return _projected(west, south, east, north, reference, parameter)
    south, north = max(south, -90.0), min(north, 90.0)
    if south > north or (west <= east and (west > 180 or east < -180)):
        raise BadParameter(parameter, numbers, "lies beyond the world: degrees from -180 to 180 and from -90 to 90")
    if west <= east:
        return _box(max(west, -180.0), south, min(east, 180.0), north)
    if not (east >= -180 and west <= 180):
        raise BadParameter(parameter, numbers, "lies beyond the world: degrees from -180 to 180 and from -90 to 90")
    return shapely.union_all([_box(west, south, 180.0, north), _box(-180.0, south, east, north)])


def _box(west: float, south: float, east: float, north: float) -> shapely.Geometry:
    """A rectangle; a line or a point where it has no inside, which no database would find anything in."""
    if west < east and south < north:
        return shapely.box(west, south, east, north)
    corners = [(west, south), (east, north)]
    return shapely.Point(corners[0]) if corners[0] == corners[1] else shapely.LineString(corners)


def _projected(
    west: float, south: float, east: float, north: float, reference: Reference, parameter: str
) -> shapely.Geometry:
    bounds = [west, south, east, north]
    beyond = BadParameter(parameter, bounds, f"lies beyond where {reference.title} ({reference.uri}) holds")
    if max(map(abs, bounds)) > _FARTHEST:
        raise beyond
    shape = _box(west, south, east, north)
    step = max(east - west, north - south) / _PIECES
    area = to_lonlat(shapely.segmentize(shape, step) if step > 0 else shape, reference)
    if not np.isfinite(shapely.get_coordinates(area)).all():
        raise beyond
    return shapely.make_valid(area) if not area.is_valid else area


def to_lonlat(shape: shapely.Geometry, reference: Reference) -> shapely.Geometry:
    """A geometry given in a system, its axes in the system's own order, in degrees of CRS84. Not finite where it does not hold."""
    if reference == CRS84:
        return shape
    transformer = _to_lonlat(reference.srid)

    def moved(points: Any) -> Any:
        across, up = (points[:, 1], points[:, 0]) if reference.flips else (points[:, 0], points[:, 1])
        return np.column_stack(transformer.transform(across, up))

    return shapely.transform(shape, moved)


@cache
def _to_lonlat(srid: int) -> Transformer:
    return Transformer.from_crs(CRS.from_epsg(srid), CRS.from_epsg(4326), always_xy=True)
