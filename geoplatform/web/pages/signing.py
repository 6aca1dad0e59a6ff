"""The page on which one asks for a link to sign in."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from geoplatform.web import context
from geoplatform.web.limits import counted

blueprint = Blueprint("signing", __name__)


@blueprint.get("/sign-in")
@counted("read")
def page() -> Response:
    """An address is asked for, and where to go on when the link is followed."""
    provider = url_for("openid.begin") if context.settings().oidc_issuer else None
    return context.page("citizens/asking.html", provider=provider, is_expected="next" in request.args)
