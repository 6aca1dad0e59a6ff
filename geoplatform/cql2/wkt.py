"""Geometries as they stand in CQL2 text: well-known text (OGC 06-103r4, clause 7) and BBOX."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from geoplatform.cql2.numbers import checked
from geoplatform.cql2.tokens import Cursor, Token
from geoplatform.cql2.tree import KINDS, Box, Coordinates, Geometry, Node
from geoplatform.errors import BadFilter

T = TypeVar("T")
KEYWORDS = {kind.lower(): kind for kind in KINDS}


def geometry(cursor: Cursor) -> Node:
    """The geometry or box that begins here. BadFilter names the word at which it is none."""
    token = cursor.now
    cursor.budget.term(token.at)
    if token.word == "bbox":
        cursor.take()
        return _box(cursor, token)
    return _geometry(cursor)


def _box(cursor: Cursor, token: Token) -> Box:
    bounds = tuple(_listed(cursor, _number))
    if len(bounds) not in (4, 6):
        raise BadFilter(
            token.at, token.raw, f"a BBOX has four numbers (west, south, east, north) or six, not {len(bounds)}"
        )
    return Box(bounds, token.at)


def _geometry(cursor: Cursor) -> Geometry:
    token = cursor.take()
    kind = KEYWORDS.get(token.word) if token.kind == "name" else None
    if kind is None:
        raise BadFilter(token.at, token.raw, f"{token.shown} is no kind of geometry")
    if cursor.now.is_word("m", "zm", "empty"):
        raise cursor.wrong(f"{cursor.now.raw} is not read: give a geometry with positions, and at most a height")
    cursor.taken("z")
    return Geometry(kind, _READERS[kind](cursor), token.at)


def _listed(cursor: Cursor, part: Callable[[Cursor], T]) -> list[T]:
    cursor.need("(")
    parts = [part(cursor)]
    while cursor.taken(","):
        parts.append(part(cursor))
    cursor.need(")")
    return parts


def _number(cursor: Cursor) -> float:
    sign = cursor.take() if cursor.now.is_word("-", "+") else None
    if cursor.now.kind != "number":
        raise cursor.wrong(f"a number is missing before {cursor.now.shown}")
    token = cursor.take()
    value = cast(float, checked(float(token.raw), token.at, token.raw).value)
    return -value if sign and sign.word == "-" else value


def _position(cursor: Cursor) -> tuple[float, ...]:
    at = cursor.now.at
    cursor.budget.position(at)
    numbers = [_number(cursor), _number(cursor)]
    if not cursor.now.is_word(",", ")"):
        numbers.append(_number(cursor))
    return tuple(numbers)


def _single(cursor: Cursor) -> tuple[float, ...]:
    cursor.need("(")
    position = _position(cursor)
    cursor.need(")")
    return position


def _of_many(cursor: Cursor) -> tuple[float, ...]:
    """A position of a MULTIPOINT: parentheses around each are right, and usual without."""
    return _single(cursor) if cursor.now.is_word("(") else _position(cursor)


def _line(cursor: Cursor) -> Coordinates:
    return tuple(_listed(cursor, _position))


def _lines(cursor: Cursor) -> Coordinates:
    return tuple(_listed(cursor, _line))


def _member(cursor: Cursor) -> Geometry:
    if cursor.now.is_word("geometrycollection"):
        raise cursor.wrong("a GEOMETRYCOLLECTION holds no other one")
    return _geometry(cursor)


_READERS: dict[str, Callable[[Cursor], Coordinates]] = {
    "Point": _single,
    "MultiPoint": lambda cursor: tuple(_listed(cursor, _of_many)),
    "LineString": _line,
    "MultiLineString": _lines,
    "Polygon": _lines,
    "MultiPolygon": lambda cursor: tuple(_listed(cursor, _lines)),
    "GeometryCollection": lambda cursor: tuple(_listed(cursor, _member)),
}
