"""The pages in a real Chromium: the map draws, the search works by keyboard, nothing goes to a third party."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.chromium import FLAGS, program

pytestmark = [pytest.mark.browser, pytest.mark.france]


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, served):
    """A page that fails its test on any console error, and on any request that leaves our host."""
    context = chromium.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if not ours(request.url, served.url) else None)
    page.on("response", lambda got: complaints.append(f"{got.status} {got.url}") if got.status >= 500 else None)
    yield page
    context.close()
    assert complaints == []


def ours(url: str, base: str) -> bool:
    return url.startswith((base, "data:", "blob:"))


def wait_for_map(page: Page) -> None:
    page.wait_for_selector("html[data-map=idle]", state="attached", timeout=60_000)


def drawn(page: Page, layer: str) -> list[dict]:
    return page.evaluate("layer => window.__map.queryRenderedFeatures({layers: [layer]}).map(f => f.properties)", layer)


def test_the_home_map_draws_france_and_flies_to_la_reunion(page, served):
    page.goto(served.url)
    wait_for_map(page)
    assert len({row["code"] for row in drawn(page, "departments-fill")}) > 80
    page.get_by_role(
        "button", name="La Réunion"
    ).click()  # and poll: waiting on a function needs eval, which our CSP forbids
    for _ in range(120):
        communes = {row["code"] for row in drawn(page, "communes-fill")}
        places = drawn(page, "places-clusters") + drawn(page, "places-points")
        if any(code.startswith("974") for code in communes) and places:
            break
        page.wait_for_timeout(250)
    assert communes >= {"97414", "97407", "97408"}
    assert places


def test_a_commune_is_found_with_the_keyboard_alone(page, served):
    page.goto(served.url)
    page.get_by_role("combobox").first.focus()
    with page.expect_response(re.compile(r"q=saint\+louis&")):
        page.keyboard.type("saint louis")
    expect(page.get_by_role("option", name=re.compile("La Réunion")).first).to_be_visible()
    choose(page, "La Réunion")
    page.keyboard.press("Enter")
    page.wait_for_url("**/communes/97414")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Saint-Louis"))


def test_what_the_arrows_chose_stays_chosen_when_later_suggestions_arrive(page, served):
    late = []
    page.route(re.compile(r"q=saint\+louis&"), lambda route: late.append(route))
    page.goto(served.url)
    page.get_by_role("combobox").first.focus()
    with page.expect_response(re.compile(r"q=saint\+loui&")):
        page.keyboard.type("saint loui")
    expect(page.get_by_role("option", name=re.compile("La Réunion")).first).to_be_visible()
    with page.expect_request(re.compile(r"q=saint\+louis&")):
        page.keyboard.type("s")
    choose(page, "La Réunion")
    with page.expect_response(re.compile(r"q=saint\+louis&")):
        late[0].continue_()
    expect(page.get_by_role("option", selected=True)).to_have_text(re.compile("La Réunion"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/communes/97414")


def choose(page, words: str) -> None:
    """Go down the suggestions with the arrow key until the active one holds these words."""
    active = "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))?.textContent || ''"
    for _ in range(8):
        page.keyboard.press("ArrowDown")
        if words in page.evaluate(active):
            return
    raise AssertionError(f"no suggestion holds {words!r}")


def test_the_commune_page_shows_its_limit_and_places_on_map_and_list(page, served):
    page.goto(f"{served.url}/communes/97414")
    wait_for_map(page)
    assert {row["code"] for row in drawn(page, "highlight-line")} == {"97414"}
    shown = drawn(page, "listed-points") + drawn(page, "places-points") + drawn(page, "places-clusters")
    assert shown
    expect(page.get_by_role("link", name=re.compile("Mairie — Saint-Louis")).first).to_be_visible()
    expect(page.get_by_text("démonstration").first).to_be_visible()


def test_a_place_page_is_reached_from_the_list_and_tells_its_licence(page, served):
    page.goto(f"{served.url}/communes/97407")
    page.get_by_role("link", name=re.compile("Mairie — Le Port")).first.click()
    page.wait_for_url("**/places/*")
    wait_for_map(page)
    expect(page.get_by_text(re.compile("Licence Ouverte|etalab")).first).to_be_visible()


def test_reading_works_without_javascript(chromium, served):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.url)
    page.get_by_role("combobox").or_(page.get_by_role("searchbox")).or_(page.get_by_role("textbox")).first.fill(
        "cilaos"
    )
    page.keyboard.press("Enter")
    page.get_by_role("link", name=re.compile("Cilaos")).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Cilaos"))
    context.close()


@pytest.mark.parametrize(
    "path", ["/", "/communes/97414", "/?q=zzzz", "/communes/99999", "/tiles", "/tiles/places", "/qgis"]
)
def test_a_small_telephone_needs_no_sideways_scroll(chromium, served, path):
    context = chromium.new_context(viewport={"width": 320, "height": 640}, is_mobile=True)
    page = context.new_page()
    page.goto(served.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    context.close()


def test_english_is_a_link_away_and_stays(page, served):
    page.goto(f"{served.url}/communes/97414")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto(served.url)
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_layer_of_tiles_is_tried_on_its_page(page, served):
    page.goto(f"{served.url}/tiles/all?kind=service")
    wait_for_map(page)
    assert len({row["code"] for row in drawn(page, "departments-line")}) > 80
    assert sum(row["point_count"] for row in drawn(page, "places-clusters")) > 20_000
    assert sum(row["merchants"] for row in drawn(page, "places-clusters")) == 0
    page.evaluate("window.__map.jumpTo({center: [55.41, -21.28], zoom: 12.5})")
    for _ in range(60):
        if any(row["code"] == "97414" for row in drawn(page, "communes-fill")) and drawn(page, "places-points"):
            break
        page.wait_for_timeout(250)
    assert "97414" in {row["code"] for row in drawn(page, "communes-fill")}
    assert {row["kind"] for row in drawn(page, "places-points")} == {"service"}
    expect(page.locator("#preview-status")).to_contain_text("zoom 12.5")
    page.locator("#map").click()
    expect(page.locator(".preview-properties")).to_contain_text("97414")
    page.get_by_label("Sorte").select_option("project")
    page.get_by_role("button", name="Filtrer").click()
    page.wait_for_url(f"{served.url}/tiles/all?kind=project")
