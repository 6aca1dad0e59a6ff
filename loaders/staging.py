"""The first step of a load: a boundary set's communes into the store, as published. From `loaders.run`; to `store.staging`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pyarrow import compute
from sqlalchemy import Connection

from geoplatform.errors import BadSource
from geoplatform.model import COMMUNE_CODE
from geoplatform.progress import Step
from geoplatform.store import staging
from loaders import collector
from loaders.boundaries import BoundarySet, Communes, five_digits, territory_of
from loaders.crs import ENVELOPES
from loaders.parallel import ahead
from loaders.polygons import areas_km2, multipolygon_wkb

#: Degrees by which a commune may leave the generous box of its territory.
_NEAR = 2.0


@dataclass
class Staged:
    """What came in, without the polygons: they are in the store. Dictionaries are by INSEE code.

    `repaired`: why, and the polygon as it is now; found when the communes are dissolved (`loaders.limits`).
    """

    names: dict[str, str] = field(default_factory=dict)
    department_codes: dict[str, str | None] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    repaired: dict[str, tuple[str, Any]] = field(default_factory=dict)
    composed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    vertices: int = 0


@dataclass(frozen=True)
class Prepared:
    """A batch of communes ready to be copied."""

    communes: Communes
    rows: pa.RecordBatch
    vertices: int


def stage(connection: Connection, vintage_id: int, boundaries: BoundarySet, step: Step) -> Staged:
    """Put every commune of the set into the vintage's partition. BadSource for what is no INSEE code or leaves the Earth."""
    staged = Staged()
    prepared = ahead(map(_prepared, boundaries.communes()))
    batches = (_kept(done, staged) for done in prepared)
    with collector.paused(), staging.filling(connection, vintage_id, "commune") as copy:
        copy(step.track(batches, boundaries.count, lambda rows: rows.num_rows))
    return staged


def _prepared(communes: Communes) -> Prepared:
    _refuse_strangers(communes)
    _refuse_nameless(communes)
    boxes = shapely.bounds(communes.shapes)
    _refuse_off_earth(communes.codes, boxes)
    prefixes = [
        department or code[:3] for department, code in zip(communes.department_codes, communes.codes, strict=True)
    ]
    known = {prefix: territory_of(prefix, prefix) for prefix in set(prefixes)}
    territories = [known[prefix] for prefix in prefixes]
    _refuse_misplaced(communes.codes, territories, boxes)
    missing = shapely.is_missing(communes.shapes) | shapely.is_empty(communes.shapes)
    shapes = np.array(communes.shapes)
    shapes[missing] = None
    _refuse_not_numbers(communes.codes, shapes, missing)
    areas = areas_km2(shapes, boxes)
    areas[~(areas > 0)] = np.nan  # of a bow tie, whose halves cancel out: it is repaired and measured later
    sources = np.where(missing, "missing", "source").astype(object)
    if communes.composed:
        composed = np.array([code in communes.composed for code in communes.codes], dtype=bool)
        sources[composed & ~missing] = "composed"
    columns = {
        "code": communes.codes,
        "name": communes.names,
        "territory_code": territories,
        "department_code": communes.department_codes,
        "region_code": communes.region_codes,
        "epci_code": communes.epci_codes,
        "postal_codes": communes.postal_codes,
        "population": communes.populations,
        "geometry_source": sources,
        "area_km2": areas,
        "geom": multipolygon_wkb(shapes, communes.wkb),
    }
    rows = staging.batch_of("commune", columns)
    return Prepared(communes, rows, int(shapely.get_num_coordinates(shapes).sum()))


def _kept(done: Prepared, staged: Staged) -> pa.RecordBatch:
    """The rows of a batch, noted; a code that stands twice is told and its second row left out."""
    communes, rows = done.communes, done.rows
    if len(set(communes.codes)) < len(communes.codes) or not staged.names.keys().isdisjoint(communes.codes):
        first = {code: index for index, code in reversed(list(enumerate(communes.codes)))}
        fresh = [
            index for index, code in enumerate(communes.codes) if first[code] == index and code not in staged.names
        ]
        staged.twice += [communes.codes[index] for index in sorted(set(range(len(communes.codes))) - set(fresh))]
        communes, rows = communes.taken(fresh), rows.take(fresh)
    staged.names.update(zip(communes.codes, map(str, communes.names), strict=True))
    staged.department_codes.update(zip(communes.codes, communes.department_codes, strict=True))
    sources = rows.column("geometry_source")
    for source, codes in (("missing", staged.missing), ("composed", staged.composed)):
        codes += rows.column("code").filter(compute.equal(sources, source)).to_pylist()
    staged.vertices += done.vertices
    return rows


def _refuse_nameless(communes: Communes) -> None:
    if "\0" in "".join(filter(None, communes.names)):
        code = communes.codes[["\0" in (name or "") for name in communes.names].index(True)]
        raise BadSource(f"the name of commune {code} holds a zero byte: is its encoding right?", row=code, field="name")
    if not all(communes.names):
        code = communes.codes[[bool(name) for name in communes.names].index(False)]
        raise BadSource(f"commune {code} has no name", row=code, field="name")


def _refuse_strangers(communes: Communes) -> None:
    if five_digits(communes.codes):
        return
    wrong = [code for code in communes.codes if not COMMUNE_CODE.fullmatch(code)]
    if wrong:
        named = ", ".join(repr(code) for code in wrong[:5])
        raise BadSource(f"{len(wrong)} codes are not INSEE codes of communes: {named}", field="code", value=wrong[0])


def _refuse_not_numbers(codes: list[str], shapes: np.ndarray, missing: np.ndarray) -> None:
    wrong = np.flatnonzero(~np.isfinite(shapely.area(shapes)) & ~missing)
    if len(wrong):
        code = codes[wrong[0]]
        raise BadSource(f"a coordinate of commune {code} is not a number", row=code)


def _refuse_misplaced(codes: list[str], territories: list[str], boxes: np.ndarray) -> None:
    """A commune lies in its own territory: some files show those overseas beside the mainland."""
    for territory in set(territories):
        if territory not in ENVELOPES:
            code = codes[territories.index(territory)]
            raise BadSource(f"commune {code} is of no territory that has communes", row=code, field="code")
        west, south, east, north = ENVELOPES[territory]
        here = np.array([one == territory for one in territories])
        with np.errstate(invalid="ignore"):
            outside = (boxes[:, 0] < west - _NEAR) | (boxes[:, 2] > east + _NEAR)
            outside |= (boxes[:, 1] < south - _NEAR) | (boxes[:, 3] > north + _NEAR)
        wrong = np.flatnonzero(here & outside)
        if len(wrong):
            code = codes[wrong[0]]
            box = ", ".join(f"{value:g}" for value in boxes[wrong[0]])
            raise BadSource(f"commune {code} does not lie in its territory {territory} (its box: {box})", row=code)


def _refuse_off_earth(codes: list[str], boxes: np.ndarray) -> None:
    west, south, east, north = boxes.T
    with np.errstate(invalid="ignore"):
        outside = (west < -180) | (east > 180) | (south < -90) | (north > 90)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        box = ", ".join(f"{value:g}" for value in boxes[first])
        raise BadSource(
            f"commune {codes[first]} leaves longitude ±180, latitude ±90 (its box: {box}): are these degrees?",
            row=codes[first],
        )
