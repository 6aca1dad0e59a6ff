"""The API's OpenAPI 3.0.3 description, from its routes and their own words: what it says is what there is."""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import Any

from flask import Blueprint, Response, current_app, jsonify

from geoplatform import __version__
from geoplatform.model import Kind, Licence, Scope, Stage, Visibility
from geoplatform.store.citizens.mine import Choice
from geoplatform.store.citizens.moderation import Action, Reason, Report
from geoplatform.store.citizens.operation import Remit
from geoplatform.web import context
from geoplatform.web.api import addresses
from geoplatform.web.limits import counted
from geoplatform.web.problems import CODES

blueprint = Blueprint("description", __name__)

PREFIX = "/api/v1"
_JSON, _GEOJSON, _ZIP, _PROBLEM = (
    "application/json",
    "application/geo+json",
    "application/zip",
    "application/problem+json",
)
_SEGMENT = re.compile(r"<(?:(?P<kind>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
_ANY = re.compile(r"any\(([^)]*)\)")


def _text(longest: int, **more: Any) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest, **more}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "nullable": True}


def _one_of(choices: Any) -> dict[str, Any]:
    return {"type": "string", "enum": [str(choice) for choice in choices]}


def _object(required: tuple[str, ...] = (), **members: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "object", "properties": members, "additionalProperties": False}
    return {**told, "required": list(required)} if required else told


_DAY, _FLAG, _UUID = {"type": "string", "format": "date"}, {"type": "boolean"}, {"type": "string", "format": "uuid"}
_NOTE = _text(2000)
_EMAIL = {"type": "string", "format": "email", "maxLength": 254}
_COMMUNE = {"type": "string", "pattern": "^[0-9AB]{5}$"}
_TRAP = _text(500, description="A trap for programs that fill every field: leave it out.")
_PROPERTIES = _object(
    kind=_one_of(Kind), category=_or_null(_text(60)), name=_text(200, minLength=1), description=_or_null(_text(4000)),
    address=_or_null(_text(500)), phone=_or_null(_text(40)), website=_or_null(_text(500, format="uri")),
    opening_hours=_or_null(_text(500, description="In the syntax of OpenStreetMap.")), stage=_or_null(_one_of(Stage)),
    starts_on=_or_null(_DAY), ends_on=_or_null(_DAY), licence=_one_of(Licence), visibility=_one_of(Visibility),
)  # fmt: skip
_POINT = {
    "type": "object",
    "required": ["type", "coordinates"],
    "properties": {
        "type": {"type": "string", "enum": ["Point"]},
        "coordinates": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3},
    },
}
_MEMBERS: dict[str, Any] = {
    "type": {"type": "string", "enum": ["Feature"]},
    "id": _UUID,
    "geometry": _POINT,
    "properties": {**_PROPERTIES, "required": ["kind", "name"]},
}
_FEATURE = {"type": "object", "required": ["type", "geometry", "properties"], "properties": _MEMBERS}
_PATCH = _object(type={"type": "string", "enum": ["Feature"]}, geometry=_or_null(_POINT), properties=_PROPERTIES)

_CODE = {
    "type": "string",
    "enum": CODES,
    "description": "What is wrong. Codes stay; what the sentences speak of stands beside.",
}
_DETAIL = {
    "type": "string",
    "description": "The code's sentence, in the language that Content-Language tells: that of the cookie `lang`, else of "
    "Accept-Language (fr or en), else English.",
}
_WRONG = {
    "type": "object",
    "required": ["parameter", "code", "detail"],
    "properties": {"parameter": {"type": "string"}, "code": _CODE, "detail": _DETAIL},
}
_PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "instance"],
    "properties": {
        "type": _text(200),
        "title": _text(200),
        "status": {"type": "integer"},
        "detail": _DETAIL,
        "instance": {"type": "string"},
        "code": _CODE,
        "parameter": {"type": "string", "description": "The member or parameter at fault, where it is one."},
        "errors": {"type": "array", "items": _WRONG, "description": "Everything that is wrong with a body."},
    },
}

