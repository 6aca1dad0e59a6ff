"""Places: the page of one, or its GeoJSON."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, request, url_for

from geoplatform import encode, hours
from geoplatform.errors import UnknownPlace
from geoplatform.model import Category, Place
from geoplatform.store import communes, places, versions
from geoplatform.store.citizens import community
from geoplatform.web import context, narrowing, params
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
    relation, now = None, context.now().astimezone(hours.zone_of(code))
    if who.signed_in() is not None:
        with context.store().reading() as connection:
            relation = community.relation(connection, who.key(), context.now(), place_id)
    return context.page(
        "place.html",
        place=place,
        category=category,
        commune=commune,
        community=known,
        relation=relation,
        opening=hours.at(place.opening_hours, now) if place.opening_hours else None,
        local_day=now.date(),
        fresh_since=narrowing.fresh_since(),
        told=_schema_org(place, category),
    )


@blueprint.get("/places/<uuid:place_id>/history")
@counted("read")
def history(place_id: uuid.UUID) -> Response:
    """What its page said before, for people. UnknownPlace where the public may see no version."""
    with context.store().reading() as connection:
        found, names = versions.of_place(connection, place_id), places.all_categories(connection)
    if not found:
        raise UnknownPlace(place_id)
    return context.page("citizens/history.html", versions=found, place_id=place_id, categories=names)


def _schema_org(place: Place, category: Category | None) -> dict[str, Any]:
    """The place as schema.org says it (JSON-LD), for search engines; without what is not known of it."""
    where = place.position.rounded() if place.position else None
    told = {
        "@context": "https://schema.org",
        "@type": category.schema_org if category else "Place",
        "@id": context.absolute(url_for("places.page", place_id=place.id)),
        "name": place.name,
        "description": place.description,
        "address": place.address or place.placement.commune_name,
        "geo": where and {"@type": "GeoCoordinates", "longitude": where[0], "latitude": where[1]},
        "telephone": place.phone,
        "url": place.website,
        "openingHours": hours.for_schema_org(place.opening_hours) if place.opening_hours else None,
        "license": place.licence.url,
    }
    return {name: value for name, value in told.items() if value is not None}
