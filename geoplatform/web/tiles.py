"""Tiles: the same features as Mapbox Vector Tile or as GeoJSON."""

from __future__ import annotations

import gzip

from flask import Blueprint, Response, request

from geoplatform.errors import BadParameter, UnknownLayer
from geoplatform.store import tiles
from geoplatform.web import context, params
from geoplatform.web.limits import limiter, rate

blueprint = Blueprint("tiles", __name__)

_MVT = "application/vnd.mapbox-vector-tile"
_FRESH = "public, max-age=60"
_WORTH_PACKING = 1024
_PACKING = 5


@blueprint.get("/tiles/<layer>/<z>/<x>/<y>.<suffix>")
@limiter.limit(lambda: rate("tile"))
def tile(layer: str, z: str, x: str, y: str, suffix: str) -> Response:
    """One tile; 204 where a vector tile would be empty, 404 outside the pyramid. `vintage` or `at`: of earlier limits."""
    if suffix not in ("mvt", "geojson") or not all(part.isascii() and part.isdigit() for part in (z, x, y)):
        raise UnknownLayer(f"{layer}/{z}/{x}/{y}.{suffix}")
    address, wanted, then = params.tile_address(z, x, y), tiles.layer_named(layer), context.asked_vintage()
    if then is not None and wanted is tiles.Layer.PLACES:
        raise BadParameter("vintage", then.year, "is for layers of limits; places are shown in the active vintage")
    number = then.id if then else None
    with context.store().reading() as connection:
        if suffix == "mvt":
            return _answer(tiles.mvt(connection, wanted, address, number), _MVT)
        text = tiles.geojson(connection, wanted, address, number)
    return _answer(text.encode(), "application/geo+json")


def _answer(body: bytes, mimetype: str) -> Response:
    if not body:
        nothing = Response(status=204, headers={"Cache-Control": _FRESH})
        del nothing.headers["Content-Type"]
        return nothing
    packed = len(body) > _WORTH_PACKING and request.accept_encodings["gzip"] > 0
    response = Response(gzip.compress(body, _PACKING, mtime=0) if packed else body, mimetype=mimetype)
    if packed:
        response.content_encoding = "gzip"
    response.headers["Cache-Control"] = _FRESH
    response.vary.add("Accept-Encoding")
    response.add_etag()
    response.make_conditional(request)
    return response
