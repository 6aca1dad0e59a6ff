"""The map of a commune on paper."""

from __future__ import annotations

import uuid
from xml.etree import ElementTree

import pytest

from geoplatform.model import Kind, Licence, Visibility
from tests import grid
from tests.web.test_communes import DRAWING, add

SVG = "{http://www.w3.org/2000/svg}"
POSTER = "/communes/97401/poster.svg"


def drawn(client, query=""):
    answer = client.get(f"{POSTER}{query}")
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "image/svg+xml"
    return ElementTree.fromstring(answer.data)


def texts(root):
    return ["".join(element.itertext()).strip() for element in root.iter(f"{SVG}text")]


def test_it_has_the_commune_its_neighbours_its_places_and_where_they_are_from(client, database, draw):
    draw(DRAWING)
    add(database, "Café <b>du</b> Port", category="cafe")
    add(database, "Jardin", kind=Kind.ASSOCIATION, category="shared_garden", position=grid.at(DRAWING, 0.2, 0.2))
    root = drawn(client)
    said = texts(root)
    assert said[0] == "Commune A"
    assert "1 Commerce" in said
    assert "1 Association" in said
    assert any(one.endswith("Café <b>du</b> Port") for one in said)
    assert "1" in said
    assert "2" in said
    assert any("/communes/97401" in one for one in said)
    assert any("CC0 1.0 (2)" in one for one in said)
    paths = [path.get("d") for path in root.iter(f"{SVG}path")]
    assert len([path for path in paths if path.startswith("M ")]) >= 3  # A twice, B
    assert not [element for element in root.iter() if element.tag == f"{SVG}b" or element.get("style")]


def test_a_place_stands_where_it_is(client, database, draw):
    draw(DRAWING)
    for across, up in ((0.25, 0.25), (0.75, 0.75)):
        add(database, f"{across}", position=grid.at(DRAWING, across, up), id=uuid.uuid4())
    root = drawn(client)
    (limit,) = [p.get("d") for p in root.iter(f"{SVG}path") if p.get("stroke-width") == "0.5"]
    numbers = list(map(float, limit.replace("M", "").replace("l", "").replace("z", "").replace("Z", "").split()))
    xs, ys = [numbers[0]], [numbers[1]]
    for dx, dy in zip(numbers[2::2], numbers[3::2], strict=True):
        xs.append(xs[-1] + dx)
        ys.append(ys[-1] + dy)
    left, top, width, height = min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
    marks = [
        tuple(map(float, g.get("transform")[len("translate(") : -1].split()))
        for g in root.iter(f"{SVG}g")
        if g.get("transform", "").startswith("translate(") and g.find(f"{SVG}text") is not None and len(list(g)) == 2
        and (g.find(f"{SVG}text").text or "").isdigit()
    ]  # fmt: skip
    assert len(marks) == 2
    for (x, y), (across, up) in zip(sorted(marks), ((0.25, 0.25), (0.75, 0.75)), strict=True):
        assert (x - left) / width == pytest.approx(across, abs=0.01)
        assert (y - top) / height == pytest.approx(1 - up, abs=0.01)


def test_display_only_and_hidden_places_are_not_on_it(client, database, draw):
    draw(DRAWING)
    add(database, "Montré", licence=Licence.DISPLAY_ONLY)
    add(database, "Ici ou là", visibility=Visibility.COMMUNE, id=uuid.uuid4())
    said = texts(drawn(client))
    assert not [one for one in said if "Montré" in one]
    assert [one for one in said if one.startswith("·") and "Ici ou là" in one], "named without a place on the map"


def test_many_places_are_circles_with_their_number(client, database, draw):
    draw(DRAWING)
    for _ in range(141):
        add(database, "Lieu", id=uuid.uuid4())
    said = texts(drawn(client))
    assert "141" in said
    assert any("plusieurs lieux" in one for one in said)


@pytest.mark.parametrize(("paper", "sides"), [("A4", {210, 297}), ("A3", {297, 420}), ("A2", {420, 594})])
def test_its_sheet_is_of_the_paper_that_is_asked_for(client, draw, paper, sides):
    draw(DRAWING)
    root = drawn(client, f"?format={paper}")
    assert {round(float(root.get(side).removesuffix("mm"))) for side in ("width", "height")} == sides


def test_bad_parameter_another_paper_or_an_unknown_commune(client, draw):
    draw(DRAWING)
    answer = client.get(f"{POSTER}?format=A0")
    assert (answer.status_code, answer.get_json()["parameter"]) == (400, "format")
    assert client.get("/communes/97499/poster.svg").status_code == 404


def test_it_speaks_english_by_choice(client, draw):
    draw(DRAWING)
    client.set_cookie("lang", "en")
    assert any("No place is published here yet" in one for one in texts(drawn(client)))
