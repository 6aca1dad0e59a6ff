"""Addresses of the Base Adresse Nationale, as it publishes them by department (`adresses-974.csv.gz`). To `store.addresses`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from geoplatform.errors import BadPoint, BadSource
from geoplatform.model import COMMUNE_CODE, POSTAL_CODE, LonLat
from geoplatform.progress import Step
from geoplatform.store import addresses
from geoplatform.store.engine import Store
from loaders.boundaries import city_of, department_of, territory_of
from loaders.crs import ENVELOPES
from loaders.files.archives import unpacked
from loaders.files.sheet import Row, Sheet

_COLUMNS = {
    name: (name,)
    for name in (
        "id", "numero", "rep", "nom_voie", "code_postal", "code_insee", "nom_commune", "nom_ancienne_commune", "lon", "lat",
    )
}  # fmt: skip
_REQUIRED = ("id", "numero", "nom_voie", "code_postal", "code_insee", "nom_commune", "lon", "lat")
_LONGEST = {"id": 100, "rep": 20, "nom_voie": 200, "nom_commune": 100, "nom_ancienne_commune": 100}
#: A file of this name is all that there is of a department.
_OF_DEPARTMENT = re.compile(r"adresses-(2[AB]|9[78][0-9]|(?!9[78])[0-9]{2})\.csv(\.gz)?", re.IGNORECASE)
_NUMBER = re.compile("[0-9]{1,5}")

#: West, south, east, north in degrees.
Envelope: TypeAlias = tuple[float, float, float, float]


def load(store: Store, path: Path, scratch: Path, step: Step) -> addresses.Replaced:
    """Store the addresses of a file (.csv, .csv.gz) in the place of those of its department or communes: all of it, or nothing.

    `scratch`: a folder in which it may be unpacked. Addresses without a number, street or position are left out and counted.
    BadSource names the file, line, field and value at fault.
    """
    if not path.name.lower().endswith((".csv", ".csv.gz")):
        raise BadSource(f"{path} is no file of addresses: their names end in .csv or .csv.gz", file=str(path))
    if not path.is_file():
        raise BadSource(f"{path} cannot be read: there is no such file", file=str(path))
    named = _OF_DEPARTMENT.fullmatch(path.name)
    department = named[1].upper() if named else None
    ((name, file),) = unpacked(path, scratch)
    sheet, left_out = Sheet(file, name, older=None), Counter[str]()
    with store.transaction() as connection:
        done = addresses.replace(connection, step.track(_rows(sheet, department, left_out)), department)
        if not done.stored:
            raise BadSource(f"{path} holds no address", file=str(path))
    step.outcome = _told(done, left_out)
    return done


def _told(done: addresses.Replaced, left_out: Counter[str]) -> str:
    told = f"{done.stored:,} addresses in {done.streets:,} streets of {done.communes} communes, in place of {done.removed:,}"
    lacking = ", ".join(f"{count:,} without {what}" for what, count in sorted(left_out.items()))
    repeated = f"{done.repeated:,} that repeat a number of their street" if done.repeated else ""
    return "; left out: ".join(filter(None, (told, ", ".join(filter(None, (lacking, repeated))))))


def _rows(sheet: Sheet, department: str | None, left_out: Counter[str]) -> Iterator[tuple[Any, ...]]:
    """What `store.addresses` takes of each line. What is left out is counted by what it lacks."""
    envelopes: dict[str, Envelope] = {}
    for row in sheet.rows(_COLUMNS, _REQUIRED):
        code = row["code_insee"] or ""
        if code not in envelopes:
            envelopes[code] = _envelope(sheet, row, code, department)
        lacks = _lacks(row)
        if lacks:
            left_out[lacks] += 1
            continue
        for field, longest in _LONGEST.items():
            if len(row[field] or "") > longest:
                raise _wrong(sheet, row, field, f"is longer than {longest} signs")
        identifier, number, postal = row["id"] or "", row["numero"] or "", row["code_postal"] or ""
        parts = identifier.split("_")
        if len(parts) < 3:
            raise _wrong(sheet, row, "id", "is not INSEE code, street and number with _ between them")
        if not _NUMBER.fullmatch(number):
            raise _wrong(sheet, row, "numero", "is no number of up to five digits")
        if postal and not POSTAL_CODE.fullmatch(postal):
            raise _wrong(sheet, row, "code_postal", "is no postal code")
        if row["nom_commune"] is None:
            raise _wrong(sheet, row, "nom_commune", "is empty")
        at = _position(sheet, row, envelopes[code])
        yield (
            identifier, "_".join(parts[:2]), int(number), (row["rep"] or "").lower(), row["nom_voie"], postal, code,
            city_of(code) or code, row["nom_commune"], row["nom_ancienne_commune"] or "", at.lon, at.lat,
        )  # fmt: skip


def _envelope(sheet: Sheet, row: Row, code: str, department: str | None) -> Envelope:
    """Where the territory of a commune lies."""
    envelope = ENVELOPES.get(territory_of(department_of(code), code)) if COMMUNE_CODE.fullmatch(code) else None
    if envelope is None:
        raise _wrong(sheet, row, "code_insee", "is no INSEE code of a commune")
    if department and not code.startswith(department):
        raise _wrong(
            sheet, row, "code_insee", f"is not of the department {department}, which the name of the file tells"
        )
    return envelope


def _lacks(row: Row) -> str | None:
    if row["numero"] is None:
        return "a number"
    if row["nom_voie"] is None:
        return "a street"
    return "a position" if row["lon"] is None and row["lat"] is None else None


def _position(sheet: Sheet, row: Row, envelope: Envelope) -> LonLat:
    degrees = {}
    for field in ("lon", "lat"):
        try:
            degrees[field] = float(row[field] or "")
        except ValueError:
            raise _wrong(sheet, row, field, "is no number of degrees") from None
    try:
        at = LonLat(**degrees)
    except BadPoint as error:
        raise _wrong(sheet, row, error.parameter[:3], f"is no {error.parameter}: {error.reason}") from error
    west, south, east, north = envelope
    for field, low, value, high in (("lon", west, at.lon, east), ("lat", south, at.lat, north)):
        if not low <= value <= high:
            raise _wrong(
                sheet, row, field, f"is not between {low:g} and {high:g}, where the territory of its commune lies"
            )
    return at


def _wrong(sheet: Sheet, row: Row, field: str, reason: str) -> BadSource:
    value = row[field]
    shown = "" if value is None else f" {value[:80]!r}"
    return sheet.wrong(row.line, f"{field}{shown} {reason}", field=field, value=value)
