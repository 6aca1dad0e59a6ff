"""What there is in tiles, for programs (TileJSON, MapLibre styles) and for people (a page with a map to try them on)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from geoplatform.errors import BadParameter
from geoplatform.model import Vintage
from geoplatform.store import places, tiles, vintages
from geoplatform.store.tiles import Layer
from geoplatform.web import context, themes
from geoplatform.web.limits import counted
from geoplatform.web.tiles import OF_LIMITS, OF_PLACES, asked

blueprint = Blueprint("tilesets", __name__)

_WORLD = [-180.0, -85.051129, 180.0, 85.051129]
#: Deeper ones exist (to 22) and differ in nothing that shows: clients enlarge these.
_DEEPEST = {Layer.COMMUNES: 14, Layer.DEPARTMENTS: 14, Layer.PLACES: 18, Layer.ALL: 18}
_FRESH = "public, max-age=300"
_FIELDS_FOR_S = 300


@blueprint.get("/tiles")
@counted("read")
def index() -> Response:
    """The layers, with the addresses that QGIS, MapLibre and others need."""
    described = {layer: _tilejson(layer) for layer in Layer}
    styles = {theme: context.absolute(url_for("tilesets.style", theme=theme)) for theme in themes.THEMES}
    return context.page("tiles.html", layers=described, styles=styles)


@blueprint.get("/tiles/<layer>")
@counted("read")
def preview(layer: str) -> BaseResponse:
    """A layer on a map, as its tiles are: any feature's properties, any zoom, with the filters of the address."""
    wanted = tiles.layer_named(layer)
    for name in request.args.keys() - {*OF_LIMITS, *OF_PLACES}:
        raise BadParameter(name[:40], None, "is not a filter of tiles", allowed=[*OF_LIMITS, *OF_PLACES])
    chosen: dict[str, Any] = {name: value for name, value in request.args.items() if value}
    if len(chosen) < len(request.args):  # a form names what was left empty too
        return redirect(url_for("tilesets.preview", layer=wanted.value, **chosen))
    described = _tilejson(wanted)
    with context.store().reading() as connection:
        categories = places.all_categories(connection)
        kept = vintages.public(connection)
    shown = (
        "departments,places" if wanted is Layer.PLACES else wanted.value
    )  # places alone would be lost on an empty map
    styled: dict[str, Any] = {**chosen, "layers": shown}
    return context.page(
        "tiles_layer.html",
        layer=wanted,
        tilejson=described,
        styles={theme: url_for("tilesets.style", theme=theme, **styled) for theme in themes.THEMES},
        given=chosen,
        categories=categories,
        years=sorted({vintage.year for vintage in kept}, reverse=True),
    )


@blueprint.get("/tiles/<layer>.json")
@counted("read")
def tilejson(layer: str) -> Response:
    """TileJSON 3.0.0 of a layer; filters and vintage of the address are those of its tiles."""
    return _document(_tilejson(tiles.layer_named(layer)))


@blueprint.get("/styles/<theme>.json")
@counted("read")
def style(theme: str) -> Response:
    """A MapLibre style; `layers`: which ones, separated by commas (all by default). Filters as of the tiles."""
    if theme not in themes.THEMES:
        raise BadParameter("theme", theme[:40], f"is not one of {', '.join(themes.THEMES)}", allowed=[*themes.THEMES])
    known = [layer.value for layer in Layer if layer is not Layer.ALL]
    named = request.args.get("layers", "all").split(",")
    chosen = known if named == ["all"] else named
    if unknown := [name for name in chosen if name not in known]:
        raise BadParameter("layers", unknown[0][:40], f"is not one of {', '.join(known)}", allowed=known)
    sources = {name: _source(Layer(name)) for name in known if name in chosen}
    return _document(themes.style(theme, _("La carte de ma commune"), [*sources], sources))


def _document(content: dict[str, Any]) -> Response:
    response = jsonify(content)
    response.headers["Cache-Control"] = _FRESH
    response.vary.update(("Cookie", "Accept-Language"))  # its words are in the reader's language
    response.add_etag()
    response.make_conditional(request)
    return response


