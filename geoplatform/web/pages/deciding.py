"""What waits for a decision, for referents and for who keeps a place; and the public log of what was decided."""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.wrappers import Response

from geoplatform.errors import NotAllowed
from geoplatform.model import commune_code
from geoplatform.refusals import Refusal
from geoplatform.store import communes, places
from geoplatform.store.citizens import moderation
from geoplatform.store.citizens.moderation import Action, Reason
from geoplatform.store.citizens.operation import Remit
from geoplatform.web import context, narrowing, params
from geoplatform.web.limits import counted
from geoplatform.web.pages import who

blueprint = Blueprint("deciding", __name__)

_PAGE = 100


@blueprint.get("/queue")
@counted("read")
def queue() -> Response:
    """What waits for the reader, the oldest first. NotAllowed for whoever nothing can wait for."""
    me = who.signed_in()
    if me is None:
        return who.to_sign_in()
    with context.store().reading() as connection:
        waiting = moderation.queue(connection, who.key(), context.now(), None)
        choices = places.all_categories(connection)
        stands = moderation.figures(connection, who.key(), context.now(), narrowing.fresh_since())
    if not (waiting or any(role["scope"] != Remit.OPERATOR for role in me.roles)):
        raise NotAllowed(Refusal("referents_only"))
    shown = {
        "waiting": waiting,
        "figures": stands,
        "categories": choices,
        "reasons": list(Reason),
        "actions": list(Action),
    }
    response = context.page("citizens/queue.html", **shown)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/moderation")
@counted("read")
def log() -> Response:
    """Every decision, in order, without people; of one `commune` if it is named."""
    asked, after = request.args.get("commune"), params.whole("after", 0)
    code = commune_code(asked) if asked else None
    with context.store().reading() as connection:
        found = moderation.log(connection, code, after, _PAGE)
        commune = communes.get(connection, code) if code else None
    following = found[-1]["seq"] if len(found) == _PAGE else None
    return context.page("citizens/log.html", decisions=found, commune=commune, following=following)
