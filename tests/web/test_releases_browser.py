"""The pages of downloads in a real Chromium: on a small telephone, by keyboard, in two languages, and a file that arrives."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.web.test_browser import chromium, ours  # noqa: F401 - a fixture
from tests.web.test_releases import COMMUNE, FGB, FIRST, server, shop  # noqa: F401 - fixtures

pytestmark = pytest.mark.browser

PATHS = ("/exports", "/exports/places", f"/exports/places/{FIRST}", f"/exports/{COMMUNE}")


@pytest.fixture
def page(chromium, server):  # noqa: F811
    """A small telephone's page that fails its test on any console error, and on any request that leaves our host."""
    url = f"http://127.0.0.1:{server.port}"
    context = chromium.new_context(viewport={"width": 320, "height": 640}, base_url=url)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: complaints.append(request.url) if not ours(request.url, url) else None)
    yield page
    context.close()
    assert complaints == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_small_telephone_needs_no_sideways_scroll(page, path, language):
    page.goto(f"/lang/{language}?next={path}")
    assert page.get_attribute("html", "lang") == language
    for folded in page.locator("summary").all():
        folded.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    levels = [int(level) for level in page.locator("h1, h2, h3").evaluate_all("all => all.map(one => one.tagName[1])")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    nameless = "all => all.filter(one => !one.textContent.trim()).length"
    assert page.locator("main a, main summary, main h2, main h3").evaluate_all(nameless) == 0


def test_what_is_folded_opens_by_keyboard(page):
    page.goto("/exports/places")
    summary = page.get_by_text("Fichiers vides")
    empty = page.locator("a[href$='places-cc-by-nc-sa-4.0.csv']")
    expect(empty).to_be_hidden()
    summary.focus()
    page.keyboard.press("Enter")
    expect(empty).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('details') !== null")


def test_a_file_is_downloaded_under_its_name(page, shop):  # noqa: F811
    page.goto("/exports")
    page.get_by_role("link", name="Lieux — France").click()
    with page.expect_download() as arriving:
        page.get_by_role("link", name="FlatGeobuf", exact=True).first.click()
    arrived = arriving.value
    assert arrived.suggested_filename == FGB
    assert hashlib.sha256(Path(arrived.path()).read_bytes()).digest() == hashlib.sha256(shop.kept()).digest()
