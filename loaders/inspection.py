"""What the gates need to know of the polygons, found department by department: a whole country need not fit into memory.

From `loaders.run`; reads `store.staging`; to `loaders.gates`. Both cores work: GEOS runs without Python's lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection

from geoplatform.progress import Step
from geoplatform.store import staging
from loaders.limits import Limits
from loaders.parallel import in_parallel
from loaders.polygons import area_km2, areas_km2, polygons_of

METRES_PER_DEGREE = 111_320.0
_MOST_FINDINGS = 2_000


@dataclass(frozen=True)
class Overlap:
    """Land that two communes both have. `is_wide`: wider than twice the precision of the set."""

    codes: tuple[str, str]
    area_km2: float
    is_wide: bool
    shape: Any


@dataclass(frozen=True)
class Gap:
    """A hole in the union that is wider than twice the precision and not another country's."""

    area_km2: float
    shape: Any
    middle: tuple[float, float]


@dataclass
class Inspection:
    """What was found. Areas by department in km² on the ellipsoid; pairs are of INSEE codes, the smaller first."""

    mismatched: dict[str, Any] = field(default_factory=dict)
    overlaps: list[Overlap] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    areas_km2: dict[str, float] = field(default_factory=dict)
    compared_pairs: int = 0
    pairs_gained: list[tuple[str, str]] = field(default_factory=list)
    pairs_lost: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Chunk:
    """A department's communes (`own` first ones) and those around it, now and in the earlier vintage."""

    codes: list[str]
    shapes: np.ndarray
    own: int
    earlier_codes: list[str]
    earlier_shapes: np.ndarray


def inspect(
    connection: Connection,
    vintage_id: int,
    earlier: int | None,
    limits: Limits,
    precision_m: float,
    foreign_land: Any,
    step: Step,
) -> Inspection:
    """Overlaps, gaps, mismatched edges, areas and neighbours of a staged vintage.

    `earlier`: number of the vintage to compare the neighbours with. `foreign_land`: one geometry, or None to take every
    hole for a gap.
    """
    found = Inspection()
    found.areas_km2 = {code: area_km2(shape) for code, shape in limits.departments.items()}
    groups = [*limits.departments, *(code for code in limits.territories if code not in _territories_of(limits))]
    chunks = (_chunk(connection, vintage_id, earlier, code) for code in groups)
    for part in step.track(in_parallel(lambda chunk: _looked_at(chunk, precision_m), chunks), len(groups)):
        found.mismatched |= part.mismatched
        found.overlaps += part.overlaps
        found.compared_pairs += part.compared_pairs
        found.pairs_gained += part.pairs_gained
        found.pairs_lost += part.pairs_lost
    found.gaps = _gaps(limits, precision_m, foreign_land)
    return found


def findings(
    found: Inspection, repaired: dict[str, tuple[str, Any]]
) -> Iterator[tuple[str, list[str], float | None, str | None, Any]]:
    """(kind, codes, km², reason, shape) of what can be shown on a map: every gap, the largest of the others."""
    for gap in found.gaps:
        yield "gap", [], gap.area_km2, None, gap.shape
    for overlap in sorted(found.overlaps, key=lambda o: -o.area_km2)[:_MOST_FINDINGS]:
        yield "overlap", list(overlap.codes), overlap.area_km2, None, overlap.shape
    for code, (reason, shape) in list(repaired.items())[:_MOST_FINDINGS]:
        if shape is not None:
            yield "repaired", [code], None, reason, shape
    for code, edges in list(found.mismatched.items())[:_MOST_FINDINGS]:
        yield "edge", [code], None, None, edges


def _territories_of(limits: Limits) -> set[str]:
    return {code if code.startswith("97") else "FXX" for code in limits.departments}


def _chunk(connection: Connection, vintage_id: int, earlier: int | None, group: str) -> Chunk:
    own = staging.communes_of(connection, vintage_id, group)
    around = staging.neighbours_of(connection, vintage_id, group)
    before = [] if earlier is None else staging.communes_of(connection, earlier, group)
    before_around = [] if earlier is None else staging.neighbours_of(connection, earlier, group)
    rows, earlier_rows = own + around, before + before_around
    return Chunk(
        codes=[code for code, _ in rows],
        shapes=shapely.from_wkb([bytes(wkb) for _, wkb in rows]),
        own=len(own),
        earlier_codes=[code for code, _ in earlier_rows],
        earlier_shapes=shapely.from_wkb([bytes(wkb) for _, wkb in earlier_rows]),
    )


def _looked_at(chunk: Chunk, precision_m: float) -> Inspection:
    found = Inspection()
    edges = shapely.coverage_invalid_edges(chunk.shapes)
    odd = np.flatnonzero(~shapely.is_empty(edges))
    own_codes = set(chunk.codes[: chunk.own])
    found.mismatched = {chunk.codes[i]: edges[i] for i in odd.tolist() if i < chunk.own}
    found.overlaps = _overlaps(chunk, odd, own_codes, precision_m)
    _compare_neighbours(chunk, own_codes, precision_m, found)
    return found


