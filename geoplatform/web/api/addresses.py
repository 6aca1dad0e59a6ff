"""Official addresses in the API: a place is found by what people call where it is."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, request

from geoplatform import encode
from geoplatform.model import commune_code
from geoplatform.store import addresses, communes
from geoplatform.web import context, params
from geoplatform.web.limits import counted

blueprint = Blueprint("addresses", __name__, url_prefix="/api/v1")

LONGEST, MOST = 200, 50
_USUAL = 8


@blueprint.get("/addresses")
@counted("read")
def search() -> Response:
    """Official addresses that `q` may mean, the likeliest first: a FeatureCollection with the names of the Base Adresse Nationale.

    Words may be half written; accents, case and apostrophes do not matter. `commune` (INSEE code) keeps to one commune. A street
    is told where it has no such number, or none is asked. Nothing is found where the operator has loaded no addresses.
    """
    words, limit, code = params.required_text("q", LONGEST), params.limit(_USUAL, MOST), request.args.get("commune")
    commune = commune_code(code) if code is not None else None
    with context.store().reading() as connection:
        found = addresses.find(connection, words, limit, commune)
        if commune and not found:
            communes.get(connection, commune)  # UnknownCommune
    head = {
        "type": "FeatureCollection",
        "attribution": "Base Adresse Nationale",
        "licence": "etalab-2.0",
        "query": words,
        "limit": limit,
    }
    response = make_response(encode.dumps({**head, "features": [encode.address_feature(one) for one in found]}))
    response.mimetype = "application/geo+json"
    return response
