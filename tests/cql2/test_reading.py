"""Whatever is written: a tree that is written back to the same, or BadFilter, and neither takes long."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from geoplatform.cql2 import Limits, parse_json, parse_text, to_json, to_text
from geoplatform.cql2.tree import Literal, Node, children
from geoplatform.errors import BadFilter
from tests.cql2.trees import HOSTILE, trees

WIDE = Limits(size=1 << 20, terms=5000, depth=60)


def sayable(node: Node) -> bool:
    """Whether the text form can say it: no string has a backslash before a quote or at its end."""
    texts = [node.value] if isinstance(node, Literal) and isinstance(node.value, str) else []
    return not [text for text in texts if text.endswith("\\") or "\\'" in text] and all(map(sayable, children(node)))


@given(trees)
def test_a_tree_written_as_json_is_read_as_itself(tree):
    said = to_json(tree)
    assert parse_json(json.dumps(said), WIDE) == tree
    assert isinstance(said, str) or parse_json(said, WIDE) == tree


@given(trees.filter(sayable))
def test_a_tree_written_as_text_is_read_as_itself(tree):
    assert parse_text(to_text(tree), WIDE) == tree


WORDS = [
    "a", '"b"', "'x'", "''", "1", "-1", "1.5e3", "1e999", "99999999999999999999", "(", ")", ",", "=", "<>", "<", "and",
    "or", "NOT", "like", "between", "in", "is", "null", "true", "+", "-", "*", "/", "%", "div", "^", "casei", "accenti",
    "s_intersects", "t_after", "a_equals", "interval", "date", "timestamp", "bbox", "point", "polygon", "z", "empty",
    "'2026-01-01'", "'2026-01-01T00:00:00Z'", "'..'", "pg_sleep", "geometrycollection", "multipoint", *HOSTILE,
]  # fmt: skip
soup = st.lists(st.sampled_from(WORDS), max_size=40).flatmap(
    lambda words: st.sampled_from(["", " "]).map(lambda space: space.join(words))
)


@given(soup | st.text(max_size=60) | st.text(st.characters(), max_size=20))
@example("(" * 1900)
@example("not " * 1000)
@example("-" * 4000)
@example("a=" * 2000)
@example("a+" * 2000 + "a")
@example("'" * 4095)
@example("\\'" * 2000)
@example("f(" * 2000)
@example("point(" * 600)
@example("1" * 4096)
@example("a and " * 650 + "a")
def test_any_text_is_a_tree_or_a_bad_filter(text):
    try:
        tree = parse_text(text)
    except BadFilter as error:
        assert len(error.message) < 600
    else:
        assert parse_json(json.dumps(to_json(tree)), WIDE) == tree


members = st.sampled_from(
    ["op", "args", "property", "date", "timestamp", "interval", "bbox", "type", "coordinates", "geometries"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(members | st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@given(st.binary(max_size=60) | values.map(json.dumps) | values)
@example(b"[" * 4000)
@example(b'{"op":' * 600)
@example(b'{"op":"not","args":[' * 200)
@example(b"1" * 4096)
@example(b'{"op":"=","args":[1e999,NaN]}')
@example(b'"\\ud800"')
@example('"\ud800"')
@example({"op": "=", "args": ["\0", "\ud800"]})
@example({"bbox": [1, 2, 3, 10**400]})
def test_any_json_is_a_tree_or_a_bad_filter(source):
    try:
        tree = parse_json(source)
    except BadFilter as error:
        assert len(error.message) < 600
    else:
        assert parse_json(json.dumps(to_json(tree)), WIDE) == tree
