"""A tree as CQL2 text or JSON again, which read give an equal tree."""

from __future__ import annotations

from typing import Any

from geoplatform.cql2.instants import OPEN, spelled
from geoplatform.cql2.tokens import spelled_name
from geoplatform.cql2.tree import (
    COMPARISONS,
    WRITTEN_AS_FUNCTIONS,
    Array,
    Box,
    Geometry,
    Interval,
    Literal,
    Name,
    Node,
    Operation,
    Type,
)
from geoplatform.errors import BadFilter

#: How tightly each operator binds; what is written as a function, and every value, binds tighter.
_BINDING = {
    "or": 1, "and": 2, "not": 3, **dict.fromkeys((*COMPARISONS, "like", "between", "in", "isNull"), 4),
    "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "div": 6, "^": 7,
}  # fmt: skip
_TIGHTEST = 8


def to_json(node: Node) -> Any:
    """The filter as JSON values: what `json.dumps` takes and `parse_json` reads."""
    match node:
        case Literal(value, type_):
            return {type_.value: spelled(node)} if type_.is_temporal else value
        case Name(name):
            return {"property": name}
        case Operation(op, args):
            return {"op": op, "args": [to_json(arg) for arg in args]}
        case Array(items):
            return [to_json(item) for item in items]
        case Interval(start, end):
            return {"interval": [_end_as_json(start), _end_as_json(end)]}
        case Box(bounds):
            return {"bbox": list(bounds)}
        case Geometry(kind, parts):
            if kind == "GeometryCollection":
                return {"type": kind, "geometries": [to_json(part) for part in parts]}  # type: ignore[arg-type]
            return {"type": kind, "coordinates": _as_lists(parts)}


def _as_lists(coordinates: Any) -> Any:
    return coordinates if isinstance(coordinates, float) else [_as_lists(part) for part in coordinates]


def _end_as_json(end: Node | None) -> Any:
    if end is None:
        return OPEN
    return spelled(end) if isinstance(end, Literal) else to_json(end)


def to_text(node: Node) -> str:
    """The filter as text, with no more parentheses than it needs.

    BadFilter if it holds a string in which a backslash stands before a quote or at the end: the text form has no way to say that.
    """
    match node:
        case Literal():
            return _literal(node)
        case Name(name):
            return spelled_name(name)
        case Operation(op, args):
            return _operation(op, args)
        case Array(items):
            return f"({', '.join(map(to_text, items))})"
        case Interval(start, end):
            return f"INTERVAL({_end(start)}, {_end(end)})"
        case Box(bounds):
            return f"BBOX({', '.join(map(repr, bounds))})"
        case Geometry():
            return _geometry(node)


def _literal(node: Literal) -> str:
    if node.type is Type.STRING:
        return _string(str(node.value))
    if node.type is Type.BOOLEAN:
        return str(node.value).upper()
    if node.type.is_temporal:
        return f"{node.type.upper()}('{spelled(node)}')"
    return repr(node.value)


def _string(value: str) -> str:
    if value.endswith("\\") or "\\'" in value:
        raise BadFilter("", value, "a backslash before a quote or at the end of a string can only be said in JSON")
    return "'" + value.replace("'", "''") + "'"


def _operation(op: str, args: tuple[Node, ...]) -> str:
    binding = _BINDING.get(op, _TIGHTEST)
    if binding == _TIGHTEST:
        name = op.upper() if op.lower() in WRITTEN_AS_FUNCTIONS else op
        return f"{name}({', '.join(map(to_text, args))})"
    if op == "not":
        return f"NOT {_within(args[0], binding)}"
    leftmost = binding if op in ("+", "-", "*", "/", "%", "div") else binding + 1
    parts = [_within(args[0], leftmost), *(_within(arg, binding + 1) for arg in args[1:])]
    if op == "isNull":
        return f"{parts[0]} IS NULL"
    if op == "between":
        return f"{parts[0]} BETWEEN {parts[1]} AND {parts[2]}"
    return f" {op.upper()} ".join(parts)


def _within(node: Node, least: int) -> str:
    """The operand in parentheses, unless it binds at least so tightly."""
    binding = _BINDING.get(node.op, _TIGHTEST) if isinstance(node, Operation) else _TIGHTEST
    return to_text(node) if binding >= least else f"({to_text(node)})"


def _end(end: Node | None) -> str:
    if end is None:
        return f"'{OPEN}'"
    return f"'{spelled(end)}'" if isinstance(end, Literal) else to_text(end)


def _geometry(node: Geometry) -> str:
    kind = node.kind.upper()
    if node.kind == "GeometryCollection":
        return f"{kind}({', '.join(map(to_text, node.coordinates))})"  # type: ignore[arg-type]
    if node.kind == "Point":
        return f"{kind}({_position(node.coordinates)})"
    return f"{kind}{_nested(node.coordinates)}"


def _nested(coordinates: Any) -> str:
    if isinstance(coordinates[0], float):
        return _position(coordinates)
    return f"({', '.join(map(_nested, coordinates))})"


def _position(position: Any) -> str:
    return " ".join(map(repr, position))
