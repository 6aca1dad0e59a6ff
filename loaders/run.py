"""The load of a boundary set, step by step. From the command line; to `store.vintages`.

Nothing but a staged, invisible vintage is written until it is activated; a run that is killed leaves nothing at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import shapely

from geoplatform.progress import Progress
from geoplatform.store import vintages
from geoplatform.store.engine import Store
from loaders.boundaries import BoundarySet, Gate, areas_km2, check, dissolve, refuse_failures, repair, territory_of


@dataclass(frozen=True)
class Report:
    """What a load counted. `counts` by noun, `told` codes by what was done to them, `gates` in order."""

    title: str
    edition: str
    attribution: str
    licence: str
    precision_m: float
    counts: dict[str, int]
    told: dict[str, list[str]]
    gates: list[Gate]

    def as_json(self) -> dict[str, Any]:
        """The report as plain values, to be stored with the vintage."""
        return asdict(self)


def load(
    store: Store,
    boundaries: BoundarySet,
    progress: Progress,
    *,
    expected: int | None,
    foreign_land: Any,
    now: dt.datetime,
    commit: bool,
) -> tuple[int, Report]:
    """Number of the stored vintage and its report; active afterwards if `commit`, else staged.

    GateFailed (nothing stored) if a check refuses.
    """
    with progress.step("repair") as step:
        told = repair(boundaries)
        step.outcome = ", ".join(f"{len(codes)} {what}" for what, codes in told.items())
    with progress.step("dissolve") as step:
        dissolve(boundaries, foreign_land, step.track)
        step.outcome = f"{len(boundaries.department_shapes)} departments, {len(boundaries.gaps)} gaps"
    with progress.step("check") as step:
        gates = check(boundaries, expected)
        step.outcome = ", ".join(f"{sum(g.severity == s for g in gates)} {s}" for s in ("ok", "warning", "failure"))
    refuse_failures(gates)
    report = _report(boundaries, told, gates)
    vintage_id = stage(store, boundaries, report, progress, now)
    if commit:
        with progress.step("activate") as step:
            placed = vintages.activate(store, vintage_id, now)
            step.outcome = f"vintage {boundaries.year} (number {vintage_id}), {placed} places placed"
    return vintage_id, report


def stage(store: Store, boundaries: BoundarySet, report: Report, progress: Progress, now: dt.datetime) -> int:
    """Number of the new staged vintage, written in one transaction."""
    facts = {
        name: getattr(boundaries, name)
        for name in (
            "year", "title", "publisher", "attribution", "licence", "edition", "source_file", "source_sha256",
            "precision_m",
        )
    }  # fmt: skip
    with progress.step("stage") as step, store.transaction() as connection:
        vintage_id = vintages.open_stage(connection, facts, report.as_json(), now)
        vintages.copy_rows(connection, vintage_id, "region", ((u.code, u.name) for u in boundaries.regions))
        vintages.copy_rows(connection, vintage_id, "department", _department_rows(boundaries))
        vintages.copy_rows(connection, vintage_id, "epci", ((u.code, u.name, u.kind) for u in boundaries.epci))
        rows = step.track(_commune_rows(boundaries), len(boundaries.codes))
        count = vintages.copy_rows(connection, vintage_id, "commune", rows)
        gaps = ((n, area, _ewkb(shape)) for n, (area, shape) in enumerate(boundaries.gaps))
        vintages.copy_rows(connection, vintage_id, "vintage_gap", gaps)
        step.outcome = f"{count} communes"
    return vintage_id


def _commune_rows(boundaries: BoundarySet) -> Iterator[tuple[Any, ...]]:
    ewkb = _ewkb(boundaries.shapes)
    areas = areas_km2(boundaries.shapes).tolist()
    for index, code in enumerate(boundaries.codes):
        yield (
            code,
            boundaries.names[index],
            territory_of(boundaries.department_codes[index], code),
            boundaries.department_codes[index],
            boundaries.region_codes[index],
            boundaries.epci_codes[index],
            boundaries.postal_codes[index],
            boundaries.populations[index],
            boundaries.geometry_sources[index],
            areas[index] if ewkb[index] is not None else None,
            ewkb[index],
        )


def _department_rows(boundaries: BoundarySet) -> Iterator[tuple[Any, ...]]:
    for unit in boundaries.departments:
        yield unit.code, unit.name, unit.parent_code, _ewkb(boundaries.department_shapes.get(unit.code))


def _ewkb(shapes: Any) -> Any:
    return shapely.to_wkb(shapely.set_srid(shapes, 4326), include_srid=True)


def _report(boundaries: BoundarySet, told: dict[str, list[str]], gates: list[Gate]) -> Report:
    names = dict(zip(boundaries.codes, boundaries.names, strict=True))
    return Report(
        title=boundaries.title,
        edition=boundaries.edition,
        attribution=boundaries.attribution,
        licence=boundaries.licence,
        precision_m=boundaries.precision_m,
        counts={
            "communes": len(boundaries.codes),
            "without_geometry_in_source": len(told["composed"]) + len(told["missing"]),
            "composed": len(told["composed"]),
            "without_geometry": len(told["missing"]),
            "repaired": len(told["repaired"]),
            "departments": len(boundaries.departments),
            "vertices": int(shapely.get_num_coordinates(boundaries.shapes).sum()),
        },
        told={what: [f"{code} {names[code]}" for code in codes] for what, codes in told.items()},
        gates=gates,
    )
