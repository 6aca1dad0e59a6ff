"""Overseas as in the metropole: every territory loaded, measured in its legal system, drawn, shown and placed in."""

from __future__ import annotations

import datetime as dt
import io
import uuid

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from geoplatform.model import LonLat
from geoplatform.progress import Progress
from geoplatform.store import communes as stored
from geoplatform.store import places
from loaders import run
from loaders.boundaries import BoundarySet, Communes, Edition, Unit, department_of, territory_of
from loaders.limits import LEGAL_CRS
from loaders.sources.official import Told, boundary_set
from tests.conftest import NOW
from tests.making import written

LOADER = "geoplatform_loader"
#: A commune of each territory, the south-west corner of a square on its land, and the legal system there.
WHERE = {
    "01001": (5.0, 46.0, 2154), "97101": (-61.6, 16.2, 5490), "97201": (-61.1, 14.6, 5490), "97301": (-52.6, 4.5, 2972),
    "97401": (55.4, -21.2, 2975), "97501": (-56.4, 46.8, 4467), "97611": (45.1, -12.9, 10674), "97701": (-62.9, 17.8, 5490),
    "97801": (-63.2, 18.0, 5490), "98411": (69.5, -49.3, 7079), "98611": (-178.2, -14.4, 8903), "98735": (-149.5, -17.6, 3297),
    "98818": (166.4, -22.2, 3163),
}  # fmt: skip
SIDE = 0.06


def squares() -> list[shapely.Geometry]:
    return [shapely.box(lon, lat, lon + SIDE, lat + SIDE) for lon, lat, _ in WHERE.values()]


def france(codes: list[str], shapes: list[shapely.Geometry], precision_m: float = 10.0) -> BoundarySet:
    departments = [department_of(code) for code in codes]
    made = Communes(
        codes=list(codes), names=[f"Commune {code}" for code in codes], shapes=np.array(shapes, dtype=object),
        department_codes=list(departments),
    )  # fmt: skip
    day = dt.date(2026, 1, 1)
    edition = Edition(2026, day, "t", "tests", "tests", "CC0-1.0", "thirteen", "thirteen", "0" * 64, precision_m)
    units = [Unit(code, code) for code in departments if code]
    return BoundarySet(edition, lambda: iter([made]), len(codes), None, len(codes), [], units)


def load(database, boundaries):
    quiet = Progress(io.StringIO())
    return run.load(database.store(LOADER), boundaries, quiet, foreign_land=None, now=NOW, commit=True)


def legal_area(code: str, shape: shapely.Geometry) -> float:
    project = Transformer.from_crs(4326, WHERE[code][2], always_xy=True).transform
    return shapely.area(shapely.transform(shape, project, interleaved=False)) / 1e6


def test_all_thirteen_territories_are_loaded_measured_in_their_legal_system_and_drawn(database):
    _, report = load(database, france(list(WHERE), squares()))
    (gate,) = [gate for gate in report.gates if gate.name == "territories"]
    assert (gate.severity, gate.detail) == ("ok", "all 13 territories")
    expected = {territory_of(None, code): legal_area(code, shape) for code, shape in zip(WHERE, squares(), strict=True)}
    assert report.territories == pytest.approx(expected, rel=1e-4)
    kept = database.rows("SELECT code, legal_srid, communes, area_km2 FROM published.territories")
    assert {code: srid for code, srid, _, _ in kept} == LEGAL_CRS
    assert {code: area for code, _, _, area in kept} == pytest.approx(expected, rel=1e-4)
    assert {count for _, _, count, _ in kept} == {1}
    drawn = database.rows("SELECT count(DISTINCT code) FROM geoplatform.drawing WHERE level = 'territory'")
    assert drawn == [(13,)]


def test_what_the_source_lacks_is_named_and_shown_as_lacking(database):
    present = [code for code in WHERE if code[:3] not in ("984", "986", "987")]
    _, report = load(database, france(present, [s for c, s in zip(WHERE, squares(), strict=True) if c in present]))
    (gate,) = [gate for gate in report.gates if gate.name == "territories"]
    assert (gate.severity, gate.offenders) == ("warning", ("984", "986", "987"))
    assert "10 of 13 territories have limits; the source has none for 984, 986, 987" in gate.detail
    lacking = database.rows("SELECT code FROM published.territories WHERE communes IS NULL ORDER BY code")
    assert lacking == [("984",), ("986",), ("987",)]


def test_distances_to_limits_are_those_of_the_legal_system_to_a_few_thousandths(database):
    """A place 300 m inside the western limit; Lambert-93 itself stretches by up to three metres in a thousand."""
    load(database, france(list(WHERE), squares()))
    with database.store("geoplatform_web").reading() as connection:
        for code, (lon, lat, crs) in WHERE.items():
            project = Transformer.from_crs(4326, crs, always_xy=True)
            edge = shapely.LineString([project.transform(lon, lat), project.transform(lon, lat + SIDE)])
            inside = project.transform(lon + 300 / (111_320 * np.cos(np.radians(lat))), lat + SIDE / 2)
            found = stored.covering(connection, LonLat(*project.transform(*inside, direction="INVERSE")))
            assert (found.verdict, found.commune_code) == ("inside", code)
            assert found.distance_m == pytest.approx(shapely.distance(shapely.Point(inside), edge), rel=4e-3), code


def test_land_whose_longitudes_are_counted_beyond_180_comes_to_lie_where_it_is(database, tmp_path):
    """As maps centred on the Pacific write Wallis (181.8°) and Polynesia (210.5°)."""
    pacific = {code: WHERE[code] for code in ("98611", "98735", "98818")}
    shapes = [shapely.box(lon % 360, lat, lon % 360 + SIDE, lat + SIDE) for lon, lat, _ in pacific.values()]
    columns = {"code": list(pacific), "nom": list(pacific)}
    path = written(tmp_path / "communes.geojson", columns, shapes)
    with boundary_set(path, tmp_path, Told(year=2026)) as found:
        load(database, found)
    rows = []
    for lon, lat, _ in pacific.values():
        point = shapely.to_wkb(shapely.set_srid(shapely.Point(lon + SIDE / 2, lat + SIDE / 2), 4326), include_srid=True)
        rows.append((uuid.uuid4(), "service", "town_hall", "x", *[None] * 5, "etalab-2.0", "register", "t", point))
    with database.store(LOADER).transaction() as connection:
        places.load_bulk(connection, rows, "tests", NOW)
    held = database.rows("SELECT commune_code, verdict FROM published.places ORDER BY commune_code")
    assert held == [(code, "inside") for code in pacific]
    wests = dict(database.rows("SELECT code, ST_XMin(geom) FROM geoplatform.commune"))
    assert wests == pytest.approx({code: lon for code, (lon, _, _) in pacific.items()})
