"""Any coordinate reference system in, EPSG:4326 (longitude first) out. From `loaders.sources`; through PROJ.

Differences between the legal systems and WGS 84 are decimetric; what matters is that a wrong declaration is refused.
"""

from __future__ import annotations

import numpy as np
import shapely
from pyproj import CRS
from pyproj.aoi import AreaOfInterest
from pyproj.exceptions import CRSError
from pyproj.transformer import TransformerGroup

from geoplatform.errors import BadSource

#: Where each territory lies, generously (west, south, east, north in degrees): a boundary set outside all of these is
#: declared in the wrong system, or is not of France.
ENVELOPES = {
    "FXX": (-6.0, 41.0, 10.0, 51.5),
    "971": (-62.0, 15.7, -60.9, 16.7),
    "972": (-61.4, 14.2, -60.6, 15.0),
    "973": (-54.8, 2.0, -51.4, 6.0),
    "974": (55.0, -21.6, 56.0, -20.7),
    "975": (-56.7, 46.6, -56.0, 47.3),
    "976": (44.9, -13.2, 45.4, -12.4),
    "977": (-63.0, 17.7, -62.7, 18.1),
    "978": (-63.3, 17.9, -62.9, 18.3),
    "984": (39.0, -67.5, 142.5, -11.0),
    "986": (-178.5, -14.6, -175.9, -13.0),
    "987": (-155.0, -28.5, -134.0, -7.5),
    "988": (156.0, -27.0, 174.5, -17.0),
}
_WGS84 = CRS.from_epsg(4326)
_SAMPLES = 1000


class ToWgs84:
    """A transformation to longitude and latitude, and what it is.

    `source`: name and code of the system; `operation`: the best transformation PROJ has here; `accuracy_m`: what PROJ says of
    it, None where it does not; `better`: one that needs a grid which is not here. BadSource if the system is unknown.
    """

    def __init__(self, declared: str, where: str, bounds: tuple[float, float, float, float] | None = None) -> None:
        try:
            self.crs = CRS.from_user_input(declared)
        except CRSError as error:
            raise BadSource(
                f"{where}: its coordinate system is not understood: {declared[:120]}", file=where
            ) from error
        code = self.crs.to_epsg(min_confidence=60)
        self._is_wgs84 = self.crs.is_geographic and code in (4326, None) and "84" in self.crs.name
        self.source = f"{self.crs.name} (EPSG:{code})" if code else self.crs.name
        self._where = where
        group = TransformerGroup(self.crs, _WGS84, always_xy=True, area_of_interest=_area(self.crs, bounds))  # type: ignore[arg-type]
        if not group.transformers:
            raise BadSource(f"{where}: there is no transformation from {self.source} to WGS 84", file=where)
        best = group.transformers[0]
        self._transform = best.transform
        self.operation = "none needed" if self._is_wgs84 else best.description
        self.accuracy_m = None if best.accuracy is None or best.accuracy < 0 else float(best.accuracy)
        better = [] if group.best_available else group.unavailable_operations
        self.better = better[0].name if better else None

    def __call__(self, shapes: np.ndarray) -> np.ndarray:
        """The shapes in EPSG:4326, longitude first, cut at the antimeridian (RFC 7946 §3.1.9), nothing beyond ±180.

        BadSource where they come to lie outside France and its territories: the declared system is then wrong.
        """
        degrees = shapes if self._is_wgs84 else shapely.transform(shapes, self._transform, interleaved=False)
        boxes = shapely.bounds(degrees)
        elsewhere = _elsewhere(boxes)
        if not elsewhere.any():
            return degrees
        self._refuse(shapes, degrees, _off_earth(boxes))
        degrees = within_180(degrees)
        self._refuse(shapes, degrees, _elsewhere(shapely.bounds(degrees)))
        return degrees

    def told(self) -> str:
        """What was done, in words, for the report."""
        accuracy = "" if self.accuracy_m is None else f", ±{self.accuracy_m:g} m"
        lacking = f"; {self.better} would be better but lacks its grid" if self.better else ""
        return f"coordinates from {self.source} by {self.operation}{accuracy}{lacking}"

    def _refuse(self, given: np.ndarray, degrees: np.ndarray, wrong: np.ndarray) -> None:
        """BadSource for the first of the wrong ones, if any."""
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            at, box = shapely.bounds(degrees[first]), shapely.bounds(given[first])
            seen = ", ".join(f"{value:g}" for value in box)
            raise BadSource(
                f"{self._where}: declared as {self.source}, its feature with the box {seen} would lie at {at[0]:.4g}, {at[1]:.4g}, "
                f"outside France and its territories{_hint(box)}",
                file=self._where,
            )


def _off_earth(boxes: np.ndarray) -> np.ndarray:
    """Which are beyond what a map drawn across the antimeridian may hold. Of empty shapes the box is NaN."""
    return np.asarray((np.abs(boxes[:, [0, 2]]) > 540).any(axis=1) | (np.abs(boxes[:, [1, 3]]) > 90).any(axis=1))


def _elsewhere(boxes: np.ndarray) -> np.ndarray:
    """Which lie in none of the envelopes."""
    west, south, east, north = boxes.T
    inside = np.isnan(west)
    for low_x, low_y, high_x, high_y in ENVELOPES.values():
        inside |= (west >= low_x) & (south >= low_y) & (east <= high_x) & (north <= high_y)
    return np.asarray(~inside)


def within_180(shapes: np.ndarray) -> np.ndarray:
    """Shapes whose longitudes run beyond ±180, or jump across it, cut there and brought back (RFC 7946 §3.1.9)."""
    west, _, east, _ = shapely.bounds(shapes).T
    with np.errstate(invalid="ignore"):
        odd = np.flatnonzero((west < -180) | (east > 180) | (east - west > 180))
    if not len(odd):
        return shapes
    result = shapes.copy()
    for index in odd.tolist():
        shape = shapes[index] if shapely.is_valid(shapes[index]) else shapely.make_valid(shapes[index])
        if east[index] - west[index] > 180:  # it jumps: count eastward from 0 to 360
            shape = shapely.transform(shape, lambda xy: np.column_stack((xy[:, 0] % 360, xy[:, 1])))
        parts = []
        for turn in (-360, 0, 360):
            part = shapely.intersection(shape, shapely.box(turn - 180, -90, turn + 180, 90))
            moved = shapely.transform(part, lambda xy, by=turn: xy - np.array([by, 0.0]))
            parts += [p for p in shapely.get_parts(moved) if p.geom_type == "Polygon"]
        result[index] = shapely.MultiPolygon(parts)
    return result


def _area(crs: CRS, bounds: tuple[float, float, float, float] | None) -> AreaOfInterest | None:
    if bounds is not None:
        return AreaOfInterest(*bounds)
    use = crs.area_of_use
    return None if use is None else AreaOfInterest(use.west, use.south, use.east, use.north)


def _hint(box: np.ndarray) -> str:
    west, south, east, north = (float(value) for value in box)
    if 41 <= west <= 52 and -6 <= south <= 10:
        return ": latitude seems to stand before longitude"
    if max(abs(west), abs(east)) <= 180 and max(abs(south), abs(north)) <= 90:
        return ": these look like degrees"
    if 0 < west < 1_300_000 and 6_000_000 < south < 7_200_000:
        return ": these look like Lambert-93 (EPSG:2154)"
    if 0 < west < 1_300_000 and 1_600_000 < south < 2_700_000:
        return ": these look like Lambert II étendu (EPSG:27572)"
    return ""
