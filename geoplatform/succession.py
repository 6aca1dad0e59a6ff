"""What became of commune codes, from INSEE's movements. Used where vintages are activated (`store.history`). Pure."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set

from geoplatform.model import FormerCommune, Movement, Succession

Heirs = dict[str, frozenset[str]]
_CHANGES_OF_CODE = (41, 50)


def heirs(movements: Iterable[Movement], since: dt.date, until: dt.date) -> Heirs:
    """For each code that something happened to after `since`, up to and with `until`: the codes its land may have then.

    A code that is not a key still has its land. An empty set: the land belongs to no commune any more.
    """
    found: Heirs = {}
    for _, arrows in _days_back(movements, since, until):
        found |= _after(arrows, found)
    return found


def former_communes(movements: Iterable[Movement], living: Set[str], until: dt.date) -> list[FormerCommune]:
    """Every code that once was a commune's and no longer is, by code, with the living codes that have its land."""
    movements = list(movements)
    last = {m.code_before: m for m in sorted(movements, key=lambda m: m.effective_on) if m.kind_before == "COM"}
    fates: dict[str, FormerCommune] = {}
    later: Heirs = {}
    for day, arrows in _days_back(movements, dt.date.min, until):
        ends = _after(arrows, later)
        for code in ends.keys() - fates.keys() - living:
            event = last[code]
            left = tuple(sorted(ends[code] & living))
            fates[code] = FormerCommune(code, event.name_before, day, _how(event, left), left)
        later |= ends
    return [fates[code] for code in sorted(fates)]


def _days_back(
    movements: Iterable[Movement], since: dt.date, until: dt.date
) -> list[tuple[dt.date, Mapping[str, set[str]]]]:
    """What led from code to code on each day, the last day first."""
    days: dict[dt.date, dict[str, set[str]]] = defaultdict(dict)
    for m in movements:
        if since < m.effective_on <= until and m.kind_before == "COM" and m.kind_after == "COM":
            after = days[m.effective_on].setdefault(m.code_before, set())
            after |= {m.code_after} if m.code_after else set()
    return sorted(days.items(), reverse=True)


def _after(arrows: Mapping[str, set[str]], later: Heirs) -> Heirs:
    """Where each code of a day leads, that day's chain first, then everything later."""
    return {
        code: frozenset().union(*(later.get(end, frozenset((end,))) for end in _ends(arrows, code))) for code in arrows
    }


def _ends(arrows: Mapping[str, set[str]], code: str) -> set[str]:
    """Where a code leads on one day. Several events of a day form a chain (49144 → 44225 → 44180), in whatever order."""
    ends: set[str] = set()
    seen = {code}
    waiting = [code]
    while waiting:
        here = waiting.pop()
        after = arrows.get(here)
        if after is None or here in after:
            ends.add(here)  # it lives on
        new = (after or set()) - seen
        seen |= new
        waiting += new
    return ends


def _how(last: Movement, heirs_left: tuple[str, ...]) -> Succession:
    if not heirs_left:
        return Succession.GONE
    if len(heirs_left) > 1:
        return Succession.SPLIT
    return Succession.MOVED if last.mod in _CHANGES_OF_CODE else Succession.MERGED
