"""What a filter is made of, whichever way it was written: frozen nodes, and the words of the language.

Text and JSON give equal trees; `at`, where a node stands in what the client wrote, does not count in that.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from shapely.geometry.base import BaseGeometry

from geoplatform.errors import BadFilter


class Type(StrEnum):
    """What a value is."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    GEOMETRY = "geometry"

    @property
    def is_numeric(self) -> bool:
        """Whether one calculates with it."""
        return self in (Type.INTEGER, Type.NUMBER)

    @property
    def is_temporal(self) -> bool:
        """Whether it is an instant."""
        return self in (Type.DATE, Type.TIMESTAMP)


@dataclass(frozen=True, slots=True)
class Property:
    """What a collection lets be asked by this name."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a filter may be, so that none costs more to read than a request may."""

    size: int = 4096  # bytes in UTF-8
    depth: int = 32
    terms: int = 200  # properties, values and geometries
    coordinates: int = 10_000  # positions of all its geometries


#: A filter that comes as the body of a request.
BODY_LIMITS = Limits(size=65_536)

Value: TypeAlias = str | int | float | bool | dt.date | dt.datetime
#: GeoJSON's coordinates as tuples; a GeometryCollection holds geometries instead.
Coordinates: TypeAlias = "tuple[float, ...] | tuple[Coordinates, ...] | tuple[Geometry, ...]"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value. Its type counts in a comparison of trees: 1 is not 1.0. A timestamp is in UTC."""

    value: Value
    type: Type
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A property. `type` is known once the tree is checked."""

    name: str
    at: str = field(default="", compare=False)
    type: Type | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Geometry:
    """A geometry as it was written, in the filter's CRS. `kind` as in GeoJSON; positions with or without height.

    Once the tree is checked `shape` is what it means: EPSG:4326, longitude first, no height, valid.
    """

    kind: str
    coordinates: Coordinates
    at: str = field(default="", compare=False)
    shape: BaseGeometry | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Box:
    """A bounding box as it was written: four numbers, or six with heights.

    `shape` as for a geometry; two polygons if the box crosses 180°.
    """

    bounds: tuple[float, ...]
    at: str = field(default="", compare=False)
    shape: BaseGeometry | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Interval:
    """A period with both its ends; None where it is open (`..`)."""

    start: Node | None
    end: Node | None
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Array:
    """A list of values: what follows IN, or an operand of A_*."""

    items: tuple[Node, ...]
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator or function over operands. `op` is spelled as in JSON, whatever case the client took."""

    op: str
    args: tuple[Node, ...]
    at: str = field(default="", compare=False)
    type: Type | None = field(default=None, compare=False)


Node: TypeAlias = Literal | Name | Geometry | Box | Interval | Array | Operation

COMPARISONS = ("=", "<>", "<", ">", "<=", ">=")
ARITHMETIC = ("+", "-", "*", "/", "%", "div", "^")
SPATIAL = ("s_contains", "s_crosses", "s_disjoint", "s_equals", "s_intersects", "s_overlaps", "s_touches", "s_within")
TEMPORAL = (
    "t_after", "t_before", "t_contains", "t_disjoint", "t_during", "t_equals", "t_finishedBy", "t_finishes",
    "t_intersects", "t_meets", "t_metBy", "t_overlappedBy", "t_overlaps", "t_startedBy", "t_starts",
)  # fmt: skip
ARRAYS = ("a_containedBy", "a_contains", "a_equals", "a_overlaps")
FOLDS = ("casei", "accenti")

#: How many operands each takes, at least and at most.
ARITY: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys((*COMPARISONS, *ARITHMETIC, *SPATIAL, *TEMPORAL, *ARRAYS, "like", "in"), (2, 2)),
    **dict.fromkeys((*FOLDS, "not", "isNull"), (1, 1)),
    **dict.fromkeys(("and", "or"), (2, None)),
    "between": (3, 3),
}
#: The operators that are written as functions, by their lower-case names.
WRITTEN_AS_FUNCTIONS = {op.lower(): op for op in (*SPATIAL, *TEMPORAL, *ARRAYS, *FOLDS)}
#: GeoJSON's name of each geometry, and how deep its coordinates are nested.
KINDS = {
    "Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3, "GeometryCollection": 0,
}  # fmt: skip
#: Words that are no property unless in double quotes.
RESERVED = frozenset(("and", "or", "not", "like", "between", "in", "is", "null", "true", "false", "div"))
#: Words that begin something other than a function if a parenthesis follows.
CONSTRUCTORS = frozenset((*(kind.lower() for kind in KINDS), "bbox", "date", "timestamp", "interval"))


def operation(op: str, args: tuple[Node, ...], at: str) -> Operation:
    """The operation. BadFilter if the operator takes another number of operands."""
    least, most = ARITY.get(op, (0, None))
    if len(args) < least or (most is not None and len(args) > most):
        wanted = least if least == most else f"{least} or more"
        raise BadFilter(at, op, f"{op} takes {wanted} operands, not {len(args)}")
    if op == "in" and not children(args[1]):
        raise BadFilter(at, op, "in takes a list that holds something")
    for arg in args if op in ARRAYS else ():
        if not isinstance(arg, Array | Name) and not (isinstance(arg, Operation) and arg.op not in ARITY):
            raise BadFilter(arg.at, op, f"{op} takes lists, properties and functions")
    return Operation(op, args, at)


class Budget:
    """Counts what a filter is made of while it is read. BadFilter as soon as it is too much."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._terms = 0
        self._coordinates = 0

    def depth(self, depth: int, at: str) -> None:
        """Refuses to go so deep."""
        if depth > self._limits.depth:
            raise BadFilter(at, None, f"nested deeper than {self._limits.depth} levels")

    def term(self, at: str) -> None:
        """Counts a property, a value or a geometry."""
        self._terms += 1
        if self._terms > self._limits.terms:
            raise BadFilter(at, None, f"more than {self._limits.terms} properties, values and geometries")

    def position(self, at: str) -> None:
        """Counts a position of a geometry."""
        self._coordinates += 1
        if self._coordinates > self._limits.coordinates:
            raise BadFilter(at, None, f"more than {self._limits.coordinates} positions in its geometries")


def require_size(text: str, limits: Limits) -> None:
    """Refuses what is too long to be read, NUL, and surrogates that stand alone: PostgreSQL stores neither."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise BadFilter(f"character {error.start + 1}", None, "half of a surrogate pair is no character") from error
    if size > limits.size:
        raise BadFilter("", None, f"a filter of {size} bytes is longer than {limits.size}")
    if "\0" in text:
        raise BadFilter(f"character {text.index(chr(0)) + 1}", None, "the character NUL means nothing here")


def type_of(node: Node) -> Type | None:
    """What a node of a checked tree is; None for a list and an interval, which are no single value."""
    if isinstance(node, Geometry | Box):
        return Type.GEOMETRY
    return None if isinstance(node, Interval | Array) else node.type


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below this one."""
    if isinstance(node, Operation):
        return node.args
    if isinstance(node, Array):
        return node.items
    if isinstance(node, Interval):
        return tuple(end for end in (node.start, node.end) if end is not None)
    return ()


def require_depth(root: Node, budget: Budget) -> None:
    """Refuses a tree that is too deep. Without recursion: a chain of operators is as deep as it is long."""
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        budget.depth(depth, node.at)
        waiting.extend((child, depth + 1) for child in children(node))
