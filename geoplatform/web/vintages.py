"""Vintages of the limits: the list, and for each the report of its load, what was found on the map, and where places went."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from geoplatform.errors import Unknown
from geoplatform.model import Vintage
from geoplatform.store import vintages
from geoplatform.web import context, params
from geoplatform.web.limits import limiter, rate

blueprint = Blueprint("vintages", __name__)


@blueprint.get("/vintages")
@limiter.limit(lambda: rate("read"))
def index() -> Response:
    """Every public vintage, the newest first, with its sources and reports."""
    wanted = params.page_format()
    with context.store().reading() as connection:
        kept = vintages.public(connection)
        documents = {vintage.id: vintages.documents(connection, vintage.id) for vintage in kept}
    if wanted == "html":
        return context.page("vintages.html", kept=kept, documents=documents)
    return jsonify(vintages=[_listed(vintage, documents[vintage.id]) for vintage in kept])


@blueprint.get(
    "/vintages/<int(max=2147483647):number>/<any('report.json', 'reattribution.json', 'findings.geojson'):document>"
)
@limiter.limit(lambda: rate("read"))
def show(number: int, document: str) -> Response:
    """The report of a vintage's load, what became of the places, or what its checks found, on the map."""
    with context.store().reading() as connection:
        kept = vintages.documents(connection, number)
        if document == "findings.geojson" and kept is not None:
            return Response(vintages.findings_geojson(connection, number), mimetype="application/geo+json")
    found = kept and kept[document == "reattribution.json"]
    if not found:
        raise Unknown(document, number)
    return jsonify(found)


def _listed(vintage: Vintage, documents: Any) -> dict[str, Any]:
    reports = [name for name, there in (("report.json", True), ("reattribution.json", documents[1])) if there]
    return {
        "id": vintage.id,
        "year": vintage.year,
        "effective_on": vintage.effective_on.isoformat(),
        "state": vintage.state,
        "title": vintage.title,
        "attribution": vintage.attribution,
        "licence": vintage.licence,
        "edition": vintage.edition,
        "precision_m": vintage.precision_m,
        "communes": vintage.communes,
        "communes_without_geometry": vintage.communes_without_geometry,
        "documents": [
            url_for("vintages.show", number=vintage.id, document=name) for name in (*reports, "findings.geojson")
        ],
    }
