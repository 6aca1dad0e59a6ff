"""What the service is and holds: landing page, conformance, collections, queryables, schemas, its OpenAPI description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response
from flask_babel import gettext as _

from geoplatform import references
from geoplatform.cql2 import Type
from geoplatform.model import Kind, Licence, Verdict, Vintage
from geoplatform.store import collections, places
from geoplatform.store.collections import COLLECTIONS, GEOMETRY, Collection
from geoplatform.store.wanted import Wanted
from geoplatform.web import context, language
from geoplatform.web.limits import counted
from geoplatform.web.ogc import answers, formats, openapi, words
from geoplatform.web.ogc.answers import HTML, JSON, OPENAPI, SCHEMA, link

blueprint = Blueprint("ogc", __name__, url_prefix=answers.PREFIX)

_REMEMBERED_S = 300
_PART_1 = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
_PART_2 = "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/"
_PART_3 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/"
_PART_4 = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/"
_PART_5 = "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/"
_COMMON_3 = "http://www.opengis.net/spec/ogcapi-common-3/1.0/conf/"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"
#: `basic-spatial-operators` is the name that QGIS still looks for.
CONFORMANCE = [
    *(_PART_1 + name for name in ("core", "oas30", "geojson", "html")),
    _PART_2 + "crs",
    *(_PART_3 + name for name in ("queryables", "queryables-query-parameters", "filter", "features-filter")),
    *(_PART_4 + name for name in ("create-replace-delete", "update", "features", "optimistic-locking-etags")),
    *(_PART_5 + name for name in ("schemas", "core-roles-features", "returnables-and-receivables", "queryables", "sortables")),
    *(_COMMON_3 + name for name in ("schemas",)),
    *(_CQL2 + name for name in (
        "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison",
        "accent-insensitive-comparison", "basic-spatial-functions", "basic-spatial-operators", "basic-spatial-functions-plus",
        "spatial-functions", "temporal-functions", "property-property", "arithmetic",
    )),
]  # fmt: skip
_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_GEOJSON_ORG = "https://geojson.org/schema/"
_JSON_TYPES = {
    Type.STRING: {"type": "string"},
    Type.INTEGER: {"type": "integer"},
    Type.NUMBER: {"type": "number"},
    Type.BOOLEAN: {"type": "boolean"},
    Type.DATE: {"type": "string", "format": "date"},
    Type.TIMESTAMP: {"type": "string", "format": "date-time"},
}


@blueprint.get("/")
@counted("read")
def landing() -> Response:
    """Landing page: where the API's parts are."""
    answers.require_known("f")
    form = answers.chosen(JSON, HTML)
    return _answer(form, lambda: _landing(form), "ogc/landing.html", ("limits",))


def _landing(form: answers.Format) -> dict[str, Any]:
    return {
        "title": _("La carte de ma commune"),
        "description": _("Les communes de France et les lieux que leurs habitants partagent, en OGC API Features."),
        "attribution": attribution(),
        "links": [
            link("/", "self" if form is JSON else "alternate", JSON),
            link("/", "self" if form is HTML else "alternate", HTML, f="html"),
            link("/api", "service-desc", OPENAPI, _("Description de l'API (OpenAPI 3.0)")),
            link("/api", "service-doc", HTML, _("Description de l'API, pour lire"), f="html"),
            link("/conformance", "conformance", JSON, _("Classes de conformité")),
            link("/conformance", f"{_REL}conformance", JSON, _("Classes de conformité")),
            link("/collections", "data", JSON, _("Collections")),
            link("/collections", f"{_REL}data", JSON, _("Collections")),
            link("/search", "search", answers.GEOJSON, _("Recherche par polygone")),
        ],
    }


@blueprint.get("/conformance")
@counted("read")
def conformance() -> Response:
    """Which classes of the standards are implemented."""
    answers.require_known("f")
    return _answer(answers.chosen(JSON, HTML), lambda: {"conformsTo": CONFORMANCE}, "ogc/conformance.html", ())


@blueprint.get("/api")
@counted("read")
def api() -> Response:
    """OpenAPI 3.0 description, made from the registry of collections."""
    answers.require_known("f")
    form = answers.chosen(OPENAPI, HTML)
    return _answer(form, _openapi, "ogc/api.html", ())


