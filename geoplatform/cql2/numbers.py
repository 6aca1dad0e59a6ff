"""Numbers that fit: whole ones of 64 bits, finite ones in double precision."""

from __future__ import annotations

import math

from geoplatform.cql2.tree import Literal, Type
from geoplatform.errors import BadFilter

_LIMIT = 1 << 63
_LONGEST = 20  # digits and sign of a whole number of 64 bits


def number(text: str, at: str) -> Literal:
    """The value of digits with a point, an exponent, or neither. BadFilter if it does not fit."""
    if set(text) & set(".eE"):
        return checked(float(text), at, text)
    digits = text.lstrip("-0") or "0"
    size = int(digits) if len(digits) < _LONGEST else _LIMIT + 1
    return checked(-size if text.startswith("-") else size, at, text)


def checked(value: float, at: str, text: str | None = None) -> Literal:
    """The number as a literal: INTEGER for an int, NUMBER for a float. BadFilter if it does not fit."""
    shown = (text or str(value))[:40]
    if isinstance(value, int):
        if not -_LIMIT <= value < _LIMIT:
            raise BadFilter(at, shown, f"{shown} is no whole number of 64 bits")
        return Literal(value, Type.INTEGER, at)
    if not math.isfinite(value):
        raise BadFilter(at, shown, f"{shown} is no finite number of double precision")
    return Literal(value, Type.NUMBER, at)
