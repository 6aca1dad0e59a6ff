"""Which places of a commune a reader asks for, in the address of its page: `kind`, `category`, `q`, `bbox`, `fresh`, `open`.

An empty parameter is any, as forms send what is not filled in.
"""

from __future__ import annotations

import datetime as dt
import math

from flask import request

from geoplatform.errors import BadParameter
from geoplatform.model import BBox, Category, Kind
from geoplatform.store.listing import Only
from geoplatform.web import context, params

#: What counts as known of late.
_FRESH = dt.timedelta(days=365)
_LONGEST_WORDS = 100
_LAST_PAGE = 10_000


def asked(categories: dict[str, Category]) -> Only:
    """What the request asks for. BadParameter names what is wrong."""
    kind, category = request.args.get("kind"), request.args.get("category")
    for name, value, there in (("kind", kind, list(Kind)), ("category", category, list(categories))):
        if value and value not in there:
            raise BadParameter(name, value[:40], "is not one of " + ", ".join(there))
    return Only(
        kind=kind or None,
        category=category or None,
        words=params.words()[:_LONGEST_WORDS] or None,
        box=_box(),
        known_since=fresh_since() if _is_on("fresh") else None,
        open_at=context.now() if _is_on("open") else None,
    )


def page() -> int:
    """The page of the list, counted from 1. BadParameter for one that no list has."""
    number = params.whole("page", 1)
    if not 1 <= number <= _LAST_PAGE:
        raise BadParameter("page", number, f"is not from 1 to {_LAST_PAGE}")
    return number


def fresh_since() -> dt.date:
    """The first day of what counts as known of late."""
    return context.now().date() - _FRESH


def spelled(only: Only) -> dict[str, str]:
    """The same as parameters of an address."""
    box = only.box
    told = {
        "kind": only.kind,
        "category": only.category,
        "q": only.words,
        "fresh": "1" if only.known_since else None,
        "open": "1" if only.open_at else None,
        "bbox": f"{box.west:.5f},{box.south:.5f},{box.east:.5f},{box.north:.5f}" if box else None,
    }
    return {name: value for name, value in told.items() if value}


def on_tiles(only: Only) -> dict[str, str]:
    """What of it tiles can be asked for."""
    return {name: value for name, value in spelled(only).items() if name in ("kind", "category")}


def is_narrow(only: Only) -> bool:
    """Whether it asks for what tiles do not tell: the map then shows the places of the list, and no others."""
    return bool(only.words or only.known_since or only.open_at)


def _is_on(name: str) -> bool:
    raw = request.args.get(name, "")
    if raw not in ("", "1"):
        raise BadParameter(name, raw[:40], "is neither 1 nor absent", allowed=["1"])
    return raw == "1"


def _box() -> BBox | None:
    raw = request.args.get("bbox", "")
    if not raw:
        return None
    try:
        west, south, east, north = (float(part) for part in raw.split(","))
    except ValueError:
        raise BadParameter("bbox", raw[:80], "is not four numbers with commas between them") from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90 and math.isfinite(west + south + east + north)):
        raise BadParameter(
            "bbox", raw[:80], "is not west, south, east, north in degrees, west before east, south before north"
        )
    return BBox(west, south, east, north)
