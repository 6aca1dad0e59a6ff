"""The first step of a load: a boundary set's communes, repaired, into the store. From `loaders.run`; to `store.staging`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection

from geoplatform.errors import BadSource
from geoplatform.model import COMMUNE_CODE
from geoplatform.progress import Step
from geoplatform.store import staging
from loaders.boundaries import BoundarySet, Communes, territory_of
from loaders.polygons import areas_km2, ewkb, repaired


@dataclass
class Staged:
    """What came in, without the polygons: they are in the store. Dictionaries are by INSEE code."""

    names: dict[str, str] = field(default_factory=dict)
    department_codes: dict[str, str | None] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    repaired: dict[str, tuple[str, Any]] = field(default_factory=dict)
    composed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    vertices: int = 0


def stage(connection: Connection, vintage_id: int, boundaries: BoundarySet, step: Step) -> Staged:
    """Put every commune of the set into the vintage's partition. BadSource for what is no INSEE code or leaves the Earth."""
    staged = Staged()
    rows = (row for communes in boundaries.communes() for row in _rows(communes, staged))
    staging.copy_rows(connection, vintage_id, "commune", step.track(rows, boundaries.count))
    return staged


def _rows(communes: Communes, staged: Staged) -> Iterator[tuple[Any, ...]]:
    """Rows of `geoplatform.commune`; a code that stands twice is told and its second row left out."""
    _refuse_strangers(communes)
    shapes, wrong = repaired(communes.shapes)
    _refuse_off_earth(communes.codes, shapes)
    staged.vertices += int(shapely.get_num_coordinates(shapes).sum())
    wkb = ewkb(shapes)
    areas = areas_km2(shapes).tolist()
    for index, code in enumerate(communes.codes):
        if code in staged.names:
            staged.twice.append(code)
            continue
        name = communes.names[index]
        department = communes.department_codes[index]
        if not name:
            raise BadSource(f"commune {code} has no name", row=code, field="name")
        if wkb[index] is None:
            source = "missing"
            staged.missing.append(code)
        elif code in communes.composed:
            source = "composed"
            staged.composed.append(code)
        elif index in wrong:
            source = "repaired"
            staged.repaired[code] = (wrong[index], shapes[index])
        else:
            source = "source"
        staged.names[code] = name
        staged.department_codes[code] = department
        yield (
            code,
            name,
            territory_of(department, code),
            department,
            communes.region_codes[index],
            communes.epci_codes[index],
            communes.postal_codes[index],
            communes.populations[index],
            source,
            areas[index] if wkb[index] is not None else None,
            wkb[index],
        )


def _refuse_strangers(communes: Communes) -> None:
    wrong = [code for code in communes.codes if not COMMUNE_CODE.fullmatch(code)]
    if wrong:
        named = ", ".join(repr(code) for code in wrong[:5])
        raise BadSource(f"{len(wrong)} codes are not INSEE codes of communes: {named}", field="code", value=wrong[0])


def _refuse_off_earth(codes: list[str], shapes: np.ndarray) -> None:
    west, south, east, north = shapely.bounds(shapes).T
    with np.errstate(invalid="ignore"):
        outside = (west < -180) | (east > 180) | (south < -90) | (north > 90)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        box = ", ".join(f"{value:g}" for value in shapely.bounds(shapes[first]))
        raise BadSource(
            f"commune {codes[first]} leaves longitude ±180, latitude ±90 (its box: {box}): are these degrees?",
            row=codes[first],
        )
