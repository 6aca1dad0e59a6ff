"""A visitor with a small telephone, in a real Chromium: the commune where they are, its places by kind, its map on another site."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.web import pictures
from tests.web.citizens.conftest import spot
from tests.web.citizens.test_journey_browser import PHONE, seated
from tests.web.test_browser import chromium, drawn, wait_for_map  # noqa: F401

pytestmark = pytest.mark.browser


@pytest.fixture
def peopled(town):
    ana = town.contributor("ana")
    for number in range(3):
        at = spot(0.2 + 0.2 * number, 0.5)
        ana.add(f"Boulangerie {number}", at=at, kind="merchant", category="bakery")
        ana.add(f"Théâtre {number}", at=at, kind="association", category="culture")
    return town


def test_the_commune_where_one_is(chromium, peopled, tmp_path):  # noqa: F811
    with seated(chromium, peopled, tmp_path, PHONE) as seat:
        seat.context.grant_permissions(["geolocation"])
        lon, lat = spot(0.4, 0.4)
        seat.context.set_geolocation({"longitude": lon, "latitude": lat})
        page = seat.open()
        page.goto("/")
        wait_for_map(page)
        seat.look(page, "home")
        page.get_by_role("button", name="Autour de moi").click()
        page.wait_for_url(f"{seat.base}/communes/97401")
        wait_for_map(page)
        seat.look(page, "commune")
        seat.context.set_geolocation({"longitude": 0, "latitude": 0})
        page.goto("/")
        page.get_by_role("button", name="Autour de moi").click()
        expect(page.get_by_text("Aucune commune n’est là où vous êtes.")).to_be_visible()


def test_a_filter_is_in_the_address_and_list_and_map_follow_it(chromium, peopled, tmp_path):  # noqa: F811
    with seated(chromium, peopled, tmp_path, PHONE) as seat:
        page = seat.open()
        page.goto("/communes/97401")
        assert page.locator("[data-place]").count() == 6
        page.get_by_label("Genre").select_option("merchant")
        page.get_by_role("button", name="Filtrer").click()
        page.wait_for_url(re.compile("kind=merchant"))
        wait_for_map(page)
        kinds = page.locator("[data-place]").evaluate_all("all => all.map((one) => one.dataset.kind)")
        assert kinds == ["merchant"] * 3
        shown = drawn(page, "places-points") + drawn(page, "listed-points") + drawn(page, "places-clusters")
        assert {one.get("kind") for one in shown if one.get("kind")} <= {"merchant"}
        assert sum(one.get("point_count", 1) for one in shown) >= 3
        seat.look(page, "filtered")
        page.get_by_role("link", name="Tout montrer").click()
        expect(page.locator("[data-place]")).to_have_count(6)
        page.goto("/communes/97401?category=library")
        expect(page.get_by_text("Aucun lieu ne répond à ces filtres dans cette commune.")).to_be_visible()


def test_the_list_shows_what_the_map_shows_where_one_wants_that(chromium, peopled, tmp_path):  # noqa: F811
    with seated(chromium, peopled, tmp_path) as seat:
        page = seat.open()
        page.goto("/communes/97401")
        wait_for_map(page)
        expect(page.locator("[data-place]")).to_have_count(6)
        west = spot(0.2, 0.5)
        page.evaluate("at => { window.__map.jumpTo({center: at, zoom: 16}); }", west)
        expect(page.locator("[data-place]")).to_have_count(6)
        page.get_by_label("Seulement ce que la carte montre").check()
        expect(page.locator("[data-place]")).to_have_count(2)
        expect(page.locator("[data-total]")).to_have_text("(2)")
        expect(page.locator("[data-follow-status]")).to_have_text("2 lieux dans la liste")
        assert "bbox=" in page.url
        page.evaluate("at => { window.__map.jumpTo({center: at, zoom: 16}); }", spot(0.6, 0.5))
        expect(page.locator("[data-place][data-name='Boulangerie 2']")).to_have_count(1)
        seat.look(page, "followed")
        page.get_by_role("button", name="Voir Boulangerie 2 sur la carte").click()
        expect(page.locator(".maplibregl-popup")).to_contain_text("Boulangerie 2")
        page.get_by_label("Mots").fill("théâtre")
        page.get_by_role("button", name="Filtrer").click()  # within the same box
        wait_for_map(page)
        expect(page.locator("[data-place]")).to_have_count(1)
        assert page.get_by_label("Seulement ce que la carte montre").is_checked()
        assert {one["name"] for one in drawn(page, "listed-points")} == {"Théâtre 2"}
        page.get_by_label("Seulement ce que la carte montre").uncheck()
        expect(page.locator("[data-place]")).to_have_count(3)
        assert "bbox=" not in page.url


def test_somebody_says_that_a_place_is_as_its_page_says(chromium, peopled, tmp_path):  # noqa: F811
    with seated(chromium, peopled, tmp_path, PHONE) as seat:
        page = seat.open()
        peopled.run("UPDATE geoplatform.place SET modified_at = modified_at - interval '2 years'")
        (place,) = peopled.rows("SELECT id::text FROM geoplatform.place WHERE name = 'Boulangerie 1'")[0]
        seat.sign_in(page, "bob@example.org")
        page.goto(f"/places/{place}")
        expect(page.get_by_text("Rien ne le confirme depuis plus d’un an")).to_be_visible()
        seat.look(page, "stale")
        page.get_by_role("button", name="C’est toujours exact").click()
        expect(page.get_by_text("Merci, c’est noté")).to_be_visible()
        page.reload()
        expect(page.get_by_text("Rien ne le confirme depuis plus d’un an")).to_have_count(0)


def test_what_checks_found_is_shown_on_a_map(chromium, peopled, tmp_path):  # noqa: F811
    peopled.run(
        """INSERT INTO geoplatform.vintage_finding (vintage_id, ordinal, kind, codes, area_km2, geom)
           SELECT v.id, n, kind, codes, area, ST_Buffer(ST_SetSRID(ST_MakePoint(55.1, -21.95 + n / 100.0), 4326), 0.002)
           FROM geoplatform.vintage AS v,
                (VALUES (1, 'gap', ARRAY['97401'], 0.5), (2, 'overlap', ARRAY['97401', '97402'], 2)) AS f (n, kind, codes, area)"""
    )
    with seated(chromium, peopled, tmp_path, PHONE) as seat:
        page = seat.open()
        page.goto("/vintages")
        page.get_by_role("link", name="Trous, recouvrements et réparations, sur une carte").click()
        wait_for_map(page)
        assert page.locator("tbody tr").count() == 2
        assert "200 ha" in page.locator("tbody tr").first.inner_text()
        seat.look(page, "findings")
        page.get_by_role("button", name="Voir sur la carte : 97401", exact=True).click()
        page.wait_for_timeout(1500)
        wait_for_map(page)
        assert len(drawn(page, "features-fill")) >= 1
    assert peopled.stranger().page("/vintages/99/findings").status_code == 404


def test_a_script_that_somebody_brings_in_is_not_run(chromium, peopled, tmp_path):  # noqa: F811
    peopled.contributor("eve").add(
        '<img src=x onerror="window.owned=1"><script>window.owned=1</script>', at=spot(0.5, 0.2)
    )
    with seated(chromium, peopled, tmp_path) as seat:
        page = seat.open()
        for path in ("/communes/97401", "/"):
            page.goto(path)
            expect(page.get_by_text("<script>window.owned=1</script>").first).to_be_visible()
            assert page.evaluate("window.owned") is None
            assert seat.complaints == []
            page.evaluate(
                """() => {
                    window.refused = [];
                    document.addEventListener('securitypolicyviolation', (event) => window.refused.push(event.effectiveDirective));
                    const inline = document.createElement('script');
                    inline.textContent = 'window.owned = 1';
                    const image = document.createElement('div');
                    image.innerHTML = '<img src="data:," onerror="window.owned = 1">';
                    const remote = Object.assign(document.createElement('script'), {src: 'https://evil.example/x.js'});
                    document.body.append(inline, image, remote);
                }"""
            )
            page.wait_for_timeout(500)
            assert page.evaluate("window.owned") is None
            assert {"script-src-elem", "script-src-attr"} <= set(page.evaluate("window.refused"))
            seat.complaints.clear()  # of what was refused


@contextmanager
def site(folder: Path, pages: dict[str, str]) -> Iterator[str]:
    """Another site, of these pages; its address."""
    for name, text in pages.items():
        (folder / name).write_text(text)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_map_of_a_commune_stands_on_another_site_and_its_page_does_not(chromium, peopled, tmp_path):  # noqa: F811
    (tmp_path / "site").mkdir()
    with seated(chromium, peopled, tmp_path) as seat:
        paths = {"map.html": "/communes/97401/embed?kind=merchant", "page.html": "/communes/97401"}
        frame_ = '<!doctype html><iframe src="{}{}" width="600" height="480"></iframe>'
        pages = {name: frame_.format(seat.base, path) for name, path in paths.items()}
        with site(tmp_path / "site", pages) as town_hall:
            page = seat.context.new_page()
            page.goto(f"{town_hall}/map.html")
            frame = page.frame_locator("iframe")
            expect(frame.locator("html[data-map=idle]")).to_be_attached(timeout=60_000)
            expect(frame.get_by_role("link", name="Commune A sur la carte de ma commune")).to_be_visible()
            pictures.keep(page, "embedded")
            refused: list[str] = []
            page.on("console", lambda told: refused.append(told.text))
            page.goto(f"{town_hall}/page.html")
            page.wait_for_timeout(1500)
            assert any("frame-ancestors" in one for one in refused)
        own = seat.open()
        own.goto("/communes/97401")
        own.get_by_text("Mettre cette carte sur un site").click()
        assert f'src="{seat.base}/communes/97401/embed"' in own.locator("pre", has_text="<iframe").inner_text()


def test_a_filter_that_names_nothing_is_refused(town):
    for query in ("kind=x", "category=x"):
        for path in ("/communes/97401", "/communes/97401/embed"):
            refused = town.stranger().page(f"{path}?{query}")
            assert (refused.status_code, refused.json["parameter"]) == (400, query.split("=")[0])
    assert town.stranger().page("/communes/97401?kind=&category=").status_code == 200
