"""Repair, dissolve, gates and drawings, on maps small enough to count by hand, staged in a real store."""

from __future__ import annotations

import io

import numpy as np
import pytest
import shapely
from pyproj import Geod

from geoplatform.errors import BadSource, GateFailed
from geoplatform.progress import Progress
from loaders import drawing, gates, run
from loaders.boundaries import department_of, territory_of
from loaders.limits import legal_area_km2
from loaders.polygons import areas_km2
from tests import grid
from tests.conftest import NOW

BOWTIE = shapely.Polygon([(55, -22), (55.1, -21.9), (55.1, -22), (55, -21.9)])


def staged(database, drawing, *, foreign_land=None, waived=frozenset(), commit=False, **changes):
    made = grid.boundaries(drawing, **changes)
    store = database.store("geoplatform_loader")
    quiet = Progress(io.StringIO())
    return run.load(store, made, quiet, foreign_land=foreign_land, now=NOW, commit=commit, waived=frozenset(waived))


def gate(report, name):
    return next(gate for gate in report.gates if gate.name == name)


def test_a_clean_map_passes_every_gate_and_lacks_twelve_territories(database):
    _, report = staged(database, "AB\nCD")
    assert {g.name: g.severity for g in report.gates if g.severity != "ok"} == {"territories": "warning"}
    assert gate(report, "territories").offenders[0] == "FXX"
    area = database.rows("SELECT ST_Area(geom) FROM geoplatform.department WHERE code = '974'")[0][0]
    assert area == pytest.approx(4 * grid.CELL**2)
    units = "SELECT (SELECT ST_Area(geom) FROM geoplatform.{}) / %s"
    for unit in ("region", "epci", "territory_edition"):
        assert database.rows(units.format(unit), area)[0][0] == pytest.approx(1)


def test_a_broken_polygon_is_repaired_counted_named_and_shown(database):
    _, report = staged(database, "AB", shapes=np.array([BOWTIE, grid.shapes_of("AB")["B"]], dtype=object))
    assert report.told["repaired"] == ["97401 Commune A"]
    assert gate(report, "validity").severity == "warning"
    assert "Self-intersection" in gate(report, "validity").offenders[0]
    assert database.rows("SELECT count(*) FROM geoplatform.commune WHERE NOT ST_IsValid(geom)") == [(0,)]
    assert database.rows("SELECT codes FROM geoplatform.vintage_finding WHERE kind = 'repaired'") == [(["97401"],)]


def test_repair_keeps_polygons_only_and_says_when_nothing_is_left(database):
    spike = shapely.Polygon([(55, -22), (55.1, -22), (55, -22)])
    _, report = staged(database, "AB", shapes=np.array([spike, grid.shapes_of("AB")["B"]], dtype=object))
    assert report.told["missing"] == ["97401 Commune A"]
    assert gate(report, "geometry").severity == "failure"


def test_a_composed_polygon_is_told(database):
    _, report = staged(database, "AB", composed=frozenset({"97402"}))
    assert report.told["composed"] == ["97402 Commune B"]


@pytest.mark.parametrize(
    ("facts", "gaps"),
    [({}, 1), ({"precision_m": 6000.0}, 0), ({"foreign_land": shapely.box(55.05, -22, 55.3, -21.7)}, 0)],
    ids=["wide", "narrower than the precision", "foreign"],
)
def test_a_hole_is_a_gap_unless_it_is_narrower_than_the_precision_or_foreign(database, facts, gaps):
    _, report = staged(database, "AAA\nA.A\nAAA", **facts)
    assert gate(report, "gaps").severity == ("failure" if gaps else "ok")
    areas = [area for (area,) in database.rows("SELECT area_km2 FROM geoplatform.vintage_finding WHERE kind = 'gap'")]
    assert areas == ([pytest.approx(114.5, rel=0.01)] if gaps else [])  # a cell at 22° south


@pytest.mark.parametrize(("metres", "severity"), [(100, "warning"), (1000, "failure")])
def test_overlaps_are_counted_in_hectares_named_and_refused_where_they_are_wide(database, metres, severity):
    shapes = grid.shapes_of("AB")
    west, south, east, north = shapely.bounds(shapes["A"])
    wide = shapely.box(west, south, east + metres / 103_300, north)
    _, report = staged(database, "AB", shapes=np.array([wide, shapes["B"]], dtype=object), precision_m=150.0)
    found = gate(report, "overlaps")
    assert (found.severity, found.offenders) == (severity, ("97401/97402",))
    hectares = float(found.detail.split(", ")[1].split()[0])
    assert hectares == pytest.approx(metres * 11_072 / 1e4, rel=0.01)
    assert gate(report, "coverage").offenders == ("97401", "97402")
    kinds = "SELECT kind, count(*) FROM geoplatform.vintage_finding GROUP BY kind ORDER BY kind"
    assert database.rows(kinds) == [("edge", 2), ("overlap", 1)]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"expected": 3}, "count: 2 communes in 1 departments, 3 expected"),
        ({"listed": frozenset({"97401", "97409"})}, "count: .* 1 are missing, and 1 are not in it"),
        ({"codes": ["97401", "97401"]}, "duplicates: 1 codes stand twice"),
        ({"department_codes": ["974", "974X"]}, "departments: 1 communes in no known department"),
    ],
)
def test_gate_failed_names_the_gate_that_refuses_and_leaves_the_stage_to_be_looked_at(database, changes, named):
    with pytest.raises(GateFailed, match=named):
        staged(database, "AB", commit=True, **changes)
    assert database.rows("SELECT state FROM geoplatform.vintage") == [("staged",)]
    assert database.rows("SELECT count(*) FROM published.communes") == [(0,)]


