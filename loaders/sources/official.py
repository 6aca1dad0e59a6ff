"""Any file of communes → a boundary set: the publisher is recognised by its fields, or the operator maps them.

From the command line and `loaders.sources.catalogue`; to `loaders.run`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from geoplatform.errors import BadSource, NoMap
from loaders.boundaries import OF_DEPARTMENTS, BoundarySet, Communes, Edition, Unit, territory_of
from loaders.files.fetch import sha256_of
from loaders.files.layers import Layer, opened
from loaders.sources.columns import Columns, Reading, texts_of
from loaders.sources.etalab import ETALAB
from loaders.sources.france_geojson import FRANCE_GEOJSON
from loaders.sources.georep import GEOREP
from loaders.sources.ign import ADMIN_EXPRESS, ADMIN_EXPRESS_4, GEOFLA
from loaders.sources.osm import OSM
from loaders.sources.polynesia import POLYNESIA
from loaders.sources.publisher import Publisher

_LINES_OR_POINTS = re.compile("Point|Line")
_FIRST_YEAR, _LAST_YEAR = 1943, 2200
#: Those whose fields tell most are tried first.
KNOWN = (ADMIN_EXPRESS_4, ADMIN_EXPRESS, GEOFLA, ETALAB, GEOREP, POLYNESIA, OSM, FRANCE_GEOJSON)
_COLLECTIVITIES = {"977": ("97701", "Saint-Barthélemy"), "978": ("97801", "Saint-Martin")}
_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)-(\d\d)-(\d\d)(?!\d)")
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)")


@dataclass(frozen=True)
class Told:
    """What the operator says about a file; None or empty where the file is to tell it."""

    year: int | None = None
    effective_on: dt.date | None = None
    layer: str | None = None
    crs: str | None = None
    encoding: str | None = None
    precision_m: float | None = None
    publisher: str | None = None
    licence: str | None = None
    attribution: str | None = None
    fields: dict[str, str] = field(default_factory=dict)


@contextmanager
def boundary_set(path: Path, scratch: Path, told: Told, name: str | None = None) -> Iterator[BoundarySet]:
    """The communes of a file, folder or archive; it is open meanwhile. `name`: what to call it in the report.

    BadSource if no layer is one of communes, or the year is neither in the name nor told.
    """
    pool = ThreadPoolExecutor(1)
    digest = pool.submit(digest_of, path)  # meanwhile
    pool.shutdown(wait=False)
    with opened(path, scratch, told.encoding) as layers:
        publisher = _publisher_of(layers, told)
        chosen = _chosen(layers, publisher, told)
        notes = [f"{layer.source}: {layer.count} features" for layer in chosen]
        notes += _left_out(layers, chosen, told)
        reading = Reading(
            columns=publisher.columns,
            declared_crs=told.crs,
            population_factor=publisher.population_factor,
            features_may_repeat=publisher.features_may_repeat,
        )
        regions, departments, epci = _units(layers, publisher)

        def communes() -> Iterator[Communes]:
            for batch in reading.communes(chosen, notes):
                yield _of_collectivities(batch)
            yield from _collectivities(layers, publisher, reading, notes)

        counts = [layer.count for layer in chosen]
        yield BoundarySet(
            edition=_edition(path, publisher, chosen, told, name, digest.result()),
            communes=communes,
            count=sum(count or 0 for count in counts) or None,
            regions=regions,
            departments=departments,
            epci=epci,
            notes=notes,
        )


def _publisher_of(layers: list[Layer], told: Told) -> Publisher:
    if told.fields:
        unknown = set(told.fields) - set(Columns.__dataclass_fields__)
        if unknown:
            allowed = ", ".join(Columns.__dataclass_fields__)
            raise BadSource(f"--field {', '.join(sorted(unknown))}: the meanings are {allowed}", field=sorted(unknown))
        columns = Columns(**{"code": (), **{meaning: (name,) for meaning, name in told.fields.items()}})
        return Publisher(
            "file",
            told.publisher or "non précisé",
            told.licence or "etalab-2.0",
            columns,
            frozenset(),
            150.0,
            features_may_repeat=True,
        )
    for publisher in KNOWN:
        if any(publisher.knows(layer) for layer in layers if told.layer in (None, layer.name)):
            return publisher
    seen = "; ".join(
        layer.fault.message
        if layer.fault
        else f"{layer.source} ({layer.geometry_type or 'GeoJSON'}): {', '.join(layer.fields)}"
        for layer in layers[:8]
    )
    raise BadSource(
        f"no layer looks like communes. There are: {seen}. Map its fields: --field code=… --field name=…", field="layer"
    )


def _chosen(layers: list[Layer], publisher: Publisher, told: Told) -> list[Layer]:
    if told.layer is not None:
        named = [layer for layer in layers if layer.name == told.layer]
        if not named:
            raise BadSource(f"there is no layer {told.layer}; there are {', '.join(layer.name for layer in layers)}")
        for layer in named:
            if layer.fault is not None:
                raise layer.fault
        return named
    areas = [layer for layer in layers if not layer.fault and not _LINES_OR_POINTS.search(layer.geometry_type or "")]
    if publisher.key == "file":
        if len(areas) > 1:
            raise BadSource(f"which layer? Name it with --layer: {', '.join(layer.name for layer in areas)}")
        return areas or [layer for layer in layers if not layer.fault]
    known = [layer for layer in areas if publisher.knows(layer)]
    for names in (("commune", "communes"), ("commune_carto",)):  # both stand in some archives: the finer one
        exact = [layer for layer in known if layer.name.lower() in names]
        if exact:
            return exact
    if not known:
        raise BadSource(f"{layers[0].source} holds points or lines, no polygons of communes", field="layer")
    return known


def _left_out(layers: list[Layer], chosen: list[Layer], told: Told) -> Iterator[str]:
    """A note on each file that cannot be read. Raises its fault where it may hold more of the communes.

    It cannot where it is whole but no map, or of another format than they are, or the operator named the layer.
    """
    for layer in layers:
        if layer.fault is None:
            continue
        is_suspect = told.layer is None and any(layer.may_belong_to(one) for one in chosen)
        if is_suspect and not isinstance(layer.fault, NoMap):
            raise layer.fault
        yield f"left out: {layer.fault.message}"


def _edition(
    path: Path, publisher: Publisher, chosen: list[Layer], told: Told, name: str | None, digest: str
) -> Edition:
    spelled = f"{name or path.name} {chosen[0].source}"
    day = _DAY.search(spelled)
    found = _YEAR.search(spelled)
    year = told.year or (int(day[1]) if day else int(found[1]) if found else None)
    if year is None:
        raise BadSource(
            f"{path.name} does not tell of which year its communes are: say --year", file=str(path), field="year"
        )
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise BadSource(f"{path.name}: {year} is no year of communes: say --year", file=str(path), field="year")
    attribution = told.attribution or f"{publisher.publisher}, {year}"
    return Edition(
        year=year,
        effective_on=told.effective_on or dt.date(year, 1, 1),
        title=f"Communes {year}, {publisher.publisher}",
        publisher=told.publisher or publisher.publisher,
        attribution=attribution,
        licence=told.licence or publisher.licence,
        edition=f"{publisher.key} : {name or path.name}",
        source_file=name or path.name,
        source_sha256=digest,
        precision_m=publisher.precision_of(path) if told.precision_m is None else told.precision_m,
    )


def digest_of(path: Path) -> str:
    """SHA-256 (hex) of a file; of a folder, that of the names and sums of its files in order."""
    if not path.is_dir():
        return sha256_of(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listed = "".join(f"{sha256_of(file)}  {file.relative_to(path)}\n" for file in files)
    return hashlib.sha256(listed.encode()).hexdigest()


def _units(layers: list[Layer], publisher: Publisher) -> tuple[list[Unit], list[Unit], list[Unit]]:
    """Regions, departments and EPCI of the publisher's own layers, where it has them."""
    units: dict[str, dict[str, Unit]] = {"region": {}, "department": {}, "epci": {}}
    for layer_name, kind, columns in publisher.units:
        for layer in layers:
            if layer.name.lower() != layer_name or "code" not in columns.found_in(layer):
                continue
            fields = columns.found_in(layer)
            for batch in layer.batches(list(dict.fromkeys(fields.values()))):
                rows = zip(*(texts_of(batch.columns[fields[meaning]]) for meaning in fields), strict=True)
                for row in rows:
                    values = dict(zip(fields, row, strict=True))
                    code = values["code"]
                    if code is not None:
                        units[kind].setdefault(code, Unit(code, values.get("name") or code, values.get("region")))
    return list(units["region"].values()), list(units["department"].values()), list(units["epci"].values())


