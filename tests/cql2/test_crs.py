"""Geometries of a filter that are written in another CRS, its own order of axes included."""

from __future__ import annotations

import pytest

from geoplatform.errors import BadFilter
from geoplatform.references import named

LAMBERT_93, REUNION, LATITUDE_FIRST, MERCATOR = (
    named(f"http://www.opengis.net/def/crs/EPSG/0/{code}", "filter-crs") for code in (2154, 2975, 4326, 3857)
)


@pytest.mark.parametrize(
    ("text", "crs"),
    [
        ("S_INTERSECTS(geom,BBOX(-21.1,55.4,-20.9,55.6))", LATITUDE_FIRST),
        ("S_INTERSECTS(geom,POINT(-21 55.5))", LATITUDE_FIRST),
        ("S_INTERSECTS(geom,BBOX(340000,7650000,360000,7690000))", REUNION),
        ("S_INTERSECTS(geom,BBOX(6167000,-2400000,6190000,-2390000))", MERCATOR),
        ("S_DWITHIN(geom,POINT(6178231.94 -2391878.59),10)", MERCATOR),
    ],
)
def test_a_geometry_may_come_in_another_crs(asked, text, crs):
    assert set(asked(text, crs)) - {4, 6} == {1}


def test_a_box_crosses_180_in_any_geographic_crs(asked):
    assert asked("S_INTERSECTS(geom,BBOX(-18,179,-16,-179))", LATITUDE_FIRST) == [2, 3]


def test_the_side_of_a_box_in_a_projection_is_straight_there(asked):
    """In degrees it bows: the north side ends at 46.86° N, and in its middle reaches 47.40° N."""
    box = "BBOX(-150000,6650000,1550000,6700000)"
    with asked.database.connect() as connection:
        connection.execute("INSERT INTO asked (id, geom) VALUES (900, ST_SetSRID(ST_MakePoint(3, 47.2), 4326))")
    try:
        assert asked(f"S_INTERSECTS(geom,{box})", LAMBERT_93) == [900]
    finally:
        with asked.database.connect() as connection:
            connection.execute("DELETE FROM asked WHERE id = 900")


def test_what_lies_outside_a_projection_is_refused(asked):
    with pytest.raises(BadFilter, match="lies where its CRS knows no longitude and latitude"):
        asked("S_INTERSECTS(geom,POINT(1e30 1e30))", REUNION)
    with pytest.raises(BadFilter, match="begins at 2 and ends at 1"):
        asked("S_INTERSECTS(geom,BBOX(2,0,1,1))", LAMBERT_93)