#: What each request says in its body, by the name of its view.
_BODIES: dict[str, dict[str, Any]] = {
    "api.submit": _FEATURE,
    "api.replace": {**_FEATURE, "properties": {**_MEMBERS, "geometry": _or_null(_POINT)}},
    "api.update": _PATCH,
    "session.ask_link": _object(("email",), email=_EMAIL, url=_TRAP),
    "session.begin": _object(("link",), link=_text(200, minLength=1)),
    "me.change": _object(
        display_name=_text(80, minLength=1), home_commune=_or_null(_COMMUNE), language=_one_of(("fr", "en"))
    ),
    "me.ask_address": _object(("email",), email=_EMAIL),
    "me.confirm_address": _object(("code",), code=_text(200, minLength=1)),
    "me.consent": _object(("given",), given=_FLAG, version=_DAY),
    "me.make_token": _object(
        ("label", "scopes"),
        label=_text(100, minLength=1),
        scopes={"type": "array", "items": _one_of(Scope), "minItems": 1},
        days={"type": "integer", "minimum": 1, "maximum": 366},
    ),
    "community.take_part": _object(role=_or_null(_text(60)), public=_FLAG),
    "community.change": _object(role=_or_null(_text(60)), public=_FLAG),
    "community.invite": _object(
        ("email", "purpose"), email=_EMAIL, purpose=_one_of(("participation", "keeping")), role=_or_null(_text(60))
    ),
    "community.answer": _object(("accept",), accept=_FLAG),
    "moderation.suggest": _object(properties=_PROPERTIES, geometry=_or_null(_POINT), note=_or_null(_NOTE)),
    "moderation.report": _object(("reason",), reason=_one_of(Report), note=_or_null(_NOTE), url=_TRAP),
    "moderation.claim": _object(("note",), note={**_NOTE, "minLength": 1}),
    "moderation.appeal": _object(("note",), note={**_NOTE, "minLength": 1}),
    "moderation.decide": _object(
        ("accept", "reason"), accept=_FLAG, reason=_one_of(Reason), action=_one_of(Action), note=_or_null(_NOTE)
    ),
    "mine.relicense": _object(
        ("places", "licence"),
        places={"type": "array", "items": _UUID, "minItems": 1, "maxItems": 1000},
        licence=_one_of(Licence),
    ),
    "operation.grant": _object(
        ("email", "scope"),
        email=_EMAIL,
        scope=_one_of(Remit),
        code=_text(5, description="Of the commune or department."),
    ),
    "mine.leave": _object(
        ("otherwise", "confirm"),
        choices={"type": "object", "additionalProperties": _one_of(Choice)},
        otherwise=_one_of(Choice),
        confirm=_FLAG,
    ),
    "mine.follow": _object(
        commune_code=_COMMUNE,
        kind=_one_of(Kind),
        area={"type": "object", "description": "A GeoJSON Polygon of at most 500 points."},
        by_mail=_one_of(("never", "daily", "weekly")),
    ),
}
#: Parameters of the query, by view: schema, and whether it is required.
_QUERIES: dict[str, dict[str, tuple[dict[str, Any], bool]]] = {
    "api.submit": {"distinct": (_FLAG, False)},
    "api.place": {"at": (_DAY, False)},
    "api.places_on_day": {"at": (_DAY, True)},
    "api.duplicates": {
        "name": (_text(200, minLength=1), True),
        "lon": ({"type": "number", "minimum": -180, "maximum": 180}, True),
        "lat": ({"type": "number", "minimum": -90, "maximum": 90}, True),
    },
    "api.placement": {
        "lon": ({"type": "number", "minimum": -180, "maximum": 180}, True),
        "lat": ({"type": "number", "minimum": -90, "maximum": 90}, True),
    },
    "addresses.search": {
        "q": (_text(addresses.LONGEST, minLength=1), True),
        "commune": (_COMMUNE, False),
        "limit": ({"type": "integer", "minimum": 1, "maximum": addresses.MOST}, False),
    },
    "moderation.queue": {"commune": (_COMMUNE, False)},
    "moderation.log": {
        "commune": (_COMMUNE, False),
        "after": ({"type": "integer", "minimum": 0}, False),
        "limit": ({"type": "integer", "minimum": 1, "maximum": 500}, False),
    },
}
#: What is answered where it is not 200 for what is read, 204 for what is deleted, 201 for what is posted.
_ANSWERED: dict[str, tuple[int, ...]] = {
    "api.submit": (200, 201, 202), "api.replace": (200,), "api.update": (200,), "api.restore": (200,),
    "session.ask_link": (202,), "me.change": (200,), "me.consent": (200,), "me.ask_address": (202,), "community.appreciate": (204,),
    "community.accept": (204,), "community.change": (204,), "community.invite": (202,), "community.answer": (204,),
    "moderation.decide": (200,), "mine.take_in": (200,), "mine.leave": (200,),
}  # fmt: skip
#: What is told to whoever asks.
_OPEN = {
    "api.place", "api.history", "api.duplicates", "api.places_on_day", "api.placement", "session.ask_link", "session.begin",
    "session.show", "community.of_place", "moderation.report", "moderation.log", "mine.receipt", "description.show",
    "addresses.search",
}  # fmt: skip
_SPELLED = {
    "api.place": _GEOJSON, "api.submit": _GEOJSON, "api.replace": _GEOJSON, "api.update": _GEOJSON, "api.restore": _GEOJSON,
    "api.places_on_day": _GEOJSON, "mine.places": _GEOJSON, "mine.place": _GEOJSON, "mine.take_out": _ZIP,
    "addresses.search": _GEOJSON,
}  # fmt: skip
_MATCHED = ("api.replace", "api.update", "api.delete", "api.restore")


