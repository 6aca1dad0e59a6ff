"""INSEE's movements of communes (v_mvt_commune) and its list of all communes since 1943. From the command line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from geoplatform.errors import BadSource
from geoplatform.model import Movement
from loaders.files.sheet import Row, Sheet, padded

_MOVEMENTS = {
    "mod": ("mod",), "day": ("date_eff",), "kind_before": ("typecom_av",), "code_before": ("com_av",),
    "name_before": ("libelle_av", "nccenr_av"), "kind_after": ("typecom_ap",), "code_after": ("com_ap",),
    "name_after": ("libelle_ap", "nccenr_ap"),
}  # fmt: skip
_SINCE_1943 = {
    "code": ("com",), "name": ("libelle", "nccenr"), "from": ("date_debut",), "until": ("date_fin",),
}  # fmt: skip
_SUPPRESSION = 30


def is_movements(sheet: Sheet) -> bool:
    """Whether a sheet is a list of movements."""
    return sheet.has("mod", "date_eff")


def is_since_1943(sheet: Sheet) -> bool:
    """Whether a sheet is the list of all communes since 1943."""
    return sheet.has("date_debut", "date_fin", "com")


def read(sheet: Sheet) -> tuple[list[Movement], list[str]]:
    """Movements in the order of the file, and what had to be left out. BadSource names the line."""
    movements: list[Movement] = []
    lacking: list[int] = []
    for row in sheet.rows(_MOVEMENTS, tuple(_MOVEMENTS)):
        mod = row["mod"] or ""
        if not mod.isdecimal() or len(mod) > 3:
            raise BadSource(f"{sheet.path}, line {row.line}: MOD {mod!r} is no number", row=row.line, field="mod")
        when = _day(sheet, row, "day")
        if when is None or row["code_before"] is None or row["code_after"] is None:
            lacking.append(row.line)
            continue
        movements.append(
            Movement(
                mod=int(mod),
                effective_on=when,
                kind_before=row["kind_before"] or "COM",
                code_before=padded(row["code_before"]),
                name_before=row["name_before"] or "",
                kind_after=row["kind_after"] or "COM",
                code_after=padded(row["code_after"]),
                name_after=row["name_after"] or "",
            )
        )
    if not movements:
        raise BadSource(f"{sheet.path} holds no movement", file=str(sheet.path))
    notes = []
    if lacking:
        lines = ", ".join(map(str, lacking[:5])) + (" …" if len(lacking) > 5 else "")
        notes.append(f"{sheet.path.name}: {len(lacking)} events name no code before or after, left out (lines {lines})")
    return movements, notes


@dataclass(frozen=True, slots=True)
class Period:
    """A line of the list since 1943: a commune's code, its name then, from which day to before which (None: still)."""

    code: str
    name: str
    since: dt.date | None
    until: dt.date | None


def periods(sheet: Sheet) -> list[Period]:
    """The list of all communes since 1943. BadSource names the line."""
    found = []
    for row in sheet.rows(_SINCE_1943, tuple(_SINCE_1943)):
        code = row["code"]
        if code is None:
            raise BadSource(f"{sheet.path}, line {row.line}: no code", row=row.line, field="com")
        found.append(Period(padded(code), row["name"] or "", _day(sheet, row, "from"), _day(sheet, row, "until")))
    return found


def ended(known_periods: Iterable[Period], movements: Collection[Movement]) -> Iterator[Movement]:
    """The codes that ended since 1943 and that no movement mentions: suppressions without a known successor."""
    known = {movement.code_before for movement in movements}
    last: dict[str, Period] = {}
    for period in known_periods:
        before = last.get(period.code)
        if before is None or period.until is None or (before.until is not None and period.until > before.until):
            last[period.code] = period
    for code, period in last.items():
        if period.until is not None and code not in known:
            yield Movement(_SUPPRESSION, period.until, "COM", code, period.name, "COM", None, None)


def in_force(known_periods: Iterable[Period], day: dt.date) -> dict[str, str]:
    """Names by code of the communes of a day. The day on which a period ends begins the next."""
    return {
        period.code: period.name
        for period in known_periods
        if (period.since is None or period.since <= day) and (period.until is None or day < period.until)
    }


def _day(sheet: Sheet, row: Row, meaning: str) -> dt.date | None:
    value = row[meaning]
    try:
        return dt.date.fromisoformat(value) if value else None
    except ValueError as error:
        raise BadSource(f"{sheet.path}, line {row.line}: {value!r} is not a day", row=row.line, value=value) from error
