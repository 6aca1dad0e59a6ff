"""A boundary set, whoever published it: repaired, checked, staged. From one module per publisher; to `store.vintages`.

The steps are a visible list (`loaders.run`): repair → dissolve → check → stage → activate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer

from geoplatform.errors import GateFailed
from geoplatform.model import COMMUNE_CODE

_METRES_PER_DEGREE = 111_320.0
_NAMED = 12

Track = Callable[[Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Unit:
    """A region, department or EPCI: its code, its name, perhaps the code above it and its legal kind."""

    code: str
    name: str
    parent_code: str | None = None
    kind: str | None = None


@dataclass
class BoundarySet:
    """Communes of one vintage as parallel columns, in the order of the source.

    `shapes`: shapely polygons or multipolygons, EPSG:4326, longitude first, None where the source has none.
    `composed`: polygons put together from smaller units for communes without one, by code.
    """

    year: int
    title: str
    publisher: str
    attribution: str
    licence: str
    edition: str
    source_file: str
    source_sha256: str
    precision_m: float
    codes: list[str]
    names: list[str]
    department_codes: list[str | None]
    region_codes: list[str | None]
    epci_codes: list[str | None]
    postal_codes: list[list[str]]
    populations: list[int | None]
    shapes: np.ndarray
    composed: dict[str, Any] = field(default_factory=dict)
    regions: list[Unit] = field(default_factory=list)
    departments: list[Unit] = field(default_factory=list)
    epci: list[Unit] = field(default_factory=list)
    geometry_sources: list[str] = field(default_factory=list)
    department_shapes: dict[str, Any] = field(default_factory=dict)
    gaps: list[tuple[float, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Gate:
    """One check before activation. `severity`: ok, warning (told, does not refuse) or failure (refuses)."""

    name: str
    severity: str
    detail: str
    offenders: tuple[str, ...] = ()


def territory_of(department_code: str | None, commune_code: str) -> str:
    """Code of the territory (`geoplatform.territory`) a commune belongs to."""
    code = department_code or commune_code[:3]
    return code[:3] if code[:2] in ("97", "98") else "FXX"


def repair(boundaries: BoundarySet) -> dict[str, list[str]]:
    """Make every polygon a valid MultiPolygon in place; the codes that were repaired, composed, or stay without one.

    MakeValid keeps polygons only: lines and points that it leaves over have no area. Nothing is dropped.
    """
    shapes = boundaries.shapes.copy()
    for index, code in enumerate(boundaries.codes):
        if shapes[index] is None and code in boundaries.composed:
            shapes[index] = boundaries.composed[code]
    there = ~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)
    invalid = there & ~shapely.is_valid(shapes)
    for index in np.flatnonzero(invalid).tolist():
        shapes[index] = _polygons_of(shapely.make_valid(shapes[index]))
        there[index] = shapes[index] is not None
    shapes[~there] = None
    boundaries.geometry_sources = [
        "missing" if not there[i]
        else "repaired" if invalid[i]
        else "composed" if boundaries.shapes[i] is None
        else "source"
        for i in range(len(shapes))
    ]  # fmt: skip
    boundaries.shapes = _as_multipolygons(shapes)
    told: dict[str, list[str]] = {"repaired": [], "composed": [], "missing": []}
    for code, kind in zip(boundaries.codes, boundaries.geometry_sources, strict=True):
        if kind in told:
            told[kind].append(code)
    return told


def dissolve(boundaries: BoundarySet, foreign_land: Any, track: Track = lambda items: items) -> None:
    """Fill in the departments' polygons and the holes of the whole, from the communes' polygons.

    A hole counts as a gap where it is wider than twice the precision and not another country's (Llívia): its true
    commune is then unknown. `foreign_land`: one geometry, or None to take every hole for a gap.
    """
    by_department: dict[str, list[int]] = {}
    for index, code in enumerate(boundaries.department_codes):
        if code is not None and boundaries.shapes[index] is not None:
            by_department.setdefault(code, []).append(index)
    for code in track(sorted(by_department)):
        boundaries.department_shapes[code] = _union(boundaries.shapes[by_department[code]])
    whole = shapely.union_all(list(boundaries.department_shapes.values()))
    holes = [shapely.Polygon(ring) for part in shapely.get_parts(whole) for ring in shapely.get_rings(part)[1:]]
    boundaries.gaps = sorted(
        ((_area_km2(hole), hole) for hole in holes if _is_gap(hole, boundaries.precision_m, foreign_land)),
        key=lambda gap: -gap[0],
    )


def check(boundaries: BoundarySet, expected: int | None) -> list[Gate]:
    """Every gate with its verdict, in a fixed order. `expected`: how many communes the source says it holds."""
    present = [shape for shape in boundaries.shapes if shape is not None]
    return [
        _count_gate(boundaries, expected),
        _duplicate_gate(boundaries.codes),
        _code_gate(boundaries.codes),
        _geometry_gate(boundaries, len(present)),
        _validity_gate(boundaries),
        _range_gate(boundaries),
        _overlap_gate(boundaries),
        _gap_gate(boundaries),
        _names_gate(boundaries),
    ]


def refuse_failures(gates: list[Gate]) -> None:
    """GateFailed, naming each gate that refuses and its first offenders."""
    failed = [gate for gate in gates if gate.severity == "failure"]
    if failed:
        told = "; ".join(f"{gate.name}: {gate.detail} ({', '.join(gate.offenders[:5])})" for gate in failed)
        raise GateFailed(f"the boundaries were not stored: {told}", gates=[gate.name for gate in failed])


def _count_gate(boundaries: BoundarySet, expected: int | None) -> Gate:
    found = len(boundaries.codes)
    if found == 0 or (expected is not None and found != expected):
        return Gate("count", "failure", f"{found} communes, {expected} expected")
    return Gate("count", "ok", f"{found} communes in {len(set(boundaries.department_codes))} departments")


def _duplicate_gate(codes: list[str]) -> Gate:
    twice = tuple(sorted(code for code, times in Counter(codes).items() if times > 1))
    return Gate("duplicates", "failure" if twice else "ok", f"{len(twice)} codes stand twice", twice)


def _code_gate(codes: list[str]) -> Gate:
    wrong = tuple(code for code in codes if not COMMUNE_CODE.fullmatch(code))
    return Gate("codes", "failure" if wrong else "ok", f"{len(wrong)} are not INSEE codes", wrong)


def _geometry_gate(boundaries: BoundarySet, present: int) -> Gate:
    total = len(boundaries.codes)
    lacking = tuple(
        f"{code} {name}"
        for code, name, kind in zip(boundaries.codes, boundaries.names, boundaries.geometry_sources, strict=True)
        if kind == "missing"
    )
    severity = "failure" if present < 0.99 * total else "warning" if lacking else "ok"
    return Gate("geometry", severity, f"{present} with a polygon, {len(lacking)} without", lacking)


def _validity_gate(boundaries: BoundarySet) -> Gate:
    repaired = tuple(c for c, k in zip(boundaries.codes, boundaries.geometry_sources, strict=True) if k == "repaired")
    return Gate(
        "validity",
        "warning" if repaired else "ok",
        f"{len(repaired)} polygons had to be made valid",
        repaired,
    )


def _range_gate(boundaries: BoundarySet) -> Gate:
    west, south, east, north = shapely.bounds(boundaries.shapes).T
    with np.errstate(invalid="ignore"):
        outside = (west < -180) | (east > 180) | (south < -90) | (north > 90)
    wrong = tuple(boundaries.codes[i] for i in np.flatnonzero(outside))
    detail = f"{len(wrong)} polygons leave longitude ±180, latitude ±90"
    return Gate("degrees", "failure" if wrong else "ok", detail, wrong)


def _overlap_gate(boundaries: BoundarySet) -> Gate:
    """Overlaps can only lie where the coverage's edges do not match, so only those communes are compared."""
    there = np.flatnonzero(~shapely.is_missing(boundaries.shapes))
    shapes = boundaries.shapes[there]
    odd = ~shapely.is_empty(shapely.coverage_invalid_edges(shapes))
    suspects, indices = shapes[odd], there[odd]
    if not len(suspects):
        return Gate("overlaps", "ok", "every shared limit matches")
    first, second = shapely.STRtree(suspects).query(suspects, predicate="intersects")
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a < b]
    common = [(a, b, _area_km2(shapely.intersection(suspects[a], suspects[b]))) for a, b in pairs]
    overlaps = sorted(((area, a, b) for a, b, area in common if area > 0), reverse=True)
    named = tuple(f"{boundaries.codes[indices[a]]}/{boundaries.codes[indices[b]]}" for _, a, b in overlaps)
    hectares = 100 * sum(area for area, _, _ in overlaps)
    detail = f"{int(odd.sum())} communes with mismatched edges, {len(overlaps)} overlapping pairs, {hectares:.1f} ha"
    return Gate("overlaps", "warning", detail, named)


