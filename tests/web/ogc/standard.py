"""What the standards say that answers look like: their schemas, written from the documents.

OGC 17-069r4 (Features Part 1), Annex and http://schemas.opengis.net/ogcapi/features/part1/1.0/openapi/schemas; RFC 7946; RFC 9457.
Schemas of features: OGC 19-079r2 §6 and 23-058r1 §7.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_TEXT = {"type": "string"}
LINK = {
    "type": "object",
    "required": ["href", "rel"],
    "properties": {"href": {"type": "string", "pattern": "^https?://"}, "rel": _TEXT, "type": _TEXT, "title": _TEXT},
}
_LINKS = {"type": "array", "items": LINK, "minItems": 1}
LANDING = {
    "type": "object",
    "required": ["links"],
    "properties": {"title": _TEXT, "description": _TEXT, "links": _LINKS},
}
CONFORMANCE = {
    "type": "object",
    "required": ["conformsTo"],
    "properties": {"conformsTo": {"type": "array", "items": {"type": "string", "format": "uri"}, "uniqueItems": True}},
}
_BOX = {
    "type": "array",
    "items": {"type": "number"},
    "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
}
_EXTENT = {
    "type": "object",
    "properties": {
        "spatial": {
            "type": "object",
            "required": ["bbox"],
            "properties": {"bbox": {"type": "array", "minItems": 1, "items": _BOX}, "crs": {"enum": [CRS84]}},
        },
        "temporal": {
            "type": "object",
            "properties": {
                "interval": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "array",
                        "minItems": 2,
                        "maxItems": 2,
                        "items": {"type": ["string", "null"], "format": "date-time"},
                    },
                },
                "trs": {"enum": ["http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"]},
            },
        },
    },
}
COLLECTION = {
    "type": "object",
    "required": ["id", "links"],
    "properties": {
        "id": _TEXT,
        "title": _TEXT,
        "description": _TEXT,
        "links": _LINKS,
        "extent": _EXTENT,
        "itemType": {"const": "feature"},
        "crs": {"type": "array", "items": {"type": "string", "format": "uri"}, "minItems": 1, "uniqueItems": True},
        "storageCrs": _TEXT,
    },
}
COLLECTIONS = {
    "type": "object",
    "required": ["links", "collections"],
    "properties": {"links": _LINKS, "collections": {"type": "array", "items": COLLECTION}},
}


def _nested(depth: int) -> dict[str, Any]:
    position: dict[str, Any] = {"type": "array", "minItems": 2, "maxItems": 3, "items": {"type": "number"}}
    for _ in range(depth):
        position = {"type": "array", "items": position}
    return position


_SHAPES = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
GEOMETRY = {
    "oneOf": [
        {"type": "null"},
        *(
            {
                "type": "object",
                "required": ["type", "coordinates"],
                "properties": {"type": {"const": name}, "coordinates": _nested(depth)},
            }
            for name, depth in _SHAPES.items()
        ),
    ]
}
FEATURE = {
    "type": "object",
    "required": ["type", "geometry", "properties", "id"],
    "properties": {
        "type": {"const": "Feature"},
        "id": {"type": ["string", "integer"]},
        "geometry": GEOMETRY,
        "properties": {"type": ["object", "null"]},
        "links": _LINKS,
    },
}
FEATURES = {
    "type": "object",
    "required": ["type", "features"],
    "properties": {
        "type": {"const": "FeatureCollection"},
        "features": {"type": "array", "items": FEATURE},
        "links": _LINKS,
        "timeStamp": {"type": "string", "format": "date-time", "pattern": "Z$"},
        "numberMatched": {"type": "integer", "minimum": 0},
        "numberReturned": {"type": "integer", "minimum": 0},
    },
}
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT, "instance": _TEXT},
}
_VALUE = {
    "required": ["type", "title"],
    "properties": {
        "type": {"enum": ["string", "integer", "number", "boolean", "array"]},
        "format": {"enum": ["date", "date-time", "uri", "uuid"]},
        "title": _TEXT,
        "description": _TEXT,
        "enum": {"type": "array", "minItems": 1, "uniqueItems": True},
        "readOnly": {"type": "boolean"},
        "x-ogc-role": {"enum": ["id", "primary-instant", "type"]},
        "x-ogc-propertySeq": {"type": "integer", "minimum": 1},
    },
    "if": {"properties": {"type": {"const": "array"}}},
    "then": {"required": ["items"]},
}
_SPATIAL = {
    "required": ["format"],
    "properties": {"type": False, "format": {"enum": [f"geometry-{name.lower()}" for name in (*_SHAPES, "any")]}},
}
PROPERTIES = {
    "type": "object",
    "required": ["$schema", "$id", "type", "title", "properties"],
    "properties": {
        "$schema": {"enum": [f"https://json-schema.org/draft/{one}/schema" for one in ("2019-09", "2020-12")]},
        "$id": {"type": "string", "pattern": "^https?://[^?]+$"},
        "type": {"const": "object"},
        "title": _TEXT,
        "properties": {"type": "object", "additionalProperties": {"oneOf": [_VALUE, _SPATIAL]}},
    },
}


def fits(content: Any, schema: dict[str, Any]) -> None:
    """AssertionError with the first places at which the content is not what the schema says."""
    wrong = [f"{error.json_path}: {error.message[:200]}" for error in Draft202012Validator(schema).iter_errors(content)]
    assert not wrong, wrong[:5]
