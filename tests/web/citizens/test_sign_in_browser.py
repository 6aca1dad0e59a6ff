"""The page behind a mailed link in a real Chromium: its button signs in, also on a small telephone and by keyboard."""

from __future__ import annotations

import pytest

from tests.web import pictures
from tests.web.citizens.conftest import Town
from tests.web.test_browser import chromium, ours  # noqa: F401
from tests.web.test_server import running

pytestmark = pytest.mark.browser


def test_the_button_behind_the_link_signs_in(chromium, town, tmp_path):  # noqa: F811
    with running(town.database, tmp_path / "served", MAIL_RATE="100 per minute") as server:
        real = Town(town.app, town.database, tmp_path / "served")
        base = f"http://127.0.0.1:{server.port}"
        context = chromium.new_context(viewport={"width": 360, "height": 640}, base_url=base)
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: complaints.append(request.url) if not ours(request.url, base) else None)
        answer = context.request.post("/api/v1/session/links", data={"email": "ana@example.org"})
        assert answer.status == 202
        page.goto(f"/session/{real.link_to('ana@example.org')}")
        pictures.keep(page, "sign-in")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        button = page.get_by_role("button", name="Entrer")
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_url(base + "/me")
        told = context.request.get("/api/v1/session").json()
        assert told["citizen"]["email"] == "ana@example.org"
        assert context.cookies()[0]["httpOnly"]
        page.goto(f"/session/{real.link_to('ana@example.org')}")  # it has served
        page.get_by_role("button", name="Entrer").click()
        page.wait_for_load_state()
        assert page.locator("h1").inner_text() == "Ce lien ou cette session ne vaut plus"
        context.close()
        assert [one for one in complaints if "401" not in one] == []
