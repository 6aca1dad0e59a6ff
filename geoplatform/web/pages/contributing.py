"""The forms by which a place is added and changed."""

from __future__ import annotations

import uuid
from contextlib import suppress

from flask import Blueprint, request
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from geoplatform.errors import UnknownCommune, UnknownPlace
from geoplatform.model import Commune, Kind, Licence, Stage, Visibility, commune_code
from geoplatform.store import addresses, communes, places
from geoplatform.store.citizens import accounts, keeping
from geoplatform.store.citizens.accounts import Me
from geoplatform.web import context
from geoplatform.web.limits import counted
from geoplatform.web.pages import who

blueprint = Blueprint("contributing", __name__)

#: What a contributor may choose among, the most protective first.
LICENCES = [Licence.CC_BY_NC_SA, Licence.CC_BY_SA, Licence.ODBL, Licence.ETALAB, Licence.CC0, Licence.DISPLAY_ONLY]


@blueprint.get("/contribute")
@counted("read")
def add() -> Response:
    """A place is added: pointed at on the map, described, and shown where it lies before it is sent."""
    me = who.signed_in()
    if me is None:
        return who.to_sign_in()
    code = request.args.get("commune")
    with context.store().reading() as connection:
        commune = communes.get(connection, commune_code(code)) if code else _home(connection, me)
        choices = places.all_categories(connection)
        has_addresses = addresses.are_kept(connection, commune.code if commune else None)
        asked = [one for one in accounts.consents_asked(connection) if one["purpose"] == "publication"]
    consent = None if me.consents.get("publication") else asked[0]
    shown = {"commune": commune, "categories": choices, "has_addresses": has_addresses}
    return _form("citizens/contribute.html", place=None, consent=consent, **shown)


@blueprint.get("/places/<uuid:place_id>/edit")
@counted("read")
def edit(place_id: uuid.UUID) -> Response:
    """One that the reader keeps is changed, moved or deleted. UnknownPlace for any other."""
    if who.signed_in() is None:
        return who.to_sign_in()
    with context.store().reading() as connection:
        found = keeping.own(connection, who.key(), context.now(), place_id)
        if not found:
            raise UnknownPlace(place_id)
        code = found[0]["properties"]["commune_code"]
        commune = communes.get(connection, code) if code else None
        choices = places.all_categories(connection)
        has_addresses = addresses.are_kept(connection, code)
    shown = {"commune": commune, "categories": choices, "has_addresses": has_addresses}
    return _form("citizens/contribute.html", place=found[0], consent=None, **shown)


def _home(connection: Connection, me: Me) -> Commune | None:
    """The commune that somebody calls theirs; None where it is not in force any more."""
    with suppress(UnknownCommune):
        return communes.get(connection, me.home_commune) if me.home_commune else None
    return None


def _form(template: str, **shown: object) -> Response:
    choices = {"kinds": list(Kind), "stages": list(Stage), "licences": LICENCES, "visibilities": list(Visibility)}
    usual = context.settings().default_licence
    response = context.page(template, usual_licence=usual, **choices, **shown)
    response.headers["Cache-Control"] = "no-store"
    return response
