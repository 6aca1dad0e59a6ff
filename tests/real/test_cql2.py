"""The examples of the CQL2 standard, in both its forms (OGC 21-065r2, its repository)."""

from __future__ import annotations

import json

import pytest

from geoplatform.cql2 import parse_json, parse_text, to_json, to_text
from tests.conftest import REAL

pytestmark = pytest.mark.real
EXAMPLES = REAL / "peer" / "cql2" / "examples"
TEXTS = sorted((EXAMPLES / "text").glob("*.txt"))


def test_there_are_all_of_them():
    assert (len(TEXTS), len(list((EXAMPLES / "json").glob("*.json")))) == (120, 109)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_text_and_json_agree(path):
    said = (EXAMPLES / "json" / f"{path.stem.split('-alt')[0]}.json").read_bytes()
    tree = parse_text(path.read_text())
    assert parse_json(said) == tree
    assert to_json(tree) == json.loads(said)
    assert parse_text(to_text(tree)) == tree
