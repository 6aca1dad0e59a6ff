"""Random filters on a real PostGIS: rows or BadFilter, never another error, and nothing of the client's in the SQL."""

from __future__ import annotations

from hypothesis import HealthCheck, event, given, settings
from sqlalchemy import not_, select
from sqlalchemy.dialects.postgresql import psycopg

from geoplatform.cql2 import check, parse_text
from geoplatform.cql2.tree import Literal, Node, Operation
from geoplatform.errors import BadFilter
from geoplatform.store.filtering import condition
from tests.cql2.conftest import ASKED, PROPERTIES
from tests.cql2.test_reading import soup
from tests.cql2.trees import conditions

on_postgis = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def asked_thrice(asked, tree: Node) -> list[tuple]:
    """(whether the filter takes it, whether its negation does, whether it is unknown) of each row."""
    whether = condition(check(tree, PROPERTIES), dict(ASKED.c))
    query = select(whether.label("is"), not_(whether).label("isnt"), whether.is_(None)).select_from(ASKED)
    with asked.store.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


@on_postgis
@given(tree=conditions)
def test_every_row_is_in_a_filter_or_its_negation_or_unknown(asked, tree):
    try:
        rows = asked_thrice(asked, tree)
    except BadFilter as error:
        event(f"refused: {error.reason[:30]}")
        return
    assert {(True, False, False), (False, True, False), (None, None, True)}.issuperset(rows)
    assert len(rows) == 7


@on_postgis
@given(text=soup)
def test_a_soup_of_words_is_refused_or_asked(asked, text):
    try:
        asked_thrice(asked, parse_text(text))
    except BadFilter as error:
        event(f"refused: {error.reason[:30]}")


@given(tree=conditions)
def test_no_value_is_spelled_into_sql(tree):
    marked = _with_marked_strings(tree)
    try:
        checked = check(marked, PROPERTIES)
    except BadFilter:
        return
    written = str(select(ASKED.c.id).where(condition(checked, dict(ASKED.c))).compile(dialect=psycopg.dialect()))
    assert "marked" not in written
    assert not {sign for sign in written if not sign.isascii()}
    assert written.count("'") in (0, 2 * written.count("'public.unaccent'"))


def _with_marked_strings(node: Node) -> Node:
    if isinstance(node, Literal) and isinstance(node.value, str):
        return Literal("marked'" + node.value, node.type)
    if isinstance(node, Operation):
        return Operation(node.op, tuple(map(_with_marked_strings, node.args)))
    return node
