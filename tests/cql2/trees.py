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
