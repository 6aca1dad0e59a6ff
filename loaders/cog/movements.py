"""INSEE's movements of communes (v_mvt_commune) and what they mean for a code. From the command line and the loads.

MOD: 10 rename; 20, 21 creation and re-establishment; 30 suppression; 31 to 35 mergers; 41, 50 change of code; 70, 71 of status.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from geoplatform.errors import BadSource
from loaders.cog.sheet import Sheet, padded

_COLUMNS = {
    "mod": ("mod",), "day": ("date_eff",), "kind_before": ("typecom_av",), "code_before": ("com_av",),
    "name_before": ("libelle_av", "nccenr_av"), "kind_after": ("typecom_ap",), "code_after": ("com_ap",),
    "name_after": ("libelle_ap", "nccenr_ap"),
}  # fmt: skip
KNOWN = frozenset({10, 20, 21, 30, 31, 32, 33, 34, 35, 41, 50, 70, 71})


@dataclass(frozen=True, slots=True)
class Movement:
    """On that day, the territory of one code passed (also) to another. Kinds: COM, COMA, COMD, ARM."""

    mod: int
    effective_on: dt.date
    kind_before: str
    code_before: str
    name_before: str
    kind_after: str
    code_after: str
    name_after: str


@dataclass(frozen=True, slots=True)
class Former:
    """A code that is no longer in force: since when, how it went, and the living codes that have its land."""

    code: str
    name: str
    until_on: dt.date
    how: str
    successors: tuple[str, ...]


def read(path: Path) -> tuple[list[Movement], list[str]]:
    """Movements in the order of the file, and what had to be left out. BadSource names the line."""
    sheet = Sheet(path)
    movements: list[Movement] = []
    lacking: list[str] = []
    for row in sheet.rows(_COLUMNS, tuple(_COLUMNS)):
        mod, day = row["mod"] or "", row["day"] or ""
        if not mod.isdigit() or int(mod) not in KNOWN:
            raise BadSource(f"{path}, line {row.line}: MOD {mod!r} is none of INSEE's", file=str(path), row=row.line)
        try:
            when = dt.date.fromisoformat(day)
        except ValueError as error:
            raise BadSource(f"{path}, line {row.line}: {day!r} is not a day", file=str(path), row=row.line) from error
        if row["code_before"] is None or row["code_after"] is None:
            lacking.append(f"{path.name}, line {row.line}: one of its codes is missing ({row['code_after']})")
            continue
        movements.append(
            Movement(
                int(mod),
                when,
                row["kind_before"] or "COM",
                padded(row["code_before"]),
                row["name_before"] or "",
                row["kind_after"] or "COM",
                padded(row["code_after"]),
                row["name_after"] or "",
            )
        )
    if not movements:
        raise BadSource(f"{path} holds no movement", file=str(path))
    return movements, lacking


class Succession:
    """What became of each code between two days: precomputed, so that asking costs nothing."""

    def __init__(self, movements: Iterable[Movement], since: dt.date, until: dt.date) -> None:
        """`since` and `until`: movements of days after `since`, up to and with `until`, count."""
        by_day: dict[dt.date, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for m in movements:
            if since < m.effective_on <= until and m.kind_before == "COM" and m.kind_after == "COM":
                by_day[m.effective_on][m.code_before].add(m.code_after)
        self._days = [by_day[day] for day in sorted(by_day)]
        self._known: dict[str, frozenset[str]] = {}

    def of(self, code: str) -> frozenset[str]:
        """The codes that the land of this code may have at the end; itself where nothing happened to it."""
        if code not in self._known:
            codes = {code}
            for day in self._days:
                codes = set().union(*(_ends(day, one) for one in codes))
            self._known[code] = frozenset(codes)
        return self._known[code]


def _ends(day: dict[str, set[str]], code: str) -> set[str]:
    """Where a code leads on one day. Several events of a day form a chain (49144 → 44225 → 44180), in whatever order."""
    ends: set[str] = set()
    seen = {code}
    waiting = [code]
    while waiting:
        here = waiting.pop()
        after = day.get(here, set())
        if here in after or not after:
            ends.add(here)  # it lives on
        new = after - seen
        seen |= new
        waiting += new
    return ends


def former(movements: list[Movement], living: set[str], until: dt.date) -> list[Former]:
    """Every code that once was a commune's and no longer is, with the living codes that have its land."""
    last: dict[str, Movement] = {}
    for movement in sorted(movements, key=lambda m: m.effective_on):
        if movement.kind_before == "COM" and movement.effective_on <= until:
            last[movement.code_before] = movement
    found = []
    days = {movement.effective_on for movement in last.values()}
    since = {day: Succession(movements, day - dt.timedelta(days=1), until) for day in days}
    for code, movement in sorted(last.items()):
        if code in living:
            continue
        heirs = tuple(sorted(since[movement.effective_on].of(code) & living))
        how = _how(movement, heirs)
        found.append(Former(code, movement.name_before, movement.effective_on, how, heirs))
    return found


def _how(last: Movement, heirs: tuple[str, ...]) -> str:
    if not heirs:
        return "gone"
    if len(heirs) > 1:
        return "split"
    return "moved" if last.mod in (41, 50) else "merged"