def _openapi() -> dict[str, Any]:
    content = context.remembered(f"openapi {language.chosen()}", _REMEMBERED_S, lambda: openapi.document(properties_of))
    return {**content, "servers": [{"url": answers.address("")}]}


@blueprint.get("/collections")
@counted("read")
def every() -> Response:
    """All collections."""
    answers.require_known("f")
    form = answers.chosen(JSON, HTML)
    return _answer(form, lambda: _every(form), "ogc/collections.html", ("limits", "places"))


def _every(form: answers.Format) -> dict[str, Any]:
    return {
        "collections": [described(collection) for collection in COLLECTIONS.values()],
        "crs": [reference.uri for reference in references.REFERENCES],
        "links": [
            link("/collections", "self" if form is JSON else "alternate", JSON),
            link("/collections", "self" if form is HTML else "alternate", HTML, f="html"),
        ],
    }


@blueprint.get("/collections/<name>")
@counted("read")
def one(name: str) -> Response:
    """A collection: its title, extent, coordinate systems and links."""
    collection = collections.named(name)
    answers.require_known("f")
    return _answer(
        answers.chosen(JSON, HTML),
        lambda: described(collection),
        "ogc/collection.html",
        collection.data,
        properties=properties_of(collection),
    )


def queryables_of(collection: Collection) -> dict[str, dict[str, Any]]:
    """What filters may ask of a collection, by name."""
    known = properties_of(collection)
    asked = {name: _bare(known[name]) for name in collection.queryables if name != GEOMETRY}
    # The standard knows a geometry by its format; QGIS by the reference without a type.
    geometry = {**_geometry(collection), "$ref": f"{_GEOJSON_ORG}{collection.geometry_type}.json"}
    return {**asked, GEOMETRY: geometry}


def sortables_of(collection: Collection) -> dict[str, dict[str, Any]]:
    """What a list of a collection may be sorted by, by name: all that may be asked but the geometry."""
    return {name: told for name, told in queryables_of(collection).items() if name != GEOMETRY}


def schema_of(collection: Collection) -> dict[str, dict[str, Any]]:
    """What a feature of a collection holds, by name and in order."""
    known = properties_of(collection)
    shown: dict[str, Any] = {"id": {**known[collection.identifier], "x-ogc-role": "id", "readOnly": True}}
    shown |= {column.name: known[column.name] for column in collection.columns}
    shown[GEOMETRY] = {**_geometry(collection), "x-ogc-role": "primary-geometry"}
    if not collection.is_editable:
        shown[GEOMETRY]["readOnly"] = True
    if collection.day:
        shown[collection.day]["x-ogc-role"] = "primary-instant"
    for number, told in enumerate(shown.values(), 1):
        told["x-ogc-propertySeq"] = number
    return shown


def _geometry(collection: Collection) -> dict[str, Any]:
    return {"title": words.labels()[GEOMETRY], "format": f"geometry-{collection.geometry_type.lower()}"}


_SCHEMAS = {"queryables": queryables_of, "sortables": sortables_of, "schema": schema_of}


@blueprint.get("/collections/<name>/<any(queryables, sortables, schema):what>")
@counted("read")
def schema(name: str, what: str) -> Response:
    """As JSON Schema: what filters may ask of a collection, what its lists may be sorted by, what a feature of it holds."""
    collection = collections.named(name)
    answers.require_known("f")

    def content() -> dict[str, Any]:
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": answers.address(f"/collections/{collection.name}/{what}"),
            "type": "object",
            "title": words.titles()[collection.name],
            "properties": _SCHEMAS[what](collection),
            "additionalProperties": False,
        }

    return _answer(answers.chosen(SCHEMA, HTML), content, "ogc/schema.html", ("limits",), collection=collection)


def _bare(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if not name.startswith("x-") and name != "readOnly"}


