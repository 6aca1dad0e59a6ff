"""Vintages of the limits: the list, and for each the report of its load, what was found on the map, and where places went."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from geoplatform.errors import Unknown
from geoplatform.model import Vintage
from geoplatform.store import communes, vintages
from geoplatform.web import checks, context, language, params
from geoplatform.web.limits import counted

blueprint = Blueprint("vintages", __name__)

_MOST_LISTED = 200


@blueprint.get("/vintages")
@counted("read")
def index() -> Response:
    """Every public vintage, the newest first, with its sources and reports."""
    wanted = params.page_format()
    with context.store().reading() as connection:
        kept = vintages.public(connection)
        documents = {vintage.id: vintages.documents(connection, vintage.id) for vintage in kept}
    if wanted == "html":
        return context.page("vintages.html", kept=kept, documents=documents, sentence=checks.sentence)
    return jsonify(vintages=[_listed(vintage, documents[vintage.id]) for vintage in kept])


@blueprint.get("/vintages/<int(max=2147483647):number>/findings")
@counted("read")
def findings(number: int) -> Response:
    """What the checks of a vintage found, on a map and as a list: gaps, overlaps, repairs, limits that do not match."""
    with context.store().reading() as connection:
        vintage = next((one for one in vintages.public(connection) if one.id == number), None)
        if vintage is None:
            raise Unknown("vintage", number)
        counts = vintages.counted_findings(connection, number)
        largest = vintages.largest_findings(connection, number, _MOST_LISTED)
        codes = sorted({code for row, _ in largest for code in row.codes})
        names = {one.code: one.name for one in communes.some(connection, codes, number)}
    return context.page(
        "findings.html", edition=vintage, counts=counts, largest=largest, names=names, words=checks.findings()
    )


@blueprint.get(
    "/vintages/<int(max=2147483647):number>/<any('report.json', 'reattribution.json', 'findings.geojson'):document>"
)
@counted("read")
def show(number: int, document: str) -> Response:
    """The report of a vintage's load, what became of the places, or what its checks found, on the map."""
    with context.store().reading() as connection:
        kept = vintages.documents(connection, number)
        if kept is None:
            raise Unknown(document, number)
        if document == "findings.geojson":
            text = vintages.findings_geojson(connection, number, checks.findings())
            return _spoken(Response(text, mimetype="application/geo+json"))
    if document == "report.json":
        return _spoken(jsonify(checks.report(kept[0])))
    if kept[1] is None:
        raise Unknown(document, number)
    return jsonify(kept[1])


def _spoken(response: Response) -> Response:
    """A document whose words depend on the reader's language."""
    response.vary.add("Cookie")
    response.headers["Content-Language"] = language.chosen()
    return response


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
