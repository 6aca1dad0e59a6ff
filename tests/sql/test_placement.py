"""geoplatform.place_point and its bulk twin, against shapely and GeographicLib."""

from __future__ import annotations

import math
import uuid

import numpy as np
import psycopg
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from geoplatform.model import LonLat
from tests import grid
from tests.conftest import Database, activate, cloned

DRAWING = """
    AABB
    AACB
    DD.B
    DDEE
"""
WIDTH = HEIGHT = 4
WGS84 = Geod(ellps="WGS84")
PRECISION_M = 150.0


@pytest.fixture(scope="module")
def world(cluster, template):
    with cloned(cluster, template) as database:
        database.number = activate(database, DRAWING, precision_m=PRECISION_M)  # type: ignore[attr-defined]
        with database.connect() as connection:
            database.open = connection  # type: ignore[attr-defined]
            yield database


def verdict(world: Database, position: LonLat) -> tuple:
    return world.open.execute(  # type: ignore[attr-defined]
        "SELECT verdict, method, commune_code, distance_m FROM geoplatform.place_point(ST_Point(%s, %s, 4326), %s)",
        (position.lon, position.lat, world.number),  # type: ignore[attr-defined]
    ).fetchone()


def geodesic_to_limit_m(position: LonLat, polygon: shapely.Geometry) -> float:
    """Metres to the nearest point of the limit: planar in the azimuthal equidistant projection around the point."""
    around = f"+proj=aeqd +lon_0={position.lon} +lat_0={position.lat} +ellps=WGS84 +units=m"
    project = Transformer.from_crs("EPSG:4326", around, always_xy=True).transform
    near = shapely.segmentize(polygon.boundary, 0.005)
    return float(shapely.distance(shapely.Point(0, 0), shapely.transform(near, project, interleaved=False)))


cells = st.floats(-1, WIDTH + 1, allow_nan=False)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=cells, row=cells)
def test_a_point_is_in_exactly_the_commune_whose_polygon_covers_it_or_in_none(world, column, row):
    position = grid.at(DRAWING, column, row)
    point = shapely.Point(position.lon, position.lat)
    holders = [grid.code_of(letter) for letter, shape in grid.shapes_of(DRAWING).items() if shape.covers(point)]
    found, method, code, distance_m = verdict(world, position)
    if holders:
        assert code == min(holders)
        assert found in ("inside", "border")
        assert method == "edge" if len(holders) > 1 else method in ("cover", "edge")
    elif code is not None:
        assert (found, method) in {("border", "nearest"), ("border", "edge")}
        assert distance_m < PRECISION_M
    else:
        assert found in ("gap", "sea")
        assert method == "none"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=cells, row=cells)
def test_the_distance_is_geodesic_to_a_thousandth_and_told_only_under_a_kilometre(world, column, row):
    position = grid.at(DRAWING, column, row)
    _, _, _, distance_m = verdict(world, position)
    true = min(geodesic_to_limit_m(position, shape) for shape in grid.shapes_of(DRAWING).values())
    if distance_m is None:
        assert true > 998
    else:
        assert distance_m < 1000
        assert distance_m == pytest.approx(true, rel=1e-3, abs=0.06)


@pytest.mark.parametrize(
    ("column", "row", "expected"),
    [
        (1.0, 3.5, ("inside", "cover", "97401", None)),
        (2.0, 3.5, ("border", "edge", "97401", 0.0)),  # between A and B: the smaller code wins
        (2.0, 3.0, ("border", "edge", "97401", 0.0)),  # a corner of A, B and C
        (3.0, 2.5, ("border", "edge", "97402", 0.0)),  # between C and B
        (2.5, 2.0, ("border", "edge", "97403", 0.0)),  # C against the hole
        (0.0, 0.0, ("border", "edge", "97404", 0.0)),  # the outer corner
        (2.5, 1.5, ("gap", "none", None, None)),  # the hole
        (-0.9, 0.5, ("sea", "none", None, None)),
    ],
)
def test_border_cases_have_one_answer(world, column, row, expected):
    assert verdict(world, grid.at(DRAWING, column, row)) == expected


