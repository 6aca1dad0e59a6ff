"""INSEE's lists of communes, departments, regions and overseas communes, EPCI, populations and La Poste's postal codes.

From the command line; a `CogList` completes a boundary set (`loaders.cog.overlay`). A file is recognised by its header.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook

from geoplatform.errors import BadSource
from geoplatform.model import Movement
from loaders.boundaries import Unit, city_of, department_of
from loaders.cog import movements
from loaders.files.sheet import Row, Sheet, padded

_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)")
_COMMUNE = {
    "kind": ("typecom",), "code": ("com",), "region": ("reg",), "department": ("dep",), "name": ("libelle",),
}  # fmt: skip
#: Before 2019: the code in two columns, the article apart in parentheses, ACTUAL 1 for a commune of that day.
_OLD_COMMUNE = {
    "actual": ("actual",), "department": ("dep",), "number": ("com",), "region": ("reg",), "article": ("artmin",),
    "bare": ("nccenr",),
}  # fmt: skip
_OVERSEAS = {
    "code": ("com_comer", "code_commune"), "name": ("libelle", "nom_commune"), "zoning": ("nature_zonage",),
    "postal": ("code_postal",), "population": ("population",), "territory": ("comer", "code_collectivite"),
}  # fmt: skip
_POSTAL = {"code": ("code_commune_insee",), "postal": ("code_postal",)}
_UNIT = {"department": ("dep",), "region": ("reg",), "name": ("libelle",)}
_PEOPLE = {"code": ("com",), "people": ("pmun",)}


@dataclass(frozen=True, slots=True)
class CogCommune:
    """A commune of the list: INSEE code, official name with its article, department and region where it has them."""

    code: str
    name: str
    department_code: str | None
    region_code: str | None


@dataclass
class CogList:
    """The Code officiel géographique of one year, as far as the files tell. `notes`: what was re-padded or left out."""

    year: int | None = None
    communes: dict[str, CogCommune] = field(default_factory=dict)
    regions: list[Unit] = field(default_factory=list)
    departments: list[Unit] = field(default_factory=list)
    epci: list[Unit] = field(default_factory=list)
    epci_of: dict[str, str] = field(default_factory=dict)
    postal_codes: dict[str, list[str]] = field(default_factory=dict)
    populations: dict[str, int] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(paths: list[Path], year: int | None = None) -> CogList:
    """What the files, and the files of the folders, say together. In a folder, what is no such list is passed over.

    `year`: where none of them is a list of communes, those of 1 January of that year are taken from the list since 1943.
    BadSource for a file that is none of the known lists, or is broken.
    """
    named = [path for path in paths if not path.is_dir()]
    listed = [file for path in paths if path.is_dir() for file in sorted(path.iterdir())]
    found = CogList()
    all_known: list[Sheet] = []
    for file in named + listed:
        if file.suffix.lower() in (".xlsx", ".xls"):
            _read_epci(file, found)
        elif file.suffix.lower() in (".csv", ".txt", ".tsv"):
            sheet = Sheet(file)
            if movements.is_since_1943(sheet):
                all_known.append(sheet)
            elif not _read_sheet(sheet, found) and file in named:
                told = ", ".join(sheet.header[:12])
                raise BadSource(f"{file} is none of the known lists: its columns are {told}", file=str(file))
        elif file in named:
            raise BadSource(f"{file} is no list of the COG (.csv, .txt, .xlsx)", file=str(file))
    for sheet in all_known:  # after the movements, which tell more
        periods = movements.periods(sheet)
        found.movements += list(movements.ended(periods, found.movements))
        if year is not None and found.year is None:
            _take_those_of(year, periods, found)
    return found


def _take_those_of(year: int, periods: list[movements.Period], found: CogList) -> None:
    """Communes of a year from the list since 1943, which tells neither department nor region: the code and the departments do."""
    region_of = {department.code: department.parent_code for department in found.departments}
    for code, name in movements.in_force(periods, dt.date(year, 1, 1)).items():
        department = department_of(code)
        found.communes[code] = CogCommune(code, name, department, region_of.get(department or ""))
    found.year = year
    found.notes.append(f"communes in force on 1 January {year}, from INSEE's list of all since 1943")


def _read_sheet(sheet: Sheet, found: CogList) -> bool:
    """Read one of the known lists; False if it is none of them."""
    known: tuple[tuple[tuple[str, ...], Callable[[Sheet, CogList], None]], ...] = (
        (("mod", "date_eff"), _read_movements),
        (("typecom", "com", "libelle"), _read_communes),
        (("dep", "com", "nccenr", "actual"), _read_old_communes),
        (("com_comer",), _read_overseas),
        (("code_collectivite", "code_commune"), _read_overseas),
        (("code_commune_insee", "code_postal"), _read_postal),
        (("pmun", "com"), _read_people),
        (("arr", "dep", "cheflieu"), _ignored),
        (("dep", "cheflieu", "libelle"), _read_departments),
        (("reg", "cheflieu", "libelle"), _read_regions),
    )
    for signature, reader in known:
        if sheet.has(*signature):
            reader(sheet, found)
            return True
    return False


def _ignored(sheet: Sheet, found: CogList) -> None:
    """Arrondissements of departments are not needed."""


def _read_movements(sheet: Sheet, found: CogList) -> None:
    read, notes = movements.read(sheet)
    found.movements += read
    found.notes += notes


def _read_communes(sheet: Sheet, found: CogList) -> None:
    year = _YEAR.search(sheet.path.name) or _YEAR.search(sheet.path.parent.name)
    found.year = int(year[1]) if year else found.year
    for row in sheet.rows(_COMMUNE, ("kind", "code", "name")):
        if row["kind"] == "COM":
            code = padded(_told(sheet, row, "code"))
            department = None if row["department"] is None else padded(row["department"], 2)
            region = None if row["region"] is None else padded(row["region"], 2)
            found.communes[code] = CogCommune(code, _told(sheet, row, "name"), department, region)


def _read_old_communes(sheet: Sheet, found: CogList) -> None:
    year = _YEAR.search(sheet.path.name)
    found.year = int(year[1]) if year else found.year
    for row in sheet.rows(_OLD_COMMUNE, ("actual", "department", "number", "bare")):
        if row["actual"] != "1":
            continue
        department = padded(_told(sheet, row, "department"), 2)
        number = padded(_told(sheet, row, "number"), 3)
        code = department + (number if len(department) == 2 else number[-2:])
        article = (row["article"] or "").strip("()")
        name = article + ("" if article.endswith("'") or not article else " ") + _told(sheet, row, "bare")
        region = None if row["region"] is None else padded(row["region"], 2)
        found.communes[code] = CogCommune(code, name, department, region)


def _read_overseas(sheet: Sheet, found: CogList) -> None:
    """Communes of the collectivities. Wallis-et-Futuna has none but three kingdoms (CIR), which stand for them."""
    left = 0
    for row in sheet.rows(_OVERSEAS, ("code", "name")):
        territory = row["territory"] or ""
        if row["zoning"] not in (None, "COM") and not (row["zoning"] == "CIR" and territory == "986"):
            left += 1
            continue
        code = _told(sheet, row, "code")
        if territory in ("984", "989"):  # nobody lives there; no commune
            left += 1
            continue
        found.communes[code] = CogCommune(code, _told(sheet, row, "name"), None, None)
        if row["postal"]:
            found.postal_codes[code] = [row["postal"]]
        if row["population"] and row["population"].isdecimal():
            found.populations[code] = int(row["population"])
    if left:
        found.notes.append(f"{sheet.path.name}: {left} entries are no communes, left out")


def _read_postal(sheet: Sheet, found: CogList) -> None:
    codes: dict[str, set[str]] = {}
    short = 0
    for row in sheet.rows(_POSTAL, ("code", "postal")):
        postal = _told(sheet, row, "postal")
        short += len(postal) < 5
        commune = padded(_told(sheet, row, "code"))
        codes.setdefault(commune, set()).add(padded(postal))
        if city := city_of(commune):  # the postal codes of its arrondissements are the city's
            codes.setdefault(city, set()).add(padded(postal))
    if short:
        found.notes.append(f"{sheet.path.name}: {short} postal codes had lost their leading zero")
    found.postal_codes |= {commune: sorted(postal) for commune, postal in codes.items()}


def _read_people(sheet: Sheet, found: CogList) -> None:
    for row in sheet.rows(_PEOPLE, ("code", "people")):
        code, people = row["code"], row["people"]
        if code and people and people.isdecimal():
            mayotte = len(code) == 3 and code.startswith("6")
            found.populations[f"97{code}" if mayotte else padded(code)] = int(people)


def _read_departments(sheet: Sheet, found: CogList) -> None:
    rows = sheet.rows(_UNIT, ("department", "region", "name"))
    found.departments = [
        Unit(padded(_told(sheet, row, "department"), 2), _told(sheet, row, "name"), padded(row["region"] or "", 2))
        for row in rows
    ]


def _read_regions(sheet: Sheet, found: CogList) -> None:
    rows = sheet.rows(_UNIT, ("region", "name"))
    found.regions = [Unit(padded(_told(sheet, row, "region"), 2), _told(sheet, row, "name")) for row in rows]


def _read_epci(file: Path, found: CogList) -> None:
    """DGCL's `epcicom`: one line for each commune of each EPCI, the header somewhere on the first ten lines."""
    try:
        lines = CalamineWorkbook.from_path(file).get_sheet_by_index(0).to_python()
    except (CalamineError, OSError) as error:
        raise BadSource(f"{file} is no spreadsheet: {error}", file=str(file)) from error
    for number, cells in enumerate(lines[:10]):
        header = [str(cell).strip().lower() for cell in cells]
        if {"siren", "raison_sociale", "insee"} <= set(header):
            where = {name: header.index(name) for name in ("siren", "raison_sociale", "insee")}
            kind = next((header.index(name) for name in ("nature_juridique", "nature") if name in header), None)
            units: dict[str, Unit] = {}
            for line in lines[number + 1 :]:
                siren, commune = _cell(line[where["siren"]]), _cell(line[where["insee"]])
                if siren.isdecimal():
                    legal = _cell(line[kind]) if kind is not None else None
                    units[siren] = Unit(siren, _cell(line[where["raison_sociale"]]), kind=legal)
                    found.epci_of[padded(commune)] = siren
            found.epci = list(units.values())
            return
    raise BadSource(f"{file} has no line with siren, raison_sociale and insee", file=str(file))


def _cell(value: object) -> str:
    """A spreadsheet's cell as text; it keeps every number as a float."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()


def _told(sheet: Sheet, row: Row, meaning: str) -> str:
    value = row[meaning]
    if value is None:
        raise BadSource(
            f"{sheet.path}, line {row.line}: no {meaning}", file=str(sheet.path), row=row.line, field=meaning
        )
    return value
