"""Whether a tree means something for a collection: its properties, functions, types and geometries."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import shapely

from geoplatform.cql2.instants import moment
from geoplatform.cql2.shapes import shape_of
from geoplatform.cql2.tree import (
    ARITHMETIC,
    ARITY,
    ARRAYS,
    COMPARISONS,
    FOLDS,
    SPATIAL,
    WRITTEN_AS_FUNCTIONS,
    Array,
    Box,
    Geometry,
    Interval,
    Literal,
    Name,
    Node,
    Operation,
    Property,
    Type,
    type_of,
)
from geoplatform.errors import BadFilter
from geoplatform.references import CRS84, Reference


@dataclass(frozen=True, slots=True)
class Function:
    """A function beyond those of the standard: what it takes and gives."""

    name: str
    takes: tuple[Type, ...]
    gives: Type
    meaning: str


#: Everything a client may call that is no operator of the standard, by its name in lower case.
FUNCTIONS = {
    "s_dwithin": Function(
        "s_dwithin",
        (Type.GEOMETRY, Type.GEOMETRY, Type.NUMBER),
        Type.BOOLEAN,
        "Whether a property lies within so many metres of a geometry, on the ellipsoid.",
    )
}
#: Stand for % and _ in a pattern while it is folded; so they may not be in it.
MARKS = ("\x01", "\x02")
_LONGEST_EDGE = 1.0  # degrees; see store.filtering, which looks in a box around the geometry
_LISTED = 40
_TEMPORAL_HINTS = {
    (Type.DATE, Type.TIMESTAMP): "; write DATE('…')",
    (Type.TIMESTAMP, Type.DATE): "; write TIMESTAMP('…T00:00:00Z')",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """A filter that means something: every node has its type, every geometry its shape. `names`: the properties it asks."""

    root: Node
    names: frozenset[str]


def check(tree: Node, properties: Mapping[str, Property], crs: Reference = CRS84) -> Checked:
    """The filter, ready for `store.filtering`. `crs`: the system that its geometries are written in.

    BadFilter for a property or function there is not, for operands of a wrong type, and for a geometry that is not valid or not
    on the globe.
    """
    checker = _Checker(properties, crs)
    root = checker.node(tree)
    if type_of(root) is not Type.BOOLEAN:
        raise BadFilter(root.at, _shown(root), f"{_shown(root)} is no condition: it is neither true nor false")
    return Checked(root, frozenset(checker.names))


class _Checker:
    """Goes down the tree once. As deep as the tree, which the parsers hold within limits."""

    def __init__(self, properties: Mapping[str, Property], crs: Reference) -> None:
        self._properties = properties
        self._crs = crs
        self.names: set[str] = set()

    def node(self, node: Node) -> Node:
        match node:
            case Name():
                return self._property(node)
            case Geometry() | Box():
                return replace(node, shape=shape_of(node, self._crs))
            case Operation():
                return self._operation(node)
            case Array():
                return replace(node, items=tuple(self.node(item) for item in node.items))
            case Interval():
                return self._interval(node)
            case Literal():
                return node

    def _property(self, node: Name) -> Name:
        found = self._properties.get(node.name)
        if found is None:
            raise BadFilter(
                node.at, node.name, f"{_cut(node.name)} is no property; {_there_are(self._properties, node.name)}"
            )
        self.names.add(node.name)
        return replace(node, type=found.type)

    def _operation(self, node: Operation) -> Operation:
        op = node.op
        if op not in ARITY:
            return self._call(node)
        if op in ARRAYS:
            raise BadFilter(node.at, op, f"{op} asks for an array; no property here is one")
        node = replace(node, args=tuple(self.node(arg) for arg in node.args))
        if op in ("and", "or", "not"):
            return self._of(node, Type.BOOLEAN, gives=Type.BOOLEAN)
        if op in COMPARISONS or op in ("between", "in"):
            return self._comparison(node)
        if op == "like":
            return self._like(node)
        if op == "isNull":
            return self._is_null(node)
        if op in FOLDS:
            return self._of(node, Type.STRING, gives=Type.STRING)
        if op in ARITHMETIC:
            return self._arithmetic(node)
        return self._spatial(node) if op in SPATIAL else self._temporal(node)

    def _of(self, node: Operation, *types: Type, gives: Type) -> Operation:
        for arg in node.args:
            if type_of(arg) not in types:
                raise BadFilter(arg.at, _shown(arg), f"{node.op} takes {_or(types)}, not {_told(arg)}")
        return replace(node, type=gives)

    def _comparison(self, node: Operation) -> Operation:
        first, *others = node.args
        for other in others[0].items if isinstance(others[0], Array) else others:
            kind, against = type_of(first), type_of(other)
            if kind is None or kind is Type.GEOMETRY or against is None or against is Type.GEOMETRY:
                one = first if kind in (None, Type.GEOMETRY) else other
                raise BadFilter(one.at, _shown(one), f"{node.op} does not compare {_told(one)}")
            if kind is not against and not (kind.is_numeric and against.is_numeric):
                hint = _TEMPORAL_HINTS.get((kind, against), "")
                raise BadFilter(
                    other.at,
                    _shown(other),
                    f"{node.op} compares values of one type, not {_told(first)} with {_told(other)}{hint}",
                )
        return replace(node, type=Type.BOOLEAN)

    def _like(self, node: Operation) -> Operation:
        checked = self._of(node, Type.STRING, gives=Type.BOOLEAN)
        pattern = node.args[1]
        while isinstance(pattern, Operation) and pattern.op in FOLDS:
            pattern = pattern.args[0]
        if not isinstance(pattern, Literal):
            raise BadFilter(pattern.at, _shown(pattern), "a pattern of LIKE is a string, perhaps in CASEI and ACCENTI")
        text = str(pattern.value)
        if (len(text) - len(text.rstrip("\\"))) % 2:
            raise BadFilter(
                pattern.at, text, "a pattern ends in a single backslash, which would take the sign after it as it is"
            )
        if any(mark in text for mark in MARKS):
            raise BadFilter(pattern.at, text, "a pattern holds a control character")
        return checked

    def _is_null(self, node: Operation) -> Operation:
        if type_of(node.args[0]) is None:
            raise BadFilter(node.at, node.op, f"isNull asks a property or a value, not {_told(node.args[0])}")
        return replace(node, type=Type.BOOLEAN)

    def _arithmetic(self, node: Operation) -> Operation:
        self._of(node, Type.INTEGER, Type.NUMBER, gives=Type.NUMBER)
        whole = node.op not in ("/", "^") and all(type_of(arg) is Type.INTEGER for arg in node.args)
        return replace(node, type=Type.INTEGER if whole or node.op == "div" else Type.NUMBER)

    def _spatial(self, node: Operation) -> Operation:
        checked = self._of(node, Type.GEOMETRY, gives=Type.BOOLEAN)
        for arg in checked.args:
            mixed = (
                isinstance(arg, Geometry | Box)
                and arg.shape is not None
                and arg.shape.geom_type == "GeometryCollection"
            )
            if mixed and node.op not in ("s_intersects", "s_disjoint"):
                raise BadFilter(
                    arg.at, _shown(arg), f"{node.op} takes no collection of points, lines and polygons together"
                )
        return checked

    def _interval(self, node: Interval) -> Interval:
        start, end = (None if one is None else self.node(one) for one in (node.start, node.end))
        for one in (start, end):
            kind = None if one is None else type_of(one)
            if one is not None and (kind is None or not kind.is_temporal):
                raise BadFilter(
                    one.at, _shown(one), f"an interval has a date or timestamp at its end, not {_told(one)}"
                )
        if isinstance(start, Literal) and isinstance(end, Literal) and moment(start) > moment(end, last=True):
            raise BadFilter(
                node.at, str(start.value), f"the interval ends on {end.value}, before it begins, on {start.value}"
            )
        return replace(node, start=start, end=end)

    def _temporal(self, node: Operation) -> Operation:
        for arg in node.args:
            kind = type_of(arg)
            if not isinstance(arg, Interval) and (kind is None or not kind.is_temporal):
                raise BadFilter(
                    arg.at, _shown(arg), f"{node.op} takes a date, a timestamp or an interval, not {_told(arg)}"
                )
        return replace(node, type=Type.BOOLEAN)

    def _call(self, node: Operation) -> Operation:
        function = FUNCTIONS.get(node.op.lower())
        if function is None:
            known = (*FOLDS, *FUNCTIONS, *(op for op in WRITTEN_AS_FUNCTIONS.values() if op not in FOLDS + ARRAYS))
            raise BadFilter(node.at, node.op, f"{_cut(node.op)} is no function; {_there_are(known, node.op)}")
        if len(node.args) != len(function.takes):
            raise BadFilter(node.at, node.op, f"{node.op} takes {len(function.takes)} operands, not {len(node.args)}")
        return self._within_metres(replace(node, op=function.name, args=tuple(self.node(arg) for arg in node.args)))

    def _within_metres(self, node: Operation) -> Operation:
        self._of(replace(node, args=node.args[:2]), Type.GEOMETRY, gives=Type.BOOLEAN)
        self._of(replace(node, args=node.args[2:]), Type.INTEGER, Type.NUMBER, gives=Type.BOOLEAN)
        one, other, metres = node.args
        if isinstance(other, Name):
            one, other = other, one
        if not isinstance(one, Name) or not isinstance(other, Geometry | Box):
            raise BadFilter(node.at, node.op, "s_dwithin takes a property, a geometry that is written out, and metres")
        if not isinstance(metres, Literal) or isinstance(metres.value, str) or not 0 <= float(metres.value) <= 2.1e7:  # type: ignore[arg-type]
            raise BadFilter(metres.at, _shown(metres), "s_dwithin takes a number of metres, from 0 to 21,000,000")
        if (
            other.shape is not None
            and shapely.get_num_coordinates(other.shape) > 1
            and _longest_edge(other.shape) > _LONGEST_EDGE
        ):
            raise BadFilter(other.at, _shown(other), "s_dwithin takes a geometry whose edges are shorter than a degree")
        return replace(node, args=(one, other, metres), type=Type.BOOLEAN)


def _longest_edge(shape: shapely.Geometry) -> float:
    lines = [part.boundary if part.geom_type == "Polygon" else part for part in shapely.get_parts(shape).tolist()]
    points = [shapely.get_coordinates(line) for whole in lines for line in shapely.get_parts(whole).tolist()]
    return max((float(abs(line[1:] - line[:-1]).max()) for line in points if len(line) > 1), default=0.0)


def _shown(node: Node) -> str:
    """A node, for a message: short, whatever it is."""
    match node:
        case Name(name):
            return name[:40]
        case Literal(value):
            return str(value)[:40]
        case Operation(op):
            return op[:40]
        case Geometry(kind):
            return kind
    return type(node).__name__.lower()


def _told(node: Node) -> str:
    kind = type_of(node)
    return _cut(_shown(node)) if kind is None else f"{_cut(_shown(node))} ({kind.value})"


def _or(types: Iterable[Type]) -> str:
    return " or ".join(kind.value for kind in types)


def _there_are(names: Iterable[str], wanted: str) -> str:
    """The names there are, those most like the wanted one first."""
    every = list(names)
    near = difflib.get_close_matches(wanted, every, 3, 0.6)
    listed = (near + [name for name in every if name not in near])[:_LISTED]
    return f"there are {', '.join(listed)}" + (" …" if len(every) > len(listed) else "") if every else "there is none"


def _cut(text: str) -> str:
    return repr(text[:40])
