"""Appreciations, participations, invitations, and who keeps a place."""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum

from flask import Blueprint, Response, jsonify, url_for
from flask_babel import gettext as _

from geoplatform import mail
from geoplatform.store.citizens import community
from geoplatform.web import context
from geoplatform.web.api import caller, saying
from geoplatform.web.limits import counted

blueprint = Blueprint("community", __name__, url_prefix="/api/v1")


class Offer(StrEnum):
    """What a keeper offers: a part in the place, or to keep it too."""

    PARTICIPATION = "participation"
    KEEPING = "keeping"


@blueprint.get("/places/<uuid:place_id>/community")
@counted("read")
def of_place(place_id: uuid.UUID) -> Response:
    """Counts (null where there are too few), who takes part and says so, and the name its contributor wants to be shown."""
    with context.store().reading() as connection:
        found = community.of_place(connection, place_id)
    response = jsonify(
        appreciations=found.appreciations, participants=found.participants, people=found.people, credit=found.credit
    )
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/places/<uuid:place_id>/relation")
@counted("read")
def relation(place_id: uuid.UUID) -> Response:
    """What the caller has to do with a place."""
    key = caller.key()
    with context.store().reading() as connection:
        community.of_place(connection, place_id)
        return saying.private(community.relation(connection, key, context.now(), place_id))


@blueprint.put("/places/<uuid:place_id>/appreciation")
@counted("submit")
def appreciate(place_id: uuid.UUID) -> Response:
    """ "I like this". Private; the public is told how many only from so many on. 204."""
    return _appreciation(place_id, likes=True)


@blueprint.delete("/places/<uuid:place_id>/appreciation")
@counted("submit")
def withdraw_appreciation(place_id: uuid.UUID) -> Response:
    """No longer. 204."""
    return _appreciation(place_id, likes=False)


def _appreciation(place_id: uuid.UUID, *, likes: bool) -> Response:
    key, now = caller.key(), context.now()
    context.write(lambda connection: community.appreciate(connection, key, now, place_id, likes=likes))
    return Response(status=204)


@blueprint.put("/places/<uuid:place_id>/confirmation")
@counted("submit")
def confirm(place_id: uuid.UUID) -> Response:
    """ "This still holds": `confirmed_on`, the day (UTC) that the page of the place then shows. It is not kept who said so."""
    key, now = caller.key(), context.now()
    day = context.write(lambda connection: community.confirm(connection, key, now, place_id), repeatable=True)
    return saying.private({"confirmed_on": day})


@blueprint.post("/places/<uuid:place_id>/participations")
@counted("submit")
def take_part(place_id: uuid.UUID) -> Response:
    """Ask to take part, as what (`role`), and whether others may know (`public`). 201: requested, or active for a keeper."""
    key, now, new_id = caller.key(), context.now(), uuid.uuid4()
    said = saying.members()
    role, is_public = said.name("role", 60), said.flag("public")
    saying.done(said, "a participation")
    state = context.write(
        lambda connection: community.take_part(connection, key, now, new_id, place_id, role, is_public=bool(is_public))
    )
    response = saying.private({"id": str(new_id), "state": state})
    response.status_code = 201
    return response


@blueprint.get("/places/<uuid:place_id>/participations")
@counted("read")
def participants(place_id: uuid.UUID) -> Response:
    """Who takes part or asks to, to those who keep the place."""
    return _of_kept("participants", place_id)


@blueprint.put("/participations/<participation>")
@counted("submit")
def accept(participation: str) -> Response:
    """Say yes to whoever asks to take part in a place that the caller keeps. 204."""
    key, now, of_id = caller.key(), context.now(), saying.identifier(participation, "participation")
    context.write(lambda connection: community.accept_participation(connection, key, now, of_id))
    return Response(status=204)


@blueprint.patch("/participations/<participation>")
@counted("submit")
def change(participation: str) -> Response:
    """Change the `role` of one's own participation, or whether others may know of it (`public`). 204."""
    key, now, of_id = caller.key(), context.now(), saying.identifier(participation, "participation")
    said = saying.members()
    role, is_public = said.name("role", 60), said.flag("public")
    saying.done(said, "a participation")
    context.write(
        lambda connection: community.change_participation(connection, key, now, of_id, role, is_public=is_public)
    )
    return Response(status=204)


