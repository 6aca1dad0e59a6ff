"""What search engines are told: which pages are for somebody alone or lead nowhere (RFC 9309), and where the others are."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, url_for

from geoplatform.store import communes
from geoplatform.web import context
from geoplatform.web.limits import counted

blueprint = Blueprint("robots", __name__)

#: Private, or without end.
_NOT_FOR_THEM = (
    "/api/", "/contribute", "/exports/cuts", "/feeds/", "/lang/", "/me", "/metrics", "/ogc/collections/*/items", "/operator",
    "/places/*/edit", "/queue", "/session/", "/sign-in",
)  # fmt: skip
#: Pages beside those of the communes, by endpoint.
_MAIN = ("home.index", "vintages.index", "tilesets.index", "qgis.ways", "releases.index", "deciding.log")
_FRESH = "public, max-age=86400"


@blueprint.get("/robots.txt")
def rules() -> Response:
    """Which paths crawlers leave out, and the address of the sitemap."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in _NOT_FOR_THEM)]
    lines += ["", f"Sitemap: {context.absolute(url_for('robots.sitemap'))}", ""]
    return Response("\n".join(lines), mimetype="text/plain", headers={"Cache-Control": _FRESH})


@blueprint.get("/sitemap.xml")
@counted("read")
def sitemap() -> Response:
    """The main pages and that of every commune in force: 50,000 is the most that the protocol allows in one file."""
    with context.store().reading() as connection:
        codes = communes.codes(connection)
    body = render_template("sitemap.xml", absolute=context.absolute, main=_MAIN, codes=codes)
    return Response(body, mimetype="application/xml", headers={"Cache-Control": _FRESH})
