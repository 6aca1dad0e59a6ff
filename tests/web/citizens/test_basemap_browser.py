"""An operator's basemap in a real Chromium, from a real server of tiles at another port: asked nothing before a reader wants it."""

from __future__ import annotations

import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from tests.web.citizens.conftest import spot
from tests.web.citizens.test_journey_browser import DESK, Seat, seated
from tests.web.citizens.test_visitor_browser import site
from tests.web.test_browser import chromium, drawn, wait_for_map  # noqa: F401

pytestmark = pytest.mark.browser

NARROW = {"width": 320, "height": 640}
NAME = "Fond de carte"
FAILED = "Le fond de carte ne vient pas"


def png(red: int, green: int, blue: int) -> bytes:
    """256 by 256 pixels of one colour, a darker line around."""
    dark = bytes([red // 2, green // 2, blue // 2])
    row = b"\0" + dark + bytes([red, green, blue]) * 254 + dark
    pixels = zlib.compress((b"\0" + dark * 256) + row * 254 + (b"\0" + dark * 256))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 256, 256, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


TILE = png(200, 230, 150)


class Provider(ThreadingHTTPServer):
    """Gives one tile for every address, as providers do: to any site, for an hour. `asked`: path and headers of each request."""

    is_broken = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Tiles)
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def settings(self) -> dict[str, str]:
        return {
            "BASEMAP": f"{self.origin}/wmts?z={{z}}&y={{y}}&x={{x}}",
            "BASEMAP_NAME": "IGN",
            "BASEMAP_ATTRIBUTION": "© IGN <essai>",
            "BASEMAP_ATTRIBUTION_URL": "https://www.ign.fr/",
            "BASEMAP_PRIVACY_URL": "https://www.ign.fr/vie-privee",
        }


class Tiles(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(500 if self.server.is_broken else 200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(TILE)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Set-Cookie", "follow=me")
        self.end_headers()
        self.wfile.write(TILE)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def providing() -> Iterator[Provider]:
    with Provider() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def until(page: Page, holds: Callable[[], object]) -> None:
    """Wait, while the page goes on."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(100)


def opened(seat: Seat) -> Page:
    """A page that may ask somebody else; what the CSP and scripts complain of is still complained of."""
    page = seat.context.new_page()
    page.on("pageerror", lambda error: seat.complaints.append(str(error)))
    return page


def shown(page: Page) -> list[str]:
    """Layers of the map, from below to above."""
    return page.evaluate("window.__map.getStyle().layers.map((one) => one.id)")


def pixel(page: Page) -> list[int]:
    """Red, green, blue of the map a little beside its middle."""
    return page.evaluate("""new Promise((told) => {
        const map = window.__map;
        map.once('render', () => {
            const canvas = map.getCanvas(), gl = canvas.getContext('webgl2'), seen = new Uint8Array(4);
            gl.readPixels(Math.round(canvas.width * 0.47), Math.round(canvas.height * 0.47), 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, seen);
            told([...seen.slice(0, 3)]);
        });
        map.triggerRepaint();
    })""")


def test_a_reader_turns_it_on_is_remembered_and_turns_it_off(chromium, town, tmp_path):  # noqa: F811
    with providing() as provider, seated(chromium, town, tmp_path, DESK, **provider.settings()) as seat:
        page = opened(seat)
        page.goto("/communes/97401")
        wait_for_map(page)
        button = page.get_by_role("button", name=NAME)
        expect(button).to_have_attribute("aria-pressed", "false")
        expect(page.get_by_text("que fournit IGN : votre adresse IP lui sera connue")).to_be_visible()
        assert "basemap" not in shown(page)
        land = pixel(page)
        page.goto("/")
        wait_for_map(page)
        page.goto("/communes/97401")
        wait_for_map(page)
        seat.look(page, "commune-off")
        assert provider.asked == []

        button.focus()
        page.keyboard.press("Space")
        expect(button).to_have_attribute("aria-pressed", "true")
        until(page, lambda: provider.asked and page.evaluate("window.__map.areTilesLoaded()"))
        until(page, lambda: pixel(page) != land)
        assert max(abs(a - b) for a, b in zip(pixel(page), (200, 230, 150), strict=True)) < 40  # the commune is tinted
        layers = shown(page)
        assert (
            layers.index("communes-fill")
            < layers.index("basemap")
            < layers.index("highlight-fill")
            < layers.index("communes-line")
        )
        assert {row["code"] for row in drawn(page, "highlight-line")} == {"97401"}
        expect(page.locator(".maplibregl-ctrl-attrib a", has_text="© IGN <essai>")).to_have_attribute(
            "href", "https://www.ign.fr/"
        )
        path, headers = provider.asked[0]
        assert path.startswith("/wmts?z=") and "{" not in path
        assert headers["referer"] == f"{seat.base}/" and "cookie" not in headers  # the site, and not the page
        page.wait_for_timeout(500)
        seat.look(page, "commune-on")

        provider.asked.clear()
        page.reload()
        wait_for_map(page)
        expect(button).to_have_attribute("aria-pressed", "true")
        until(page, lambda: "basemap" in shown(page) and pixel(page) != land)
        assert provider.asked == [] or all("cookie" not in headers for _, headers in provider.asked)
        for path in ("/", "/communes/97401/embed"):
            page.goto(path)
            wait_for_map(page)
            expect(button).to_have_attribute("aria-pressed", "true")
            assert "basemap" in shown(page)
            page.wait_for_timeout(500)
            seat.look(page, f"on-{path.strip('/').replace('/', '-') or 'home'}")

        button.click()
        expect(button).to_have_attribute("aria-pressed", "false")
        assert "basemap" not in shown(page)
        provider.asked.clear()
        page.goto("/communes/97401")
        wait_for_map(page)
        assert "basemap" not in shown(page) and pixel(page) == land
        assert provider.asked == []
        assert page.evaluate("Object.keys(localStorage)") == []


def test_another_provider_is_another_choice(chromium, town, tmp_path):  # noqa: F811
    with providing() as provider, seated(chromium, town, tmp_path, DESK, **provider.settings()) as seat:
        page = opened(seat)
        page.goto("/communes/97401")
        page.evaluate("localStorage.setItem('basemap', 'https://somebody.example/{z}/{x}/{y}.png')")
        page.reload()
        wait_for_map(page)
        expect(page.get_by_role("button", name=NAME)).to_have_attribute("aria-pressed", "false")
        assert provider.asked == []


def test_the_policy_lets_a_page_ask_the_provider_and_nobody_else(chromium, town, tmp_path):  # noqa: F811
    ask = "async (url) => { try { return (await fetch(url)).status } catch { return 'refused' } }"
    picture = """(url) => new Promise((told) => {
        const one = new Image();
        one.onload = () => told('there');
        one.onerror = () => told('refused');
        one.src = url;
    })"""
    with (
        providing() as provider,
        providing() as other,
        seated(chromium, town, tmp_path, DESK, **provider.settings()) as seat,
    ):
        page = opened(seat)
        page.goto("/communes/97401")
        assert page.evaluate(ask, f"{provider.origin}/a") == 200
        assert page.evaluate(ask, f"{other.origin}/a") == "refused"
        assert page.evaluate(ask, f"http://localhost:{provider.server_port}/a") == "refused"
        assert page.evaluate(picture, f"{provider.origin}/b") == "refused"  # tiles are fetched: no image need be let in
        page.goto("/privacy")
        assert page.evaluate(ask, f"{provider.origin}/c") == "refused"
        assert [path for path, _ in provider.asked] == ["/a"] and other.asked == []


def test_our_own_map_stays_where_the_provider_fails(chromium, town, tmp_path):  # noqa: F811
    with providing() as provider, seated(chromium, town, tmp_path, DESK, **provider.settings()) as seat:
        provider.is_broken = True
        page = opened(seat)
        page.goto("/communes/97401")
        wait_for_map(page)
        land = pixel(page)
        page.get_by_role("button", name=NAME).click()
        expect(page.locator("[data-basemap] [role=status]")).to_contain_text(FAILED, timeout=60_000)
        assert provider.asked and pixel(page) == land
        assert {row["code"] for row in drawn(page, "highlight-line")} == {"97401"}
        seat.look(page, "failed")
        provider.is_broken = False
        page.evaluate("window.__map.zoomTo(window.__map.getZoom() - 1, {animate: false})")
        expect(page.locator("[data-basemap] [role=status]")).to_be_empty(timeout=60_000)
        until(page, lambda: pixel(page) != land)


def test_on_the_maps_of_a_place_of_the_form_and_on_a_telephone_in_the_dark(chromium, town, tmp_path):  # noqa: F811
    ana = town.contributor("ana")
    town.trust(ana)
    place = ana.add("Théâtre", at=spot(0.4, 0.4), kind="association", category="culture")
    with providing() as provider, seated(chromium, town, tmp_path, NARROW, **provider.settings()) as seat:
        page = opened(seat)
        page.emulate_media(color_scheme="dark")
        seat.sign_in(page, "bea@example.org")
        page.goto("/contribute?commune=97401")
        page.get_by_role("button", name="J’accepte").click()
        wait_for_map(page)
        assert provider.asked == []
        page.get_by_role("button", name=NAME).click()
        until(page, lambda: provider.asked)
        page.locator("#map canvas").click()
        expect(page.locator("[data-verdict]")).to_have_text("Le point est dans Commune A.")
        page.wait_for_timeout(500)
        seat.look(page, "contribute-dark")
        for path in (f"/places/{place}", "/communes/97401", "/"):
            page.goto(path)
            wait_for_map(page)
            assert "basemap" in shown(page)
            page.wait_for_timeout(500)
            seat.look(page, f"dark-{path.strip('/').replace('/', '-')[:12] or 'home'}")
        page.goto("/communes/97401")
        wait_for_map(page)
        dim = pixel(page)
        page.emulate_media(color_scheme="light")
        until(page, lambda: sum(pixel(page)) > sum(dim) + 100)


def test_in_a_frame_on_another_site(chromium, town, tmp_path):  # noqa: F811
    (tmp_path / "site").mkdir()
    with providing() as provider, seated(chromium, town, tmp_path, DESK, **provider.settings()) as seat:
        frame_ = f'<!doctype html><iframe src="{seat.base}/communes/97401/embed" width="600" height="480"></iframe>'
        with site(tmp_path / "site", {"map.html": frame_}) as town_hall:
            page = opened(seat)
            page.goto(f"{town_hall}/map.html")
            frame = page.frame_locator("iframe")
            expect(frame.locator("html[data-map=idle]")).to_be_attached(timeout=60_000)
            assert provider.asked == []
            frame.get_by_role("button", name=NAME).click()
            until(page, lambda: provider.asked)
            page.wait_for_timeout(500)
            page.screenshot(path=tmp_path / "frame.png")


@pytest.mark.parametrize("size", [DESK, NARROW], ids=["desk", "narrow"])
def test_the_privacy_page_is_for_everybody(chromium, town, tmp_path, size):  # noqa: F811
    with providing() as provider, seated(chromium, town, tmp_path, size, **provider.settings()) as seat:
        page = seat.open()
        page.goto("/sign-in")
        page.get_by_role("main").get_by_role("link", name="Vie privée").click()
        page.wait_for_url(f"{seat.base}/privacy")
        seat.look(page, "privacy")
        page.get_by_role("link", name="English").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Privacy")
        seat.look(page, "privacy-en")
        page.goto("/communes/97401")
        wait_for_map(page)
        seat.look(page, "control")
        assert provider.asked == []
