"""What is mine: places, the archive and its way back, leaving, the ledger, what I follow; and the feed of what I follow."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from enum import StrEnum

from flask import Blueprint, Response, jsonify, make_response, render_template, request, url_for

from geoplatform import archive, encode
from geoplatform.errors import BadMediaType, UnknownPlace
from geoplatform.model import Kind, Licence
from geoplatform.refusals import Refusal
from geoplatform.store.citizens import keeping, mine
from geoplatform.store.citizens.mine import Choice
from geoplatform.store.tokens import digest
from geoplatform.web import context, params
from geoplatform.web.api import caller, saying
from geoplatform.web.limits import counted

blueprint = Blueprint("mine", __name__)

_MOST_AT_ONCE = 1000
_ZIP = "application/zip"
_ATOM = "application/atom+xml; charset=utf-8"


class Rhythm(StrEnum):
    """How often somebody is written to."""

    NEVER = "never"
    DAILY = "daily"
    WEEKLY = "weekly"


@blueprint.after_request
def keep_private(response: Response) -> Response:
    """No cache keeps any of it."""
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/api/v1/me/places")
@counted("read")
def places() -> Response:
    """The places that the caller keeps, as GeoJSON, with what others do not see."""
    key = caller.key()
    with context.store().reading() as connection:
        features = keeping.own(connection, key, context.now())
    response = make_response(encode.dumps({"type": "FeatureCollection", "features": features}))
    response.mimetype = "application/geo+json"
    return response


@blueprint.get("/api/v1/me/places/<uuid:place_id>")
@counted("read")
def place(place_id: uuid.UUID) -> Response:
    """One of them."""
    key = caller.key()
    with context.store().reading() as connection:
        found = keeping.own(connection, key, context.now(), place_id)
    if not found:
        raise UnknownPlace(place_id)
    response = make_response(encode.dumps(found[0]))
    response.mimetype = "application/geo+json"
    response.set_etag(str(found[0]["properties"]["version"]))
    return response


@blueprint.put("/api/v1/me/licence")
@counted("submit")
def relicense() -> Response:
    """Put several `places` that the caller keeps under another `licence`, all of them or none: how many `changed`."""
    key, now = caller.key(), context.now()
    said = saying.members()
    licence, wanted = said.choice("licence", Licence, required=True), said.identifiers("places", _MOST_AT_ONCE)
    saying.done(said, "a change of licence")
    to = saying.sure(licence)
    changed = context.write(lambda connection: keeping.relicense(connection, key, now, wanted, to), shows=True)
    return jsonify(changed=changed)


@blueprint.get("/api/v1/me/archive")
@counted("submit")
def take_out() -> Response:
    """Everything that is kept of the caller, as a zip."""
    key = caller.key()
    with context.store().reading() as connection:
        told = mine.archive(connection, key, context.now())
    response = Response(archive.packed(told), mimetype=_ZIP)
    response.headers["Content-Disposition"] = 'attachment; filename="archive.zip"'
    return response


@blueprint.post("/api/v1/me/archive")
@counted("submit")
def take_in() -> Response:
    """Take in an archive of this map or another: how many of each. What is there already stays as it is."""
    key, now = caller.checked(), context.now()
    if request.mimetype != _ZIP:
        raise BadMediaType("Content-Type", request.mimetype, Refusal("wrong_media_type", allowed=[_ZIP]))
    request.max_content_length = archive.LARGEST
    document = archive.unpacked(params.body())
    taken = context.write(lambda connection: mine.take_archive(connection, key, now, document), shows=True)
    return jsonify(taken=taken)


@blueprint.get("/api/v1/me/leaving")
@counted("read")
def preview() -> Response:
    """The contributions about which there is a choice before leaving, and what a choice means for others."""
    key = caller.key()
    with context.store().reading() as connection:
        found = mine.preview(connection, key, context.now())
    return jsonify(contributions=saying.plain(found), choices=list(Choice))


@blueprint.post("/api/v1/me/leaving")
@counted("submit")
def leave() -> Response:
    """Leave. `choices`: keep, pseudonymise or delete, by place; `otherwise`: for the places it does not name; `confirm: true`.

    The receipt, and where it can be read by whoever knows its address.
    """
    key, now, receipt_id = caller.checked(), context.now(), uuid.uuid4()
    said = saying.members()
    otherwise = said.choice("otherwise", Choice, required=True)
    if said.flag("confirm", required=True) is False:
        said.refuse("confirm", False, "not_confirmed")
    choices = said.properties.get("choices", {})
    said.asked.add("choices")
    if not isinstance(choices, dict) or not all(_is_uuid(one) for one in choices):
        said.refuse("choices", None, "not_places")
    elif not all(choice in list(Choice) for choice in choices.values()):
        said.refuse("choices", None, "not_choices", allowed=[*Choice])
    saying.done(said, "leaving")
    otherwise = saying.sure(otherwise)
    receipt = context.write(
        lambda connection: mine.leave(connection, key, now, receipt_id, choices, otherwise), shows=True
    )
    address = context.absolute(url_for("mine.receipt", receipt=receipt_id))
    response = jsonify(id=str(receipt_id), url=address, **receipt)
    caller.forget(response)
    return response


@blueprint.get("/api/v1/receipts/<receipt>")
@counted("read")
def receipt(receipt: str) -> Response:
    """What became of the contributions of somebody who left."""
    with context.store().reading() as connection:
        return jsonify(mine.receipt(connection, saying.identifier(receipt, "receipt")))


@blueprint.get("/api/v1/me/ledger")
@counted("read")
def ledger() -> Response:
    """Which releases held the caller's contributions, under which licence, and how often their files were fetched in all."""
    key = caller.key()
    with context.store().reading() as connection:
        found = mine.ledger(connection, key, context.now())
    return jsonify(entries=saying.plain(found))