def described(collection: Collection) -> dict[str, Any]:
    """The collection object of OGC API Features (Part 1 §7.14, Part 2 §6.2)."""
    path = f"/collections/{collection.name}"
    title = words.titles()[collection.name]
    boxes = context.remembered("extents", _REMEMBERED_S, _extents)[collection.name]
    extent: dict[str, Any] = {"spatial": {"bbox": boxes or [[-180.0, -90.0, 180.0, 90.0]], "crs": references.CRS84.uri}}
    if collection.day:
        extent["temporal"] = {"interval": [[None, None]], "trs": "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"}
    listed = [
        link(
            f"{path}/items", "items", form, f"{title} ({form.title})", f=None if form is answers.GEOJSON else form.name
        )
        for form in (answers.GEOJSON, HTML, *formats.TABULAR)
    ]
    return {
        "id": collection.name,
        "title": title,
        "description": words.descriptions()[collection.name],
        "attribution": attribution(),
        "itemType": "feature",
        "itemCount": context.counts().exact(collection, Wanted(), ""),
        "extent": extent,
        "crs": [reference.uri for reference in references.REFERENCES],
        "storageCrs": references.CRS84.uri,
        "links": [
            link(path, "self", JSON, title),
            link(path, "alternate", HTML, title, f="html"),
            *listed,
            link(f"{path}/queryables", f"{_REL}queryables", SCHEMA, _("Propriétés que les filtres connaissent")),
            link(f"{path}/sortables", f"{_REL}sortables", SCHEMA, _("Propriétés selon lesquelles trier")),
            link(f"{path}/schema", "describedby", SCHEMA, _("Schéma")),
            link(f"{path}/schema", f"{_REL}schema", SCHEMA, _("Schéma")),
        ],
    }  # fmt: skip


def properties_of(collection: Collection) -> dict[str, dict[str, Any]]:
    """What each property is, by its name: type, title, meaning, values it may have."""
    meanings = words.meanings(context.remembered("meanings of properties", _REMEMBERED_S, _meanings)[collection.name])
    labels, told = words.labels(), {}
    for column in [collection.table.c[collection.identifier], *collection.columns]:
        name = column.name
        kind: dict[str, Any] = (
            {"type": "array", "items": {"type": "string"}}
            if collections.is_list(column)
            else dict(_JSON_TYPES[collections.type_of(column)])
        )
        told[name] = {**kind, "title": labels[name], "description": meanings[name]}
        if choice := _choice(collection, name):
            told[name]["enum"] = choice
        if not collection.is_editable or name not in EDITABLE:
            told[name]["readOnly"] = True
    return told


#: Properties of a place that a client may write.
EDITABLE = ("kind", "category", "name", "description", "address", "phone", "website", "opening_hours", "stage", "starts_on",
            "ends_on", "licence")  # fmt: skip


def _choice(collection: Collection, name: str) -> list[str]:
    if not collection.holds_points:
        return []
    if name == "category":
        return context.remembered("categories", _REMEMBERED_S, _categories)
    if name == "licence":
        return [licence.value for licence in Licence if licence is not Licence.DISPLAY_ONLY]
    words_of: dict[str, Any] = {"kind": Kind, "verdict": Verdict}
    return [value.value for value in words_of.get(name, ())]


def _categories() -> list[str]:
    with context.store().reading() as connection:
        return sorted(places.all_categories(connection))


def _meanings() -> dict[str, dict[str, str]]:
    with context.store().reading() as connection:
        return collections.meanings(connection)


def _extents() -> dict[str, list[tuple[float, float, float, float]]]:
    with context.store().reading() as connection:
        return collections.extents(connection)


def attribution() -> str:
    """Whose data these are and under which licences, in the reader's language."""
    return _attribution(context.active_vintage())


def _attribution(vintage: Vintage | None) -> str:
    limits = f"{vintage.attribution} ({vintage.licence})" if vintage else ""
    return " · ".join(filter(None, (limits, _("lieux : contributrices et contributeurs, chacun sous sa licence"))))


def _answer(
    form: answers.Format, content: Callable[[], dict[str, Any]], template: str, data: tuple[str, ...], **more: Any
) -> Response:
    """The content as JSON or as a page; 304 where the client has it."""
    if form is HTML:
        return context.page(template, content=content(), **more)
    etag = answers.mark(data, form.media_type)
    return answers.unchanged(etag) or answers.document(content(), form, etag)
