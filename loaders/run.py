"""The load of a boundary set, step by step. From the command line; to `store.staging` and `store.vintages`.

Everything up to the staged, invisible vintage is one transaction: a run that is killed leaves nothing at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import shapely
from sqlalchemy import Connection

from geoplatform.errors import GateFailed
from geoplatform.progress import Progress
from geoplatform.store import staging, vintages
from geoplatform.store.engine import Store
from loaders import gates
from loaders.boundaries import BoundarySet
from loaders.drawing import draw
from loaders.gates import Gate
from loaders.inspection import Inspection, findings, inspect
from loaders.limits import Limits, dissolve
from loaders.parallel import give_back
from loaders.staging import Staged, stage

_MOST_NAMED = 1000


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
    territories: dict[str, float]
    notes: list[str]
    gates: list[Gate]

    def as_json(self) -> dict[str, Any]:
        """The report as plain values, to be stored with the vintage."""
        return asdict(self)


def load(
    store: Store,
    boundaries: BoundarySet,
    progress: Progress,
    *,
    foreign_land: Any,
    now: dt.datetime,
    commit: bool,
    waived: frozenset[str] = frozenset(),
    told: Callable[[Report], object] = lambda report: None,
) -> tuple[int, Report]:
    """Number of the stored vintage and its report; active afterwards if `commit`, else staged. `told` gets the report first.

    GateFailed if a check refuses that the operator has not waived: with `commit` the vintage stays staged, to be looked at.
    """
    with store.transaction() as connection:
        vintage_id, report = prepare(connection, boundaries, progress, foreign_land, now, waived)
    told(report)
    if commit:
        refuse_failures(report, vintage_id)
        with progress.step("activate") as step:
            done = vintages.activate(store, vintage_id, now)
            step.outcome = f"vintage {boundaries.edition.year} (number {vintage_id}), {done.told()}"
    return vintage_id, report


def prepare(
    connection: Connection,
    boundaries: BoundarySet,
    progress: Progress,
    foreign_land: Any,
    now: dt.datetime,
    waived: frozenset[str],
) -> tuple[int, Report]:
    """Number and report of the new staged vintage, with everything that is derived from it."""
    vintage_id = vintages.open_stage(connection, asdict(boundaries.edition), now)
    checked = _checked(connection, vintage_id, boundaries, progress, foreign_land, waived)
    give_back()  # what was read and checked is stored: drawing takes as much again
    with progress.step("draw") as step:
        drawn = draw(connection, vintage_id, boundaries.edition.precision_m, step)
        staging.name_communes(connection, vintage_id)
        staging.analyse_derived(connection, vintage_id)
        step.outcome = ", ".join(f"z{zoom} {count}" for zoom, count in sorted(drawn.vertices.items())) + " vertices"
        step.outcome += f"; {drawn.tiles} tiles finished, {drawn.tile_bytes / 1e6:.1f} MB"
    report = replace(checked, gates=[*checked.gates, *_shown(gates.waive([gates.drawing(drawn)], waived))])
    vintages.keep_report(connection, vintage_id, report.as_json())
    return vintage_id, report


def _checked(
    connection: Connection,
    vintage_id: int,
    boundaries: BoundarySet,
    progress: Progress,
    foreign_land: Any,
    waived: frozenset[str],
) -> Report:
    """The boundaries stored with what is dissolved from them, and what the checks say of them."""
    active = vintages.active(connection)
    with progress.step("stage") as step:
        staged = stage(connection, vintage_id, boundaries, step)
        step.outcome = (
            f"{len(staged.names)} communes, {len(staged.composed)} composed, {len(staged.missing)} without limits"
        )
    with progress.step("dissolve") as step:
        limits = dissolve(connection, vintage_id, boundaries, staged, step)
        step.outcome = (
            f"{len(limits.departments)} departments, {len(limits.territories)} territories, "
            f"{len(staged.repaired)} polygons repaired"
        )
    with progress.step("check") as step:
        earlier = active.id if active else None
        precision_m = boundaries.edition.precision_m
        found = inspect(connection, vintage_id, earlier, limits, precision_m, foreign_land, step)
        areas = staging.previous_areas(connection, vintage_id)
        verdicts = gates.waive(gates.judged(boundaries, staged, limits, found, areas), waived)
        step.outcome = _tally(verdicts)
    _keep_findings(connection, vintage_id, found, staged)
    return _report(boundaries, staged, limits, verdicts)


def refuse_failures(report: Report, vintage_id: int) -> None:
    """GateFailed, naming each gate that refuses and its first offenders."""
    failed = [gate for gate in report.gates if gate.severity == gates.FAILURE]
    if failed:
        told = "; ".join(f"{gate.name}: {gate.detail} ({', '.join(gate.offenders[:5])})" for gate in failed)
        names = [gate.name for gate in failed]
        waiving = " ".join(f"--waive {name}" for name in names)
        raise GateFailed(
            f"vintage number {vintage_id} was staged but not activated: {told}. See it on the map: "
            f"geoplatform vintages report {vintage_id} --findings > findings.geojson. "
            f"If you know why and accept it: geoplatform vintages activate {vintage_id} {waiving}",
            gates=names,
        )


def _tally(verdicts: list[Gate]) -> str:
    kinds = (gates.OK, gates.WARNING, gates.WAIVED, gates.FAILURE)
    counts = [(kind, sum(gate.severity == kind for gate in verdicts)) for kind in kinds]
    return ", ".join(f"{count} {kind}" for kind, count in counts if count)


def _keep_findings(connection: Connection, vintage_id: int, found: Inspection, staged: Staged) -> None:
    rows = (
        (number, kind, codes, area, reason, shapely.to_wkb(shapely.set_srid(shape, 4326), include_srid=True))
        for number, (kind, codes, area, reason, shape) in enumerate(findings(found, staged.repaired))
    )
    staging.copy_rows(connection, vintage_id, "vintage_finding", rows)


def _report(boundaries: BoundarySet, staged: Staged, limits: Limits, verdicts: list[Gate]) -> Report:
    edition = boundaries.edition
    told = {"repaired": list(staged.repaired), "composed": staged.composed, "missing": staged.missing}
    counts = {
        "communes": len(staged.names),
        "without_geometry_in_source": len(staged.composed) + len(staged.missing),
        "composed": len(staged.composed),
        "without_geometry": len(staged.missing),
        "repaired": len(staged.repaired),
        "departments": len(limits.departments),
        "vertices": staged.vertices,
    }
    return Report(
        title=edition.title,
        edition=edition.edition,
        attribution=edition.attribution,
        licence=edition.licence,
        precision_m=edition.precision_m,
        counts=counts,
        told={what: [f"{code} {staged.names[code]}" for code in codes] for what, codes in told.items()},
        territories={code: round(area, 3) for code, area in limits.areas_km2.items()},
        notes=boundaries.notes,
        gates=_shown(verdicts),
    )


def _shown(verdicts: Iterable[Gate]) -> list[Gate]:
    return [replace(gate, offenders=gate.offenders[:_MOST_NAMED]) for gate in verdicts]
