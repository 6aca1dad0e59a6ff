"""The pages of downloads in a real Chromium: on a small telephone, by keyboard, in two languages, and a file that arrives."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.exports.conftest import released  # noqa: F401 - a fixture
from tests.web.test_browser import chromium, ours, wait_for_map  # noqa: F401 - a fixture
from tests.web.test_releases import COMMUNE, FGB, FIRST, server, shop  # noqa: F401 - fixtures
from tests.web.test_server import running

pytestmark = pytest.mark.browser

PATHS = ("/exports", "/exports/places", f"/exports/places/{FIRST}", f"/exports/{COMMUNE}")


@pytest.fixture
def page(chromium, server):  # noqa: F811
    """A small telephone's page that fails its test on any console error, and on any request that leaves our host."""
    url = f"http://127.0.0.1:{server.port}"
    yield from strict_page(chromium, url)


def strict_page(chromium, url: str):  # noqa: F811
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
    nameless = "all => all.filter(one => !(one.ariaLabel || one.textContent).trim()).length"
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


@pytest.fixture(scope="module")
def every_format(released, tmp_path_factory):  # noqa: F811
    """Address of a server of a release in every format."""
    with running(released.database, tmp_path_factory.mktemp("formats"), EXPORTS=str(released.folder)) as server:  # noqa: F811
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def formats(chromium, every_format):  # noqa: F811
    """A page of that server, as strict as the other."""
    yield from strict_page(chromium, every_format)


def drawn(page, layers: list[str], zoom: float, at: list[float]) -> set[str]:
    """What the map shows there, once it has come to rest: identifiers or codes."""
    wait_for_map(page)
    page.evaluate(
        "([at, zoom]) => new Promise(done => { __map.once('idle', done); __map.jumpTo({center: at, zoom}); })",
        [at, zoom],
    )
    found = "layers => __map.queryRenderedFeatures({layers}).map(one => one.properties.id ?? one.properties.code)"
    return set(page.evaluate(found, layers))


def test_the_preview_reads_the_file_itself(formats, released, every_format):  # noqa: F811
    rows = released.database.rows(
        """SELECT id::text, ST_X(geom), ST_Y(geom) FROM published.place_items WHERE geom IS NOT NULL
           AND licence = 'ODbL-1.0' AND verdict = 'inside' ORDER BY id LIMIT 1"""
    )
    number, lon, lat = rows[0]
    asked: list[str] = []
    formats.on("request", lambda request: asked.append(request.url.removeprefix(every_format)))
    formats.goto("/exports/places")
    assert number in drawn(formats, ["places-points"], 14, [lon, lat])
    assert any(path == "/exports/places/latest/places-odbl-1.0.pmtiles" for path in asked)
    assert not any(path.startswith("/tiles/places/") for path in asked)
    formats.get_by_role("link", name="Creative Commons Zéro 1.0 (domaine public)").first.click()
    formats.wait_for_url("**preview=places-cc0-1.0.pmtiles**")
    other, lon, lat = released.database.rows(
        """SELECT id::text, ST_X(geom), ST_Y(geom) FROM published.place_items WHERE geom IS NOT NULL
           AND licence = 'CC0-1.0' AND verdict = 'inside' ORDER BY id LIMIT 1"""
    )[0]
    shown = drawn(formats, ["places-points"], 14, [lon, lat])
    assert other in shown
    assert number not in shown


@pytest.mark.parametrize(
    ("dataset", "layer"),
    [("communes", "communes-fill"), ("departments", "departments-fill"), ("regions", "features-fill")],
)
def test_the_preview_of_limits_draws_them(formats, released, dataset, layer):  # noqa: F811
    code, lon, lat = released.database.rows(
        f"SELECT code, ST_X(at), ST_Y(at) FROM published.{dataset}, ST_PointOnSurface(geom) AS at ORDER BY code LIMIT 1"
    )[0]
    formats.goto(f"/exports/{dataset}")
    assert code in drawn(formats, [layer], 8, [lon, lat])


def test_a_release_without_a_file_that_can_be_drawn_has_no_map(page):
    page.goto(f"/exports/{COMMUNE}")
    assert page.locator("#map").count() == 0