def _gap_gate(boundaries: BoundarySet) -> Gate:
    area = sum(area for area, _ in boundaries.gaps)
    named = tuple(_where(shape) for _, shape in boundaries.gaps)
    severity = "warning" if boundaries.gaps else "ok"
    return Gate("gaps", severity, f"{len(boundaries.gaps)} holes wider than the precision, {area:.1f} km²", named)


def _names_gate(boundaries: BoundarySet) -> Gate:
    known = {unit.code for unit in boundaries.departments}
    lost = tuple(
        code
        for code, department in zip(boundaries.codes, boundaries.department_codes, strict=True)
        if known and department not in known
    )
    return Gate("departments", "failure" if lost else "ok", f"{len(lost)} communes in no known department", lost)


def _where(shape: Any) -> str:
    point = shapely.point_on_surface(shape)
    return f"{point.x:.3f},{point.y:.3f}"


def areas_km2(shapes: np.ndarray) -> np.ndarray:
    """Area of each shape (EPSG:4326) on the ellipsoid, through the equal-area projection EPSG:6933; NaN where None.

    Edges are straight on the map (RFC 7946 §3.1.1), not geodesics; for the long edges of generalised limits that makes
    a difference of less than a thousandth (tested against GeographicLib).
    """
    equal_area = Transformer.from_crs(4326, 6933, always_xy=True).transform
    return np.asarray(shapely.area(shapely.transform(shapes, equal_area, interleaved=False)) / 1e6)


