"""Suggestions, reports, claims and appeals, the queue of referents, their decisions, and the public log of these."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import Connection

from geoplatform import encode
from geoplatform.errors import BadBody, BadParameter, UnknownPlace
from geoplatform.model import Submission, commune_code
from geoplatform.refusals import Refusal
from geoplatform.store import places
from geoplatform.store.citizens import keeping, moderation
from geoplatform.store.citizens.moderation import Action, Reason, Report
from geoplatform.web import context, params
from geoplatform.web.api import caller, saying
from geoplatform.web.limits import counted

blueprint = Blueprint("moderation", __name__, url_prefix="/api/v1")

_NOTE = 2000
_PAGE = 500


@blueprint.post("/places/<uuid:place_id>/suggestions")
@counted("submit")
def suggest(place_id: uuid.UUID) -> Response:
    """Propose a change of a place that somebody else keeps: `properties` (RFC 7396), a `geometry` if it moves, a `note`."""
    key, now, new_id = caller.key(), context.now(), uuid.uuid4()
    body = params.body()

    def work(connection: Connection) -> None:
        said = saying.reading_of(params.json_of(body))
        note = said.text("note", _NOTE, lines=True)
        patch = {name: said.properties[name] for name in ("properties", "geometry") if name in said.properties}
        said.asked |= set(patch)
        saying.done(said, "a suggestion")
        if not isinstance(patch.get("properties", {}), dict):
            raise BadBody([BadParameter("properties", None, Refusal("not_an_object"))])
        stored = places.get(connection, place_id)
        if stored is None:
            raise UnknownPlace(place_id)
        feature = keeping.merged(encode.place_feature(stored), patch)
        moves = feature["geometry"] is not None
        whole = {**feature, "geometry": feature["geometry"] or keeping.SOMEWHERE, "id": str(place_id)}
        submission = Submission.from_feature(whole, place_id)
        moderation.suggest(connection, key, now, new_id, submission, note, moves=moves)

    context.write(work)
    return _opened(new_id)


@blueprint.post("/places/<uuid:place_id>/reports")
@counted("mail")
def report(place_id: uuid.UUID) -> Response:
    """Say what is wrong with a place (`reason`), and how (`note`). Nobody needs an account for this. `url` is a trap."""
    key = caller.key() if caller.shows_key() else None
    now, new_id = context.now(), uuid.uuid4()
    said = saying.members()
    reason = said.choice("reason", Report, required=True)
    note = said.text("note", _NOTE, lines=True)
    trap = said.text("url", 500)
    saying.done(said, "a report")
    reason = saying.sure(reason)
    if trap is None:
        context.write(lambda connection: moderation.report(connection, key, now, new_id, place_id, reason, note))
    return _opened(new_id)


@blueprint.post("/places/<uuid:place_id>/claims")
@counted("submit")
def claim(place_id: uuid.UUID) -> Response:
    """Ask to keep a place, and say why (`note`)."""
    key, now, new_id = caller.key(), context.now(), uuid.uuid4()
    note = _note("a claim")
    context.write(lambda connection: moderation.claim(connection, key, now, new_id, place_id, note))
    return _opened(new_id)


@blueprint.get("/me/matters")
@counted("read")
def matters() -> Response:
    """What the caller brought up, and what is about places that he or she keeps, with the decisions."""
    key = caller.key()
    with context.store().reading() as connection:
        return saying.private({"matters": moderation.matters(connection, key, context.now())})


@blueprint.delete("/me/matters/<matter>")
@counted("submit")
def withdraw(matter: str) -> Response:
    """Take back what was brought up and is not decided. 204."""
    key, now, of_id = caller.key(), context.now(), saying.identifier(matter, "matter")
    context.write(lambda connection: moderation.withdraw(connection, key, now, of_id))
    return Response(status=204)


@blueprint.post("/me/matters/<matter>/appeals")
@counted("submit")
def appeal(matter: str) -> Response:
    """Ask that somebody else look at a decision again, and say why (`note`)."""
    key, now, new_id, of_id = (
        caller.key(),
        context.now(),
        uuid.uuid4(),
        saying.identifier(matter, "decision"),
    )
    note = _note("an appeal")
    context.write(lambda connection: moderation.appeal(connection, key, now, new_id, of_id, note))
    return _opened(new_id)


@blueprint.get("/moderation/queue")
@counted("read")
def queue() -> Response:
    """What waits for the caller, the oldest first; of one `commune` if it is named."""
    key = caller.key()
    asked = request.args.get("commune")
    code = commune_code(asked) if asked is not None else None
    with context.store().reading() as connection:
        return saying.private({"matters": moderation.queue(connection, key, context.now(), code)})


@blueprint.post("/moderation/matters/<matter>/decisions")
@counted("submit")
def decide(matter: str) -> Response:
    """Decide on what waits for the caller: `accept` or not, an `action` for reports that are right, a `reason`, perhaps a `note` to
    whom it concerns."""
    key, now, of_id = caller.key(), context.now(), saying.identifier(matter, "task")
    said = saying.members()
    accepts = said.flag("accept", required=True)
    action = said.choice("action", Action)
    reason = said.choice("reason", Reason, required=True)
    note = said.text("note", _NOTE, lines=True)
    saying.done(said, "a decision")
    reason = saying.sure(reason)
    state = context.write(
        lambda connection: moderation.decide(
            connection, key, now, of_id, accepts=bool(accepts), action=action, reason=reason, note=note
        ),
        shows=True,
    )
    return saying.private({"id": str(of_id), "state": state})


@blueprint.get("/moderation/log")
@counted("read")
def log() -> Response:
    """Every decision, in order, without people: of one `commune` if it is named, from the one `after` a number on."""
    asked = request.args.get("commune")
    code = commune_code(asked) if asked is not None else None
    after, most = params.whole("after", 0), params.limit(100, _PAGE)
    with context.store().reading() as connection:
        found = moderation.log(connection, code, after, most)
    response = jsonify(decisions=saying.plain(found), last=found[-1]["seq"] if found else after)
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = "no-cache"
    return response


def _note(noun: str) -> str:
    said = saying.members()
    note = said.text("note", _NOTE, required=True, lines=True)
    saying.done(said, noun)
    return str(note)


def _opened(new_id: uuid.UUID) -> Response:
    response = saying.private({"id": str(new_id), "state": "open"})
    response.status_code = 201
    return response
