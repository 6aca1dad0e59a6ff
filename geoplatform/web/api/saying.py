"""What requests to the API say and how answers say it."""

from __future__ import annotations

import uuid
from typing import Any, TypeVar

from flask import Response, jsonify, request

from geoplatform.errors import BadBody, BadParameter, Unknown
from geoplatform.reading import Reading
from geoplatform.refusals import Refusal
from geoplatform.store.citizens.accounts import Me
from geoplatform.web import params

T = TypeVar("T")

_AGENT_MAX = 300


def members() -> Reading:
    """The members of the JSON object in the body. BadBody if it is none."""
    return reading_of(params.json_of(params.body()))


def reading_of(body: Any) -> Reading:
    """The members of an object. BadBody if it is none."""
    if not isinstance(body, dict):
        raise BadBody([BadParameter("body", None, Refusal("not_a_json_object"))])
    return Reading(body)


def done(said: Reading, noun: str) -> None:
    """BadBody if something that was said is wrong, or means nothing."""
    said.refuse_others(noun)
    if said.problems:
        raise BadBody(said.problems)


def sure(value: T | None) -> T:
    """A value that was required, after `done` has refused what lacks it."""
    if value is None:
        raise AssertionError("asked for after it was found to be absent")
    return value


def identifier(raw: str, noun: str) -> uuid.UUID:
    """The UUID of a path. Unknown if it is none."""
    try:
        return uuid.UUID(raw)
    except ValueError:
        raise Unknown(noun, raw[:80]) from None


def citizen(me: Me) -> dict[str, Any]:
    """A citizen, as he or she sees it."""
    return {
        "id": str(me.id),
        "display_name": me.display_name,
        "email": me.email,
        "home_commune": me.home_commune,
        "language": me.language,
        "state": me.state,
        "joined_on": me.joined_on.isoformat(),
        "roles": me.roles,
        "consents": me.consents,
    }


def agent() -> str:
    """The client, as its owner will recognise it: what it calls itself, cut."""
    said = "".join(sign for sign in request.headers.get("User-Agent", "") if sign.isprintable())
    return said[:_AGENT_MAX]


def private(told: dict[str, Any], status: int = 200) -> Response:
    """An answer for the caller's eyes, which no cache keeps."""
    response = jsonify(plain(told))
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def plain(value: Any) -> Any:
    """A row, or what is in one, as JSON has it."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value
