"""QGIS made easy, under /qgis/: projects of France, a department or a commune; each layer; its styles; a page that says how."""

from __future__ import annotations

import re
from typing import Any, Literal

from flask import Blueprint, Response, redirect, request, url_for
from flask_babel import gettext as _
from pyproj import Transformer
from werkzeug.wrappers import Response as AnyResponse

from geoplatform.errors import BadParameter, Unknown, UnknownCommune
from geoplatform.model import commune_code
from geoplatform.store import communes
from geoplatform.store.communes import Succeeded
from geoplatform.web import context
from geoplatform.web.limits import counted
from geoplatform.web.ogc import answers, service, words
from geoplatform.web.qgis import layers, projects, sld
from geoplatform.web.qgis.projects import Group, Project

blueprint = Blueprint("qgis", __name__, url_prefix="/qgis")

#: Those of a project, from above to below.
_IN_PROJECT = ("places", "departments", "communes")
_SCOPE = re.compile(r"(department|commune)-([0-9A-Za-z]{2,5})", re.ASCII)
_MEDIA_TYPES = {"qlr": "application/x-qgis-layer-definition", "qml": "application/x-qgis-style"}
_SLD = "application/vnd.ogc.sld+xml"
_WEB_MERCATOR = 3857
_UNITS: dict[str | None, Literal["code", "department_code"] | None] = {
    None: None,
    "department": "department_code",
    "commune": "code",
}


@blueprint.get("")
@counted("read")
def ways() -> AnyResponse:
    """How to open all this in QGIS, step by step; `commune`: whose project is offered first."""
    for name in request.args.keys() - {"commune"}:
        raise BadParameter(name[:40], None, "is not a parameter of this page", allowed=["commune"])
    code = request.args.get("commune")
    with context.store().reading() as connection:
        commune = communes.sought(connection, commune_code(code)) if code else None
    if isinstance(commune, Succeeded):
        return _succeeded(commune, "qgis.ways", "commune")
    tiled = layers.tiles()
    addresses = {"ogc": answers.address(""), "tiles": tiled.address, "style": tiled.style_address}
    titles = words.titles()
    return context.page(
        "qgis.html",
        commune=commune,
        addresses=addresses,
        layers={name: titles[name] for name in layers.COLLECTIONS},
        attribution=service.attribution(),
    )


@blueprint.get("/<scope>.qgz")
@counted("read")
def project(scope: str) -> AnyResponse:
    """A project of `france`, `department-{code}` or `commune-{code}`. A former commune leads to its only
    successor (308), or to the page that lists them (303)."""
    named = _SCOPE.fullmatch(scope)
    if named is None and scope != "france":
        raise Unknown("QGIS project", scope[:40])
    kind, code = (named[1], named[2]) if named else (None, "")
    if kind == "commune" and commune_code(code) != code:
        return redirect(url_for("qgis.project", scope=f"commune-{commune_code(code)}"), 308)
    etag = answers.mark(("limits",), "qgz")
    if same := answers.unchanged(etag):
        return same
    with context.store().reading() as connection:
        try:
            extent = communes.extent(connection, _UNITS[kind], code)
        except UnknownCommune:
            return _succeeded(communes.succession(connection, code), "qgis.project", "scope", "commune-")
    body = projects.packed(_project(kind, extent), f"geoplatform-{scope}")
    return _file(body, "application/x-qgis-project", f"geoplatform-{scope}.qgz", etag)


def _succeeded(found: Succeeded, endpoint: str, argument: str, prefix: str = "") -> AnyResponse:
    """308 to the same of the only successor, else 303 to the page that lists them."""
    if len(found.heirs) == 1:
        which: dict[str, Any] = {argument: prefix + found.heirs[0].code}
        return redirect(url_for(endpoint, **which), 308)
    return redirect(url_for("communes.page", code=found.former.code), 303)


@blueprint.get("/<layer>.<any(qlr, qml, sld):suffix>")
@counted("read")
def part(layer: str, suffix: str) -> Response:
    """A layer (a collection of limits or places, or `tiles`) as a definition, its style as QML or SLD (none of `tiles`)."""
    if layer not in (*layers.COLLECTIONS, *(() if suffix == "sld" else (layers.TILES,))):
        raise Unknown(f"QGIS layer with a .{suffix}", layer[:40])
    etag = answers.mark(("limits",), suffix)
    if same := answers.unchanged(etag):
        return same
    described = layers.tiles() if layer == layers.TILES else layers.of_collection(layer)
    if suffix == "sld":
        body = sld.document(layer, described.title, described.choices.get("kind", {}))
    else:
        body = projects.definition(described) if suffix == "qlr" else projects.style(described)
    return _file(body, _MEDIA_TYPES.get(suffix, _SLD), f"{layer}.{suffix}", etag)


def _file(body: bytes, media_type: str, name: str, etag: str) -> Response:
    response = Response(body, content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answers.described(response, etag)


def _project(kind: str | None, extent: communes.Extent) -> Project:
    srid = extent.legal_srid if kind else _WEB_MERCATOR
    to_project = Transformer.from_crs(4326, srid, always_xy=True)
    fields = {
        None: {},
        "department": {"communes": "department_code", "departments": "code", "places": "department_code"},
        "commune": {"communes": "code", "departments": "code", "places": "commune_code"},
    }[kind]
    values = {"departments": extent.department_code} if kind else {}
    only = {name: (field, values.get(name, extent.code)) for name, field in fields.items()}
    features = Group(
        "OGC API Features", tuple(layers.of_collection(name, only.get(name)) for name in _IN_PROJECT), kind is not None
    )
    tiled = Group(_("Tuiles vectorielles"), (layers.tiles(),), kind is None)
    title = " · ".join(filter(None, (_("La carte de ma commune"), extent.name if kind else "France")))
    return Project(title, srid, to_project.transform_bounds(*extent.bounds), service.attribution(), (features, tiled))
