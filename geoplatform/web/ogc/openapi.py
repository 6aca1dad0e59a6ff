"""The service's OpenAPI 3.0.3 description, from the registry of collections: what it says is what there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask_babel import gettext as _

from geoplatform import __version__
from geoplatform.store.collections import COLLECTIONS, GEOMETRY, Collection
from geoplatform.web.ogc import formats, words
from geoplatform.web.ogc.answers import GEOJSON, HTML, JSON, OPENAPI, SCHEMA, Format
from geoplatform.web.ogc.components import components, query

_SHARED = ("limit", "offset", "cursor", "bbox", "bbox-crs", "crs", "datetime", "filter", "filter-lang", "filter-crs",
           "skipGeometry")  # fmt: skip
_OF_THE_WRITER = {
    "400": "BadRequest",
    "401": "NotAuthorised",
    "413": "TooLarge",
    "415": "BadMediaType",
    "422": "BadPlace",
}
_OF_A_PLACE = {"403": "NotAllowed", "404": "NotFound", "412": "Outdated"}
Properties = Callable[[Collection], dict[str, dict[str, Any]]]


def document(properties: Properties) -> dict[str, Any]:
    """The description, but for the address of the server. `properties`: what each property of a collection is."""
    paths: dict[str, Any] = {
        "/": {"get": _get("landing", _("Page d'accueil"), "Landing", (JSON, HTML))},
        "/conformance": {"get": _get("conformance", _("Classes de conformité"), "Conformance", (JSON, HTML))},
        "/api": {"get": _get("api", _("Cette description"), "Object", (OPENAPI, HTML))},
        "/collections": {"get": _get("collections", _("Collections"), "Collections", (JSON, HTML))},
    }
    for collection in COLLECTIONS.values():
        paths |= _of(collection, properties(collection))
    return {
        "openapi": "3.0.3",
        "info": {
            "title": _("La carte de ma commune"),
            "description": _("Les communes de France et les lieux que leurs habitants partagent, en OGC API Features."),
            "version": __version__,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "tags": [{"name": name, "description": told} for name, told in words.descriptions().items()],
        "paths": paths | {"/search": {"post": _search(properties)}},
        "components": components(),
    }


def _of(collection: Collection, properties: dict[str, dict[str, Any]]) -> dict[str, Any]:
    path, title, name = f"/collections/{collection.name}", words.titles()[collection.name], collection.name
    own = [_ref("vintage"), _ref("at")] if collection.editions is not None else []
    chosen = _choice("properties", [column.name for column in collection.columns], _("Propriétés à donner."))
    queryables = [queryable for queryable in collection.queryables if queryable != GEOMETRY]
    order = _choice(
        "sortby",
        [sign + one for one in queryables for sign in ("", "+", "-")],
        _("Ordre ; « - » devant pour décroître."),
    )
    asked = [query(one, _plain(properties[one])) for one in queryables if not (own and one == "vintage")]
    lists = [*map(_ref, _SHARED), *own, chosen, order, *asked]
    items = {"get": _get(f"{name}.items", title, "FeatureCollection", (GEOJSON, HTML, *formats.TABULAR), name, lists)}
    one = {
        "get": _get(
            f"{name}.item",
            title,
            "Feature",
            (GEOJSON, HTML),
            name,
            [*map(_ref, ("featureId", "crs", "skipGeometry")), chosen, *own],
        )
    }
    one["get"]["responses"]["404"] = _answer("NotFound")
    if own:  # a vintage that is not kept
        items["get"]["responses"]["404"] = _answer("NotFound")
    if collection.is_editable:
        items |= {
            "post": _write(
                f"{name}.create",
                _("Ajouter"),
                name,
                (_ref("Content-Crs"),),
                {"201": _("Ajouté"), "200": _("Était déjà là")},
                {"409": "Conflict"},
            )
        }
        there = (_ref("featureId"), _ref("If-Match"))
        sent = (*there, _ref("Content-Crs"))
        one |= {
            "put": _write(f"{name}.replace", _("Remplacer"), name, sent, {"200": _("Remplacé")}, _OF_A_PLACE),
            "patch": _write(
                f"{name}.update",
                _("Modifier"),
                name,
                sent,
                {"200": _("Modifié")},
                _OF_A_PLACE,
                "application/merge-patch+json",
            ),
            "delete": _write(f"{name}.withdraw", _("Retirer"), name, there, {"204": _("Retiré")}, _OF_A_PLACE, None),
        }
    return {
        path: {"get": _get(name, title, "Collection", (JSON, HTML), name)},
        f"{path}/items": items,
        f"{path}/items/{{featureId}}": one,
        f"{path}/queryables": {"get": _get(f"{name}.queryables", title, "Object", (SCHEMA, HTML), name)},
        f"{path}/sortables": {"get": _get(f"{name}.sortables", title, "Object", (SCHEMA, HTML), name)},
        f"{path}/schema": {"get": _get(f"{name}.schema", title, "Object", (SCHEMA, HTML), name)},
    }  # fmt: skip


def _get(
    identifier: str,
    summary: str,
    schema: str,
    offered: Sequence[Format],
    tag: str | None = None,
    parameters: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    return {
        "operationId": identifier,
        "summary": summary,
        **({"tags": [tag]} if tag else {}),
        "parameters": [*parameters, _format(offered)],
        "responses": {
            "200": {"description": summary, "content": _content(offered, schema)},
            "304": {"description": _("N'a pas changé")},
            **_answers({"400": "BadRequest", "429": "TooManyRequests", "503": "Busy"}),
        },
    }


def _write(
    identifier: str,
    summary: str,
    tag: str,
    parameters: Sequence[dict[str, Any]],
    done: dict[str, str],
    refused: dict[str, str],
    media_type: str | None = GEOJSON.media_type,
) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Object"}
    types = dict.fromkeys((media_type, GEOJSON.media_type, "application/json")) if media_type else {}
    body = (
        {"requestBody": {"required": True, "content": {one: {"schema": schema} for one in types}}} if media_type else {}
    )
    feature = {GEOJSON.media_type: {"schema": {"$ref": "#/components/schemas/Feature"}}}
    told = {
        status: {
            "description": words,
            **({"content": feature} if status == "200" and "If-Match" in str(parameters) else {}),
        }
        for status, words in done.items()
    }
    return {
        "operationId": identifier,
        "summary": summary,
        "tags": [tag],
        "parameters": [*parameters],
        **body,
        "security": [{"token": []}, {"password": []}],
        "responses": {**told, **_answers({**_OF_THE_WRITER, **refused, "429": "TooManyRequests", "503": "Busy"})},
    }


def _search(properties: Properties) -> dict[str, Any]:
    names = sorted({name for collection in COLLECTIONS.values() for name in properties(collection)})
    members = {
        "collection": {"type": "string", "enum": [*COLLECTIONS], "default": "places"},
        "geometry": {"type": "object", "nullable": True, "description": _("Polygone ou multipolygone GeoJSON (CRS84).")},
        "filter": {
            "description": _("Filtre CQL2, en texte ou en JSON."),
            "oneOf": [{"type": "string"}, {"type": "object"}, {"type": "boolean"}],
        },
        "filter-lang": {"type": "string", "enum": ["cql2-text", "cql2-json"]},
        "filter-crs": {"type": "string", "format": "uri"},
        "properties": {"type": "array", "items": {"type": "string", "enum": names}},
        "crs": {"type": "string", "format": "uri"},
        "skipGeometry": {"type": "boolean", "default": False},
    }  # fmt: skip
    schema = {"type": "object", "properties": members, "additionalProperties": False}
    return {
        "operationId": "search",
        "summary": _("Tout ce qui se trouve dans un polygone, sans pages"),
        "parameters": [_format(formats.STREAMED)],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {"description": _("Les objets"), "content": _content(formats.STREAMED, "FeatureCollection")},
            **_answers({"400": "BadRequest", "404": "NotFound", "413": "TooLarge", "415": "BadMediaType",
                        "429": "TooManyRequests", "503": "Busy"}),
        },
    }  # fmt: skip


def _content(offered: Sequence[Format], schema: str) -> dict[str, Any]:
    return {form.media_type: {"schema": _schema_of(form, schema)} for form in offered}


def _schema_of(form: Format, name: str) -> dict[str, Any]:
    if "json" in form.media_type and form is not formats.SEQUENCE:
        return {"$ref": f"#/components/schemas/{name}"}
    return {"type": "string", **({"format": "binary"} if form in (formats.FLATGEOBUF, formats.GEOPARQUET) else {})}


def _format(offered: Sequence[Format]) -> dict[str, Any]:
    names = {"type": "string", "enum": [form.name for form in offered]}
    return query("f", names, _("Format ; sans lui, l'en-tête Accept décide."))


def _choice(name: str, allowed: list[str], description: str) -> dict[str, Any]:
    return query(name, {"type": "array", "items": {"type": "string", "enum": allowed}}, description)


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ("type", "format", "enum") if name in told}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/parameters/{name}"}


def _answer(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/responses/{name}"}


def _answers(named: dict[str, str]) -> dict[str, Any]:
    return {status: _answer(name) for status, name in named.items()}