def _source(layer: Layer) -> dict[str, Any]:
    # A style of several layers is asked with the filters of all of them: each takes its own.
    told = _tilejson(
        layer, ("layers", *(() if layer.has_limits else OF_LIMITS), *(() if layer.has_places else OF_PLACES))
    )
    return {"type": "vector", **{name: told[name] for name in ("tiles", "minzoom", "maxzoom", "bounds", "attribution")}}


def _tilejson(layer: Layer, besides: tuple[str, ...] = ()) -> dict[str, Any]:
    vintage, _only = asked(layer, besides)
    shown = vintage or context.active_vintage()
    first, fields = context.remembered("tile fields", _FIELDS_FOR_S, _fields)
    query = _query(layer)
    path = f"{request.script_root}/tiles/{layer.value}/{{z}}/{{x}}/{{y}}"
    singles = [layer] if layer is not Layer.ALL else [Layer.COMMUNES, Layer.DEPARTMENTS, Layer.PLACES]
    return {
        "tilejson": "3.0.0",
        "name": str(_names()[layer]),
        "description": str(_descriptions()[layer]),
        "version": f"{shown.year}.0.0" if shown else "0.0.0",
        "attribution": _attribution(layer, shown),
        "scheme": "xyz",
        "tiles": [context.absolute(f"{path}.mvt{query}")],
        "data": [context.absolute(f"{path}.geojson{query}")],
        "minzoom": first[layer],
        "maxzoom": _DEEPEST[layer],
        "bounds": _WORLD if vintage or layer.has_places or not shown else _bounds(shown),
        "center": [2.5, 46.6, max(5, first[layer])],
        "vector_layers": [
            {
                "id": one.value,
                "description": str(_descriptions()[one]),
                "minzoom": first[one],
                "maxzoom": _DEEPEST[layer],
                "fields": fields[one],
            }
            for one in singles
        ],
    }


def _bounds(active: Vintage) -> list[float]:
    """West, south, east, north of the limits in force. Places may be anywhere on Earth, the next one too."""

    def made() -> list[float]:
        with context.store().reading() as connection:
            boxes = tiles.zones(connection, None, None)
        if not boxes:
            return _WORLD
        west, south, east, north = zip(*boxes, strict=True)
        return [min(west), min(south), max(east), max(north)]

    return context.remembered(f"bounds of vintage {active.id}", _FIELDS_FOR_S, made)


def _fields() -> tuple[dict[Layer, int], dict[Layer, dict[str, str]]]:
    with context.store().reading() as connection:
        return tiles.first_zooms(connection), tiles.fields(connection)


def _query(layer: Layer) -> str:
    """The address's filters that mean something for this layer, as a query with its question mark."""
    meant = (*(OF_LIMITS if layer.has_limits else ()), *(OF_PLACES if layer.has_places else ()))
    given = {name: value for name, value in request.args.items() if name in meant}
    return f"?{urlencode(given)}" if given else ""


def _names() -> dict[Layer, str]:
    return {
        Layer.COMMUNES: _("Communes"),
        Layer.DEPARTMENTS: _("Départements"),
        Layer.PLACES: _("Lieux"),
        Layer.ALL: _("Communes, départements et lieux"),
    }


def _descriptions() -> dict[Layer, str]:
    return {
        Layer.COMMUNES: _(
            "Les limites des communes, généralisées pour chaque niveau de zoom, sans trou entre voisines."
        ),
        Layer.DEPARTMENTS: _("Les limites des départements, dessinées avec celles des communes."),
        Layer.PLACES: _(
            "Commerces, services, associations et projets ; regroupés là où ils sont trop proches pour être vus."
        ),
        Layer.ALL: _("Les trois couches dans les mêmes tuiles."),
    }


def _attribution(layer: Layer, vintage: Vintage | None) -> str:
    limits = f"{vintage.attribution} ({vintage.licence})" if vintage and layer.has_limits else ""
    contributed = _("lieux : contributrices et contributeurs, chacun sous sa licence") if layer.has_places else ""
    return " · ".join(filter(None, (limits, contributed)))
