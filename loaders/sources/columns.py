"""A publisher's fields read through ordered alias lists, never by position. From the publishers' modules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pyarrow import compute

from geoplatform.errors import BadSource
from loaders.boundaries import MUNICIPAL_CITIES, Communes, city_of, department_of, five_digits
from loaders.crs import ToWgs84
from loaders.files.layers import Batch, Column, Layer, values_of
from loaders.polygons import repaired, united

#: How publishers spell "not available" (IGN: NR not given, NC not concerned, Z… no EPCI).
MISSING = frozenset({"", "NR", "NC", "ZZZZZZZZZ", "NULL", "None"})


_MOST_PEOPLE = 100_000_000
_MISSING = pa.array(sorted(MISSING))


@dataclass(frozen=True)
class Columns:
    """Names of the fields for each meaning, the likeliest first; compared without case."""

    code: tuple[str, ...]
    name: tuple[str, ...] = ()
    department: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    epci: tuple[str, ...] = ()
    postal: tuple[str, ...] = ()
    population: tuple[str, ...] = ()
    parent: tuple[str, ...] = ()

    def found_in(self, layer: Layer) -> dict[str, str]:
        """Field of the layer for each meaning that it has."""
        spelled = {field.lower(): field for field in layer.fields}
        found = {}
        for meaning in self.__dataclass_fields__:
            for alias in getattr(self, meaning):
                if alias.lower() in spelled:
                    found[meaning] = spelled[alias.lower()]
                    break
        return found

    def required_in(self, layer: Layer) -> dict[str, str]:
        """As `found_in`. BadSource, listing what was looked for and what is there, if the code is missing."""
        found = self.found_in(layer)
        if "code" not in found:
            raise BadSource(
                f"{layer.source} has no field for the INSEE code: looked for {', '.join(self.code)}; "
                f"it has {', '.join(layer.fields) or 'none'}. Name it: --field code=…",
                file=layer.source,
                field="code",
            )
        return found


@dataclass
class Reading:
    """How the layers of one publisher become communes: its columns and its rules.

    `declared_crs` is used instead of what the layer says. `features_may_repeat`: a commune may come as several features
    (islands, associated communes), which are united; the layer is then in memory at once.
    """

    columns: Columns
    declared_crs: str | None = None
    population_factor: int = 1
    features_may_repeat: bool = False

    def communes(self, layers: Sequence[Layer], notes: list[str]) -> Iterator[Communes]:
        """Batches of communes in EPSG:4326; what was decided goes into `notes`."""
        for layer in layers:
            to_wgs84 = self.transformation(layer)
            fields = self.columns.required_in(layer)
            for note in (*layer.notes, to_wgs84.told()):
                told = f"{layer.source}: {note}"
                if told not in notes:
                    notes.append(told)
            batches = (
                self._read(batch, fields, layer, to_wgs84) for batch in layer.batches(list(set(fields.values())))
            )
            yield from [merged(list(batches))] if self.features_may_repeat else batches

    def collectivities(self, layer: Layer) -> Iterator[Communes]:
        """Batches of a layer of collectivities, under their own codes of three digits."""
        to_wgs84 = self.transformation(layer)
        fields = self.columns.required_in(layer)
        for batch in layer.batches(list(dict.fromkeys(fields.values()))):
            codes = texts_of(batch.columns[fields["code"]])
            wanted = [index for index, code in enumerate(codes) if code in ("977", "978")]
            if wanted:
                yield Communes(
                    codes=[str(codes[index]) for index in wanted],
                    names=[None] * len(wanted),
                    shapes=to_wgs84(batch.shapes[wanted]),
                )

    def transformation(self, layer: Layer) -> ToWgs84:
        """From the layer's system, or the declared one. BadSource if neither is known."""
        declared = self.declared_crs or layer.crs
        if declared is None:
            raise BadSource(
                f"{layer.source} does not say its coordinate system (no .prj?): name it with --crs EPSG:…",
                file=layer.source,
            )
        return ToWgs84(declared, layer.source)

    def _read(self, batch: Batch, fields: dict[str, str], layer: Layer, to_wgs84: ToWgs84) -> Communes:
        def column(meaning: str) -> list[str | None]:
            if meaning not in fields:
                return [None] * len(batch.shapes)
            return texts_of(batch.columns[fields[meaning]])

        codes = _commune_codes(column("code"))
        parents = column("parent") if "parent" in fields else None
        if None in codes:
            lone = next((i for i, code in enumerate(codes) if code is None and not (parents and parents[i])), None)
            if lone is not None:
                row = batch.first_row + lone
                raise BadSource(f"{layer.source}, feature {row} has no {fields['code']}", file=layer.source, row=row)
        shapes = to_wgs84(batch.shapes)
        made = Communes(
            codes=[code or "" for code in codes],
            names=column("name"),
            shapes=shapes,
            wkb=batch.wkb if shapes is batch.shapes else None,
            department_codes=_departments(column("department"), codes),
            region_codes=column("region"),
            epci_codes=_first_of_each(column("epci")),
            postal_codes=[sorted(given.replace(",", "/").split("/")) if given else [] for given in column("postal")]
            if "postal" in fields
            else [],
            populations=_populations(values_of(batch.columns[fields["population"]]), self.population_factor)
            if "population" in fields
            else [],
        )
        if parents is None or not any(parents):
            return made
        return made.taken([index for index, parent in enumerate(parents) if parent is None])