@blueprint.get("/api/v1/me/follows")
@counted("read")
def follows() -> Response:
    """What the caller follows. The address of each feed was told once."""
    key = caller.key()
    with context.store().reading() as connection:
        return jsonify(follows=saying.plain(mine.follows(connection, key, context.now())))


@blueprint.post("/api/v1/me/follows")
@counted("submit")
def follow() -> Response:
    """Follow a commune (`commune_code`), a `kind`, an `area` (GeoJSON Polygon); all that is given must hold. `by_mail`: never,
    daily or weekly. 201 with the address of its feed, which is told here only."""
    key, now, new_id, secret = caller.key(), context.now(), uuid.uuid4(), caller.new_secret()
    said = saying.members()
    commune = said.text("commune_code", 80)
    kind = said.choice("kind", Kind)
    rhythm = said.choice("by_mail", Rhythm) or Rhythm.NEVER
    area = said.properties.get("area")
    said.asked.add("area")
    if area is not None and not isinstance(area, dict):
        said.refuse("area", None, "not_a_polygon")
    if commune is None and kind is None and area is None:
        said.refuse("commune_code", None, "required_one")
    saying.done(said, "a follow")
    context.write(
        lambda connection: mine.follow(
            connection, key, now, new_id, digest(secret), commune=commune and commune.upper(), kind=kind and kind.value,
            area=None if area is None else json.dumps(area), by_mail=rhythm.value,
        )
    )  # fmt: skip
    response = jsonify(id=str(new_id), feed=context.absolute(url_for("mine.feed", secret=secret)))
    response.status_code = 201
    return response


@blueprint.delete("/api/v1/me/follows/<follow>")
@counted("submit")
def unfollow(follow: str) -> Response:
    """Follow it no longer. 204."""
    key, now, of_id = caller.key(), context.now(), saying.identifier(follow, "follow")
    context.write(lambda connection: mine.unfollow(connection, key, now, of_id))
    return Response(status=204)


@blueprint.get("/feeds/<secret>.atom")
@counted("read")
def feed(secret: str) -> Response:
    """What changed in what somebody follows (Atom). Whoever knows the address may read it; it does not tell whose it is."""
    with context.store().reading() as connection:
        found = mine.feed(connection, digest(secret))
    for change in found["changes"]:
        change["occurred_on"] = dt.date.fromisoformat(change["occurred_on"])
    latest = max((change["occurred_on"] for change in found["changes"]), default=found["since"].date())
    response = Response(
        render_template("follow.xml", feed=found, latest=latest, secret=secret, absolute=context.absolute),
        content_type=_ATOM,
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
