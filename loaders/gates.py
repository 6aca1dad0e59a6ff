"""The checks that stand before a vintage: each looks at what was staged and gives one verdict.

From `loaders.run`; fed by `loaders.inspection`. A gate that fails refuses the vintage unless the operator waives it by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from loaders.boundaries import OF_DEPARTMENTS, BoundarySet, territory_of
from loaders.drawing import Drawn
from loaders.inspection import Inspection
from loaders.limits import LEGAL_CRS, Limits
from loaders.staging import Staged

OK, WARNING, FAILURE, WAIVED = "ok", "warning", "failure", "waived"
#: A department's area may change by so much between two vintages: coast and rivers are drawn anew, limits are not.
AREA_DRIFT = 0.005
#: More communes than this with limits that do not match their neighbours' make a set that is no coverage.
_MISMATCHED_SHARE = 0.01
_NEIGHBOUR_SHARE = 0.005


@dataclass(frozen=True)
class Gate:
    """One check. `severity`: ok, warning (told, does not refuse), failure (refuses) or waived (would refuse)."""

    name: str
    severity: str
    detail: str
    offenders: tuple[str, ...] = ()


def judged(
    boundaries: BoundarySet, staged: Staged, limits: Limits, found: Inspection, earlier_areas: dict[str, float]
) -> list[Gate]:
    """Every gate with its verdict, in a fixed order. `earlier_areas`: km² by department in the active vintage."""
    return [
        _count(boundaries, staged),
        Gate(
            "duplicates", FAILURE if staged.twice else OK, f"{len(staged.twice)} codes stand twice", _some(staged.twice)
        ),
        _geometry(staged),
        _validity(staged),
        _coverage(staged, found),
        _overlaps(found),
        _gaps(found),
        _departments(boundaries, staged),
        _territories(limits, staged),
        _areas(found, earlier_areas),
        _neighbours(found),
    ]


def drawing(drawn: Drawn) -> Gate:
    """Whether the generalised copies are coverages: drawn beside each other, communes leave no gap and do not overlap."""
    wrong = [f"{code} from z{zoom}" for zoom, codes in sorted(drawn.mismatched.items()) for code in codes]
    detail = f"{len(drawn.vertices)} generalised copies, {len(wrong)} communes in them do not meet their neighbours"
    return Gate("drawing", FAILURE if wrong else OK, detail, tuple(wrong))


def waive(gates: list[Gate], names: frozenset[str]) -> list[Gate]:
    """The gates, those that fail but are named marked as waived."""
    return [
        replace(gate, severity=WAIVED) if gate.severity == FAILURE and gate.name in names else gate for gate in gates
    ]


def _count(boundaries: BoundarySet, staged: Staged) -> Gate:
    found = len(staged.names)
    told = f"{found} communes in {len(set(staged.department_codes.values()))} departments"
    if found == 0:
        return Gate("count", FAILURE, "no commune at all")
    if boundaries.listed is not None:
        missing, strange = _differences(boundaries.listed, set(staged.names))
        if missing or strange:
            detail = (
                f"{told}; of the {len(boundaries.listed)} of the Code officiel géographique {boundaries.edition.year} "
                f"{len(missing)} are missing, and {len(strange)} are not in it: is this the right vintage?"
            )
            return Gate(
                "count", FAILURE, detail, (*(f"-{code}" for code in missing), *(f"+{code}" for code in strange))
            )
        return Gate("count", OK, f"{told}, exactly those of the Code officiel géographique {boundaries.edition.year}")
    if boundaries.expected is not None and found != boundaries.expected:
        return Gate("count", FAILURE, f"{told}, {boundaries.expected} expected")
    if boundaries.expected is None:
        return Gate("count", WARNING, f"{told}; there is no official list to compare with")
    return Gate("count", OK, told)


def _differences(listed: frozenset[str], found: set[str]) -> tuple[list[str], list[str]]:
    """Codes of the list that are not there, codes that are not in the list.

    A collectivity that only one of the two has is not judged here: the gate `territories` tells.
    """
    common = {territory_of(None, code) for code in listed} & {territory_of(None, code) for code in found}
    judged = common | OF_DEPARTMENTS

    def first(codes: Iterable[str]) -> list[str]:
        return sorted(code for code in codes if territory_of(None, code) in judged)

    return first(listed - found), first(found - listed)


def _geometry(staged: Staged) -> Gate:
    lacking = tuple(f"{code} {staged.names[code]}" for code in staged.missing)
    told = f"{len(staged.names) - len(lacking)} with a polygon, {len(lacking)} without"
    return Gate("geometry", FAILURE if lacking else OK, told, lacking)


def _validity(staged: Staged) -> Gate:
    wrong = tuple(f"{code} {reason}" for code, (reason, _) in staged.repaired.items())
    return Gate("validity", WARNING if wrong else OK, f"{len(wrong)} polygons had to be made valid", wrong)


def _coverage(staged: Staged, found: Inspection) -> Gate:
    count = len(found.mismatched)
    if not count:
        return Gate("coverage", OK, "every shared limit matches")
    severity = FAILURE if count > _MISMATCHED_SHARE * len(staged.names) else WARNING
    detail = f"{count} communes have limits that do not match their neighbours'"
    return Gate("coverage", severity, detail, _some(sorted(found.mismatched)))


def _overlaps(found: Inspection) -> Gate:
    wide = [overlap for overlap in found.overlaps if overlap.is_wide]
    hectares = 100 * sum(overlap.area_km2 for overlap in found.overlaps)
    detail = f"{len(found.overlaps)} pairs, {hectares:.1f} ha, {len(wide)} of them wider than the precision"
    severity = FAILURE if wide else WARNING if found.overlaps else OK
    named = tuple("/".join(overlap.codes) for overlap in sorted(found.overlaps, key=lambda o: -o.area_km2))
    return Gate("overlaps", severity, detail, named)


def _gaps(found: Inspection) -> Gate:
    area = sum(gap.area_km2 for gap in found.gaps)
    named = tuple(f"{gap.middle[0]:.3f},{gap.middle[1]:.3f}" for gap in found.gaps)
    detail = f"{len(found.gaps)} holes wider than the precision, {area:.1f} km²"
    return Gate("gaps", FAILURE if found.gaps else OK, detail, named)


def _departments(boundaries: BoundarySet, staged: Staged) -> Gate:
    known = {unit.code for unit in boundaries.departments}
    lost = tuple(
        f"{code} in {department}"
        for code, department in staged.department_codes.items()
        if known and department is not None and department not in known
    )
    return Gate("departments", FAILURE if lost else OK, f"{len(lost)} communes in no known department", lost)


def _territories(limits: Limits, staged: Staged) -> Gate:
    absent = tuple(code for code in LEGAL_CRS if code not in limits.territories)
    there = len(LEGAL_CRS) - len(absent)
    detail = (
        f"{there} of {len(LEGAL_CRS)} territories have limits; the source has none for {', '.join(absent) or 'none'}"
    )
    return Gate("territories", WARNING if absent else OK, detail if absent else f"all {there} territories", absent)


def _areas(found: Inspection, earlier: dict[str, float]) -> Gate:
    common = sorted(found.areas_km2.keys() & earlier.keys())
    if not common:
        return Gate("areas", OK, "no earlier vintage of the same departments to compare with")
    drifts = {code: found.areas_km2[code] / earlier[code] - 1 for code in common}
    moved = sorted((code for code in common if abs(drifts[code]) > AREA_DRIFT), key=lambda code: -abs(drifts[code]))
    widest = max(common, key=lambda code: abs(drifts[code]))
    detail = (
        f"{len(moved)} of {len(common)} departments changed their area by more than {AREA_DRIFT:.1%} against the active "
        f"vintage; the most: {widest} by {drifts[widest]:+.2%}"
    )
    return Gate("areas", FAILURE if moved else OK, detail, tuple(f"{code} {drifts[code]:+.2%}" for code in moved))


def _neighbours(found: Inspection) -> Gate:
    if found.compared_pairs == 0:
        return Gate("neighbours", OK, "no earlier vintage of the same communes to compare with")
    changed = (
        *(f"+{'/'.join(pair)}" for pair in found.pairs_gained),
        *(f"-{'/'.join(pair)}" for pair in found.pairs_lost),
    )
    detail = (
        f"of {found.compared_pairs} pairs of neighbours whose codes are unchanged, {len(found.pairs_gained)} are new and "
        f"{len(found.pairs_lost)} are gone, by more than the precision"
    )
    severity = FAILURE if len(changed) > _NEIGHBOUR_SHARE * found.compared_pairs else WARNING if changed else OK
    return Gate("neighbours", severity, detail, changed)


def _some(codes: list[str]) -> tuple[str, ...]:
    return tuple(codes)
