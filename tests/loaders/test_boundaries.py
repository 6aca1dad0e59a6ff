"""Repair, dissolve and the gates, on maps small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import Geod

from geoplatform.errors import GateFailed
from loaders import boundaries as rules
from tests import grid

BOWTIE = shapely.Polygon([(55, -22), (55.1, -21.9), (55.1, -22), (55, -21.9)])


def prepared(drawing: str, **changes):
    made = grid.boundaries(drawing)
    for name, value in changes.items():
        setattr(made, name, value)
    told = rules.repair(made)
    rules.dissolve(made, None)
    return made, told


def gate(made, name, expected=None):
    return next(gate for gate in rules.check(made, expected) if gate.name == name)


def test_a_clean_map_passes_every_gate():
    made, told = prepared("AB\nCD")
    assert told == {"repaired": [], "composed": [], "missing": []}
    assert {g.severity for g in rules.check(made, 4)} == {"ok"}
    assert made.department_shapes["974"].area == pytest.approx(4 * grid.CELL**2)


def test_a_broken_polygon_is_repaired_counted_and_named():
    made, told = prepared("AB", shapes=np.array([BOWTIE, grid.shapes_of("AB")["B"]], dtype=object))
    assert told["repaired"] == ["97401"]
    assert shapely.is_valid(made.shapes).all()
    assert set(shapely.get_type_id(made.shapes)) == {shapely.GeometryType.MULTIPOLYGON}
    assert gate(made, "validity").offenders == ("97401",)


def test_repair_keeps_polygons_only_and_says_when_nothing_is_left():
    spike = shapely.Polygon([(55, -22), (55.1, -22), (55, -22)])
    made, told = prepared("AB", shapes=np.array([spike, grid.shapes_of("AB")["B"]], dtype=object))
    assert told["missing"] == ["97401"]
    assert made.geometry_sources == ["missing", "source"]


def test_a_commune_without_polygon_is_composed_of_its_parts_or_stays_without():
    b = grid.shapes_of("AB")["B"]
    made, told = prepared("AB", shapes=np.array([None, None], dtype=object), composed={"97402": b})
    assert told == {"repaired": [], "composed": ["97402"], "missing": ["97401"]}
    assert gate(made, "geometry").severity == "failure"  # half of them have none


def test_a_hole_is_a_gap_unless_it_is_narrower_than_the_precision_or_foreign():
    ring = "AAA\nA.A\nAAA"
    made, _ = prepared(ring)
    assert len(made.gaps) == 1
    assert made.gaps[0][0] == pytest.approx(114.5, rel=0.01)  # km², a cell at 22° south
    assert gate(made, "gaps").severity == "warning"
    made, _ = prepared(ring, precision_m=6000.0)
    assert made.gaps == []
    made = grid.boundaries(ring)
    rules.repair(made)
    rules.dissolve(made, shapely.box(55.05, -22, 55.3, -21.7))
    assert made.gaps == []


def test_overlaps_are_counted_in_hectares_and_named():
    shapes = grid.shapes_of("AB")
    wide = shapely.box(*shapely.bounds(shapes["A"])[:2], shapely.bounds(shapes["A"])[2] + 0.001, -21.9)
    made, _ = prepared("AB", shapes=np.array([wide, shapes["B"]], dtype=object))
    found = gate(made, "overlaps")
    assert found.severity == "warning"
    assert found.offenders == ("97401/97402",)
    assert "114.4 ha" in found.detail or "114.5 ha" in found.detail


@pytest.mark.parametrize(
    ("changes", "expected", "named"),
    [
        ({}, 3, "count"),
        ({"codes": ["97401", "97401"]}, 2, "duplicates"),
        ({"codes": ["97401", "9740"]}, 2, "codes"),
        ({"department_codes": ["974", "999"]}, 2, "departments"),
        ({"shapes": np.array([shapely.box(179, 0, 181, 1), shapely.box(0, 0, 1, 1)], dtype=object)}, 2, "degrees"),
    ],
)
def test_gate_failed_names_the_gate_that_refuses(changes, expected, named):
    made, _ = prepared("AB", **changes)
    with pytest.raises(GateFailed, match=named):
        rules.refuse_failures(rules.check(made, expected))


@pytest.mark.parametrize(
    ("department", "commune", "territory"),
    [
        ("974", "97414", "974"),
        ("2A", "2A004", "FXX"),
        (None, "97501", "975"),
        ("75", "75056", "FXX"),
        (None, "98735", "987"),
    ],
)
def test_territories_follow_from_the_code(department, commune, territory):
    assert rules.territory_of(department, commune) == territory


@pytest.mark.france
def test_areas_are_those_of_the_ellipsoid_to_a_thousandth(tables):
    geod = Geod(ellps="WGS84")
    shapes = tables.boundaries().shapes[::500]
    shapes = np.array([shape for shape in shapes if shape is not None])
    ours = rules.areas_km2(shapes)
    for shape, area in zip(shapes, ours, strict=True):
        assert area == pytest.approx(abs(geod.geometry_area_perimeter(shape)[0]) / 1e6, rel=1e-3)
