"""Every page that a person can open, in a real Chromium: WCAG 2.2 AA on a desk and on a small telephone, by day and by night,
nothing wider than the screen, and the keyboard's place always seen. A new page is one more line of `PAGES`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page

from tests.web import axe, pictures
from tests.web.test_browser import chromium, ours, wait_for_map  # noqa: F401 - a fixture
from tests.web.test_releases import FIRST
from tests.web.test_server import Running, running
from tests.web.world import World, world

pytestmark = pytest.mark.browser

WIDTHS = (1200, 320)


@dataclass(frozen=True)
class At:
    """An address, made with the names of the world. `by`: who is signed in; `status`: of the answer; `has_map`: it draws one."""

    path: str
    by: str = ""
    status: int = 200
    has_map: bool = False


#: Every page by the endpoint of its route, each in all the states that look different.
PAGES: dict[str, tuple[At, ...]] = {
    "home.index": (At("/", has_map=True), At("/?q=commune", has_map=True), At("/?q=zzzz", has_map=True)),
    "communes.page": (
        At("/communes/97401", has_map=True), At("/communes/97401", by="ana", has_map=True), At("/communes/97404", has_map=True),
        At("/communes/97405"), At("/communes/97401?kind=project", has_map=True), At("/communes/97401?vintage=2025", has_map=True),
        At("/communes/97403", status=300), At("/communes/97499", status=404), At("/communes/97401?kind=x", status=400),
        At("/communes/97401?q=jardin&fresh=1&bbox=54,-23,57,-20", has_map=True), At("/communes/97401?open=1", has_map=True),
    ),
    "communes.embedded": (At("/communes/97401/embed", has_map=True), At("/communes/97405/embed")),
    "places.page": (
        At("/places/{place}", has_map=True), At("/places/{place}", by="ana", has_map=True),
        At("/places/{place}", by="eva", has_map=True),
        At("/places/{private}", has_map=True), At("/places/00000000-0000-7000-8000-000000000000", status=404),
    ),
    "places.history": (At("/places/{place}/history"),),
    "contributing.add": (At("/contribute?commune=97401", by="ana", has_map=True), At("/contribute", by="shy")),
    "contributing.edit": (At("/places/{place}/edit", by="ana", has_map=True),),
    "privacy.page": (At("/privacy"),),
    "signing.page": (At("/sign-in"), At("/sign-in?next=/contribute")),
    "session.link": (At("/session/nothing"),),
    "space.page": (At("/me", by="ana"), At("/me", by="shy")),
    "deciding.queue": (At("/queue", by="ref"), At("/queue", by="ana"), At("/queue", by="shy", status=403)),
    "deciding.log": (At("/moderation"), At("/moderation?commune=97401"), At("/moderation?commune=97402")),
    "operating.page": (At("/operator", by="op"), At("/operator", by="ana", status=403)),
    "vintages.index": (At("/vintages"),),
    "vintages.findings": (At("/vintages/{vintage}/findings", has_map=True), At("/vintages/999/findings", status=404)),
    "tilesets.index": (At("/tiles"),),
    "tilesets.preview": tuple(At(f"/tiles/{layer}", has_map=True) for layer in ("all", "places", "communes", "departments")),
    "qgis.ways": (At("/qgis"), At("/qgis?commune=97401")),
    "ogc.landing": (At("/ogc/?f=html"),),
    "ogc.conformance": (At("/ogc/conformance?f=html"),),
    "ogc.api": (At("/ogc/api?f=html"),),
    "ogc.every": (At("/ogc/collections?f=html"),),
    "ogc.one": (At("/ogc/collections/places?f=html", has_map=True), At("/ogc/collections/communes?f=html", has_map=True)),
    "ogc.schema": tuple(At(f"/ogc/collections/places/{what}?f=html") for what in ("queryables", "sortables", "schema")),
    "ogc_items.listed": (
        At("/ogc/collections/places/items?f=html", has_map=True),
        At("/ogc/collections/communes/items?f=html&limit=2", has_map=True),
        At("/ogc/collections/places/items?f=html&kind=service&limit=1&filter=name%3D'x'"),
    ),
    "ogc_items.single": (
        At("/ogc/collections/places/items/{place}?f=html", has_map=True),
        At("/ogc/collections/communes/items/97401?f=html", has_map=True),
    ),
    "releases.index": (At("/exports"),),
    "releases.dataset": (At("/exports/places", has_map=True), At("/exports/communes", has_map=True)),
    "releases.release": (
        At("/exports/communes/latest", has_map=True), At(f"/exports/places/{FIRST}", status=410),
        At("/exports/places/1999-01-01", status=404),
    ),
    "cuts.page": (At("/exports/cuts/{cut}"),),
    "revocations.receipt": (At("/exports/revocations/{erased}"),),
}  # fmt: skip

#: Routes that answer programs, give a file, or lead on.
NOT_PAGES = {
    "static", "home.language", "communes.search", "communes.dump", "poster.show", "tiles.tile", "tilesets.tilejson",
    "tilesets.style",
    "qgis.part", "qgis.project", "releases.file", "revocations.index", "revocations.feed", "changes.index", "changes.state",
    "changes.diff", "changes.feed", "catalogue.negotiated", "catalogue.written", "catalogue.data_json", "health.live",
    "health.ready", "health.metrics", "vintages.show", "mine.feed", "robots.rules", "robots.sitemap",
    "openid.begin", "openid.follow",
}  # fmt: skip
EVERY = [one for found in PAGES.values() for one in found]


@pytest.fixture(scope="module")
def places_to_go(cluster, template, tmp_path_factory) -> Iterator[tuple[World, Running]]:
    folder = tmp_path_factory.mktemp("world")
    with world(cluster, template, folder) as made, running(made.town.database, folder) as server:
        yield made, server


def test_every_route_is_a_page_that_is_looked_at_or_said_to_be_none(client):
    routes = {
        rule.endpoint
        for rule in client.application.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith("/api/")
    }
    assert routes == PAGES.keys() | NOT_PAGES
    assert not PAGES.keys() & NOT_PAGES


@pytest.mark.parametrize("at", EVERY, ids=lambda at: f"{at.by or 'anybody'} {at.path}")
def test_a_page_is_for_everybody(chromium, places_to_go, at):  # noqa: F811
    made, server = places_to_go
    found: dict[str, object] = {}
    for width in WIDTHS:
        page, complaints = _opened(chromium, made, server, at, width)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            pictures.keep(page, f"{width} {scheme}")
            found[f"{width} {scheme}"] = axe.violations(page)
        if width == WIDTHS[0]:
            page.emulate_media(media="print", color_scheme="light")
            pictures.keep(page, "print")
            page.emulate_media(media="screen")
        found[f"{width} fits"] = [] if axe.is_narrow_enough(page) else ["it scrolls sideways"]
        found[f"{width} keyboard"] = _unseen(page)
        found[f"{width} console"] = [told for told in complaints if not (at.status >= 400 and str(at.status) in told)]
        page.context.close()
    assert {where: what for where, what in found.items() if what} == {}


def _opened(browser: Browser, made: World, server: Running, at: At, width: int) -> tuple[Page, list[str]]:
    """The page, read and drawn, and what its console says."""
    base = f"http://127.0.0.1:{server.port}"
    context = browser.new_context(viewport={"width": width, "height": 900}, base_url=base)
    if at.by:
        cookie = made.readers[at.by].browser.get_cookie("session")
        context.add_cookies([{"name": "session", "value": cookie.value, "url": base}])
    page, complaints = context.new_page(), []
    page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda sent: complaints.append(sent.url) if not ours(sent.url, base) else None)
    answer = page.goto(at.path.format(**made.names))
    assert answer is not None
    assert (answer.status, answer.headers["content-type"]) == (at.status, "text/html; charset=utf-8")
    assert (page.locator("#map").count() == 1) == at.has_map
    page.evaluate("for (const one of document.querySelectorAll('details:not([class*=maplibregl])')) one.open = true")
    if at.has_map:
        wait_for_map(page)
    return page, complaints


def _unseen(page: Page) -> list[str]:
    """What can have the focus of the keyboard and looks as if it had not."""
    page.keyboard.press("Tab")  # from now on the focus is the keyboard's
    return page.evaluate(
        """() => {
            const unseen = [];
            for (const one of document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')) {
                if (!one.checkVisibility({visibilityProperty: true}) || one.disabled) continue;
                one.focus();
                if (document.activeElement !== one) continue;
                const {outlineStyle, outlineWidth, boxShadow} = getComputedStyle(one);
                const isSeen = boxShadow !== 'none' || (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2);
                if (!isSeen) unseen.push(one.outerHTML.slice(0, 120));
            }
            return unseen;
        }"""
    )
