"""What is mine, on one page: contributions, what I like and take part in, what I follow, my agreements, and the way out."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.wrappers import Response

from geoplatform.store import places
from geoplatform.store.citizens import accounts, community, keeping, mine, moderation
from geoplatform.web import context
from geoplatform.web.limits import counted
from geoplatform.web.pages import who
from geoplatform.web.pages.contributing import LICENCES

blueprint = Blueprint("space", __name__)


@blueprint.get("/me")
@counted("read")
def page() -> Response:
    """Everything that is kept of the reader, and each thing that can be done with it."""
    if who.signed_in() is None:
        return who.to_sign_in()
    key, now = who.key(), context.now()
    with context.store().reading() as connection:
        shown = {
            "places": keeping.own(connection, key, now),
            "categories": places.all_categories(connection),
            "liked": community.mine(connection, "appreciations", key, now),
            "parts": community.mine(connection, "participations", key, now),
            "invitations": community.mine(connection, "invitations", key, now),
            "follows": mine.follows(connection, key, now),
            "ledger": mine.ledger(connection, key, now),
            "consents": accounts.consents_asked(connection),
            "tokens": accounts.listed(connection, "tokens", key, now),
            "sessions": accounts.listed(connection, "sessions", key, now),
            "leaving": mine.preview(connection, key, now),
            "matters": moderation.matters(connection, key, now),
            "waiting": len(moderation.queue(connection, key, now, None)),
        }
    response = context.page("citizens/space.html", licences=LICENCES, **shown)
    response.headers["Cache-Control"] = "no-store"
    return response
