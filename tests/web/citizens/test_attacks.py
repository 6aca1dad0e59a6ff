"""What the spiteful send: scripts in every text, floods, other people's identifiers in every place of a request."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

from tests.web.citizens.conftest import Citizen, feature, founded, spot

SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


class Tags(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_scripts_in_every_text_stay_texts(town):
    ana = town.citizen("ana", "publication", "credit")
    ana.patch("/me", {"display_name": SCRIPT[:80]})
    texts = {name: f"{SCRIPT} {name}" for name in ("name", "description", "address")}
    texts["phone"] = SCRIPT[:40]
    place = ana.add(at=spot(0.5, 0.5), **texts)
    ana.post(f"/places/{place}/participations", {"role": SCRIPT[:60], "public": True})
    feed = ana.post("/me/follows", {"commune_code": "97401"}).json["feed"].removeprefix("http://localhost")
    town.database.settle()
    for path in (f"/places/{place}", "/communes/97401", "/"):
        page = town.app.test_client().get(path, headers={"Accept": "text/html"})
        parser = Tags()
        parser.feed(page.get_data(as_text=True))
        assert page.status_code == 200
        assert not [tag for tag, attributes in parser.found if any(name.startswith("on") for name in attributes)]
        assert not [
            tag
            for tag, attributes in parser.found
            if tag == "script" and "src" not in attributes and "type" not in attributes
        ]
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    for path in (feed, "/communes/97401/changes.atom"):
        assert SCRIPT in ET.tostring(ET.fromstring(town.app.test_client().get(path).data), "unicode", "text")
    for path in (f"/places/{place}", f"/places/{place}/community", f"/places/{place}/versions"):
        answer = town.stranger().get(path)
        assert "json" in answer.content_type
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_flood_is_stopped_at_the_rate_and_nothing_of_the_rest_is_stored(database, draw, tmp_path):
    draw("AB")
    town = founded(database, tmp_path, submit_rate="50 per minute")
    ana = town.contributor("ana")
    answers = [ana.post("/places?distinct=true", feature(f"Lieu {number}")) for number in range(200)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(answers) - len(refused) == town.rows("SELECT count(*) FROM geoplatform.place")[0][0] <= 50
    assert int(refused[0].headers["Retry-After"]) > 0


def test_a_flood_of_links_is_stopped_by_client_too(database, draw, tmp_path):
    draw("AB")
    town = founded(database, tmp_path, mail_rate="10 per minute")
    answers = [
        town.stranger().post("/session/links", {"email": f"a{number}@example.org"}).status_code for number in range(30)
    ]
    assert (answers.count(202), answers.count(429)) == (10, 20)
    assert len(town.letters()) == 10


def test_an_identifier_in_the_body_is_nobodys_but_the_paths(town):
    ana, bob = town.contributor("ana"), town.contributor("bob")
    town.trust(ana, bob)
    mine, others = bob.add("À moi"), ana.add("À elle", spot(0.2, 0.2))
    for body in (feature("x") | {"id": others}, {"id": others, "properties": {"name": "x"}}):
        answer = bob.patch(f"/places/{mine}", body)
        assert answer.status_code in (200, 422)
    assert town.stranger().get(f"/places/{others}").get_json(force=True)["properties"]["name"] == "À elle"


def test_a_key_that_is_no_text_of_ours_is_nobodys(town):
    for key in ("", "x" * 10_000, "\udc80".encode("utf-8", "surrogateescape").decode("latin-1"), "' OR 1=1 --", "null"):
        citizen = Citizen(town, "x@example.org")
        citizen.headers["Authorization"] = f"Bearer {key}"
        assert citizen.get("/me").status_code == 401
        cookie = Citizen(town, "x@example.org")
        cookie.browser.set_cookie("session", key or "x")
        assert cookie.get("/me").status_code == 401
        assert cookie.get("/session").json == {"signed_in": False}
