"""Random filters: trees of any shape, and trees that mean something for the table of `asked`."""

from __future__ import annotations

import datetime as dt

from hypothesis import strategies as st

from geoplatform.cql2 import Type
from geoplatform.cql2.tokens import is_plain
from geoplatform.cql2.tree import (
    ARITHMETIC,
    ARITY,
    ARRAYS,
    COMPARISONS,
    CONSTRUCTORS,
    RESERVED,
    SPATIAL,
    TEMPORAL,
    Array,
    Box,
    Geometry,
    Interval,
    Literal,
    Name,
    Node,
    Operation,
)

HOSTILE = "'\"\\%_;-()?:$€éßςΣ＼％＿\x01\x02\x7f\u202e\U0001f600 \n"
signs = st.characters(exclude_categories=("Cs",), exclude_characters="\0") | st.sampled_from(HOSTILE)
strings = st.text(signs, max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
_TAKEN = RESERVED | CONSTRUCTORS | {op.lower() for op in ARITY}

instants = st.one_of(
    st.dates().map(lambda day: Literal(day, Type.DATE)),
    st.datetimes(timezones=st.just(dt.UTC)).map(lambda moment: Literal(moment, Type.TIMESTAMP)),
)
literals = st.one_of(
    strings.map(lambda value: Literal(value, Type.STRING)),
    st.integers(-(1 << 63), (1 << 63) - 1).map(lambda value: Literal(value, Type.INTEGER)),
    finite.map(lambda value: Literal(value, Type.NUMBER)),
    st.booleans().map(lambda value: Literal(value, Type.BOOLEAN)),
    instants,
)
names = st.one_of(
    st.sampled_from(["a", "eo:b", "été", "and", "Point", "x y", '"']), st.text(signs, min_size=1, max_size=8)
).map(Name)
functions = st.from_regex(r"[a-z_:][\w.:]{0,6}", fullmatch=True).filter(
    lambda name: is_plain(name) and name.lower() not in _TAKEN
)


def _listed(inner: st.SearchStrategy, least: int) -> st.SearchStrategy:
    return st.lists(inner, min_size=least, max_size=3).map(tuple)


_few = st.floats(-180, 180, width=16) | finite
positions = st.tuples(_few, _few) | st.tuples(_few, _few, _few)
_simple = st.one_of(
    positions.map(lambda at: Geometry("Point", at)),
    _listed(positions, 1).map(lambda many: Geometry("MultiPoint", many)),
    _listed(positions, 1).map(lambda line: Geometry("LineString", line)),
    _listed(_listed(positions, 1), 1).map(lambda lines: Geometry("MultiLineString", lines)),
    _listed(_listed(positions, 1), 1).map(lambda rings: Geometry("Polygon", rings)),
    _listed(_listed(_listed(positions, 1), 1), 1).map(lambda many: Geometry("MultiPolygon", many)),
)
geometries = st.one_of(
    _simple,
    _listed(_simple, 1).map(lambda parts: Geometry("GeometryCollection", parts)),
    st.tuples(*[finite] * 4).map(Box),
    st.tuples(*[finite] * 6).map(Box),
)


def _grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    def operations(ops: object, *args: st.SearchStrategy) -> st.SearchStrategy[Node]:
        return st.builds(Operation, st.sampled_from(list(ops)), st.tuples(*args))  # type: ignore[call-overload]

    arrays = _listed(inner, 0).map(Array)
    calls = st.builds(Operation, functions, _listed(inner, 0))
    ends = st.none() | instants | names | calls
    intervals = st.builds(Interval, ends, ends)
    temporal = inner | intervals
    of_arrays = arrays | names | calls
    return st.one_of(
        st.builds(Operation, st.sampled_from(["and", "or"]), _listed(inner, 2)),
        operations([*COMPARISONS, *ARITHMETIC, *SPATIAL, "like"], inner, inner),
        operations(["not", "isNull", "casei", "accenti"], inner),
        operations(["between"], inner, inner, inner),
        operations(["in"], inner, _listed(inner, 1).map(Array)),
        operations(TEMPORAL, temporal, temporal),
        operations(ARRAYS, of_arrays, of_arrays),
        calls,
    )


#: Every tree that both forms can say; most of them mean nothing.
trees: st.SearchStrategy[Node] = st.recursive(literals | names | geometries, _grown, max_leaves=12)


# What means something for the table of `asked`: every value of each type, at the ends of its range above all.

_point = st.tuples(
    st.sampled_from([-180.0, -179.5, 0.0, 5e-324, 55.0, 55.5, 180.0]) | st.floats(-180, 180),
    st.sampled_from([-90.0, -21.0, -17.0, 0.0, -5e-324, 90.0]) | st.floats(-90, 90),
)
_ring = st.lists(_point, min_size=3, max_size=4, unique=True).map(lambda points: (*points, points[0]))
_line = st.lists(_point, min_size=2, max_size=3, unique=True).map(tuple)
_parts = st.one_of(
    _point.map(lambda at: Geometry("Point", at)),
    _listed(_point, 1).map(lambda many: Geometry("MultiPoint", many)),
    _line.map(lambda line: Geometry("LineString", line)),
    _listed(_line, 1).map(lambda lines: Geometry("MultiLineString", lines)),
    _ring.map(lambda ring: Geometry("Polygon", (ring,))),
    _listed(_ring.map(lambda ring: (ring,)), 1).map(lambda many: Geometry("MultiPolygon", many)),
)
boxes = st.builds(
    lambda one, other: Box((one[0], min(one[1], other[1]), other[0], max(one[1], other[1]))), _point, _point
)
shapes = st.one_of(_parts, boxes, _listed(_parts, 1).map(lambda parts: Geometry("GeometryCollection", parts)))


def _operation(op: str | st.SearchStrategy[str], *args: st.SearchStrategy) -> st.SearchStrategy[Node]:
    return st.builds(Operation, st.just(op) if isinstance(op, str) else op, st.tuples(*args))


def _of(kind: Type, value: st.SearchStrategy) -> st.SearchStrategy[Node]:
    return value.map(lambda one: Literal(one, kind))


def texts(depth: int = 1) -> st.SearchStrategy[Node]:
    plain = st.sampled_from(["kind", "name", "code", "uid"]).map(Name) | _of(Type.STRING, strings)
    return plain | _operation(st.sampled_from(["casei", "accenti"]), texts(depth - 1)) if depth else plain


def patterns(depth: int = 2) -> st.SearchStrategy[Node]:
    plain = _of(Type.STRING, st.text(signs | st.sampled_from("%_\\"), max_size=8))
    return plain | _operation(st.sampled_from(["casei", "accenti"]), patterns(depth - 1)) if depth else plain


def numbers(depth: int = 3) -> st.SearchStrategy[Node]:
    edges = st.sampled_from([0, 1, -1, 2, (1 << 31) - 1, (1 << 63) - 1, -(1 << 63)]) | st.integers(-20, 20)
    floats = st.sampled_from([0.0, 0.5, -0.5, 1e308, -1e308, 5e-324, 1e-150, 1e150]) | finite
    plain = (
        st.sampled_from(["id", "population", "area"]).map(Name) | _of(Type.INTEGER, edges) | _of(Type.NUMBER, floats)
    )
    return plain | _operation(st.sampled_from(ARITHMETIC), numbers(depth - 1), numbers(depth - 1)) if depth else plain


days = st.just(Name("day")) | _of(Type.DATE, st.dates())
moments = st.sampled_from(["made_at", "ended_at"]).map(Name) | _of(
    Type.TIMESTAMP, st.datetimes(timezones=st.just(dt.UTC))
)
_end = st.none() | days | moments
periods = days | moments | st.builds(Interval, _end, _end)


def _compared(values: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        _operation(st.sampled_from(COMPARISONS), values, values),
        _operation("between", values, values, values),
        _operation("in", values, _listed(values, 1).map(Array)),
        _operation("isNull", values),
    )


_geometry = st.just(Name("geom"))
_atoms = st.one_of(
    st.just(Name("open")),
    _of(Type.BOOLEAN, st.booleans()),
    *map(_compared, (texts(), numbers(), days, moments, st.just(Name("open")))),
    _operation("like", texts(), patterns()),
    _operation(st.sampled_from(SPATIAL), _geometry, shapes),
    _operation(st.sampled_from(SPATIAL), shapes, _geometry | shapes),
    _operation("s_dwithin", _geometry, shapes, _of(Type.NUMBER, st.floats(0, 2.1e7))),
    _operation(st.sampled_from(TEMPORAL), periods, periods),
)
#: Filters that may be asked; a few are refused, for a polygon that is not valid, or a period that ends before it begins.
conditions: st.SearchStrategy[Node] = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.builds(Operation, st.sampled_from(["and", "or"]), _listed(inner, 2)),
        _operation("not", inner),
        _compared(inner),
    ),
    max_leaves=6,
)


