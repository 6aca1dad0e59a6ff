"""Lighthouse reads the main pages: accessibility, best practices, what search engines need. Its speed is for `make bench`."""

from __future__ import annotations

import pytest

from tests.lighthouse import QUALITIES, audited
from tests.web.citizens.conftest import founded

pytestmark = [pytest.mark.clients, pytest.mark.france]

LEAST = 95
#: The form is for whoever is signed in: robots.txt leaves it out, which Lighthouse counts against it.
PRIVATE = [("seo", "is-crawlable")]


def read(address: str, cookie: str = "") -> tuple[list[str], list[tuple[str, str]]]:
    """The qualities that lack points, and what lacks in them."""
    told = audited(address, cookie)
    short = [name for name in QUALITIES if told["scores"][name] < LEAST]
    return short, [(one["category"], one["name"]) for one in told["lacking"] if one["category"] in short]


@pytest.mark.parametrize("path", ["/", "/communes/97411"])
def test_a_public_page_lacks_nothing(served, path):
    assert read(served.url + path) == ([], [])


def test_the_page_of_a_place_lacks_nothing(served):
    ((place,),) = served.database.rows("SELECT id::text FROM published.places WHERE commune_code = '97411' LIMIT 1")
    assert read(f"{served.url}/places/{place}") == ([], [])


def test_the_form_that_adds_a_place_lacks_but_what_it_hides(served, tmp_path):
    ana = founded(served.database, tmp_path).contributor("ana")
    cookie = f"session={ana.browser.get_cookie('session').value}"
    assert read(f"{served.url}/contribute?commune=97411", cookie) == (["seo"], PRIVATE)
