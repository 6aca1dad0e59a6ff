"""The units above the communes: departments, regions, EPCI and territories, dissolved from the staged communes.

From `loaders.run`; to `store.staging`. One unit is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer
from sqlalchemy import Connection

from geoplatform.progress import Step
from geoplatform.store import staging
from loaders.boundaries import BoundarySet, Unit, territory_of
from loaders.parallel import in_parallel
from loaders.polygons import areas_km2, ewkb, repaired, united
from loaders.staging import Staged

#: Projected CRS the law prescribes for areas and distances, by territory (décret n° 2000-1276, arrêté du 5 mars 2019);
#: Polynesia spans four zones, by the longitude where each ends (RGPF / UTM 5S to 8S).
LEGAL_CRS = {
    "FXX": 2154, "971": 5490, "972": 5490, "973": 2972, "974": 2975, "975": 4467, "976": 10674, "977": 5490, "978": 5490,
    "984": 7079, "986": 8903, "987": 3297, "988": 3163,
}  # fmt: skip
_POLYNESIA = ((-150.0, 3296), (-144.0, 3297), (-138.0, 3298), (180.0, 3299))


@dataclass
class Limits:
    """Dissolved polygons (EPSG:4326) by code: departments and territories; areas of territories in their legal CRS."""

    departments: dict[str, Any] = field(default_factory=dict)
    territories: dict[str, Any] = field(default_factory=dict)
    areas_km2: dict[str, float] = field(default_factory=dict)


def dissolve(connection: Connection, vintage_id: int, boundaries: BoundarySet, staged: Staged, step: Step) -> Limits:
    """Store departments, regions, EPCI and territories with their limits."""
    staging.analyse(connection, vintage_id)
    limits = Limits()
    departments = _repaired_unions(staging.streamed(connection, vintage_id, "department_code"), staged)
    limits.departments = dict(step.track(departments, len(boundaries.departments)))
    parts: dict[str, list[Any]] = {}
    for code, shape in limits.departments.items():
        parts.setdefault(territory_of(code, code), []).append(shape)
    for code, shape in _repaired_unions(staging.streamed(connection, vintage_id, "collectivity"), staged):
        parts.setdefault(code, []).append(shape)
    _keep_repairs(connection, vintage_id, staged)
    limits.territories = {code: united(np.array(shapes, dtype=object)) for code, shapes in sorted(parts.items())}
    limits.areas_km2 = {code: legal_area_km2(code, shape) for code, shape in limits.territories.items()}
    regions = _regions(limits.departments, boundaries.departments)
    epci = dict(_unions(staging.streamed(connection, vintage_id, "epci_code")))
    put = _putter(connection, vintage_id)
    put("region", ((u.code, u.name, ewkb(regions.get(u.code))) for u in boundaries.regions))
    put(
        "department",
        ((u.code, u.name, u.parent_code, ewkb(limits.departments.get(u.code))) for u in boundaries.departments),
    )
    put("epci", ((u.code, u.name, u.kind, ewkb(epci.get(u.code))) for u in boundaries.epci))
    put("territory_edition", _territories(limits, staged))
    return limits


def legal_area_km2(territory: str, shape: Any) -> float:
    """Area in the legal projected CRS of a territory; Polynesia by its four zones. `shape` in EPSG:4326."""
    if territory != "987":
        return _projected_area_km2(LEGAL_CRS[territory], shape)
    west, total = -180.0, 0.0
    for east, crs in _POLYNESIA:
        total += _projected_area_km2(crs, shapely.intersection(shape, shapely.box(west, -90, east, 90)))
        west = east
    return total


def _projected_area_km2(crs: int, shape: Any) -> float:
    project = Transformer.from_crs(4326, crs, always_xy=True).transform
    return float(shapely.area(shapely.transform(shape, project, interleaved=False)) / 1e6)


def _putter(connection: Connection, vintage_id: int) -> Callable[[str, Iterator[tuple[Any, ...]]], None]:
    def put(table: str, rows: Iterator[tuple[Any, ...]]) -> None:
        staging.copy_rows(connection, vintage_id, table, rows)

    return put


def _repaired_unions(groups: Iterable[tuple[str, list[tuple[Any, ...]]]], staged: Staged) -> Iterator[tuple[str, Any]]:
    """(code, union) of each group of communes, those that are not valid made so and noted."""

    def union(group: tuple[str, list[tuple[Any, ...]]]) -> tuple[str, Any, dict[str, tuple[str, Any]]]:
        code, rows = group
        shapes, wrong = repaired(shapely.from_wkb([bytes(wkb) for _, wkb in rows]))
        return code, united(shapes), {rows[index][0]: (reason, shapes[index]) for index, reason in wrong.items()}

    for code, shape, wrong in in_parallel(union, groups):
        staged.repaired |= wrong
        if shape is not None:
            yield code, shape


def _keep_repairs(connection: Connection, vintage_id: int, staged: Staged) -> None:
    """A polygon of which nothing is left counts as missing."""
    gone = [code for code, (_, shape) in staged.repaired.items() if shape is None]
    staged.missing += gone
    shapes = np.array([shape for _, shape in staged.repaired.values()], dtype=object)
    areas = areas_km2(shapes).tolist()
    rows = zip(staged.repaired, areas, ewkb(shapes), strict=True)
    staging.repair(connection, vintage_id, [(c, None if wkb is None else area, wkb) for c, area, wkb in rows])
    staged.repaired = {code: found for code, found in staged.repaired.items() if code not in gone}


def _unions(groups: Iterable[tuple[str, list[tuple[Any, ...]]]]) -> Iterator[tuple[str, Any]]:
    """(code, union) of each group of communes."""

    def union(group: tuple[str, list[tuple[Any, ...]]]) -> tuple[str, Any]:
        code, rows = group
        return code, united(shapely.from_wkb([bytes(wkb) for _, wkb in rows]))

    return in_parallel(union, groups)


def _regions(departments: dict[str, Any], units: list[Unit]) -> dict[str, Any]:
    parts: dict[str, list[Any]] = {}
    for unit in units:
        if unit.parent_code is not None and unit.code in departments:
            parts.setdefault(unit.parent_code, []).append(departments[unit.code])
    return {code: united(np.array(shapes, dtype=object)) for code, shapes in parts.items()}


def _territories(limits: Limits, staged: Staged) -> Iterator[tuple[Any, ...]]:
    counts: dict[str, int] = {}
    lacking: dict[str, int] = {}
    missing = set(staged.missing)
    for code, department in staged.department_codes.items():
        territory = territory_of(department, code)
        counts[territory] = counts.get(territory, 0) + 1
        lacking[territory] = lacking.get(territory, 0) + (code in missing)
    for territory, count in sorted(counts.items()):
        yield (
            territory,
            count,
            lacking[territory],
            limits.areas_km2.get(territory),
            ewkb(limits.territories.get(territory)),
        )