@blueprint.delete("/participations/<participation>")
@counted("submit")
def end(participation: str) -> Response:
    """End one's own participation, or one in a place that the caller keeps. 204."""
    key, now, of_id = caller.key(), context.now(), saying.identifier(participation, "participation")
    context.write(lambda connection: community.end_participation(connection, key, now, of_id))
    return Response(status=204)


@blueprint.get("/places/<uuid:place_id>/invitations")
@counted("read")
def invitations(place_id: uuid.UUID) -> Response:
    """What those who keep a place have offered, and waits for an answer."""
    return _of_kept("invitations_of", place_id)


@blueprint.post("/places/<uuid:place_id>/invitations")
@counted("mail")
def invite(place_id: uuid.UUID) -> Response:
    """Offer a part in a place (`purpose: participation`, perhaps with a `role`), or to keep it too (`keeping`), to whoever owns an
    `email` address. 202, whether that address has an account or not."""
    key, now, new_id = caller.key(), context.now(), uuid.uuid4()
    said = saying.members()
    email = said.email("email")
    purpose = said.choice("purpose", Offer, required=True)
    role = said.name("role", 60)
    saying.done(said, "an invitation")
    email = saying.sure(email)
    purpose = saying.sure(purpose)
    is_new = context.write(
        lambda connection: community.invite(connection, key, now, new_id, place_id, email, purpose.value, role)
    )
    if is_new:
        _mail_invitation(email, now)
    response = saying.private({"sent_to": email})
    response.status_code = 202
    return response


def _mail_invitation(email: str, now: dt.datetime) -> None:
    """Only that there is something: what, is told to whoever signs in with this address."""
    site = " ".join(context.settings().publisher.split())
    text = _(
        "Bonjour,\n\nquelqu’un vous propose de prendre part à un lieu de « %(site)s », ou d’en prendre soin. "
        "Pour voir la proposition et y répondre, ouvrez une session avec cette adresse :\n\n%(link)s\n\n"
        "Si cela ne vous dit rien, ignorez ce message.\n",
        site=site,
        link=context.own_address(url_for("space.page")),
    )
    subject = _("Une proposition sur « %(site)s »", site=site)
    context.mailer().send(mail.message(context.settings().mail_from, email, subject, text, now=now.timestamp()))


@blueprint.delete("/places/<uuid:place_id>/invitations/<invitation>")
@counted("submit")
def take_back(place_id: uuid.UUID, invitation: str) -> Response:
    """Offer it no longer. 204."""
    key, now, of_id = caller.key(), context.now(), saying.identifier(invitation, "invitation")
    context.write(lambda connection: community.take_back_invitation(connection, key, now, place_id, of_id))
    return Response(status=204)


@blueprint.delete("/places/<uuid:place_id>/keeping")
@counted("submit")
def give_up(place_id: uuid.UUID) -> Response:
    """Keep a place no longer: 409 for the last one who does. 204."""
    key, now = caller.key(), context.now()
    context.write(lambda connection: community.give_up(connection, key, now, place_id))
    return Response(status=204)


@blueprint.get("/me/<any(appreciations, participations, invitations):what>")
@counted("read")
def mine(what: str) -> Response:
    """What the caller appreciates, takes part in, and is invited to."""
    key = caller.key()
    with context.store().reading() as connection:
        return saying.private({what: community.mine(connection, what, key, context.now())})


@blueprint.post("/me/invitations/<invitation>")
@counted("submit")
def answer(invitation: str) -> Response:
    """Say yes or no (`accept`) to an invitation. 204."""
    key, now, of_id = caller.key(), context.now(), saying.identifier(invitation, "invitation")
    said = saying.members()
    accepts = said.flag("accept", required=True)
    saying.done(said, "an answer")
    context.write(lambda connection: community.answer_invitation(connection, key, now, of_id, accepts=bool(accepts)))
    return Response(status=204)


def _of_kept(what: str, place_id: uuid.UUID) -> Response:
    key, now = caller.key(), context.now()
    # Not on a reading connection: who is not shown it is told whether there is such a place, under a lock.
    found = context.write(lambda connection: community.of_kept(connection, what, key, now, place_id))
    return saying.private({"invitations" if what == "invitations_of" else what: found})