@blueprint.get(f"{PREFIX}/openapi.json")
@counted("read")
def show() -> Response:
    """This description."""
    response = jsonify({**document(), "servers": [{"url": context.absolute(PREFIX)}]})
    response.mimetype = "application/vnd.oai.openapi+json;version=3.0"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


@cache
def document() -> dict[str, Any]:
    """The description, but for the address of the server."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in current_app.url_map.iter_rules():
        if not rule.rule.startswith(f"{PREFIX}/"):
            continue
        for path, parameters in _spread(rule.rule.removeprefix(PREFIX)):
            told = paths.setdefault(path, {})
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                told[method.lower()] = _operation(rule.endpoint, method, path, parameters)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Citizens' API",
            "version": __version__,
            "description": "What citizens add to the map of their commune, and what they do with what is theirs.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A citizen's token, or an operator's key.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "session",
                    "description": "Requests that change something also carry X-CSRF-Token (GET /session tells it).",
                },
            },
            "schemas": {"Problem": _PROBLEM_SCHEMA},
        },
    }


def _spread(rule: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """The paths of a rule as OpenAPI writes them, one for each word of a choice, with their parameters."""
    choice = _ANY.search(rule)
    if choice:
        return [
            one for word in choice[1].split(",") for one in _spread(re.sub(r"<any\([^)]*\):\w+>", word.strip(), rule))
        ]
    schemas = {"uuid": _UUID, "int": {"type": "integer", "minimum": 0}}
    parameters = [
        {"name": found["name"], "in": "path", "required": True,
         "schema": schemas.get(found["kind"], {"type": "string", "minLength": 1})}
        for found in _SEGMENT.finditer(rule)
    ]  # fmt: skip
    return [(_SEGMENT.sub(r"{\g<name>}", rule), parameters)]


def _operation(endpoint: str, method: str, path: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    words = inspect.getdoc(current_app.view_functions[endpoint]) or ""
    summary, _, rest = words.partition("\n\n")
    asked = [
        {"name": name, "in": "query", "required": required, "schema": schema}
        for name, (schema, required) in _QUERIES.get(endpoint, {}).items()
    ]
    matched = [{"name": "If-Match", "in": "header", "required": False, "schema": {"type": "string"},
                "description": "The version that was read, as its ETag."}]  # fmt: skip
    told: dict[str, Any] = {
        "operationId": f"{endpoint}.{path.rpartition('/')[2]}" if endpoint == "community.mine" else endpoint,
        "summary": " ".join(summary.split()),
        "tags": [endpoint.partition(".")[0]],
        "parameters": [*parameters, *asked, *(matched if endpoint in _MATCHED else [])],
        "responses": _responses(endpoint, method),
        "security": [{}, {"token": []}, {"session": []}] if endpoint in _OPEN else [{"token": []}, {"session": []}],
    }
    if rest:
        told["description"] = " ".join(rest.split())
    if endpoint in _BODIES:
        spelled = _GEOJSON if endpoint in ("api.submit", "api.replace") else _JSON
        told["requestBody"] = {"required": True, "content": {spelled: {"schema": _BODIES[endpoint]}}}
    elif endpoint == "mine.take_in":
        told["requestBody"] = {"required": True, "content": {_ZIP: {"schema": {"type": "string", "format": "binary"}}}}
    return told


def _responses(endpoint: str, method: str) -> dict[str, Any]:
    usual = {"GET": (200,), "DELETE": (204,), "POST": (201,)}
    spelled = _SPELLED.get(endpoint, _JSON)
    schema = {"type": "string", "format": "binary"} if spelled == _ZIP else {"type": "object"}
    if endpoint == "description.show":
        spelled = "application/vnd.oai.openapi+json"
    spoken = {"Content-Language": {"required": True, "schema": _one_of(("fr", "en"))}}
    problem = {"description": "What is wrong (RFC 9457).", "headers": spoken,
               "content": {_PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}  # fmt: skip
    done: dict[str, Any] = {
        str(status): {"description": "Done."} if status == 204
        else {"description": "Done.", "content": {spelled: {"schema": schema}}}
        for status in _ANSWERED.get(endpoint, usual.get(method, (200,)))
    }  # fmt: skip
    return done | {"4XX": problem, "503": problem}
