"""Dates and timestamps as CQL2 spells them (RFC 3339, UTC)."""

from __future__ import annotations

import datetime as dt
import re
from typing import cast

from geoplatform.cql2.tree import Literal, Type
from geoplatform.errors import BadFilter

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIMESTAMP = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d+)?Z", re.ASCII)
OPEN = ".."


def date(text: str, at: str) -> Literal:
    """The day. BadFilter if it is none, or none of the years 1 to 9999."""
    if not _DATE.fullmatch(text):
        raise BadFilter(at, text, f"{text[:40]!r} is no date; write it as '2026-11-22'")
    try:
        return Literal(dt.date.fromisoformat(text), Type.DATE, at)
    except ValueError as error:
        raise BadFilter(at, text, f"{text!r} is in no calendar: {error}") from error


def timestamp(text: str, at: str) -> Literal:
    """The moment, to the microsecond: further digits are cut. BadFilter if it is none, or not said in UTC."""
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        raise BadFilter(at, text, f"{text[:40]!r} is no timestamp; write it in UTC, as '2026-11-22T10:00:00Z'")
    try:
        moment = dt.datetime.fromisoformat(match[1]).replace(tzinfo=dt.UTC)
    except ValueError as error:
        raise BadFilter(at, text, f"{text[:40]!r} is in no calendar: {error}") from error
    micros = int(((match[2] or ".") + "000000")[1:7])
    return Literal(moment.replace(microsecond=micros), Type.TIMESTAMP, at)


def instant(text: str, at: str) -> Literal | None:
    """An end of an interval: a day or a moment, None for `..`."""
    if text == OPEN:
        return None
    return timestamp(text, at) if "T" in text else date(text, at)


def moment(instant: Literal, *, last: bool = False) -> dt.datetime:
    """The moment in UTC; of a day its first one, or its last one (to the microsecond)."""
    value = instant.value
    if isinstance(value, dt.datetime):
        return value
    return dt.datetime.combine(cast(dt.date, value), dt.time.max if last else dt.time.min, dt.UTC)


def spelled(instant: Literal) -> str:
    """The day or moment as it is written. Years have four digits."""
    value = instant.value
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat() + "Z"
    return cast(dt.date, value).isoformat()
