"""Places created, replaced, updated and withdrawn (OGC API Features Part 4), by whoever has a key.

From QGIS and programs; to `store.places`, through which every other contribution goes too.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

import shapely
from flask import Blueprint, Response, make_response, request
from sqlalchemy import Connection
from werkzeug.exceptions import MethodNotAllowed

from geoplatform import encode, references
from geoplatform.errors import (
    BadParameter,
    BadPlace,
    GeoplatformError,
    NotAllowed,
    NotAuthorised,
    Outdated,
    UnknownFeature,
)
from geoplatform.model import Place, Submission, new_place_id
from geoplatform.references import CRS84
from geoplatform.store import collections, places, tokens
from geoplatform.store.collections import Collection
from geoplatform.web import context, params
from geoplatform.web.api import caller
from geoplatform.web.limits import counted
from geoplatform.web.ogc import answers
from geoplatform.web.ogc.service import EDITABLE

blueprint = Blueprint("ogc_editing", __name__, url_prefix=answers.PREFIX)

_READING = ("GET", "HEAD", "OPTIONS")
#: No coordinate of any system is larger.
_FARTHEST = 1e9
#: What a feature carries that nobody writes: programs send back what they were given.
_GIVEN = ("visibility",)


@blueprint.route("/collections/<name>/items", methods=["OPTIONS"], provide_automatic_options=False)
@blueprint.route("/collections/<name>/items/<identifier>", methods=["OPTIONS"], provide_automatic_options=False)
def options(name: str, identifier: str | None = None) -> Response:
    """What this client may do here: the answer is in Allow."""
    collection = collections.named(name)
    allowed = [*_READING]
    if collection.is_editable and _may_edit():
        allowed += ["POST"] if identifier is None else ["PUT", "PATCH", "DELETE"]
    response = Response(status=204)
    response.headers["Allow"] = response.headers["Access-Control-Allow-Methods"] = ", ".join(allowed)
    response.headers["Access-Control-Allow-Headers"] = (
        "Authorization, Content-Crs, Content-Type, If-Match, If-None-Match"
    )
    if "PATCH" in allowed:
        response.headers["Accept-Patch"] = ", ".join(params.JSON_TYPES)
    response.vary.add("Authorization")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/collections/<name>/items", provide_automatic_options=False)
@counted("submit")
def create(name: str) -> Response:
    """Store a place: 201 with its Location, or 200 when this very feature was stored before."""
    _require_editable(name)
    said, now, key = params.body(), context.now(), caller.key()
    new_id = new_place_id(now.date(), secrets.token_bytes(10))
    try:
        feature = _writable(params.json_of(said))
        submission = Submission.from_feature(feature, new_id, context.settings().default_licence)
    except GeoplatformError:
        with context.store().reading() as connection:
            tokens.check(connection, key, now, "contribute")  # who it is, before what they say
        raise
    made = context.submit(submission, key, now)
    response = Response(status=201 if made.is_new else 200)
    del response.headers["Content-Type"]
    response.headers["Location"] = answers.address(f"/collections/{name}/items/{submission.id}")
    return response


@blueprint.put("/collections/<name>/items/<identifier>", provide_automatic_options=False)
@counted("submit")
def replace(name: str, identifier: str) -> Response:
    """Give a place another content; what the feature does not say is empty from then on. Its geometry may be left out (null)."""
    return _modified(name, identifier, merges=False)


@blueprint.patch("/collections/<name>/items/<identifier>", provide_automatic_options=False)
@counted("submit")
def update(name: str, identifier: str) -> Response:
    """Change some of a place (RFC 7396): what the patch does not name stays."""
    return _modified(name, identifier, merges=True)


@blueprint.delete("/collections/<name>/items/<identifier>", provide_automatic_options=False)
@counted("submit")
def withdraw(name: str, identifier: str) -> Response:
    """Withdraw a place. 204."""
    _require_editable(name)
    place_id, now, key = _identifier(identifier), context.now(), caller.key()

    def work(connection: Connection) -> None:
        tokens.check(connection, key, now, "contribute")
        stored = _stored(connection, place_id)
        expected = stored.version if "If-Match" in request.headers else None
        places.delete(connection, place_id, key, now, expected=expected)

    context.write(work, shows=True)
    return Response(status=204)


def _modified(name: str, identifier: str, *, merges: bool) -> Response:
    _require_editable(name)
    place_id, now, said, key = _identifier(identifier), context.now(), params.body(), caller.key()

    def work(connection: Connection) -> Place:
        tokens.check(connection, key, now, "contribute")
        stored = _stored(connection, place_id)
        feature = _writable(params.json_of(said))
        if merges:
            feature = _merged(stored, feature)
        keeps = feature.get("geometry") is None
        # A geometry must be there to be checked; the store is told to keep the one it has.
        whole = {**feature, "geometry": _SOMEWHERE} if keeps else feature
        submission = Submission.from_feature({**whole, "id": str(place_id)}, place_id)
        # Nothing is nothing said: a form that sends back what it was shown must not make a hidden point public.
        changes_visibility = feature["properties"].get("visibility") is not None
        places.modify(
            connection, submission, key, now, expected=stored.version, keeps_position=keeps,
            keeps_visibility=not changes_visibility,
        )  # fmt: skip
        return places.get(connection, place_id) or stored

    place = context.write(work, shows=True)
    response = make_response(encode.dumps(encode.place_feature(place)))
    response.mimetype = answers.GEOJSON.media_type
    response.headers["Content-Crs"] = f"<{CRS84.uri}>"
    response.headers["Cache-Control"] = "no-store"
    return response


_SOMEWHERE = {"type": "Point", "coordinates": [0, 0]}


def _writable(feature: Any) -> dict[str, Any]:
    """The feature without what nobody writes. BadPlace for a property that no place has, or for no feature at all."""
    if not isinstance(feature, dict) or not isinstance(feature.get("properties", {}), dict):
        raise BadPlace([BadParameter("body", None, "is not a GeoJSON feature with properties")])
    known = {column.name for column in collections.COLLECTIONS["places"].columns} | {"id", "method", "vintage"}
    properties = {
        name: value
        for name, value in (feature.get("properties") or {}).items()
        if name in (*EDITABLE, *_GIVEN) or name not in known
    }
    return {
        "type": feature.get("type", "Feature"),
        "id": feature.get("id"),
        "geometry": _in_degrees(feature.get("geometry")),
        "properties": properties,
    }


def _in_degrees(geometry: Any) -> Any:
    """A point in longitude and latitude, whatever system Content-Crs says that it was sent in.

    What is no point, or lies where the system does not hold, stays as it is: the model refuses it.
    """
    said = request.headers.get("Content-Crs")
    reference = references.named(said.strip(" <>"), "Content-Crs") if said is not None else CRS84
    match geometry:
        case {"type": "Point", "coordinates": [int() | float() as first, int() | float() as second, *height]}:
            if reference == CRS84 or not max(abs(first), abs(second)) < _FARTHEST:
                return geometry
            moved = references.to_lonlat(shapely.Point(first, second), reference)
            return {**geometry, "coordinates": [moved.x, moved.y, *height]}
    return geometry


def _merged(stored: Place, patch: dict[str, Any]) -> dict[str, Any]:
    row = encode.place_row(stored)
    properties = {name: row[name] for name in EDITABLE} | patch["properties"]
    return {"type": "Feature", "geometry": patch["geometry"], "properties": properties}


def _require_editable(name: str) -> Collection:
    collection = collections.named(name)
    if not collection.is_editable:
        raise MethodNotAllowed(_READING)
    return collection


def _may_edit() -> bool:
    try:
        key = caller.key()
        with context.store().reading() as connection:
            tokens.check(connection, key, context.now(), "contribute")
    except (NotAuthorised, NotAllowed):
        return False
    return True


def _identifier(raw: str) -> uuid.UUID:
    try:
        return uuid.UUID(raw)
    except ValueError as error:
        raise UnknownFeature(raw[:80]) from error


def _stored(connection: Connection, place_id: uuid.UUID) -> Place:
    """The place as it is now. UnknownFeature if there is none; Outdated where If-Match names other versions only.

    A weak ETag counts too: a proxy that packs an answer weakens it.
    """
    stored = places.get(connection, place_id)
    if stored is None:
        raise UnknownFeature(str(place_id))
    if "If-Match" in request.headers and not request.if_match.star_tag:
        named = {tag.partition("-")[0] for tag in request.if_match.as_set(include_weak=True) if tag}
        if str(stored.version) not in named:
            raise Outdated(f"{place_id} has another version than If-Match names: read it again")
    return stored
