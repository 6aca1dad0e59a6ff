"""A checked CQL2 filter as a condition of a SELECT. From the web, which has the columns; to PostgreSQL.

Every value of the client is a bind parameter of its type, every name a column the caller gave: no part of the filter is spelled
into SQL. What PostgreSQL would fail at (a division by zero, a number that outgrows its type) is NULL, so true for no row;
docs/adr/0010-cql2.md says how.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias, cast

import shapely
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Double,
    LargeBinary,
    Numeric,
    String,
    Text,
    and_,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy import (
    cast as sql_cast,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import Grouping
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from geoplatform.cql2 import Checked, Type
from geoplatform.cql2.checking import MARKS
from geoplatform.cql2.instants import moment
from geoplatform.cql2.tree import (
    ARITHMETIC,
    COMPARISONS,
    FOLDS,
    SPATIAL,
    Box,
    Geometry,
    Interval,
    Literal,
    Name,
    Node,
    Operation,
    Value,
    children,
    type_of,
)
from geoplatform.errors import Misuse

Sql: TypeAlias = ColumnElement[Any]

_SQL_TYPES: dict[Type, TypeEngine[Any]] = {
    Type.STRING: Text(),
    Type.INTEGER: BigInteger(),
    Type.NUMBER: Double(),
    Type.BOOLEAN: Boolean(),
    Type.DATE: Date(),
    Type.TIMESTAMP: DateTime(timezone=True),
}
_ICU = "und-x-icu"  # Unicode's own rules of case, whatever the locale of the database
_SRID = 4326
_METRES_PER_DEGREE = 110_500.0  # of latitude, at the least; of longitude at the equator
_SLACK_M = 500.0  # what an edge of the ellipsoid rises above a straight one in degrees


def condition(checked: Checked, columns: Mapping[str, Sql]) -> ColumnElement[bool]:
    """The filter as a condition, for `select().where()`. `columns`: of each property its column; geometries in EPSG:4326.

    A column is spared casts where its own type allows, so that its indexes serve. Misuse if a column is not given.
    """
    missing = checked.names - columns.keys()
    if missing:
        raise Misuse(f"no column is given for {', '.join(sorted(missing))}", missing=sorted(missing))
    return _Compiler(columns).sql(checked.root)


class _Compiler:
    """One method a kind of operator; each gives the SQL of a node below. As deep as the tree."""

    def __init__(self, columns: Mapping[str, Sql]) -> None:
        self._columns = columns

    def sql(self, node: Node) -> Sql:
        match node:
            case Literal():
                return _bound(node)
            case Name(name):
                return self._column(name, node.type)
            case Geometry() | Box():
                return _geometry(_shape(node))
            case Operation():
                # SQLAlchemy knows the precedence of operators, but not where a condition stands as a value: (a = b) IS NULL.
                return Grouping(self._operation(node))
        raise Misuse(f"{type(node).__name__} is no single value")

    def _column(self, name: str, kind: Type | None) -> Sql:
        column = self._columns[name]
        if kind is Type.STRING and not isinstance(column.type, String):
            return sql_cast(column, Text)
        return column

    def _operation(self, node: Operation) -> Sql:
        op, args = node.op, node.args
        if op in ("and", "or"):
            return (and_ if op == "and" else or_)(*map(self.sql, args))
        if op == "not":
            return not_(self.sql(args[0]))
        if op in COMPARISONS:
            left, right = self._alike(*args)
            return _COMPARE[op](left, right)
        if op == "between":
            operand, low, high = self._alike(*args)
            return operand.between(low, high)
        if op == "in":
            operand, *items = self._alike(args[0], *children(args[1]))
            return operand.in_(items)
        if op == "like":
            return self._like(args[0], args[1])
        if op == "isNull":
            return self.sql(args[0]).is_(None)
        if op in FOLDS:
            return _once(_FOLD[op](self.sql(args[0])), args[0])
        if op in ARITHMETIC:
            left, right = (self._exact(arg) for arg in args)
            return _CALCULATE[op](left, right)
        if op in SPATIAL:
            return self._spatial(op, *args)
        if op == "s_dwithin":
            return self._within_metres(*args)
        return self._temporal(op, *args)

    def _alike(self, *nodes: Node) -> list[Sql]:
        """Operands of a comparison: as they are, or as exact numbers if one of them is calculated."""
        if any(isinstance(node, Operation) and node.op in ARITHMETIC for node in nodes):
            return [self._exact(node) for node in nodes]
        texts = [type_of(node) is Type.STRING and not isinstance(node, Literal) for node in nodes]
        if sum(texts) < 2:
            return [self.sql(node) for node in nodes]
        # A code and a folded text are of different collations; PostgreSQL compares only within one.
        return [
            Grouping(self.sql(node).collate("C")) if is_text else self.sql(node)
            for node, is_text in zip(nodes, texts, strict=True)
        ]

    def _exact(self, node: Node) -> Sql:
        """A number as NUMERIC. By way of text for a float, because PostgreSQL's own cast keeps fifteen digits only."""
        if isinstance(node, Literal):
            return literal(Decimal(repr(node.value)), Numeric())
        sql = self.sql(node)
        if isinstance(node, Operation):
            return sql
        return sql_cast(sql_cast(sql, Text), Numeric) if type_of(node) is Type.NUMBER else sql_cast(sql, Numeric)

    def _like(self, operand: Node, pattern: Node) -> Sql:
        folds = []
        while isinstance(pattern, Operation):
            folds.append(pattern.op)
            pattern = pattern.args[0]
        return self.sql(operand).like(_once(_pattern(str(_value(pattern)), folds[::-1]), pattern))

    def _spatial(self, op: str, one: Node, other: Node) -> Sql:
        relate: Callable[..., Sql] = _RELATE[op]
        boxes = [
            node for node in (one, other) if isinstance(node, Box) and shapely.get_num_geometries(_shape(node)) > 1
        ]
        if op != "s_intersects" or len(boxes) != 1:
            return relate(self.sql(one), self.sql(other))
        # Two boxes on the two sides of 180°: the box around both would be the whole globe, and no index would help.
        (box,) = boxes
        rest = self.sql(other if box is one else one)
        return or_(*(relate(rest, _geometry(part)) for part in shapely.get_parts(_shape(box)).tolist()))

    def _within_metres(self, one: Node, other: Node, distance: Node) -> Sql:
        column, shape, metres = self.sql(one), _shape(other), float(cast(float, _value(distance)))
        near = func.ST_DWithin(func.geography(column), func.geography(_geometry(shape)), literal(metres, Double()))
        boxes = [column.op("&&")(_geometry(box)) for box in around(shape, metres)]
        return and_(or_(*boxes), near) if boxes else near

    def _temporal(self, op: str, one: Node, other: Node) -> Sql:
        moments = Type.TIMESTAMP in {type_of(end) for node in (one, other) for end in _ends(node) if end is not None}
        return _ALLEN[op](self._period(one, moments), self._period(other, moments))

    def _period(self, node: Node, moments: bool) -> tuple[Sql, Sql]:
        """First and last instant, both within. A date beside timestamps is its whole day in UTC."""
        start, end = _ends(node)
        return self._instant(start, moments, last=False), self._instant(end, moments, last=True)

    def _instant(self, node: Node | None, moments: bool, *, last: bool) -> Sql:
        kind = _SQL_TYPES[Type.TIMESTAMP if moments else Type.DATE]
        if node is None:
            return sql_cast(literal("infinity" if last else "-infinity", Text()), kind)
        if not moments or type_of(node) is Type.TIMESTAMP:
            return self.sql(node)
        if isinstance(node, Literal):
            return literal(moment(node, last=last), kind)
        midnight = func.timezone("UTC", sql_cast(self.sql(node), DateTime()))
        return midnight + literal(dt.timedelta(days=1, microseconds=-1)) if last else midnight


