"""The page on which one asks for a link to sign in."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from geoplatform.web import context, params
from geoplatform.web.api import session
from geoplatform.web.limits import counted

blueprint = Blueprint("signing", __name__)


@blueprint.get("/sign-in")
@counted("read")
def page() -> Response:
    """An address is asked for; whoever was sent here (`next`) goes on there when the link is followed in this browser."""
    provider = url_for("openid.begin") if context.settings().oidc_issuer else None
    target = params.own_path(request.args.get("next", ""), "")
    response = context.page("citizens/asking.html", provider=provider, is_expected=bool(target))
    if target:
        session.note_next(response, target)
    return response