def _overlaps(chunk: Chunk, odd: np.ndarray, own: set[str], precision_m: float) -> list[Overlap]:
    """Overlaps can only lie where the coverage's edges do not match, so only those communes are compared."""
    if not len(odd):
        return []
    suspects = chunk.shapes[odd]
    first, second = shapely.STRtree(suspects).query(suspects, predicate="intersects")
    codes = [chunk.codes[i] for i in odd.tolist()]
    # Each pair once over all departments: by the commune with the smaller code.
    pairs = [
        (a, b) for a, b in zip(first.tolist(), second.tolist(), strict=True) if codes[a] < codes[b] and codes[a] in own
    ]
    common = [polygons_of(shapely.intersection(suspects[a], suspects[b])) for a, b in pairs]
    areas: Any = areas_km2(np.array(common, dtype=object)) if common else []
    return [
        Overlap((codes[a], codes[b]), float(area), is_wider(shape, precision_m), shape)
        for (a, b), shape, area in zip(pairs, common, areas, strict=True)
        if shape is not None and area > 0
    ]


def _compare_neighbours(chunk: Chunk, own: set[str], precision_m: float, found: Inspection) -> None:
    """Pairs of communes that neither merged nor split and that touch in one vintage but are apart in the other."""
    if not chunk.earlier_codes:
        return
    common = set(chunk.codes) & set(chunk.earlier_codes)
    grown = _holders(chunk.codes, chunk.shapes, chunk.earlier_codes, chunk.earlier_shapes)
    shrunk = _holders(chunk.earlier_codes, chunk.earlier_shapes, chunk.codes, chunk.shapes)
    unchanged = common - grown - shrunk
    now = _touching(chunk.codes, chunk.shapes, unchanged, own)
    before = _touching(chunk.earlier_codes, chunk.earlier_shapes, unchanged, own)
    found.compared_pairs = len(now | before)
    here = dict(zip(chunk.codes, chunk.shapes, strict=True))
    there = dict(zip(chunk.earlier_codes, chunk.earlier_shapes, strict=True))
    found.pairs_gained = sorted(pair for pair in now - before if _apart(there, pair, precision_m))
    found.pairs_lost = sorted(pair for pair in before - now if _apart(here, pair, precision_m))


def _holders(codes: list[str], shapes: np.ndarray, others: list[str], their_shapes: np.ndarray) -> set[str]:
    """Those that hold the middle of a commune which only the other vintage has: it merged into them, or left them."""
    known = set(codes)
    lone = [index for index, code in enumerate(others) if code not in known]
    if not lone:
        return set()
    middles = shapely.point_on_surface(their_shapes[lone])
    _, holders = shapely.STRtree(shapes).query(middles, predicate="intersects")
    return {codes[index] for index in holders.tolist()}


def _touching(codes: list[str], shapes: np.ndarray, among: set[str], own: set[str]) -> set[tuple[str, str]]:
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = ((codes[a], codes[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True))
    return {(a, b) for a, b in pairs if a < b and a in own and a in among and b in among}


def _apart(shapes: dict[str, Any], pair: tuple[str, str], precision_m: float) -> bool:
    one, other = shapes[pair[0]], shapes[pair[1]]
    nearest = shapely.shortest_line(one, other)
    return float(shapely.length(_local(nearest))) > max(precision_m, 1.0)


def _gaps(limits: Limits, precision_m: float, foreign_land: Any) -> list[Gap]:
    """Holes of each territory's union."""
    holes = [
        shapely.Polygon(ring)
        for shape in limits.territories.values()
        for part in shapely.get_parts(shape)
        for ring in shapely.get_rings(part)[1:]
    ]
    wide = [hole for hole in holes if is_wider(hole, precision_m) and not _is_foreign(hole, foreign_land)]
    gaps = [Gap(area_km2(hole), hole, _middle(hole)) for hole in wide]
    return sorted(gaps, key=lambda gap: -gap.area_km2)


def is_wider(shape: Any, precision_m: float) -> bool:
    """Whether a shape (EPSG:4326) is wider than twice the precision somewhere."""
    return not _local(shape).buffer(-max(precision_m, 0.5)).is_empty


def _local(shape: Any) -> Any:
    """The shape in metres on the plane that touches the Earth at its middle, well enough for a width."""
    latitude = np.radians(shape.centroid.y)
    return shapely.transform(shape, lambda xy: xy * METRES_PER_DEGREE * np.array([np.cos(latitude), 1.0]))


def _is_foreign(hole: Any, foreign_land: Any) -> bool:
    return foreign_land is not None and bool(foreign_land.intersection(hole).area >= 0.5 * hole.area)


def _middle(shape: Any) -> tuple[float, float]:
    point = shapely.point_on_surface(shape)
    return point.x, point.y
