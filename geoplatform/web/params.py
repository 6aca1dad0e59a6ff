"""What a request says, read once at the door into types of the model."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from typing import Any
from urllib.parse import urlsplit

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from geoplatform.errors import BadMediaType, BadParameter, BadPoint, NotAuthorised
from geoplatform.model import LonLat, TileAddress
from geoplatform.refusals import Refusal

JSON_TYPES = ("application/geo+json", "application/json", "application/merge-patch+json")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_PROGRAMS = ("/api/", "/tiles/", "/health/")


def wants_html() -> bool:
    """Whether a resource that is a page and data is wanted as a page: `f` decides, else what the client likes best.

    A client that takes anything gets the page.
    """
    asked = request.args.get("f")
    if asked is not None:
        return asked == "html"
    best = request.accept_mimetypes.best_match(["text/html", "application/geo+json", "application/json"], "text/html")
    return best == "text/html"


def wants_error_page() -> bool:
    """Whether an error is for a person: only a client that names text/html (a browser) gets a page."""
    if request.path.startswith(_PROGRAMS) or request.args.get("f", "html") != "html":
        return False
    return "text/html" in request.accept_mimetypes.values()


def page_format() -> str:
    """`html` or `geojson`, for a resource that has both. BadParameter for another `f`."""
    asked = request.args.get("f")
    if asked not in (None, "html", "geojson", "json"):
        raise BadParameter("f", asked, Refusal("not_one_of", allowed=["html", "geojson", "json"]))
    return "html" if wants_html() else "geojson"


def limit(default: int, largest: int) -> int:
    """The `limit` parameter, from 1 to `largest`. BadParameter otherwise."""
    raw = request.args.get("limit")
    if raw is None:
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) < 9 and 1 <= int(raw) <= largest):
        raise BadParameter("limit", raw[:40], Refusal("not_a_whole_number", least=1, most=largest))
    return int(raw)


def whole(name: str, default: int) -> int:
    """A parameter that is a whole number from 0. BadParameter otherwise."""
    raw = request.args.get(name)
    if raw is None:
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) < 19):
        raise BadParameter(name, raw[:40], Refusal("not_a_count"))
    return int(raw)


def vintage() -> int | dt.date | None:
    """The year in `vintage`, or the day in `at` (YYYY-MM-DD), None where neither is given. BadParameter otherwise."""
    year, at = request.args.get("vintage"), request.args.get("at")
    if year is not None and at is not None:
        raise BadParameter("at", at[:40], Refusal("not_with", other="vintage"))
    if year is not None:
        if not re.fullmatch("[0-9]{4}", year):
            raise BadParameter("vintage", year[:40], Refusal("not_a_year"))
        return int(year)
    return day("at")


def day(name: str) -> dt.date | None:
    """A parameter that is a day as YYYY-MM-DD, None where it is not given. BadParameter otherwise."""
    raw = request.args.get(name)
    if raw is None:
        return None
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", raw):
        raise BadParameter(name, raw[:40], Refusal("not_a_day"))
    try:
        return dt.date.fromisoformat(raw)
    except ValueError as error:
        raise BadParameter(name, raw[:40], Refusal("not_a_day")) from error


def flag(name: str) -> bool:
    """Whether a parameter is `true`; it may be `false` or absent. BadParameter otherwise."""
    raw = request.args.get(name, "false")
    if raw not in ("true", "false"):
        raise BadParameter(name, raw[:40], Refusal("not_a_flag"), allowed=["true", "false"])
    return raw == "true"


def words() -> str:
    """The search words in `q`, without control characters."""
    return "".join(sign for sign in request.args.get("q", "") if sign.isprintable()).strip()


def required_text(name: str, longest: int) -> str:
    """A parameter that is a text of 1 to so many signs, without control characters. BadParameter otherwise."""
    said = "".join(sign for sign in request.args.get(name, "") if sign.isprintable()).strip()
    if not 0 < len(said) <= longest:
        raise BadParameter(name, said[:40], Refusal("not_text_of", least=1, most=longest))
    return said


def position() -> LonLat:
    """`lon` and `lat` in degrees. BadPoint names the one that is missing or wrong."""
    return LonLat(_degrees("lon"), _degrees("lat"))


def _degrees(name: str) -> float:
    raw = request.args.get(name, "")
    value = float(raw) if _NUMBER.fullmatch(raw) else math.nan
    if not math.isfinite(value):
        raise BadPoint(name, raw[:40], Refusal("not_degrees"))
    return value


def tile_address(z: str, x: str, y: str) -> TileAddress:
    """The tile these path segments name. BadTile if it is outside the pyramid."""
    return TileAddress(*(int(part) if len(part) < 9 else 10**9 for part in (z, x, y)))


def bearer_token() -> str:
    """The secret in the Authorization header: a Bearer token, or the password of Basic, which is all that some programs
    can send. NotAuthorised without one."""
    given = request.authorization
    secret = given and (given.token if given.type == "bearer" else given.password if given.type == "basic" else None)
    if not secret:
        raise NotAuthorised(Refusal("needs_key"))
    return str(secret)


def own_path(target: str, otherwise: str) -> str:
    """The address if it is one of this site, without a host; else the other one."""
    try:
        asked = urlsplit(target)
    except ValueError:
        return otherwise
    ours = (
        not (asked.scheme or asked.netloc) and asked.path.startswith("/") and not asked.path.startswith(("//", "/\\"))
    )
    return asked.geturl() if ours else otherwise


def body() -> bytes:
    """The body, whole. 413 if it is larger than the application takes, also when its length is not told beforehand."""
    largest = request.max_content_length or 0
    data = b""
    while piece := request.stream.read(largest + 1 - len(data)):  # at the limit the stream itself says 413
        data += piece
        if len(data) > largest:
            raise RequestEntityTooLarge
    return data


def json_of(data: bytes) -> Any:
    """A request's body as JSON. BadMediaType, or BadParameter with line and column, if it is none."""
    if request.mimetype not in JSON_TYPES:
        raise BadMediaType("Content-Type", request.mimetype, Refusal("wrong_media_type", allowed=[*JSON_TYPES]))
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise BadParameter("body", None, Refusal("not_utf8", byte=error.start)) from error
    except json.JSONDecodeError as error:
        told = Refusal("not_json_at", why=error.msg, line=error.lineno, column=error.colno)
        raise BadParameter("body", None, told) from error
    except RecursionError as error:
        raise BadParameter("body", None, Refusal("too_deep")) from error
    except ValueError as error:
        raise BadParameter("body", None, Refusal("not_json", why=str(error))) from error


def _refuse_constant(name: str) -> Any:
    raise BadParameter("body", name, Refusal("not_in_json", given=name))
