"""Areas as ranges of quadkeys hold whatever lies in the area, by the database's own reckoning."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st

from geoplatform.store.quadkeys import counted, interleaved, parted, ranges

SIDES = st.floats(-179.9, 179.9), st.floats(-84.9, 84.9), st.floats(1e-9, 40), st.floats(1e-9, 40)


def keys_of(points):
    """Quadkeys as sql/070_place.sql reckons them."""
    across = np.floor((points[:, 0] + 180) / 360 * 2**31).astype(int)
    down = np.floor((1 - np.arcsinh(np.tan(np.radians(points[:, 1]))) / np.pi) / 2 * 2**31).astype(int)
    return interleaved(across, down).tolist()


def holds(spans, key):
    return any(first <= key < beyond for first, beyond in spans)


@settings(max_examples=200, deadline=None)
@given(*SIDES, st.integers(0, 2**31))
def test_each_point_of_a_box_is_in_one_of_its_ranges(west, south, width, height, seed):
    box = shapely.box(west, south, min(180.0, west + width), min(85.0, south + height))
    dice = np.random.default_rng(seed)
    west, south, east, north = box.bounds
    points = np.column_stack([dice.uniform(west, east, 30), dice.uniform(south, north, 30)])
    points[:4] = [(west, south), (east, north), (west, north), (east, south)]
    points[:, 0] = np.minimum(points[:, 0], 179.999999)
    spans = ranges(box)
    assert spans == sorted(spans)
    assert all(first < beyond for first, beyond in spans)
    assert all(one[1] < other[0] for one, other in pairwise(spans))
    assert all(holds(spans, key) for key in keys_of(points))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**31))
def test_what_lies_in_a_polygon_for_certain_does_and_all_the_rest_is_at_its_edge(seed):
    dice = np.random.default_rng(seed)
    corners = dice.uniform((-5, 42), (8, 51), (3, 2))
    polygon = shapely.polygons(corners).buffer(dice.uniform(0.01, 1))
    whole, edge = parted(polygon)
    points = dice.uniform((-7, 40), (10, 53), (400, 2))
    inside = shapely.intersects(polygon, shapely.points(points))
    for key, lies_in in zip(keys_of(points), inside, strict=True):
        certain, perhaps = holds(whole, key), holds(edge, key)
        assert not (certain and perhaps)
        assert lies_in or not certain
        assert certain or perhaps or not lies_in


def test_the_ranges_of_both_sides_of_the_antimeridian_are_those_of_a_split_box():
    both = shapely.multipolygons([shapely.box(179, -20, 180, -10), shapely.box(-180, -20, -179, -10)])
    spans = ranges(both)
    assert all(holds(spans, key) for key in keys_of(np.array([(179.5, -15.0), (-179.5, -15.0)])))
    assert not holds(spans, keys_of(np.array([(0.0, -15.0)]))[0])


def test_a_key_is_what_the_database_makes_of_a_position(database):
    places = [(55.41, -21.28), (-178.1, -14.3), (2.35, 48.85), (0.0, 0.0), (179.99, 84.9)]
    for lon, lat in places:
        (found,) = database.rows("SELECT geoplatform.quadkey(ST_SetSRID(ST_MakePoint(%s, %s), 4326))", lon, lat)[0]
        assert keys_of(np.array([(lon, lat)])) == [found]


@pytest.mark.parametrize("box", [(-180, -90, 180, 90), (0, 0, 0, 0), (2, 48, 2, 49)])
def test_a_box_may_be_the_world_a_line_or_a_point(box):
    assert ranges(shapely.box(*box))


@settings(max_examples=300, deadline=None)
@given(*SIDES, st.integers(0, 2**31))
def test_what_is_counted_of_a_box_is_inside_its_cells_or_around_them_and_never_both(west, south, width, height, seed):
    box = shapely.box(west, south, min(180.0, west + width), min(85.0, south + height))
    how = counted(box, range(3, 15))
    west, south, east, north = box.bounds
    dice = np.random.default_rng(seed)
    wide, high = east - west, north - south
    points = dice.uniform((west - wide / 4, south - high / 4), (east + wide / 4, north + high / 4), (60, 2))
    points[:4] = [(west, south), (east, north), (west, north), (east, south)]
    points = np.clip(points, (-179.999999, -85), (179.999999, 85))
    cells = [(first << 62 - 2 * how.level, beyond << 62 - 2 * how.level) for first, beyond in how.cells]
    assert cells == sorted(cells)
    assert how.around == sorted(how.around)
    for (lon, lat), key in zip(points, keys_of(points), strict=True):
        inside = holds(cells, key)
        assert not (inside and holds(how.around, key))
        assert not inside or (west < lon < east and south < lat < north)
        assert inside or holds(how.around, key) or not (west <= lon <= east and south <= lat <= north)
    if how.cells:
        left, right, top, bottom = how.inner
        assert sum(beyond - first for first, beyond in cells) == (right - left + 1) * (bottom - top + 1)


def test_only_boxes_are_counted_by_their_edges():
    box = shapely.box(0, 0, 1, 1)
    assert counted(box, range(3, 15)) is not None
    for other in (box.buffer(0.1), shapely.MultiPolygon([box]), shapely.Point(0, 0), shapely.affinity.rotate(box, 10)):
        assert counted(other, range(3, 15)) is None