def merged(batches: list[Communes]) -> Communes:
    """Batches as one, each code once: polygons of the same code are united, other columns are those of the first."""
    whole = Communes.joined(batches)
    positions, owners = shapely.get_coordinates(whole.shapes, return_index=True)
    wrong = owners[~np.isfinite(positions).all(axis=1)]
    if len(wrong):
        code = whole.codes[wrong[0]]
        raise BadSource(f"a coordinate of commune {code} is not a number", row=code)
    _cities_for_arrondissements(whole)
    members: dict[str, list[int]] = {}
    for index, code in enumerate(whole.codes):
        members.setdefault(code, []).append(index)
    kept = whole.taken([indices[0] for indices in members.values()])
    for position, indices in enumerate(members.values()):
        if len(indices) > 1:
            parts = whole.shapes[indices]
            valid, _ = repaired(parts[~shapely.is_missing(parts)])
            kept.shapes[position] = united(valid[~shapely.is_missing(valid)])
    return kept


def _cities_for_arrondissements(communes: Communes) -> None:
    """Give the arrondissements of Paris, Lyon and Marseille their city's code, name and whole population, where it is absent."""
    found_of: dict[str, list[int]] = {}
    for index, code in enumerate(communes.codes):
        if city := city_of(code):
            found_of.setdefault(city, []).append(index)
    for city in found_of.keys() - set(communes.codes):
        found = found_of[city]
        people = [communes.populations[index] for index in found]
        for index in found:
            communes.codes[index], communes.names[index] = city, MUNICIPAL_CITIES[city]
            communes.populations[index] = None if None in people else sum(filter(None, people))


def texts_of(column: Column) -> list[str | None]:
    """A column's cells as `text_of` gives them."""
    try:
        texts = compute.utf8_trim_whitespace(column if isinstance(column, pa.Array) else pa.array(column, pa.string()))
        missing = compute.is_in(texts, _MISSING)
        return list(compute.if_else(missing, pa.scalar(None, texts.type), texts).to_pylist())
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, UnicodeDecodeError):
        return [text_of(value) for value in values_of(column)]  # not all of them are whole texts


def text_of(value: Any) -> str | None:
    """A cell as text, None where it is missing in one of the publishers' ways. A whole number loses its `.0`."""
    if type(value) is str:
        text = value.strip()
        return None if text in MISSING else text
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    return None if text in MISSING else text


def _commune_codes(texts: list[str | None]) -> list[str | None]:
    """A column of `commune_code`, in one glance where all are five digits."""
    if None not in texts and five_digits(texts):  # type: ignore[arg-type]
        return texts
    return [commune_code(text) for text in texts]


def commune_code(text: str | None) -> str | None:
    """An INSEE code; a number that lost its leading zero gets it back."""
    if text is None or (len(text) == 5 and text.isdigit()):
        return text
    return text.zfill(5) if text.isascii() and text.isdigit() and len(text) == 4 else text.upper()


def _departments(given: list[str | None], codes: list[str | None]) -> list[str | None]:
    """Codes of departments as given, or as the communes' codes tell; nearly all are given, and of two digits."""
    if None not in given and set(map(len, given)) == {2}:  # type: ignore[arg-type]
        return given
    return [one.zfill(2) if one else department_of(code or "") for one, code in zip(given, codes, strict=True)]


def _first_of_each(given: list[str | None]) -> list[str | None]:
    """The first of several values that a slash divides."""
    if "/" not in "".join(filter(None, given)):
        return given
    return [one and one.split("/")[0] for one in given]


def _populations(given: list[Any], factor: int) -> list[int | None]:
    if factor == 1 and set(map(type, given)) == {int} and 0 <= min(given) <= max(given) < _MOST_PEOPLE:
        return given
    return [_population(value, factor) for value in given]


def _population(given: Any, factor: int) -> int | None:
    """A number of people; None for what is none, as publishers write -1 or a note."""
    text = text_of(given)
    try:
        people = -1 if text is None else round(float(text.replace(",", ".")) * factor)
    except (ValueError, OverflowError):
        return None
    return people if 0 <= people < _MOST_PEOPLE else None
