"""What the checks said, on the page and in the documents: in the reader's language, the same in both."""

from __future__ import annotations

import html
import json
import re
import string

import numpy as np
import pytest
import shapely
from flask_babel import force_locale

from geoplatform.web import checks
from loaders.gates import SENTENCES
from tests import grid

HTML = {"Accept": "text/html"}


def facts_of(sentence: str) -> dict[str, int | float | str]:
    """A value of the right kind for each figure in a sentence of the loaders."""
    found = {}
    for number, (_, name, spec, _) in enumerate(string.Formatter().parse(sentence)):
        if name:
            found[name] = "974" if name in ("year", "department", "codes") else 1.5 + number if spec else number + 2
    return found


@pytest.mark.parametrize("key", SENTENCES)
def test_every_sentence_of_the_gates_has_its_french_and_its_english(client, key):
    facts = facts_of(SENTENCES[key])
    with client.application.test_request_context():
        with force_locale("en"):
            assert checks.sentence({"says": key, "facts": facts}) == SENTENCES[key].format(**facts)
        with force_locale("fr"):
            french = checks.sentence({"says": key, "facts": facts})
    assert french != SENTENCES[key].format(**facts)
    for value in facts.values():
        assert str(value).replace(".", ",") in french


def test_page_and_documents_speak_the_language_of_the_reader(client, draw):
    shapes = list(grid.shapes_of("BBB\nAAA\nA.A\nAAA").values())
    shapes[1] = shapely.Polygon([(55, -21.7), (55.3, -21.6), (55.3, -21.7), (55, -21.6)])  # a bow tie
    draw("BBB\nAAA\nA.A\nAAA", shapes=np.array(shapes, dtype=object))
    addresses = [
        one for one in client.get("/vintages?f=json").json["vintages"][0]["documents"] if "reattribution" not in one
    ]
    said = {}
    for lang, comma in (("fr", ","), ("en", ".")):
        client.get(f"/lang/{lang}?next=/")
        page = html.unescape(client.get("/vintages", headers=HTML).text)
        report, findings = (client.get(address) for address in addresses)
        assert report.headers["Content-Language"] == findings.headers["Content-Language"] == lang
        assert "Cookie" in report.headers["Vary"]
        details = {gate["name"]: gate["detail"] for gate in report.json["gates"]}
        assert all(detail in page for detail in details.values())
        assert re.search(rf"\d{re.escape(comma)}\d km²", details["gaps"])
        kinds = {f["properties"]["kind"]: f["properties"]["detail"] for f in json.loads(findings.data)["features"]}
        said[lang] = {**details, **kinds}
    assert {name for name in said["fr"] if said["fr"][name] == said["en"][name]} == set()
    assert said["en"]["gap"] == "the union of the communes has a hole here"
    assert said["fr"]["repaired"].startswith("polygone rendu valide — Self-intersection")
