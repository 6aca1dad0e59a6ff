"""The API that submits places and tells where a point lies."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid

from flask import Blueprint, Response, jsonify, make_response, url_for
from sqlalchemy import Connection

from geoplatform import encode
from geoplatform.errors import UnknownPlace
from geoplatform.model import Place, Submission, new_place_id
from geoplatform.store import communes, places, tokens
from geoplatform.web import context, params
from geoplatform.web.limits import counted

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.post("/places")
@counted("submit")
def submit() -> Response:
    """Store a place: a GeoJSON Feature in, 201 with its Location and verdict out; 200 when it was stored before."""
    now = dt.datetime.now(dt.UTC)
    new_id = new_place_id(now.date(), secrets.token_bytes(10))
    said = params.body()

    def work(connection: Connection) -> tuple[Submission, places.Submitted, Place | None]:
        actor = tokens.label_of(connection, params.bearer_token(), now)  # who it is, before what they say
        submission = Submission.from_feature(params.json_of(said), new_id)
        made = places.submit(connection, submission, actor, now)
        return submission, made, places.get(connection, submission.id)

    submission, made, stored = context.store().writing(work)
    context.revisions().wrote()
    if made.is_new:
        context.tiles().touch(made.quadkey)
    else:  # perhaps the one who stored it came to no end
        context.tiles().refresh()
    body = encode.place_feature(stored) if stored else {"type": "Feature", "id": str(submission.id)}
    response = make_response(encode.dumps(body), 201 if made.is_new else 200)
    response.mimetype = "application/geo+json"
    response.headers["Location"] = context.absolute(url_for("api.place", place_id=submission.id))
    return response


@blueprint.get("/places/<uuid:place_id>")
@counted("read")
def place(place_id: uuid.UUID) -> Response:
    """One place as a GeoJSON Feature."""
    with context.store().reading() as connection:
        found = places.get(connection, place_id)
    if found is None:
        raise UnknownPlace(place_id)
    return Response(encode.dumps(encode.place_feature(found)), mimetype="application/geo+json")


@blueprint.get("/placement")
@counted("read")
def placement() -> Response:
    """Where the point `lon`, `lat` lies: verdict, method, commune, metres to the nearest limit where under 1 km."""
    position = params.position()
    with context.store().reading() as connection:
        found = communes.covering(connection, position)
    return jsonify(
        verdict=found.verdict,
        method=found.method,
        commune_code=found.commune_code,
        distance_m=None if found.distance_m is None else round(found.distance_m, 1),
    )