def _area_km2(shape: Any) -> float:
    return float(areas_km2(np.array([shape]))[0])


def _is_gap(hole: Any, precision_m: float, foreign_land: Any) -> bool:
    latitude = np.radians(hole.centroid.y)
    local = shapely.transform(hole, lambda xy: xy * _METRES_PER_DEGREE * np.array([np.cos(latitude), 1.0]))
    if local.buffer(-precision_m).is_empty:
        return False
    return foreign_land is None or bool(foreign_land.intersection(hole).area < 0.5 * hole.area)


def _union(shapes: np.ndarray) -> Any:
    try:
        united = shapely.coverage_union_all(shapes)
    except shapely.errors.GEOSException:
        united = None
    if united is None or not united.is_valid:  # edges that do not match: the general union is slower and forgiving
        united = shapely.union_all(shapes)
    return _as_multipolygons(np.array([_polygons_of(united)], dtype=object))[0]


def _polygons_of(shape: Any) -> Any | None:
    parts = shapely.get_parts(shapely.get_parts(shape))
    polygons = [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]
    return shapely.MultiPolygon(polygons) if polygons else None


def _as_multipolygons(shapes: np.ndarray) -> np.ndarray:
    """RFC 7946 winding (outer rings counter-clockwise), every polygon as a MultiPolygon."""
    result = shapely.orient_polygons(shapes)
    single = shapely.get_type_id(result) == shapely.GeometryType.POLYGON
    for index in np.flatnonzero(single).tolist():
        result[index] = shapely.MultiPolygon([result[index]])
    return np.asarray(result)
