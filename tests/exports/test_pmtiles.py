"""PMTiles hold the tiles of the server and no other; read back by what we did not write."""

from __future__ import annotations

import gzip

import mapbox_vector_tile
import pytest
from pmtiles.reader import MmapSource, Reader, all_tiles
from pmtiles.tile import Compression, TileType

from exports.publishing import Wanted
from geoplatform.errors import Misuse
from geoplatform.model import TileAddress
from geoplatform.store import tiles
from geoplatform.store.tiles import Layer, PlaceFilter
from geoplatform.tiles.service import Tiles
from tests.exports.test_files import LICENCES

FILES = {
    **{f"places-{licence.lower()}": ("places", PlaceFilter(licence=licence), 14) for licence in LICENCES},
    "communes": ("communes", PlaceFilter(), 12),
    "departments": ("departments", PlaceFilter(), 12),
}


def read(path):
    """Header, metadata and the tiles, by address."""
    with path.open("rb") as file:
        source = MmapSource(file)
        reader = Reader(source)
        return reader.header(), reader.metadata(), dict(all_tiles(source))


@pytest.mark.parametrize("stem", FILES)
def test_each_tile_is_the_very_one_of_the_server_and_none_is_missing(released, stem):
    layer, only, deepest = FILES[stem]
    header, told, found = read(released.file(layer, f"{stem}.pmtiles"))
    store = released.database.store("geoplatform_web")
    service = Tiles(store, None)
    with store.reading() as connection:
        first = tiles.first_zooms(connection)[Layer(layer)]
    assert (header["min_zoom"], header["max_zoom"]) == (first, deepest)
    assert {z for z, _, _ in found} == set(range(first, deepest + 1))
    shown = {(z, x, y) for z, x, y in found}
    around = {(z, x + right, y + below) for z, x, y in shown for right in (-1, 0, 1) for below in (-1, 0, 1)}
    around |= {
        (z + 1, 2 * x + right, 2 * y + below)
        for z, x, y in shown
        if z < deepest
        for right in (0, 1)
        for below in (0, 1)
    }
    for z, x, y in around:
        if 0 <= x < 1 << z and 0 <= y < 1 << z:
            served = service.get(Layer(layer), TileAddress(z, x, y), "mvt", only=only).body
            assert served == found.get((z, x, y), b""), (z, x, y)
    assert told["vector_layers"][0]["id"] == layer


def test_what_a_map_needs_is_told(released):
    header, told, found = read(released.file("places", "places-odbl-1.0.pmtiles"))
    assert (header["tile_type"], header["tile_compression"]) == (TileType.MVT, Compression.GZIP)
    assert header["clustered"]
    assert header["addressed_tiles_count"] == len(found)
    assert "ODbL-1.0" in told["attribution"]
    (layer,) = told["vector_layers"]
    names = set()
    for tile in found.values():
        for feature in mapbox_vector_tile.decode(gzip.decompress(tile))["places"]["features"]:
            names |= set(feature["properties"])
            assert feature["properties"].get("licence", "ODbL-1.0") == "ODbL-1.0"
    assert names <= set(layer["fields"])
    assert {"name", "point_count", "cluster_id"} <= names
    west, south, east, north = (header[f"{side}_e7"] / 1e7 for side in ("min_lon", "min_lat", "max_lon", "max_lat"))
    for lon, lat in released.database.rows(
        "SELECT ST_X(geom), ST_Y(geom) FROM published.place_items WHERE licence = 'ODbL-1.0' AND geom IS NOT NULL"
    ):
        assert west <= lon <= east
        assert south <= lat <= north


def test_a_scope_without_tiles_of_its_own_has_no_such_file(press):
    scopes = (("commune", "97401"), ("department", "974"), ("epci", "200000001"))
    names = press.publish(Wanted(datasets=("places", "communes"), formats=("pmtiles",), scopes=scopes))
    assert names == ["places-commune-97401", "places-department-974"]
    _, _, found = read(press.file(names[0], "places-commune-97401-odbl-1.0.pmtiles"))
    inside = {
        feature["properties"]["id"]
        for (z, _, _), tile in found.items()
        if z == 14
        for feature in mapbox_vector_tile.decode(gzip.decompress(tile))["places"]["features"]
    }
    assert inside == {
        str(number)
        for (number,) in press.database.rows(
            "SELECT id FROM published.place_items WHERE commune_code = '97401' AND licence = 'ODbL-1.0' AND geom IS NOT NULL"
        )
    }
    with pytest.raises(Misuse, match=r"communes: not cut by department, or not as pmtiles"):
        press.publish(Wanted(datasets=("communes",), formats=("pmtiles",), scopes=(("department", "974"),)))


def test_without_a_place_there_is_a_file_all_the_same(press):
    with press.database.connect() as connection:
        connection.execute("UPDATE geoplatform.place SET status = 'deleted'")
    press.publish(Wanted(datasets=("places",), formats=("pmtiles",)))
    _, _, found = read(press.file("places", "places-cc-by-nc-sa-4.0.pmtiles"))
    assert [(address, gzip.decompress(tile)) for address, tile in found.items()] == [((0, 0, 0), b"")]