# What the library that serves as an oracle can say as well, and PostgreSQL compute as that library writes it: whole numbers that
# stay small, patterns without escapes, periods of one type, no box over 180°.

_words = _of(
    Type.STRING,
    st.sampled_from(["merchant", "service", "O'Brien", "Straße", "", " "]) | st.text("aeSr%_'\"", max_size=4),
)
_patterns = _of(Type.STRING, st.text("aeSrtOB%_'", max_size=5))
_texts = st.sampled_from(["kind", "name", "code"]).map(Name) | _words
_small = st.integers(-10, 10).map(lambda value: Literal(value, Type.INTEGER)) | st.sampled_from(
    [-2.5, 0.0, 0.1, 0.5, 3.0]
).map(lambda value: Literal(value, Type.NUMBER))
_sums = _operation(st.sampled_from("+-*"), st.just(Name("id")), _small)
_numbers = st.sampled_from(["id", "population", "area"]).map(Name) | _small | _sums
_literal_days = _of(Type.DATE, st.sampled_from([dt.date(2025, 12, 31), dt.date(2026, 1, 1), dt.date(2026, 12, 31)]))
_literal_moments = _of(
    Type.TIMESTAMP,
    st.sampled_from(
        [
            dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            dt.datetime(2026, 6, 1, tzinfo=dt.UTC),
            dt.datetime(2027, 1, 1, 5, tzinfo=dt.UTC),
        ]
    ),
)
_moments = st.sampled_from(["made_at", "ended_at"]).map(Name) | _literal_moments
_places = st.tuples(st.sampled_from([54.0, 55.0, 55.5, 56.0, 57.0]), st.sampled_from([-22.0, -21.5, -21.0, -20.0]))
_boxes = (
    st.tuples(_places, _places)
    .map(lambda ends: Box(tuple(map(min, *ends)) + tuple(map(max, *ends))))
    .filter(lambda box: box.bounds[0] < box.bounds[2] and box.bounds[1] < box.bounds[3])
)
_whole = st.lists(_literal_moments, min_size=2, max_size=2, unique_by=lambda one: one.value).map(
    lambda ends: Interval(*sorted(ends, key=lambda one: one.value))
)
_simple_atoms = st.one_of(
    *map(_compared, (_texts, _numbers, st.just(Name("day")) | _literal_days, _moments)),
    _operation(st.sampled_from(["=", "<>"]), st.just(Name("open")), _of(Type.BOOLEAN, st.booleans())),
    _operation("like", st.sampled_from(["kind", "name"]).map(Name), _patterns),
    _operation(
        "=", _operation("casei", st.just(Name("kind"))), _operation("casei", _of(Type.STRING, st.just("MERCHANT")))
    ),
    _operation(st.sampled_from(SPATIAL), _geometry, _boxes | _places.map(lambda at: Geometry("Point", at))),
    _operation(st.sampled_from(["t_after", "t_before", "t_equals"]), _moments, _moments),
    _operation(st.sampled_from(["t_intersects", "t_disjoint", "t_during"]), _moments, _whole),
    _operation(st.sampled_from(TEMPORAL), st.just(Interval(Name("made_at"), Name("ended_at"))), _whole),
)
simple: st.SearchStrategy[Node] = st.recursive(
    _simple_atoms,
    lambda inner: st.builds(Operation, st.sampled_from(["and", "or"]), _listed(inner, 2)) | _operation("not", inner),
    max_leaves=6,
)
