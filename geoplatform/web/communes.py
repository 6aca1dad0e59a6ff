"""Communes: searched, shown as a page or GeoJSON, with their places to read or download."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import (
    Blueprint,
    Response,
    jsonify,
    redirect,
    request,
    stream_with_context,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from geoplatform import encode
from geoplatform.errors import BadParameter
from geoplatform.model import Commune, Place, Vintage, commune_code
from geoplatform.store import communes, listing, places, releases, vintages
from geoplatform.store.communes import Succeeded
from geoplatform.store.engine import Store
from geoplatform.store.listing import Only
from geoplatform.web import context, narrowing, params, security
from geoplatform.web.limits import counted

blueprint = Blueprint("communes", __name__)

GEOJSON = "application/geo+json"
_SHOWN_PLACES = 200


@blueprint.get("/communes")
@counted("read")
def search() -> Response:
    """Communes that `q` may mean: a name, an INSEE code or a postal code. `vintage` or `at` names an earlier vintage."""
    words = params.words()
    if not words:
        raise BadParameter("q", words, "is required: a name, an INSEE code or a postal code")
    limit, then = params.limit(10, 100), context.asked_vintage()
    vintage = then or context.active_vintage()
    with context.store().reading() as connection:
        hits = communes.find(connection, words, limit, vintage.id) if vintage else []
    return jsonify(vintage=vintage.year if vintage else None, communes=[_hit(commune, then) for commune in hits])


@blueprint.get("/communes/<code>")
@counted("read")
def page(code: str) -> AnyResponse:
    """The commune: a page for people, its limits as GeoJSON for programs. `vintage` or `at` names an earlier vintage.

    A code that is no longer in force leads to the commune that has its land now (308), or to the list of those (300).
    """
    known = commune_code(code)
    if known != code:
        return redirect(url_for("communes.page", code=known) + _query(), 308)
    wanted, then = params.page_format(), context.asked_vintage()
    number, of_commune = then.id if then else None, f"places-commune-{known}"
    with context.store().reading() as connection:
        commune = communes.sought(connection, known, number)
        if isinstance(commune, Succeeded):
            return _succeeded(commune, wanted)
        if wanted == "geojson":
            return _geojson(encode.commune_feature(commune, communes.geometry_json(connection, known, number)))
        categories = places.all_categories(connection)
        only, page_number = narrowing.asked(categories), narrowing.page()
        counts = listing.counts_of_commune(connection, known, number)
        total = sum(counts.values()) if only == Only() else None
        listed = listing.of_commune(connection, known, only, _SHOWN_PLACES, page_number, number, total)
        shown = {
            "commune": commune,
            "counts": counts,
            "places": listed.places,
            "places_total": listed.total,
            "page": page_number,
            "pages": max(1, -(-listed.total // _SHOWN_PLACES)),
            "only": narrowing.spelled(only),
            "on_tiles": narrowing.on_tiles(only),
            "is_narrow": narrowing.is_narrow(only),
            "box": only.box,
            "fresh_since": narrowing.fresh_since(),
            "categories": categories,
            "neighbours": communes.neighbours(connection, known, number),
            "then": then,
            "asked": {name: request.args[name] for name in ("vintage", "at") if name in request.args},
            "history": vintages.holding(connection, known),
            "released": of_commune if releases.known(connection, of_commune) else None,
        }
    return context.page("commune.html", **shown)  # after the connection is given back: the page asks for one too


@blueprint.get("/communes/<code>/embed")
@counted("read")
def embedded(code: str) -> AnyResponse:
    """The map of a commune alone, for a frame in another site's page."""
    known = commune_code(code)
    with context.store().reading() as connection:
        commune = communes.get(connection, known)
        categories = places.all_categories(connection)
        only = narrowing.on_tiles(narrowing.asked(categories))
    response = context.page("embed.html", commune=commune, categories=categories, only=only)
    security.let_frame()
    return response


def _succeeded(found: Succeeded, wanted: str, endpoint: str = "communes.page", **which: Any) -> AnyResponse:
    """308 to the only successor; else 300 with all of them, as a page or as JSON."""
    former, heirs = found.former, found.heirs
    if len(heirs) == 1:
        return redirect(url_for(endpoint, code=heirs[0].code, **which) + _query(), 308)
    if wanted == "html":
        response = context.page("former.html", former=former, heirs=heirs)
    else:
        until = former.until_on.isoformat() if former.until_on else None
        response = jsonify(
            code=former.code,
            name=former.name,
            until_on=until,
            how=former.how,
            successors=[_hit(h, None) for h in heirs],
        )
    response.status_code = 300
    return response


@blueprint.get("/communes/<code>/places.<suffix>")
@counted("read")
def dump(code: str, suffix: str) -> AnyResponse:
    """Every place of the commune that may be downloaded, streamed as `geojson` or `csv`; each row names its licence.

    `vintage` or `at` names an earlier vintage: the places that lay in the commune then. A code that is no longer in force is
    answered as its page is.
    """
    known = commune_code(code)
    if suffix not in ("geojson", "csv"):
        raise BadParameter("format", suffix[:20], "is not one of geojson, csv")
    store, then = context.store(), context.asked_vintage()
    number = then.id if then else None
    with store.reading() as connection:
        commune = communes.sought(connection, known, number)
    if isinstance(commune, Succeeded):
        return _succeeded(commune, "json", "communes.dump", suffix=suffix)
    vintage = then or context.active_vintage()
    head = encode.places_head(commune, vintage.attribution if vintage else None)
    rows = _rows(store, known, number)
    if suffix == "csv":
        response = Response(stream_with_context(encode.places_csv(rows)), mimetype="text/csv")
        response.headers["Content-Type"] = "text/csv; charset=utf-8; header=present"
    else:
        response = Response(stream_with_context(encode.places_geojson(rows, head)), mimetype=GEOJSON)
    name = f"places-{known}-{then.year}.{suffix}" if then else f"places-{known}.{suffix}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _query() -> str:
    asked = request.query_string.decode("ascii", "ignore")
    return f"?{asked}" if asked else ""


def _rows(store: Store, code: str, vintage: int | None) -> Iterator[Place]:
    with store.snapshot() as connection:
        yield from places.exportable_of_commune(connection, code, vintage)


def _hit(commune: Commune, then: Vintage | None) -> dict[str, object]:
    return {
        "code": commune.code,
        "name": commune.name,
        "department_code": commune.department_code,
        "department_name": commune.department_name,
        "postal_codes": list(commune.postal_codes),
        "population": commune.population,
        "url": url_for("communes.page", code=commune.code, vintage=then.year if then else None),
    }


def _geojson(text: str) -> Response:
    response = Response(text, mimetype=GEOJSON)
    response.add_etag()
    response.headers["Cache-Control"] = "public, max-age=300"
    response.vary.add("Accept")
    response.make_conditional(request)
    return response
