"""The parts of the OpenAPI description that its paths refer to: parameters, answers, schemas. From `openapi`."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from geoplatform import references
from geoplatform.web.ogc import asking

_PROBLEM = "application/problem+json"


def components() -> dict[str, Any]:
    """All of them, as OpenAPI's `components`."""
    return {
        "parameters": _parameters(),
        "responses": _responses(),
        "schemas": _schemas(),
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer"},
            "password": {"type": "http", "scheme": "basic", "description": _("La clé est le mot de passe.")},
        },
    }


def query(name: str, schema: dict[str, Any], description: str = "") -> dict[str, Any]:
    """A parameter of the query."""
    told = {"name": name, "in": "query", "required": False, "schema": schema, "style": "form", "explode": False}
    return {**told, "description": description} if description else told


def _parameters() -> dict[str, Any]:
    systems = {"type": "string", "format": "uri", "enum": [reference.uri for reference in references.REFERENCES]}
    system = {**systems, "default": references.CRS84.uri}
    box = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}
    page = {"type": "integer", "minimum": 1, "maximum": asking.LARGEST_LIMIT, "default": asking.DEFAULT_LIMIT}
    found = [
        query("limit", page, _("Nombre d'objets par page.")),
        query("offset", {"type": "integer", "minimum": 0, "maximum": asking.LARGEST_OFFSET, "default": 0},
              _("Nombre d'objets à passer ; les liens « next » vont plus vite.")),
        query("cursor", {"type": "string"}, _("Où continuer ; se trouve dans les liens « next ».")),
        query("bbox", box, _("Cadre : ouest, sud, est, nord. Un ouest supérieur à l'est passe l'antiméridien.")),
        query("bbox-crs", system, _("Système de coordonnées du cadre.")),
        query("crs", system, _("Système de coordonnées de la réponse.")),
        query("datetime", {"type": "string"}, _("Instant ou intervalle (RFC 3339) de la dernière modification.")),
        query("filter", {"type": "string", "maxLength": 4096}, _("Filtre CQL2.")),
        query("filter-lang", {"type": "string", "enum": ["cql2-text", "cql2-json"], "default": "cql2-text"}),
        query("filter-crs", system, _("Système de coordonnées des géométries du filtre.")),
        query("skipGeometry", {"type": "boolean", "default": False}, _("Sans géométrie.")),
        query("vintage", {"type": "integer", "minimum": 1943, "maximum": 2200}, _("Millésime, s'il n'est pas celui en vigueur.")),
        query("at", {"type": "string", "format": "date"}, _("Jour dont le millésime est voulu.")),
        {"name": "If-Match", "in": "header", "schema": {"type": "string"}, "description": _("ETag de la version à changer.")},
        {"name": "Content-Crs", "in": "header", "schema": {"type": "string"},
         "description": _("Système de coordonnées de la géométrie envoyée, entre < et > ; CRS84 sans lui.")},
        {"name": "featureId", "in": "path", "required": True, "schema": {"type": "string"}},
    ]  # fmt: skip
    return {parameter["name"]: parameter for parameter in found}


def _responses() -> dict[str, Any]:
    content = {
        _PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}},
        "text/html": {"schema": {"type": "string"}},
    }
    told = {
        "BadRequest": _("La demande est incorrecte ; « parameter » dit où."),
        "NotFound": _("Il n'y a rien à cette adresse."),
        "TooManyRequests": _("Trop de demandes ; Retry-After dit quand revenir."),
        "Busy": _("La réponse prendrait trop de temps, ou le serveur est occupé."),
        "NotAuthorised": _("Il faut une clé, remise par l'opérateur."),
        "NotAllowed": _("Cet objet vient d'un registre : il se change à sa source."),
        "Conflict": _("Un autre lieu a déjà cet identifiant."),
        "Outdated": _("L'objet a changé depuis qu'il a été lu."),
        "TooLarge": _("Le corps de la demande est trop grand."),
        "BadMediaType": _("Le corps n'est pas en GeoJSON."),
        "BadPlace": _("Le lieu enfreint des règles ; « errors » les nomme toutes."),
    }
    return {name: {"description": description, "content": content} for name, description in told.items()}


def _thing(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _schemas() -> dict[str, Any]:
    text, links = {"type": "string"}, {"type": "array", "items": {"$ref": "#/components/schemas/Link"}}
    texts = {"type": "array", "items": text}
    geometry = _thing(["type", "coordinates"], type=text, coordinates={"type": "array", "items": {}})
    collections = {"type": "array", "items": {"$ref": "#/components/schemas/Collection"}}
    return {
        "Link": _thing(["href", "rel"], href=text, rel=text, type=text, title=text),
        "Landing": _thing(["links"], title=text, description=text, attribution=text, links=links),
        "Conformance": _thing(["conformsTo"], conformsTo=texts),
        "Collections": _thing(["links", "collections"], links=links, collections=collections),
        "Collection": _thing(
            ["id", "links", "extent", "crs", "storageCrs", "itemType"], id=text, title=text, description=text, itemType=text,
            itemCount={"type": "integer", "nullable": True}, extent={"type": "object"}, crs=texts, storageCrs=text, links=links,
        ),
        "Feature": _thing(
            ["type", "id", "geometry", "properties"], type={"type": "string", "enum": ["Feature"]}, id=text,
            geometry={**geometry, "nullable": True}, properties={"type": "object"}, links=links,
        ),
        "FeatureCollection": _thing(
            ["type", "features", "numberReturned"], type={"type": "string", "enum": ["FeatureCollection"]}, links=links,
            features={"type": "array", "items": {"$ref": "#/components/schemas/Feature"}},
            numberReturned={"type": "integer", "minimum": 0}, numberMatched={"type": "integer", "minimum": 0},
            timeStamp={"type": "string", "format": "date-time"},
        ),
        "Object": {"type": "object"},
        "Problem": _thing(
            ["type", "title", "status"], type=text, title=text, status={"type": "integer"}, detail=text, instance=text
        ),
    }  # fmt: skip
