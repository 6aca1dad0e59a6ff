"""From CQL2 JSON to the tree that the same filter has as text. The rules: OGC 21-065r2, annex A (its schema)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from geoplatform.cql2 import instants
from geoplatform.cql2.numbers import checked
from geoplatform.cql2.tokens import is_plain
from geoplatform.cql2.tree import (
    ARITY,
    ARRAYS,
    CONSTRUCTORS,
    KINDS,
    RESERVED,
    Array,
    Box,
    Budget,
    Coordinates,
    Geometry,
    Interval,
    Limits,
    Literal,
    Name,
    Node,
    Type,
    operation,
    require_depth,
    require_size,
)
from geoplatform.errors import BadFilter

_OPERATORS = {op.lower(): op for op in ARITY}
_LIMITS = Limits()
_LONGEST_INTEGER = 20


def parse_json(source: bytes | str | dict[str, Any], limits: Limits = _LIMITS) -> Node:
    """The tree of a CQL2 JSON, as bytes in UTF-8, as a text, or decoded. BadFilter names the member at fault by its path."""
    value = _decoded(source, limits) if isinstance(source, bytes | str) else source
    budget = Budget(limits)
    root = _Reader(budget).node(value, "$", 1)
    require_depth(root, budget)
    return root


def _decoded(source: bytes | str, limits: Limits) -> Any:
    if isinstance(source, bytes):
        try:
            source = source.decode()
        except UnicodeDecodeError as error:
            raise BadFilter(f"byte {error.start + 1}", None, "this is no UTF-8") from error
    require_size(source, limits)
    try:
        return json.loads(source, parse_int=_integer, object_pairs_hook=_members)
    except json.JSONDecodeError as error:
        raise BadFilter(f"line {error.lineno}, character {error.colno}", None, f"no JSON: {error.msg}") from error
    except RecursionError as error:
        raise BadFilter("", None, f"nested deeper than {limits.depth} levels") from error


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else math.inf


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(name for number, (name, _) in enumerate(pairs) if name in dict(pairs[:number]))
        raise BadFilter("", twice, f"the member {twice[:40]!r} stands twice in one object")
    return members


class _Reader:
    """Every method takes a decoded value and its path, and gives the node it means."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def node(self, value: object, at: str, depth: int) -> Node:
        self._budget.depth(depth, at)
        if isinstance(value, dict):
            return self._object(value, at, depth)
        if isinstance(value, list):
            raise BadFilter(at, "a list", "a list stands only behind in and in functions of arrays (a_contains …)")
        if value is None:
            raise BadFilter(at, None, "null is asked for with isNull")
        self._budget.term(at)
        if isinstance(value, bool):
            return Literal(value, Type.BOOLEAN, at)
        if isinstance(value, int | float):
            return checked(value, at)
        return Literal(_string(value, at), Type.STRING, at)

    def _object(self, value: dict[str, Any], at: str, depth: int) -> Node:
        if "op" in value:
            return self._operation(value, at, depth)
        if "type" in value:
            self._budget.term(at)
            return self.geometry(value, at)
        if len(value) == 1:
            ((member, inner),) = value.items()
            inside = f"{at}.{member}"
            if member == "interval":
                return self._interval(inner, inside, depth)
            if member in _READERS:
                self._budget.term(inside)
                return _READERS[member](inner, inside)
        shown = ", ".join(map(str, value))[:80] or "nothing"
        wanted = "op and args, property, date, timestamp, interval, bbox, or a GeoJSON geometry"
        raise BadFilter(at, shown, f"an object of CQL2 has {wanted}; this one has {_cut(shown)}")

    def _operation(self, value: dict[str, Any], at: str, depth: int) -> Node:
        _only(value, ("op", "args"), at)
        name = _string(value["op"], f"{at}.op")
        op = _OPERATORS.get(name.lower(), name)
        if op not in ARITY and (not is_plain(op) or op.lower() in RESERVED | CONSTRUCTORS):
            raise BadFilter(f"{at}.op", name, f"{_cut(name)} is no operator and no name of a function")
        args = value.get("args")
        if not isinstance(args, list):
            raise BadFilter(f"{at}.args", args, f"the operands of {_cut(op)} are no list")
        nodes = (self._operand(op, number, arg, f"{at}.args[{number}]", depth + 1) for number, arg in enumerate(args))
        return operation(op, tuple(nodes), f"{at}.op")

    def _operand(self, op: str, number: int, arg: object, at: str, depth: int) -> Node:
        is_list = (op == "in" and number == 1) or (op in ARRAYS and isinstance(arg, list))
        return self._array(arg, at, depth) if is_list else self.node(arg, at, depth)

    def _array(self, value: object, at: str, depth: int) -> Array:
        if not isinstance(value, list):
            raise BadFilter(at, value, "is no list")
        self._budget.depth(depth, at)
        return Array(tuple(self.node(item, f"{at}[{number}]", depth + 1) for number, item in enumerate(value)), at)

    def _interval(self, value: object, at: str, depth: int) -> Interval:
        if not isinstance(value, list) or len(value) != 2:
            raise BadFilter(at, value, "an interval has two ends, in a list")
        start, end = (self._end(one, f"{at}[{number}]", depth) for number, one in enumerate(value))
        return Interval(start, end, at)

    def _end(self, value: object, at: str, depth: int) -> Node | None:
        if isinstance(value, str):
            self._budget.term(at)
            return instants.instant(_string(value, at), at)
        return self.node(value, at, depth + 1)

    def geometry(self, value: object, at: str, *, inside: bool = False) -> Geometry:
        if not isinstance(value, dict):
            raise BadFilter(at, value, "is no GeoJSON geometry")
        kind = value.get("type")
        if not isinstance(kind, str) or kind not in KINDS:
            raise BadFilter(
                f"{at}.type", kind, f"{_cut(str(kind))} is no kind of geometry; there are {', '.join(KINDS)}"
            )
        member = "geometries" if kind == "GeometryCollection" else "coordinates"
        _only(value, ("type", member, "bbox"), at)
        if member not in value:
            raise BadFilter(at, kind, f"this {kind} has no {member}")
        if member == "coordinates":
            return Geometry(kind, self._coordinates(value[member], KINDS[kind], f"{at}.{member}"), at)
        if inside:
            raise BadFilter(at, kind, "a GeometryCollection holds no other one")
        parts = _listed(value[member], f"{at}.{member}")
        return Geometry(kind, tuple(self.geometry(one, place, inside=True) for one, place in parts), at)

    def _coordinates(self, value: object, nesting: int, at: str) -> Coordinates:
        if nesting:
            return tuple(self._coordinates(part, nesting - 1, place) for part, place in _listed(value, at))
        self._budget.position(at)
        if not isinstance(value, list) or len(value) not in (2, 3):
            raise BadFilter(at, value, "a position is a list of two numbers (longitude, latitude), or three")
        return tuple(_float(number, f"{at}[{index}]") for index, number in enumerate(value))