def test_a_point_nearer_to_a_limit_than_the_precision_is_border(world):
    metres = WGS84.inv(55.1, -21.95, 55.101, -21.95)[2] / 0.001  # metres per degree of longitude there
    close, far = 140 / metres, 160 / metres
    line = grid.at(DRAWING, 2, 0.5)
    assert verdict(world, LonLat(line.lon - close, line.lat))[:3] == ("border", "cover", "97404")
    assert verdict(world, LonLat(line.lon - far, line.lat))[:3] == ("inside", "cover", "97404")
    shore = grid.at(DRAWING, 0, 0.5)
    assert verdict(world, LonLat(shore.lon - close, shore.lat))[:3] == ("border", "nearest", "97404")
    found = verdict(world, LonLat(shore.lon - far, shore.lat))
    assert found[:3] == ("sea", "none", None)
    assert found[3] == pytest.approx(160, abs=0.5)


@pytest.mark.parametrize("lon", [-180, -179.9, -1e-300, 0, 1e-320, 179.9, 180])
@pytest.mark.parametrize("lat", [-90, -89.99, -1e-320, 0, 1e-300, 89.99, 90])
def test_every_position_on_earth_has_a_verdict(world, lon, lat):
    found, method, code, _ = verdict(world, LonLat(lon, lat))
    assert (found in ("sea", "abroad"), method, code) == (True, "none", None)


def test_an_unknown_vintage_gives_no_verdict(world):
    query = "SELECT * FROM geoplatform.place_point(ST_Point(55, -21, 4326), 999999)"
    assert world.open.execute(query).fetchall() == []


def bulk(world: Database, positions: list[LonLat]) -> dict[uuid.UUID, tuple]:
    """Verdicts of the bulk function, in a transaction that is rolled back."""
    with psycopg.connect(world.url()) as connection:
        connection.execute("CREATE TEMP TABLE several (id uuid, geom geometry(Point, 4326))")
        ids = [uuid.UUID(int=number) for number in range(len(positions))]
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO several VALUES (%s, ST_Point(%s, %s, 4326))",
                [(i, p.lon, p.lat) for i, p in zip(ids, positions, strict=True)],
            )
        connection.execute("CREATE INDEX ON several USING gist (geom)")
        rows = connection.execute(
            "SELECT * FROM geoplatform.verdicts('pg_temp.several', %s)",
            (world.number,),  # type: ignore[attr-defined]
        ).fetchall()
        connection.rollback()
    assert len(rows) == len(positions)
    return {row[0]: row[1:] for row in rows}


def assert_bulk_agrees(world: Database, positions: list[LonLat]) -> None:
    together = bulk(world, positions)
    for number, position in enumerate(positions):
        assert together[uuid.UUID(int=number)] == verdict(world, position), position


def test_many_points_at_once_get_the_verdicts_they_get_alone(world):
    draw = np.random.default_rng(97414)
    positions = [grid.at(DRAWING, *pair) for pair in draw.uniform(-1.5, WIDTH + 1.5, (1500, 2))]
    lattice = [grid.at(DRAWING, column / 2, row / 2) for column in range(-2, 11) for row in range(-2, 11)]
    far = [LonLat(lon, lat) for lon in (-180, -3.7, 2.35, 180) for lat in (-90, 40.4, 48.85, 90)]
    assert_bulk_agrees(world, positions + lattice + far)


@pytest.fixture
def whole_country(france):
    number = france.rows("SELECT id FROM geoplatform.vintage WHERE state = 'active'")[0][0]
    with france.connect() as connection:
        france.open, france.number = connection, number
        yield france