def _ends(node: Node) -> tuple[Node | None, Node | None]:
    return (node.start, node.end) if isinstance(node, Interval) else (node, node)


def _shape(node: Node) -> shapely.Geometry:
    if not isinstance(node, Geometry | Box) or node.shape is None:
        raise Misuse("a geometry of this filter was not checked")
    return node.shape


def _value(node: Node) -> Value:
    if not isinstance(node, Literal):
        raise Misuse(f"{type(node).__name__} is no value")
    return node.value


def _bound(node: Literal) -> Sql:
    return literal(node.value, _SQL_TYPES[node.type])


def _geometry(shape: shapely.Geometry) -> Sql:
    ewkb = shapely.to_wkb(shapely.set_srid(shape, _SRID), include_srid=True)
    return func.geometry(literal(ewkb, LargeBinary()))


def around(shape: shapely.Geometry, metres: float) -> list[shapely.Geometry]:
    """Boxes in degrees outside of which nothing is so near; none if that is no help, since they would be most of the globe."""
    west, south, east, north = shapely.total_bounds(shape).tolist()
    reach = (metres + _SLACK_M) * 1.01
    south, north = south - reach / _METRES_PER_DEGREE, north + reach / _METRES_PER_DEGREE
    if south <= -89 or north >= 89:
        return []
    wide = reach / (_METRES_PER_DEGREE * math.cos(math.radians(max(-south, north))))
    west, east = west - wide, east + wide
    if east - west >= 180:
        return []
    return [
        shapely.box(max(west + turn, -180.0), south, min(east + turn, 180.0), north)
        for turn in (-360.0, 0.0, 360.0)
        if west + turn <= 180 and east + turn >= -180
    ]


def _folded(text: Sql) -> Sql:
    """Without case: upper case of lower case is the same for ß, SS and ẞ, and for σ, ς and Σ."""
    return func.upper(func.lower(text.collate(_ICU)))


def _without_accents(text: Sql) -> Sql:
    return func.public.unaccent(literal_column("'public.unaccent'::regdictionary"), text)


_FOLD: dict[str, Callable[[Sql], Sql]] = {"casei": _folded, "accenti": _without_accents}


