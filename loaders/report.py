"""What a load found, as lines for the operator: nothing hidden, the first offenders named."""

from __future__ import annotations

from collections.abc import Iterator

from loaders.register import Outcome
from loaders.run import Report

_NAMED = 4
_MARKS = {"ok": "ok     ", "warning": "warning", "waived": "waived ", "failure": "FAILURE"}


def boundary_lines(report: Report) -> Iterator[str]:
    """The report of a boundary set."""
    counts = report.counts
    yield ""
    yield f"{report.title}"
    yield f"  edition      {report.edition}"
    yield f"  source       {report.attribution} — {report.licence}"
    yield f"  precision    ±{report.precision_m:g} m for 95 % of the limits; nearer than that a point is `border`"
    yield f"  communes     {counts['communes']} in {counts['departments']} departments, {counts['vertices']} vertices"
    yield (
        f"  geometry     {counts['without_geometry_in_source']} without in the source: {counts['composed']} composed "
        f"of their delegated communes, {counts['without_geometry']} left without; {counts['repaired']} repaired"
    )
    for what in ("composed", "missing", "repaired"):
        if report.told[what]:
            yield f"    {what}: {_named(report.told[what])}"
    areas = ", ".join(f"{code} {area:,.0f}" for code, area in report.territories.items())
    yield f"  areas        in the legal CRS of each territory, km²: {areas}"
    for note in report.notes:
        yield f"  note         {note}"
    for gate in report.gates:
        yield f"  {_MARKS[gate.severity]}  {gate.name}: {gate.detail}"
        if gate.offenders and gate.severity != "ok":
            yield f"           {_named(gate.offenders)}"


def town_hall_lines(outcome: Outcome) -> Iterator[str]:
    """The report of the town halls."""
    judged = outcome.inside_own + len(outcome.outside_own)
    yield ""
    yield "Town halls of the public register"
    left_out = f"left out {len(outcome.refused)} (no position)"
    yield f"  stored       {outcome.stored}; there before {outcome.known_before}; {left_out}"
    yield (
        f"  position     {len(outcome.outside_own)} of {judged} ({outcome.outside_share:.2%}) lie outside their own "
        "commune's polygon: limits are generalised, and some positions are wrong"
    )
    yield f"               {outcome.own_without_polygon} belong to a commune without polygon"
    if outcome.refused:
        yield f"    left out: {_named(outcome.refused)}"


def _named(items: tuple[str, ...] | list[str]) -> str:
    more = len(items) - _NAMED
    return ", ".join(items[:_NAMED]) + (f" … and {more} more" if more > 0 else "")