def _of_collectivities(communes: Communes) -> Communes:
    """Communes of an overseas collectivity have no department, whatever the source writes there."""
    abroad = [index for index, code in enumerate(communes.codes) if code[:2] in ("97", "98")]
    for index in abroad:
        if territory_of(None, communes.codes[index]) not in OF_DEPARTMENTS:
            communes.department_codes[index] = None
            communes.region_codes[index] = None
    return communes


def _collectivities(
    layers: list[Layer], publisher: Publisher, reading: Reading, notes: list[str]
) -> Iterator[Communes]:
    """Saint-Barthélemy and Saint-Martin, which ADMIN EXPRESS 4 has among the collectivities only: one commune each."""
    if publisher.collectivities is None:
        return
    for layer in layers:
        if layer.name.lower() != "collectivite_territoriale":
            continue
        columns = replace(reading, columns=publisher.collectivities)
        for batch in columns.collectivities(layer):
            wanted = [index for index, code in enumerate(batch.codes) if code in _COLLECTIVITIES]
            found = batch.taken(wanted)
            found.names = [_COLLECTIVITIES[code][1] for code in found.codes]
            found.codes = [_COLLECTIVITIES[code][0] for code in found.codes]
            found.department_codes = [None] * len(wanted)
            if wanted:
                notes.append(f"{layer.source}: {', '.join(found.codes)} made of the collectivities of the same land")
                yield found