def test_a_waived_gate_does_not_refuse_and_the_report_keeps_that_it_was_waived(database):
    _, report = staged(database, "AB", commit=True, expected=3, waived={"count"})
    assert gate(report, "count").severity == "waived"
    assert database.rows("SELECT state FROM geoplatform.vintage") == [("active",)]


def test_the_list_of_the_cog_is_told_to_be_met(database):
    _, report = staged(database, "AB", listed=frozenset({"97401", "97402"}))
    assert gate(report, "count").detail.endswith("exactly those of the Code officiel géographique 2025")


def test_a_department_whose_area_changed_is_refused(database):
    staged(database, "AB\nCD", commit=True)
    _, report = staged(database, "AB\nC.", year=2026, edition="smaller")
    assert gate(report, "areas").severity == "failure"
    assert gate(report, "areas").offenders == ("974 -24.99%",)
    _, same = staged(database, "AB\nCD", year=2026)
    assert gate(same, "areas").severity == "ok"


def test_neighbours_that_part_are_refused(database):
    staged(database, "AB\nCD", commit=True)
    _, report = staged(database, "A.B\nC.D", year=2026)
    found = gate(report, "neighbours")
    assert found.severity == "failure"
    assert set(found.offenders) == {"-97401/97402", "-97403/97404", "-97401/97404", "-97402/97403"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"codes": ["97401", "9740"]}, "1 codes are not INSEE codes of communes: '9740'"),
        ({"names": ["A", None]}, "commune 97402 has no name"),
        (
            {"shapes": np.array([shapely.box(179, 0, 181, 1), shapely.box(0, 0, 1, 1)], dtype=object)},
            r"commune 97401 leaves longitude ±180, latitude ±90 \(its box: 179, 0, 181, 1\)",
        ),
    ],
)
def test_bad_source_names_the_commune_and_nothing_is_kept(database, changes, told):
    with pytest.raises(BadSource, match=told):
        staged(database, "AB", commit=True, **changes)
    assert database.rows("SELECT count(*) FROM geoplatform.vintage") == [(0,)]
    assert database.rows("SELECT relname FROM pg_class WHERE relname LIKE 'commune\\_v%%'") == []


def test_drawings_of_every_span_keep_every_commune_and_their_shared_limits(database):
    staged(database, "AAB\nCAB\nCCD", precision_m=0.0, commit=True)
    spans = database.rows(
        "SELECT from_zoom, count(*) FROM geoplatform.drawing WHERE level = 'commune' GROUP BY 1 ORDER BY 1"
    )
    assert spans == [
        (5, 4),
        (7, 4),
        (8, 4),
        (9, 4),
        (10, 4),
        (11, 4),
    ]  # 5 is drawn at 6: below, a commune is smaller than a pixel
    lost = """
        SELECT from_zoom FROM geoplatform.drawing WHERE level = 'commune' GROUP BY from_zoom
        HAVING bool_or(NOT ST_IsValid(geom) OR ST_IsEmpty(geom))
            OR abs(sum(ST_Area(geom)) - ST_Area(ST_Union(geom))) > 1 OR ST_NumInteriorRings(ST_GeometryN(ST_Union(geom), 1)) > 0
    """
    assert database.rows(lost) == []
    levels = "SELECT level, count(*) FROM geoplatform.drawing WHERE from_zoom = %s GROUP BY level ORDER BY level"
    above = [("department", 1), ("epci", 1), ("region", 1), ("territory", 1)]
    assert (database.rows(levels, 0), database.rows(levels, 11)) == (above, [("commune", 4), *above])


def test_a_span_finer_than_the_set_itself_is_not_drawn(database):
    staged(database, "AB", precision_m=150.0)
    assert database.rows("SELECT drawn_zooms FROM geoplatform.vintage") == [([0, 5, 7, 8, 9],)]


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
    assert territory_of(department, commune) == territory
    assert department_of(commune) == department


@pytest.mark.france
def test_areas_are_those_of_the_ellipsoid_to_a_thousandth(communes):
    geod = Geod(ellps="WGS84")
    shapes = np.array([shape for shape in communes.shapes[::500] if shape is not None])
    for shape, area in zip(shapes, areas_km2(shapes), strict=True):
        assert area == pytest.approx(abs(geod.geometry_area_perimeter(shape)[0]) / 1e6, rel=1e-3)


