"""A boundary set, whoever published it. From `loaders.sources`; to `loaders.run`, which repairs, checks and stages it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa

#: The territories that are made of departments; the others are collectivities.
OF_DEPARTMENTS = frozenset({"FXX", "971", "972", "973", "974", "976"})
MUNICIPAL_CITIES = {"75056": "Paris", "69123": "Lyon", "13055": "Marseille"}
_ARRONDISSEMENTS = {"75056": ("75101", "75120"), "69123": ("69381", "69389"), "13055": ("13201", "13216")}


@dataclass(frozen=True)
class Edition:
    """What a boundary set is and where it comes from: the columns of `geoplatform.vintage`.

    `precision_m`: 95 % of its limits lie within so many metres of the official ones.
    """

    year: int
    effective_on: dt.date
    title: str
    publisher: str
    attribution: str
    licence: str
    edition: str
    source_file: str
    source_sha256: str
    precision_m: float


@dataclass(frozen=True)
class Unit:
    """A region, department or EPCI: its code, its name, perhaps the code above it and its legal kind."""

    code: str
    name: str
    parent_code: str | None = None
    kind: str | None = None


@dataclass
class Communes:
    """Some communes as parallel columns, in the order of the source; empty lists stand for a column without values.

    `shapes`: shapely polygons or multipolygons, EPSG:4326, longitude first, None where the source has none.
    `wkb`: their WKB as it was read, if they are still what it says and its bytes are little-endian, so that it need not be
    written anew.
    `composed`: codes whose polygon the publisher does not give and that was put together from smaller units.
    """

    codes: list[str]
    names: list[str | None]
    shapes: np.ndarray
    department_codes: list[str | None] = field(default_factory=list)
    region_codes: list[str | None] = field(default_factory=list)
    epci_codes: list[str | None] = field(default_factory=list)
    postal_codes: list[list[str]] = field(default_factory=list)
    populations: list[int | None] = field(default_factory=list)
    composed: frozenset[str] = frozenset()
    wkb: pa.Array | None = None

    def __post_init__(self) -> None:
        count = len(self.codes)
        for name in ("department_codes", "region_codes", "epci_codes", "populations"):
            if not getattr(self, name):
                setattr(self, name, [None] * count)
        if not self.postal_codes:
            self.postal_codes = [[] for _ in range(count)]

    _LISTS: ClassVar[tuple[str, ...]] = (
        "codes", "names", "department_codes", "region_codes", "epci_codes", "postal_codes", "populations",
    )  # fmt: skip

    def taken(self, indices: list[int]) -> Communes:
        """Those communes, in that order."""
        columns = {name: [getattr(self, name)[index] for index in indices] for name in self._LISTS}
        wkb = None if self.wkb is None else self.wkb.take(indices)
        return Communes(shapes=self.shapes[indices], composed=self.composed, wkb=wkb, **columns)

    @classmethod
    def joined(cls, batches: list[Communes]) -> Communes:
        """Several batches as one."""
        columns = {name: [value for part in batches for value in getattr(part, name)] for name in cls._LISTS}
        shapes = np.concatenate([part.shapes for part in batches]) if batches else np.array([], dtype=object)
        return cls(shapes=shapes, composed=frozenset().union(*(part.composed for part in batches)), **columns)


@dataclass
class BoundarySet:
    """Communes of one vintage in batches, so that those of a whole country need not fit into memory.

    `communes` may be called again. `count`: how many communes it gives, if the source tells, for the progress bar.
    `listed`: every code the vintage should hold, where an official list is known. `notes`: what the reader decided.
    """

    edition: Edition
    communes: Callable[[], Iterator[Communes]]
    count: int | None = None
    listed: frozenset[str] | None = None
    expected: int | None = None
    regions: list[Unit] = field(default_factory=list)
    departments: list[Unit] = field(default_factory=list)
    epci: list[Unit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def territory_of(department_code: str | None, commune_code: str) -> str:
    """Code of the territory (`geoplatform.territory`) a commune belongs to."""
    code = department_code or commune_code[:3]
    return code[:3] if code[:2] in ("97", "98") else "FXX"


def department_of(commune_code: str) -> str | None:
    """Code of the department in a commune's code; None in an overseas collectivity, which has none."""
    if commune_code[:2] == "97":
        return commune_code[:3] if commune_code[:3] in OF_DEPARTMENTS else None
    return None if commune_code[:2] == "98" else commune_code[:2]


def city_of(code: str) -> str | None:
    """INSEE code of the city of which this is a municipal arrondissement (Paris, Lyon, Marseille), else None."""
    return next((city for city, (first, last) in _ARRONDISSEMENTS.items() if first <= code <= last), None)


def five_digits(codes: list[str]) -> bool:
    """Whether each is five digits, as nearly all INSEE codes are: seen in one glance, not one by one."""
    joined = "".join(codes)
    return joined.isascii() and joined.isdigit() and set(map(len, codes)) == {5}