CASES = {
    "town hall of Saint-Louis": ((55.4094, -21.2870), "97414", "inside"),
    "Cilaos, above Saint-Louis": ((55.4740, -21.1360), "97424", "inside"),
    "Le Port, near the harbour": ((55.2925, -20.9370), "97407", "inside"),
    "La Possession, town": ((55.3358, -20.9250), "97408", None),
    "Paris, Hôtel de Ville": ((2.3522, 48.8566), "75056", "inside"),
    "Lyon": ((4.8357, 45.7640), "69123", "inside"),
    "Ajaccio, Corse-du-Sud": ((8.7386, 41.9266), "2A004", "inside"),
    "Bastia, Haute-Corse": ((9.4409, 42.6970), "2B033", None),
    "Mamoudzou, Mayotte": ((45.2200, -12.7850), "97611", None),
    "Cayenne, Guyane": ((-52.3150, 4.9300), "97302", "inside"),
    "Orée d'Anjou, composed of its delegated communes": ((-1.2300, 47.3300), "49126", None),
    "Nouméa, which this vintage does not hold": ((166.4500, -22.2700), None, "gap"),
    "Saint-Pierre (Saint-Pierre-et-Miquelon)": ((-56.1750, 46.7800), None, "gap"),
    "Papeete": ((-149.5600, -17.5500), None, "gap"),
    "Philipsburg, the Dutch half of Saint-Martin": ((-63.0500, 18.0350), None, "abroad"),
    "in the Atlantic": ((-8.0, 46.0), None, "sea"),
    "in the lagoon of La Réunion's open sea": ((55.0, -21.5), None, "sea"),
    "Madrid": ((-3.7038, 40.4168), None, "abroad"),
    "Bruxelles": ((4.3517, 50.8503), None, "abroad"),
    "Monaco": ((7.4200, 43.7350), None, "abroad"),
    "Llívia, a piece of Spain inside France": ((1.9830, 42.4650), None, "abroad"),
    "Lausanne": ((6.6323, 46.5197), None, "abroad"),
    "just across the Belgian border, by Tournai": ((3.3900, 50.6050), None, "abroad"),
    "Paramaribo": ((-55.2038, 5.8520), None, "abroad"),
    "the mirror image of Saint-Louis (longitude and latitude swapped)": ((-21.2870, 55.4094), None, "sea"),
}


@pytest.mark.france
@pytest.mark.parametrize("name", CASES)
def test_real_points_of_france_and_around(whole_country, name):
    (lon, lat), code, expected = CASES[name]
    found, _, commune, _ = verdict(whole_country, LonLat(lon, lat))
    assert commune == code
    assert expected is None or found == expected


@pytest.mark.france
def test_random_points_on_real_communes_agree_with_shapely(whole_country):
    rows = whole_country.rows(
        "SELECT code, ST_AsBinary(geom) FROM geoplatform.commune"
        " WHERE department_code IN ('974', '2A', '75', '92', '976') AND geom IS NOT NULL"
    )
    codes = np.array([code for code, _ in rows])
    shapes = shapely.from_wkb([wkb for _, wkb in rows])
    tree = shapely.STRtree(shapes)
    draw = np.random.default_rng(1)
    west, south, east, north = shapely.bounds(shapes).T
    chosen = draw.integers(0, len(shapes), 600)
    points = np.column_stack(
        [draw.uniform(west[chosen], east[chosen]), draw.uniform(south[chosen], north[chosen])]
    ).round(7)
    positions = [LonLat(float(lon), float(lat)) for lon, lat in points]
    covered = 0
    for position in positions:
        hits = tree.query(shapely.Point(position.lon, position.lat), predicate="covered_by")
        _, method, code, distance_m = verdict(whole_country, position)
        if len(hits):
            covered += 1
            assert code == min(codes[hits])
            polygon = shapes[list(codes).index(code)]
            true = geodesic_to_limit_m(position, polygon)
            assert true > 998 if distance_m is None else distance_m == pytest.approx(true, rel=2e-3, abs=0.2)
        elif code in codes:
            assert method in ("nearest", "edge")
    assert covered > 200
    assert_bulk_agrees(whole_country, positions)


def test_metres_per_degree_are_those_of_the_ellipsoid(world):
    for latitude in (-66.5, -21.3, 0.0, 43.6, 48.9, 89.0):
        east, north = world.open.execute(
            "SELECT geoplatform.metres_per_degree_east(%s::float8), geoplatform.metres_per_degree_north(%s::float8)",
            (latitude, latitude),
        ).fetchone()
        assert east == pytest.approx(WGS84.inv(0, latitude, 1e-4, latitude)[2] * 1e4, rel=1e-6)
        assert north == pytest.approx(WGS84.inv(0, latitude - 5e-5, 0, latitude + 5e-5)[2] * 1e4, rel=1e-6)
        assert math.isfinite(east + north)
