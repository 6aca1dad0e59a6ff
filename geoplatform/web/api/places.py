"""Places in the API: added, changed, moved, deleted and restored, read as they are and as they were."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request, url_for
from sqlalchemy import Connection

from geoplatform import encode
from geoplatform.errors import BadParameter, Conflict, GeoplatformError, Outdated, Unknown, UnknownPlace
from geoplatform.model import Licence, Place, Submission, Visibility, commune_code, new_place_id
from geoplatform.refusals import Refusal
from geoplatform.store import communes, places, versions
from geoplatform.store.citizens import keeping
from geoplatform.store.tokens import check
from geoplatform.web import context, params
from geoplatform.web.api import caller, saying
from geoplatform.web.limits import counted

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

_GEOJSON = "application/geo+json"
_MOST_VERSIONS = (1 << 31) - 1


@blueprint.post("/places")
@counted("submit")
def submit() -> Response:
    """Store a place: a GeoJSON Feature in, 201 with its Location and verdict out; 200 when it was stored before.

    A citizen is shown places that may be the same first (409), unless `?distinct=true` says that they are not. 202: a referent
    looks at it before anybody else sees it.
    """
    key, now, said = caller.key(), context.now(), params.body()
    submission = _submission(key, now, said)
    made = context.submit(submission, key, now)
    response = _feature(_entered(submission, made, key, now))
    response.status_code = 202 if made.is_held else 201 if made.is_new else 200
    response.headers["Location"] = context.absolute(url_for("api.place", place_id=submission.id))
    return response


@blueprint.get("/places/<uuid:place_id>")
@counted("read")
def place(place_id: uuid.UUID) -> Response:
    """One place as a GeoJSON Feature, as the public sees it; with `?at=YYYY-MM-DD`, as it was on that day (UTC)."""
    day = params.day("at")
    with context.store().reading() as connection:
        if day is not None:
            then = versions.of_day(connection, place_id, day)
            if then is None:
                raise UnknownPlace(place_id)
            return _feature(then)
        found = places.get(connection, place_id)
    if found is None:
        raise UnknownPlace(place_id)
    response = _feature(encode.place_feature(found))
    response.set_etag(str(found.version))
    return response


@blueprint.put("/places/<uuid:place_id>")
@counted("submit")
def replace(place_id: uuid.UUID) -> Response:
    """Give a place another content: what the feature does not say is empty from then on; its geometry may be null. `If-Match` names
    the version that was read."""
    return _changed(place_id, merges=False)


@blueprint.patch("/places/<uuid:place_id>")
@counted("submit")
def update(place_id: uuid.UUID) -> Response:
    """Change some of a place (RFC 7396): what the patch does not name stays. `If-Match` names the version that was read."""
    return _changed(place_id, merges=True)


@blueprint.delete("/places/<uuid:place_id>")
@counted("submit")
def delete(place_id: uuid.UUID) -> Response:
    """Delete a place. Its keeper can restore it for some days. 204."""
    key, now, expected = caller.key(), context.now(), _expected()
    context.write(lambda connection: places.delete(connection, place_id, key, now, expected=expected), shows=True)
    return Response(status=204)


@blueprint.get("/places/<uuid:place_id>/versions")
@counted("read")
def history(place_id: uuid.UUID) -> Response:
    """Every version of a place that the public may see, the latest first, without who made it."""
    with context.store().reading() as connection:
        found = versions.of_place(connection, place_id)
    if not found:
        raise UnknownPlace(place_id)
    return jsonify(place_id=str(place_id), versions=found)


@blueprint.post("/places/<uuid:place_id>/versions/<int:version>/restore")
@counted("submit")
def restore(place_id: uuid.UUID, version: int) -> Response:
    """Bring an earlier version back, as a new one. Its licence and who may see it stay as they are now."""
    key, now, expected = caller.key(), context.now(), _expected()
    if version > _MOST_VERSIONS:
        raise Unknown("version", version)
    body = context.write(lambda connection: _restored(connection, place_id, version, key, now, expected), shows=True)
    return _feature(body)


@blueprint.get("/places/duplicates")
@counted("read")
def duplicates() -> Response:
    """Places that may be the one somebody is about to add: by `name`, `lon` and `lat`."""
    position = params.position()
    name = params.required_text("name", 200)
    with context.store().reading() as connection:
        found = places.near_duplicates(connection, name, position)
    return jsonify(candidates=[_candidate(one) for one in found])


@blueprint.get("/communes/<code>/places")
@counted("read")
def places_on_day(code: str) -> Response:
    """The places of a commune as they were on a day (`at`, UTC): a FeatureCollection of those that lists may hold."""
    code, day = commune_code(code), params.day("at")
    if day is None:
        raise BadParameter("at", None, Refusal("required_day"))
    with context.store().reading() as connection:
        features = versions.of_commune(connection, code, day)
        if not features:
            communes.get(connection, code)  # UnknownCommune
    return _feature({"type": "FeatureCollection", "at": day.isoformat(), "features": features})


@blueprint.get("/placement")
@counted("read")
def placement() -> Response:
    """Where the point `lon`, `lat` lies: verdict, method, commune.

    Where the nearest limit is under 1 km away: how many metres, and the commune `beyond` it.
    """
    position = params.position()
    with context.store().reading() as connection:
        found = communes.covering(connection, position)
    return jsonify(
        verdict=found.verdict,
        method=found.method,
        commune_code=found.commune_code,
        commune_name=found.commune_name,
        distance_m=None if found.distance_m is None else round(found.distance_m, 1),
        beyond=found.beyond_code and {"commune_code": found.beyond_code, "commune_name": found.beyond_name},
    )


def _submission(key: bytes, now: dt.datetime, said: bytes) -> Submission:
    """What is to be stored. Who it is, is asked here before what they say is refused; else by the statement that stores it."""
    new_id, is_distinct = new_place_id(now.date(), secrets.token_bytes(10)), params.flag("distinct")

    def read(*, may_be_private: bool) -> Submission:
        licence = context.settings().default_licence
        return Submission.from_feature(params.json_of(said), new_id, licence, may_be_private=may_be_private)

    with suppress(GeoplatformError):
        submission = read(may_be_private=False)
        if is_distinct:
            return submission
    with context.store().reading() as connection:
        is_program = check(connection, key, now, "contribute")
        submission = read(may_be_private=not is_program)
        if not (is_program or is_distinct):
            _refuse_duplicates(connection, submission)
    return submission


def _entered(submission: Submission, made: places.Submitted, key: bytes, now: dt.datetime) -> dict[str, Any]:
    """What is stored now, as whoever sent it sees it."""
    if made.is_new and not made.is_program:
        return keeping.entered(submission, made, now)
    if made.is_new and submission.visibility is Visibility.PUBLIC:
        return encode.place_feature(places.entered(submission, made, now))
    with context.store().reading() as connection:
        own = None if check(connection, key, now, "contribute") else key
        told = _told(connection, submission.id, places.get(connection, submission.id), own, now)
    return told or {"type": "Feature", "id": str(submission.id)}


def _changed(place_id: uuid.UUID, *, merges: bool) -> Response:
    key, now, said, expected = caller.key(), context.now(), params.body(), _expected()

    def work(connection: Connection) -> dict[str, Any]:
        is_program = check(connection, key, now, "contribute")
        feature = params.json_of(said)
        there = _there(connection, place_id, None if is_program else key, now)
        if merges:
            feature = keeping.merged(there, feature)
        keeps_position = isinstance(feature, dict) and feature.get("geometry") is None
        if keeps_position:  # a geometry must be there to be checked; the store is told to keep the one it has
            feature = {**feature, "geometry": keeping.SOMEWHERE}
        if isinstance(feature, dict):
            feature = {**feature, "id": str(place_id)}
        submission = Submission.from_feature(
            feature, place_id, Licence(there["properties"]["licence"]), may_be_private=not is_program
        )
        says_visibility = feature["properties"].get("visibility") is not None
        places.modify(connection, submission, key, now, expected=expected, keeps_position=keeps_position,
                      keeps_visibility=not says_visibility)  # fmt: skip
        return _there(connection, place_id, None if is_program else key, now)

    body = context.write(work, shows=True)
    return _feature(body)


def _there(connection: Connection, place_id: uuid.UUID, key: bytes | None, now: dt.datetime) -> dict[str, Any]:
    """A place as its keeper sees it, else as the public does. UnknownPlace if neither sees it."""
    told = _told(connection, place_id, places.get(connection, place_id), key, now)
    if told is None:
        raise UnknownPlace(place_id)
    return told


def _told(
    connection: Connection, place_id: uuid.UUID, stored: Place | None, key: bytes | None, now: dt.datetime
) -> dict[str, Any] | None:
    own = keeping.own(connection, key, now, place_id) if key is not None else []
    return own[0] if own else encode.place_feature(stored) if stored else None


def _restored(
    connection: Connection, place_id: uuid.UUID, version: int, key: bytes, now: dt.datetime, expected: int | None
) -> dict[str, Any]:
    keeping.restore(connection, key, now, place_id, version, expected)
    return _there(connection, place_id, key, now)


def _refuse_duplicates(connection: Connection, submission: Submission) -> None:
    found = places.near_duplicates(connection, submission.name, submission.position, submission.id)
    if found and places.get(connection, submission.id) is None:
        raise Conflict(Refusal("maybe_there"), candidates=[_candidate(one) for one in found])


def _candidate(one: places.Candidate) -> dict[str, Any]:
    told: dict[str, Any] = saying.plain(asdict(one))
    return told | {"distance_m": round(one.distance_m, 1), "likeness": round(one.likeness, 2),
                   "url": context.absolute(url_for("api.place", place_id=one.id))}  # fmt: skip


def _expected() -> int | None:
    """The version that If-Match names, None for any. Outdated for what names none of ours."""
    if "If-Match" not in request.headers or request.if_match.star_tag:
        return None
    named = [(tag or "").partition("-")[0] for tag in request.if_match.as_set(include_weak=True)]
    if len(named) != 1 or not (named[0].isascii() and named[0].isdigit() and len(named[0]) < 10):
        raise Outdated(Refusal("not_this_version"))
    return int(named[0])


def _feature(body: dict[str, Any]) -> Response:
    response = make_response(encode.dumps(body))
    response.mimetype = _GEOJSON
    version = body.get("properties", {}).get("version")
    if version is not None:
        response.set_etag(str(version))
    return response