def _listed(value: object, at: str) -> list[tuple[object, str]]:
    if not isinstance(value, list) or not value:
        raise BadFilter(at, value, "is no list that holds something")
    return [(part, f"{at}[{number}]") for number, part in enumerate(value)]


def _only(value: dict[str, Any], members: tuple[str, ...], at: str) -> None:
    for member in value:
        if member not in members:
            raise BadFilter(at, member, f"{_cut(str(member))} is no member here; there are {', '.join(members)}")


def _name(value: object, at: str) -> Name:
    name = _string(value, at)
    if not name:
        raise BadFilter(at, name, "a property has a name; '' is none")
    return Name(name, at)


def _date(value: object, at: str) -> Literal:
    return instants.date(_string(value, at), at)


def _timestamp(value: object, at: str) -> Literal:
    return instants.timestamp(_string(value, at), at)


def _float(value: object, at: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadFilter(at, value, f"{_cut(str(value))} is no number")
    return float(checked(value, at).value)  # type: ignore[arg-type]


def _box(value: object, at: str) -> Box:
    if not isinstance(value, list) or len(value) not in (4, 6):
        raise BadFilter(at, value, "a bbox is a list of four numbers (west, south, east, north) or six")
    return Box(tuple(_float(number, f"{at}[{index}]") for index, number in enumerate(value)), at)


def _string(value: object, at: str) -> str:
    if not isinstance(value, str):
        raise BadFilter(at, value, f"{_cut(str(value))} is no string")
    if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise BadFilter(at, None, "holds NUL or half of a surrogate pair, which are no characters")
    return value


def _cut(text: str) -> str:
    return repr(text[:40])


_READERS: dict[str, Callable[[object, str], Node]] = {
    "property": _name,
    "date": _date,
    "timestamp": _timestamp,
    "bbox": _box,
}