def _once(sql: Sql, operand: Node) -> Sql:
    """The same, evaluated once and not for each row, if no property is in it: `unaccent` is not immutable to PostgreSQL."""
    return sql if _asks_a_property(operand) else select(sql).scalar_subquery()


def _asks_a_property(node: Node) -> bool:
    return isinstance(node, Name) or any(map(_asks_a_property, children(node)))


def _pattern(text: str, folds: list[str]) -> Sql:
    """The pattern of LIKE, folded as the client said.

    Folding accents makes % of the full-width ％ and a backslash of ＼. So wildcards are marked before it, and what then looks like
    one is escaped.
    """
    if not folds:
        return literal(text, Text())
    if "accenti" not in folds:
        return _folded(literal(text, Text()))
    marked = literal(_marked(text), Text())
    for fold in folds:
        marked = _FOLD[fold](marked)  # type: ignore[assignment]
    for sign, written in (("\\", "\\\\"), ("%", "\\%"), ("_", "\\_"), (MARKS[0], "%"), (MARKS[1], "_")):
        marked = func.replace(marked, sign, written)  # type: ignore[assignment]
    return marked


def _marked(pattern: str) -> str:
    """The text of a pattern with its escapes resolved, and marks for its wildcards."""
    found, signs = [], iter(pattern)
    for sign in signs:
        if sign == "\\":
            found.append(next(signs))
        else:
            found.append({"%": MARKS[0], "_": MARKS[1]}.get(sign, sign))
    return "".join(found)


class _Power(FunctionElement[Any]):
    """Base and exponent as NUMERIC; NULL where the power is not defined or has more than some 300 digits."""

    type = Numeric()
    inherit_cache = True


@compiles(_Power)
def _spell_power(power: _Power, compiler: SQLCompiler, **options: Any) -> str:
    # Base and exponent are computed once, in a row of their own, that OFFSET 0 keeps from being written out into each use.
    # What is put together here is SQLAlchemy's own writing, in which values are parameters.
    base, exponent = (compiler.process(operand, **options) for operand in power.clauses)
    return f"""(SELECT CASE
        WHEN p.b IS NULL OR p.e IS NULL THEN NULL
        WHEN p.b = 0 THEN CASE WHEN p.e >= 0 THEN power(p.b, p.e) END
        WHEN p.b < 0 AND p.e <> trunc(p.e) THEN NULL
        WHEN abs(p.b) NOT BETWEEN 1e-150 AND 1e150 OR abs(p.e) > 1e6 THEN NULL
        WHEN abs(p.e * log(abs(p.b))) > 300 THEN NULL
        ELSE power(p.b, p.e) END
        FROM (SELECT {base} AS b, {exponent} AS e OFFSET 0) AS p)"""  # noqa: S608


_CALCULATE: dict[str, Callable[[Sql, Sql], Sql]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / func.nullif(b, 0),
    "%": lambda a, b: func.mod(a, func.nullif(b, 0)),
    "div": lambda a, b: func.div(a, func.nullif(b, 0)),
    "^": _Power,
}
_COMPARE: dict[str, Callable[[Sql, Sql], Sql]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
_RELATE: dict[str, Callable[..., Sql]] = {
    "s_contains": func.ST_Contains,
    "s_crosses": func.ST_Crosses,
    "s_disjoint": func.ST_Disjoint,
    "s_equals": func.ST_Equals,
    "s_intersects": func.ST_Intersects,
    "s_overlaps": func.ST_Overlaps,
    "s_touches": func.ST_Touches,
    "s_within": func.ST_Within,
}
Period: TypeAlias = tuple[Sql, Sql]
#: What each predicate says of two periods (OGC 21-065r2, table 7).
_ALLEN: dict[str, Callable[[Period, Period], Sql]] = {
    "t_after": lambda a, b: a[0] > b[1],
    "t_before": lambda a, b: a[1] < b[0],
    "t_contains": lambda a, b: and_(a[0] < b[0], a[1] > b[1]),
    "t_disjoint": lambda a, b: or_(a[1] < b[0], a[0] > b[1]),
    "t_during": lambda a, b: and_(a[0] > b[0], a[1] < b[1]),
    "t_equals": lambda a, b: and_(a[0] == b[0], a[1] == b[1]),
    "t_finishedBy": lambda a, b: and_(a[0] < b[0], a[1] == b[1]),
    "t_finishes": lambda a, b: and_(a[0] > b[0], a[1] == b[1]),
    "t_intersects": lambda a, b: and_(a[0] <= b[1], a[1] >= b[0]),
    "t_meets": lambda a, b: a[1] == b[0],
    "t_metBy": lambda a, b: a[0] == b[1],
    "t_overlappedBy": lambda a, b: and_(a[0] > b[0], a[0] < b[1], a[1] > b[1]),
    "t_overlaps": lambda a, b: and_(a[0] < b[0], a[1] > b[0], a[1] < b[1]),
    "t_startedBy": lambda a, b: and_(a[0] == b[0], a[1] > b[1]),
    "t_starts": lambda a, b: and_(a[0] == b[0], a[1] < b[1]),
}
