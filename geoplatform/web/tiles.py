"""Tiles that are not kept yet, or asked with filters or a vintage. What is kept, `web.front` has answered before."""

from __future__ import annotations

import re

from flask import Blueprint, Response, current_app, request

from geoplatform.errors import BadParameter, UnknownLayer
from geoplatform.model import COMMUNE_CODE, Kind, Licence, Vintage
from geoplatform.store import places, tiles
from geoplatform.store.tiles import Layer, PlaceFilter
from geoplatform.tiles import Kept
from geoplatform.web import context, params
from geoplatform.web.front import FRESH, MEDIA_TYPES, spelled
from geoplatform.web.limits import tile_rate

blueprint = Blueprint("tiles", __name__)

_DEPARTMENT_CODE = re.compile(r"[0-9]{2,3}|2[AB]", re.ASCII)
#: Parameters that choose places, and limits.
OF_PLACES = ("kind", "category", "licence", "commune", "department")
OF_LIMITS = ("vintage", "at")


@blueprint.get("/tiles/<layer>/<z>/<x>/<y>.<suffix>")
def tile(layer: str, z: str, x: str, y: str, suffix: str) -> Response:
    """One tile; 204 where a vector tile would be empty, 404 outside the pyramid. `vintage` or `at`: of earlier limits;
    `kind`, `category`, `licence`, `commune`, `department`: only such places. An unknown parameter is refused."""
    tile_rate(current_app).count(request.remote_addr or "")
    if suffix not in MEDIA_TYPES or not all(part.isascii() and part.isdigit() for part in (z, x, y)):
        raise UnknownLayer(f"{layer}/{z}/{x}/{y}.{suffix}")
    address, wanted = params.tile_address(z, x, y), tiles.layer_named(layer)
    then, only = asked(wanted)
    number = then.id if then else None
    return _answer(context.tiles().get(wanted, address, suffix, number, only, context.cancellation()), suffix)


def asked(layer: Layer, besides: tuple[str, ...] = ()) -> tuple[Vintage | None, PlaceFilter]:
    """The vintage and the filter that the query names. BadParameter for what means nothing for this layer, but for the
    parameters `besides`."""
    for name in request.args.keys() - set(besides):
        if name in OF_LIMITS and not layer.has_limits:
            raise BadParameter(
                name, request.args[name][:40], "is for layers of limits; places are shown in the active vintage"
            )
        if name in OF_PLACES and not layer.has_places:
            raise BadParameter(name, request.args[name][:40], "is for places; this layer shows none")
        if name not in (*OF_LIMITS, *OF_PLACES):
            allowed = [*(OF_LIMITS if layer.has_limits else ()), *(OF_PLACES if layer.has_places else ())]
            raise BadParameter(name[:40], None, f"is not one of {', '.join(allowed)}", allowed=allowed)
    return context.asked_vintage(), _filter()


def _filter() -> PlaceFilter:
    given = {name: request.args[name] for name in OF_PLACES if name in request.args}
    allowed = {"kind": [kind.value for kind in Kind], "licence": [licence.value for licence in Licence]}
    if "category" in given:
        with context.store().reading() as connection:
            allowed["category"] = sorted(places.all_categories(connection))
    for name, choice in allowed.items():
        if name in given and given[name] not in choice:
            raise BadParameter(name, given[name][:40], f"is not one of {', '.join(choice)}", allowed=choice)
    for name, pattern in (("commune", COMMUNE_CODE), ("department", _DEPARTMENT_CODE)):
        if name in given:
            given[name] = given[name].upper()
            if not pattern.fullmatch(given[name]):
                raise BadParameter(name, given[name][:40], f"is not the INSEE code of a {name}")
    return PlaceFilter(**given)


def _answer(kept: Kept, suffix: str) -> Response:
    if not kept.body:
        nothing = Response(status=204, headers={"Cache-Control": FRESH})
        del nothing.headers["Content-Type"]
        return nothing
    body, headers = spelled(kept, request.headers.get("Accept-Encoding", ""))
    response = Response(body, content_type=MEDIA_TYPES[suffix], headers=headers)
    response.headers["Cache-Control"] = FRESH
    response.vary.add("Accept-Encoding")
    response.make_conditional(request)
    return response