@pytest.mark.parametrize(
    ("territory", "corner"),
    [
        ("FXX", (2.3, 46.5)), ("971", (-61.5, 16.2)), ("972", (-61.0, 14.6)), ("973", (-52.5, 4.5)), ("974", (55.4, -21.2)),
        ("975", (-56.3, 46.9)), ("976", (45.1, -12.8)), ("977", (-62.8, 17.9)), ("978", (-63.1, 18.0)),
        ("984", (69.5, -49.3)), ("986", (-176.2, -13.3)), ("987", (-149.5, -17.6)), ("987", (-139.0, -9.0)),
        ("987", (-152.05, -16.5)), ("988", (165.5, -21.3)),
    ],
)  # fmt: skip
def test_areas_in_the_legal_crs_are_those_of_the_ellipsoid_to_a_few_thousandths(territory, corner):
    lon, lat = corner
    box = shapely.box(lon, lat, lon + 0.1, lat + 0.1)
    true = abs(Geod(ellps="GRS80").geometry_area_perimeter(box)[0]) / 1e6
    assert legal_area_km2(territory, box) == pytest.approx(true, rel=3e-3)


def test_drawn_limits_that_do_not_match_are_joined_where_they_do_not_and_nowhere_else():
    xs = np.arange(0, 60_000, 10_000)
    shapes = np.array([shapely.box(x, 0, x + 10_000, 10_000) for x in xs], dtype=object)
    shapes[1] = shapely.box(10_000, 0, 20_000.004, 10_000)  # four millimetres into its neighbour
    made = drawing.joined(shapes)
    assert not shapely.coverage_is_valid(shapes)
    assert shapely.coverage_is_valid(made)
    assert shapely.equals_exact(made[4:], shapes[4:], 0).all()
    assert shapely.equals(made[3:], shapes[3:]).all()
    assert np.abs(shapely.area(made) - 1e8).max() < 100


def test_a_unit_loses_the_holes_that_nobody_would_see_and_no_others():
    square = shapely.box(0, 0, 100, 100).difference(shapely.box(10, 10, 13, 13)).difference(shapely.box(50, 50, 60, 60))
    made = drawing.without_holes(shapely.MultiPolygon([square, shapely.box(200, 0, 210, 10)]), 25.0)
    assert made.equals(shapely.MultiPolygon([square.union(shapely.box(10, 10, 13, 13)), shapely.box(200, 0, 210, 10)]))


def test_drawn_polygons_lie_on_their_grid_valid_and_none_vanishes():
    unit = 40075016.685578488 / (4096 << 6)
    shapes = np.array([
        shapely.box(0, 0, 20_000, 20_000), shapely.box(30_000, 5, 30_010, 15), shapely.Point(90_000, 9_000).buffer(4_000),
        shapely.MultiPolygon([shapely.box(50_000, 0, 60_000, 9_000), shapely.box(70_000, 0, 70_001, 9_000)]),
    ], dtype=object)  # fmt: skip
    made = drawing.on_grid(shapes, 6)
    assert shapely.is_valid(made).all()
    assert (shapely.area(made) > 0).all()
    units = (shapely.get_coordinates(made) + 40075016.685578488 / 2) / unit
    assert np.abs(units - np.round(units)).max() < 1e-6
    assert shapely.area(made[1]) == pytest.approx(unit**2)
    assert shapely.hausdorff_distance(made[[0, 2]], shapes[[0, 2]]).max() < unit


def test_a_drawing_in_which_communes_do_not_meet_is_refused():
    passed = gates.drawing(drawing.Drawn({0: 12, 8: 40}, {0: [], 8: []}))
    assert (passed.severity, passed.detail) == (
        "ok", "2 generalised copies, 0 communes in them do not meet their neighbours",
    )  # fmt: skip
    torn = np.array([shapely.box(0, 0, 10, 10), shapely.box(9, 0, 20, 10), shapely.box(30, 0, 40, 10)], dtype=object)
    found = drawing.mismatched(drawing.Sheet(["97401", "97402", "97403"], torn, {}))
    assert found == ["97401", "97402"]
    refused = gates.drawing(drawing.Drawn({8: 40}, {8: found}))
    assert (refused.severity, refused.offenders) == ("failure", ("97401 from z8", "97402 from z8"))


def test_the_gate_of_the_drawing_stands_in_the_report(database):
    _, report = staged(database, "AB")
    assert report.gates[-1].name == "drawing"
    assert report.gates[-1].severity == "ok"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"names": ["A", "B\0"]}, "the name of commune 97402 holds a zero byte"),
        ({"codes": ["97401", "98901"], "department_codes": ["974", None]}, "commune 98901 is of no territory"),
        ({"codes": ["01001", "01002"], "department_codes": ["01", "01"]}, "commune 01001 does not lie in its territory FXX"),
        ({"shapes": np.array([shapely.box(55, -22, 55.1, -21.9),
                              shapely.Polygon([(55.1, -22), (55.2, np.nan), (55.2, -21.9), (55.1, -22)])], dtype=object)},
         "a coordinate of commune 97402 is not a number"),
    ],
)  # fmt: skip
def test_bad_source_what_the_store_could_not_hold_is_named(database, changes, told):
    with pytest.raises(BadSource, match=told):
        staged(database, "AB", **changes)
    assert database.rows("SELECT count(*) FROM geoplatform.vintage") == [(0,)]
