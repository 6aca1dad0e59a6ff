"""Tiles as PostgreSQL makes them. From the web."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Connection, text

from geoplatform.errors import UnknownLayer
from geoplatform.model import TileAddress


class Layer(StrEnum):
    """What a tile shows."""

    COMMUNES = "communes"
    DEPARTMENTS = "departments"
    PLACES = "places"


_MVT = text("SELECT published.tile_mvt(:layer, :z, :x, :y, :vintage)")
_GEOJSON = text("SELECT published.tile_geojson(:layer, :z, :x, :y, :vintage)")


def layer_named(name: str) -> Layer:
    """The layer of this name. UnknownLayer if there is none."""
    try:
        return Layer(name)
    except ValueError as error:
        raise UnknownLayer(name[:40]) from error


def mvt(connection: Connection, layer: Layer, tile: TileAddress, vintage: int | None = None) -> bytes:
    """The tile as Mapbox Vector Tile 2.1; empty bytes where nothing lies. `vintage`: number, None for the active one."""
    return bytes(connection.execute(_MVT, _binds(layer, tile, vintage)).scalar_one() or b"")


def geojson(connection: Connection, layer: Layer, tile: TileAddress, vintage: int | None = None) -> str:
    """The same features as a GeoJSON FeatureCollection."""
    return str(connection.execute(_GEOJSON, _binds(layer, tile, vintage)).scalar_one())


def _binds(layer: Layer, tile: TileAddress, vintage: int | None) -> dict[str, object]:
    return {"layer": layer.value, "z": tile.z, "x": tile.x, "y": tile.y, "vintage": vintage}
