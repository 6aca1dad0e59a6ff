"""Places: the page of one, or its GeoJSON."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, request

from geoplatform import encode
from geoplatform.errors import UnknownPlace
from geoplatform.store import communes, places
from geoplatform.store.citizens import community
from geoplatform.web import context, params
from geoplatform.web.limits import counted
from geoplatform.web.pages import who

blueprint = Blueprint("places", __name__)


@blueprint.get("/places/<uuid:place_id>")
@counted("read")
def page(place_id: uuid.UUID) -> Response:
    """The place: a page for people, a GeoJSON Feature for programs."""
    wanted = params.page_format()
    with context.store().reading() as connection:
        place = places.get(connection, place_id)
        if place is None:
            raise UnknownPlace(place_id)
        code = place.placement.commune_code
        category = places.all_categories(connection).get(place.category or "")
        commune = communes.get(connection, code) if code else None
        known = community.of_place(connection, place_id)
    if wanted == "geojson":
        response = Response(encode.dumps(encode.place_feature(place)), mimetype="application/geo+json")
        response.add_etag()
        response.vary.add("Accept")
        response.make_conditional(request)
        return response
    relation = None
    if who.signed_in() is not None:
        with context.store().reading() as connection:
            relation = community.relation(connection, who.key(), context.now(), place_id)
    return context.page(
        "place.html", place=place, category=category, commune=commune, community=known, relation=relation
    )
