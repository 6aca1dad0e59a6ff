"""Numbers of places in boxes, kept and reckoned, beside the places themselves."""

from __future__ import annotations

import random

import psycopg
import pytest
import shapely

from geoplatform.store import collections, features, walks
from geoplatform.store.wanted import Wanted
from tests import grid
from tests.web.ogc.planting import DRAWING, plant_each

PLACES = collections.named("places")
CHANGES = [
    "DELETE FROM geoplatform.place WHERE fid % {} = 0",
    "UPDATE geoplatform.place SET status = 'hidden' WHERE fid % {} = 0",
    "UPDATE geoplatform.place SET status = 'published', visibility = 'public' WHERE fid % {} = 1",
    "UPDATE geoplatform.place SET licence = 'display-only' WHERE fid % {} = 0",
    "UPDATE geoplatform.place SET licence = 'CC0-1.0' WHERE fid % {} = 1",
    "UPDATE geoplatform.place SET visibility = 'commune' WHERE fid % {} = 0",
    "UPDATE geoplatform.place SET geom = ST_Translate(geom, 0.05, -0.03) WHERE fid % {} = 0",
    "UPDATE geoplatform.place SET kind = 'service', category = NULL WHERE fid % {} = 0",
    "SELECT geoplatform.fold_place_cells(true)",
]


def counted(database, box):
    """(as lists tell it, by looking at every place)."""
    shape = shapely.to_wkb(shapely.set_srid(box, 4326), hex=True, include_srid=True)
    query = "SELECT count(*) FROM published.place_items WHERE ST_Intersects(geom, %s::geometry)"
    with database.store("geoplatform_web").reading(one_plan=True) as connection:
        return features.count(connection, PLACES, Wanted(area=box)), database.rows(query, shape)[0][0]


def test_every_box_holds_what_it_holds_after_any_writes(database, draw, client):
    draw(DRAWING)
    dice = random.Random(974)
    spots = [grid.at(DRAWING, dice.uniform(0, 3), dice.uniform(0, 3)) for _ in range(400)]
    plant_each(database, client, [{"name": str(number), "position": spot} for number, spot in enumerate(spots)])
    found = set()
    for turn in range(60):
        with database.connect() as connection:
            connection.execute(dice.choice(CHANGES).format(dice.randint(3, 9)))
        # … with the very positions on its edges, now and then
        one, other = dice.choice(spots), dice.choice(spots)
        (west, east), (south, north) = sorted((one.lon, other.lon)), sorted((one.lat, other.lat))
        box = shapely.box(west, south, east, north) if turn % 4 else shapely.box(54.9, -22.1, 55.4, -21.6)
        told, there = counted(database, box)
        assert told == there
        found.add(told)
    assert len(found) > 20


@pytest.mark.parametrize(
    "box", [(-180, -85, 180, 85), (54, -23, 57, -20), (55.1, -21.9, 55.1000001, -21.8999999), (0, 0, 1, 1)]
)
def test_large_and_tiny_boxes_are_counted_too(atlas, box):
    told, there = counted(atlas.database, shapely.box(*box))
    assert told == there


def test_the_levels_that_lists_ask_are_those_that_are_kept(database):
    kept = database.rows("SELECT zoom, level FROM geoplatform.zoom_policy WHERE places = 'kept' ORDER BY zoom")
    asked = [(level - walks.CELL_BITS, level) for level in walks.KEPT_LEVELS]
    assert set(asked) <= {(int(zoom), int(level)) for zoom, level in kept}
    assert asked[-1] == kept[-1]


@pytest.mark.parametrize("column", sorted(PLACES.unescaped))
def test_what_is_spelled_as_it_is_can_hold_nothing_to_escape(database, draw, client, column):
    draw(DRAWING)
    plant_each(database, client, [{"name": "Un", "position": grid.at(DRAWING, 0.5, 0.5)}])
    table = "placement" if column in ("verdict", "commune_code") else "place"
    with database.connect() as connection:
        for value in ('a"b', "a\\b", "97401\n", "a\x01b"):
            with pytest.raises(psycopg.errors.IntegrityError):
                connection.execute(f"UPDATE geoplatform.{table} SET {column} = %s", (value,))
