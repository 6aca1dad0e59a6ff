"""What search engines are told: private pages are left out, every commune is named."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from tests.web.ogc.planting import application

HTML = {"Accept": "text/html"}
LOC = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


def test_the_sitemap_names_pages_that_are_there_and_may_be_read(database, draw):
    draw("AB")
    client = application(database, public_url="https://carte.example")
    rules = RobotFileParser()
    rules.parse(client.get("/robots.txt").text.splitlines())
    assert rules.site_maps() == ["https://carte.example/sitemap.xml"]
    answer = client.get("/sitemap.xml")
    assert answer.mimetype == "application/xml"
    found = [one.text for one in ET.fromstring(answer.data).iter(LOC)]
    assert {"https://carte.example/", *(f"https://carte.example/communes/9740{n}" for n in (1, 2))} <= set(found)
    for address in found:
        assert rules.can_fetch("*", address), address
        assert client.get(urlsplit(address).path, headers=HTML).status_code == 200, address


def test_private_pages_are_left_out(client):
    rules = RobotFileParser()
    rules.parse(client.get("/robots.txt").text.splitlines())
    for path in (
        "/me",
        "/queue",
        "/contribute",
        "/sign-in",
        "/session/x",
        "/feeds/x.atom",
        "/api/v1/me",
        "/lang/en?next=/",
    ):
        assert not rules.can_fetch("*", f"http://localhost{path}"), path
    for path in ("/", "/communes/97401", "/places/x", "/moderation", "/exports/places"):
        assert rules.can_fetch("*", f"http://localhost{path}"), path


def test_before_a_first_vintage_the_sitemap_names_the_main_pages(client):
    assert client.get("/sitemap.xml").text.count("<loc>") == 6
