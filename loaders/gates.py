"""The checks that stand before a vintage: each looks at what was staged and gives one verdict.

From `loaders.run`; fed by `loaders.inspection`. A gate that fails refuses the vintage unless the operator waives it by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

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


#: What a gate says: English here, for the command line; the pages spell the same keys in the reader's language.
SENTENCES = {
    "count.none": "no commune at all",
    "count.differs": "{found} communes in {departments} departments; of the {listed} of the Code officiel géographique {year} "
    "{missing} are missing, and {strange} are not in it: is this the right vintage?",
    "count.exact": "{found} communes in {departments} departments, exactly those of the Code officiel géographique {year}",
    "count.unexpected": "{found} communes in {departments} departments, {expected} expected",
    "count.unlisted": "{found} communes in {departments} departments; there is no official list to compare with",
    "count.expected": "{found} communes in {departments} departments",
    "duplicates": "{count} codes stand twice",
    "geometry": "{present} with a polygon, {lacking} without",
    "validity": "{count} polygons had to be made valid",
    "coverage.exact": "every shared limit matches",
    "coverage.mismatched": "{count} communes have limits that do not match their neighbours'",
    "overlaps": "{pairs} pairs, {hectares:.1f} ha, {wide} of them wider than the precision",
    "gaps": "{count} holes wider than the precision, {area_km2:.1f} km²",
    "departments": "{count} communes in no known department",
    "territories.some": "{present} of {all} territories have limits; the source has none for {codes}",
    "territories.all": "all {all} territories",
    "areas.alone": "no earlier vintage of the same departments to compare with",
    "areas.compared": "{moved} of {compared} departments changed their area by more than {allowed:.1f} % against the active "
    "vintage; the most: {department} by {drift:+.2f} %",
    "neighbours.alone": "no earlier vintage of the same communes to compare with",
    "neighbours.compared": "of {compared} pairs of neighbours whose codes are unchanged, {gained} are new and {lost} are gone, "
    "by more than the precision",
    "drawing": "{copies} generalised copies, {count} communes in them do not meet their neighbours",
}


@dataclass(frozen=True)
class Gate:
    """One check. `severity`: ok, warning (told, does not refuse), failure (refuses) or waived (would refuse).

    `says`: key of its sentence (`SENTENCES`), which begins with the name of the gate; `facts`: the figures in it.
    """

    name: str = field(init=False)
    severity: str
    says: str
    facts: dict[str, int | float | str] = field(default_factory=dict)
    offenders: tuple[str, ...] = ()
    detail: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.says.partition(".")[0])
        object.__setattr__(self, "detail", SENTENCES[self.says].format(**self.facts))


def judged(
    boundaries: BoundarySet, staged: Staged, limits: Limits, found: Inspection, earlier_areas: dict[str, float]
) -> list[Gate]:
    """Every gate with its verdict, in a fixed order. `earlier_areas`: km² by department in the active vintage."""
    return [
        _count(boundaries, staged),
        Gate(FAILURE if staged.twice else OK, "duplicates", {"count": len(staged.twice)}, tuple(staged.twice)),
        _geometry(staged),
        _validity(staged),
        _coverage(staged, found),
        _overlaps(found),
        _gaps(found),
        _departments(boundaries, staged),
        _territories(limits),
        _areas(found, earlier_areas),
        _neighbours(found),
    ]


def drawing(drawn: Drawn) -> Gate:
    """Whether the generalised copies are coverages: drawn beside each other, communes leave no gap and do not overlap."""
    wrong = tuple(f"{code} from z{zoom}" for zoom, codes in sorted(drawn.mismatched.items()) for code in codes)
    return Gate(FAILURE if wrong else OK, "drawing", {"copies": len(drawn.vertices), "count": len(wrong)}, wrong)


def waive(gates: list[Gate], names: frozenset[str]) -> list[Gate]:
    """The gates, those that fail but are named marked as waived."""
    return [
        replace(gate, severity=WAIVED) if gate.severity == FAILURE and gate.name in names else gate for gate in gates
    ]


def _count(boundaries: BoundarySet, staged: Staged) -> Gate:
    facts: dict[str, int | float | str] = {
        "found": len(staged.names),
        "departments": len(set(staged.department_codes.values()) - {None}),
    }
    if not staged.names:
        return Gate(FAILURE, "count.none")
    if boundaries.listed is not None:
        facts |= {"listed": len(boundaries.listed), "year": str(boundaries.edition.year)}
        missing, strange = _differences(boundaries.listed, set(staged.names))
        if not missing and not strange:
            return Gate(OK, "count.exact", facts)
        facts |= {"missing": len(missing), "strange": len(strange)}
        named = (*(f"-{code}" for code in missing), *(f"+{code}" for code in strange))
        return Gate(FAILURE, "count.differs", facts, named)
    if boundaries.expected is None:
        return Gate(WARNING, "count.unlisted", facts)
    if boundaries.expected != len(staged.names):
        return Gate(FAILURE, "count.unexpected", facts | {"expected": boundaries.expected})
    return Gate(OK, "count.expected", facts)


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
    facts = {"present": len(staged.names) - len(lacking), "lacking": len(lacking)}
    return Gate(FAILURE if lacking else OK, "geometry", {**facts}, lacking)


def _validity(staged: Staged) -> Gate:
    wrong = tuple(f"{code} {reason}" for code, (reason, _) in staged.repaired.items())
    return Gate(WARNING if wrong else OK, "validity", {"count": len(wrong)}, wrong)


def _coverage(staged: Staged, found: Inspection) -> Gate:
    count = len(found.mismatched)
    if not count:
        return Gate(OK, "coverage.exact")
    severity = FAILURE if count > _MISMATCHED_SHARE * len(staged.names) else WARNING
    return Gate(severity, "coverage.mismatched", {"count": count}, tuple(sorted(found.mismatched)))


def _overlaps(found: Inspection) -> Gate:
    wide = sum(overlap.is_wide for overlap in found.overlaps)
    hectares = 100 * sum(overlap.area_km2 for overlap in found.overlaps)
    severity = FAILURE if wide else WARNING if found.overlaps else OK
    named = tuple("/".join(overlap.codes) for overlap in sorted(found.overlaps, key=lambda o: -o.area_km2))
    return Gate(severity, "overlaps", {"pairs": len(found.overlaps), "hectares": hectares, "wide": wide}, named)


def _gaps(found: Inspection) -> Gate:
    area = sum(gap.area_km2 for gap in found.gaps)
    named = tuple(f"{gap.middle[0]:.3f},{gap.middle[1]:.3f}" for gap in found.gaps)
    return Gate(FAILURE if found.gaps else OK, "gaps", {"count": len(found.gaps), "area_km2": area}, named)


def _departments(boundaries: BoundarySet, staged: Staged) -> Gate:
    known = {unit.code for unit in boundaries.departments}
    lost = tuple(
        f"{code} in {department}"
        for code, department in staged.department_codes.items()
        if known and department is not None and department not in known
    )
    return Gate(FAILURE if lost else OK, "departments", {"count": len(lost)}, lost)


def _territories(limits: Limits) -> Gate:
    absent = tuple(code for code in LEGAL_CRS if code not in limits.territories)
    if not absent:
        return Gate(OK, "territories.all", {"all": len(LEGAL_CRS)})
    facts: dict[str, int | float | str] = {"present": len(LEGAL_CRS) - len(absent), "all": len(LEGAL_CRS)}
    facts["codes"] = ", ".join(absent)
    return Gate(WARNING, "territories.some", facts, absent)


def _areas(found: Inspection, earlier: dict[str, float]) -> Gate:
    common = sorted(found.areas_km2.keys() & earlier.keys())
    if not common:
        return Gate(OK, "areas.alone")
    drifts = {code: found.areas_km2[code] / earlier[code] - 1 for code in common}
    moved = sorted((code for code in common if abs(drifts[code]) > AREA_DRIFT), key=lambda code: -abs(drifts[code]))
    widest = max(common, key=lambda code: abs(drifts[code]))
    facts: dict[str, int | float | str] = {
        "moved": len(moved), "compared": len(common), "allowed": 100 * AREA_DRIFT,
        "department": widest, "drift": 100 * drifts[widest],
    }  # fmt: skip
    named = tuple(f"{code} {drifts[code]:+.2%}" for code in moved)
    return Gate(FAILURE if moved else OK, "areas.compared", facts, named)


def _neighbours(found: Inspection) -> Gate:
    if found.compared_pairs == 0:
        return Gate(OK, "neighbours.alone")
    changed = (
        *(f"+{'/'.join(pair)}" for pair in found.pairs_gained),
        *(f"-{'/'.join(pair)}" for pair in found.pairs_lost),
    )
    severity = FAILURE if len(changed) > _NEIGHBOUR_SHARE * found.compared_pairs else WARNING if changed else OK
    counts = {"gained": len(found.pairs_gained), "lost": len(found.pairs_lost)}
    return Gate(severity, "neighbours.compared", {"compared": found.compared_pairs, **counts}, changed)
