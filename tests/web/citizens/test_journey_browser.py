"""What citizens do on the pages, in a real Chromium: sign in, add a place, change it, like it, take part, take all, leave."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.web import axe, pictures
from tests.web.citizens.conftest import WORDS, Town, feature, spot
from tests.web.test_browser import chromium, ours, wait_for_map  # noqa: F401
from tests.web.test_server import running

pytestmark = pytest.mark.browser

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1200, "height": 900}


@dataclass
class Seat:
    """Somebody before a browser of their own. What the console says, and whatever leaves our host, is complained of."""

    town: Town
    context: BrowserContext
    base: str
    folder: Path
    complaints: list[str] = field(default_factory=list)

    def open(self) -> Page:
        page = self.context.new_page()
        page.on("console", lambda told: self.complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda sent: self.complaints.append(sent.url) if not ours(sent.url, self.base) else None)
        page.on("dialog", lambda dialog: dialog.accept())
        return page

    def sign_in(self, page: Page, email: str, wanted: str = "") -> None:
        """`wanted`: the page on which they were told to sign in, to which they come back."""
        page.goto(wanted or "/sign-in")
        page.get_by_label("Votre adresse électronique").fill(email)
        page.get_by_role("button", name="Recevoir le lien").click()
        expect(page.locator("[data-result]")).to_contain_text(f"Le lien est parti. Regardez le courrier de {email}")
        page.goto(f"/session/{self.town.link_to(email)}")
        page.get_by_role("button", name="Entrer").click()
        page.wait_for_url(f"{self.base}{wanted or '/me'}")

    def look(self, page: Page, name: str) -> None:
        """No rule of WCAG 2.2 AA is broken, nothing is wider than the screen; a picture is kept."""
        pictures.keep(page, name)
        assert axe.violations(page) == []
        assert axe.is_narrow_enough(page)


@contextmanager
def seated(browser: Browser, town: Town, folder: Path, size: Any = None, **settings: str) -> Iterator[Seat]:
    """`settings`: those of the server, as `running` takes them."""
    with running(town.database, folder / "served", MAIL_RATE="100 per minute", **settings) as server:
        base = f"http://127.0.0.1:{server.port}"
        context = browser.new_context(viewport=size or DESK, base_url=base, accept_downloads=True)
        seat = Seat(Town(town.app, town.database, folder / "served"), context, base, folder)
        yield seat
        context.close()
        assert [one for one in seat.complaints if not re.search(r"\b(409|422|412)\b", one)] == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_citizen_adds_changes_and_takes_everything_with_them(chromium, town, tmp_path, size):  # noqa: F811
    with seated(chromium, town, tmp_path, size) as seat:
        page = seat.open()
        page.goto("/communes/97401")
        page.get_by_role("link", name="Ajouter un lieu ici").click()
        seat.look(page, "asking")
        seat.sign_in(page, "ana@example.org", "/contribute?commune=97401")
        seat.look(page, "consent")
        page.goto("/me")
        seat.look(page, "space-empty")
        page.goto("/contribute?commune=97401")
        page.get_by_role("button", name="J’accepte").click()
        expect(page.get_by_label("Nom", exact=True)).to_be_visible()
        wait_for_map(page)
        page.locator("#map canvas").click()
        expect(page.locator("[data-verdict]")).to_have_text("Le point est dans Commune A.")
        page.get_by_label("Nom", exact=True).fill("Jardin <b>partagé</b>")
        page.get_by_label("Service", exact=True).check()
        assert page.locator("#category optgroup:not([disabled])").count() == 1
        page.get_by_label("Chercher une catégorie").fill("jardin")
        page.get_by_role("option", name="Jardin partagé").wait_for()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert page.get_by_label("Catégorie", exact=True).input_value() == "shared_garden"
        assert page.get_by_label("Association").is_checked()
        page.get_by_text("Adresse, horaires, téléphone, site").click()
        page.get_by_label("Horaires").fill("quand il fait beau")
        page.get_by_role("button", name="Ajouter ce lieu").click()
        expect(page.locator("#opening_hours-error")).to_contain_text("Ce ne sont pas des horaires")
        expect(page.locator("#opening_hours")).to_be_focused()
        seat.look(page, "refused")
        page.get_by_label("Horaires").fill("Sa 09:00-12:00")
        card = page.get_by_role("region", name="Ce que les autres verront")
        expect(card.get_by_role("heading", level=3)).to_have_text("Jardin <b>partagé</b>")
        expect(card).to_contain_text("Association · Jardin partagé · Commune A")
        expect(card).to_contain_text("Sa 09:00-12:00")
        expect(card).to_contain_text("CC BY-NC-SA 4.0")
        page.get_by_role("button", name="Ajouter ce lieu").click()
        page.wait_for_url(re.compile(r"/me#place-"))
        (place,) = town.rows("SELECT id::text, name, category, opening_hours, licence FROM geoplatform.place")
        assert place[1:] == ("Jardin <b>partagé</b>", "shared_garden", "Sa 09:00-12:00", "CC-BY-NC-SA-4.0")
        seat.look(page, "space")

        page.get_by_role("link", name="Modifier : Jardin").click()
        page.get_by_label("Description").fill("Le samedi\nau bord de la ravine")
        page.get_by_label("ODbL 1.0").check()
        page.get_by_role("button", name="Enregistrer").click()
        page.wait_for_url(f"{seat.base}/places/{place[0]}")
        assert town.rows("SELECT licence, version, description FROM geoplatform.place") == [
            ("ODbL-1.0", 2, "Le samedi\nau bord de la ravine")
        ]
        expect(page.locator("h1")).to_have_text("Jardin <b>partagé</b>")
        page.get_by_role("button", name="Je l’apprécie").click()
        expect(page.get_by_role("button", name="Je ne l’apprécie plus")).to_be_visible()
        page.get_by_text("J’y prends part").click()
        page.get_by_label("Comme quoi ? (facultatif)").fill("jardinière")
        page.get_by_role("button", name="Le dire").click()
        expect(page.get_by_text("Vous y prenez part.")).to_be_visible()
        seat.look(page, "place")

        page.get_by_role("link", name="Mon espace").click()
        with page.expect_download() as taken:
            page.get_by_role("link", name="Tout emporter (zip)").click()
        assert taken.value.suggested_filename == "archive.zip"
        page.get_by_text("Partir", exact=True).first.click()
        page.get_by_label("Ils sont supprimés").check()
        page.locator("select[name^=choices]").select_option("pseudonymise")
        seat.look(page, "leaving")
        page.get_by_role("button", name="Partir").click()
        expect(page.get_by_text("C’est fait. Votre reçu :")).to_be_visible()
        assert town.rows("SELECT id::text, status FROM geoplatform.place") == [(place[0], "published")]
        assert town.rows("SELECT count(*) FROM people.citizen WHERE state <> 'left'") == [(0,)]
        page.goto("/me")
        assert "/sign-in" in page.url


def test_a_reader_reports_without_an_account_and_suggests_with_one(chromium, town, tmp_path):  # noqa: F811
    ana = town.contributor("ana")
    place = ana.add("Boulangerie", at=spot(0.4, 0.4), kind="merchant", category="bakery")
    with seated(chromium, town, tmp_path, PHONE) as seat:
        page = seat.open()
        page.goto(f"/places/{place}")
        page.get_by_text("Signaler", exact=True).first.click()
        page.get_by_label("Ce qui ne va pas").select_option("closed")
        page.get_by_role("button", name="Signaler").click()
        expect(page.get_by_text("Merci. Un référent de la commune regardera")).to_be_visible()
        seat.look(page, "reported")
        seat.sign_in(page, "bob@example.org")
        page.goto(f"/places/{place}")
        page.get_by_text("Proposer un changement").click()
        page.get_by_label("Téléphone").fill("0262 12 34 56")
        page.get_by_role("button", name="Proposer").click()
        expect(page.get_by_text("Merci. Un référent de la commune regardera")).to_be_visible()
        told = town.rows("SELECT kind, reason, proposed ->> 'phone' FROM people.matter ORDER BY opened_at")
        assert told == [("report", "closed", None), ("suggestion", None, "0262 12 34 56")]


def test_a_place_like_another_is_shown_before_it_is_added(chromium, town, tmp_path):  # noqa: F811
    there = town.contributor("ana").add("Crèche Les Lilas", at=spot(0.97, 0.4), kind="service", category="nursery")
    with seated(chromium, town, tmp_path) as seat:
        page = seat.open()
        seat.sign_in(page, "bob@example.org")
        told = seat.context.request.get("/api/v1/session").json()
        agreed = seat.context.request.put(
            "/api/v1/me/consents/publication",
            data={"given": True, "version": WORDS},
            headers={"X-CSRF-Token": told["csrf_token"]},
        )
        assert agreed.ok
        page.goto("/contribute")
        lon, lat = spot(0.9705, 0.4)
        page.get_by_label("Longitude").fill(str(lon))
        page.get_by_label("Latitude").fill(str(lat))
        expect(page.locator("[data-verdict]")).to_have_text(
            re.compile(r"^Le point est dans Commune A\. La limite avec Commune B est à 30\d m\.$")
        )
        page.get_by_label("Nom", exact=True).fill("Creche les lilas")
        page.get_by_label("Service", exact=True).check()
        page.get_by_role("button", name="Ajouter ce lieu").click()
        expect(page.get_by_role("link", name="Crèche Les Lilas")).to_have_attribute("href", f"/places/{there}")
        seat.look(page, "candidates")
        page.get_by_role("button", name="Non, c’est un autre lieu").click()
        page.wait_for_url(re.compile(r"/me#place-"))
        assert town.rows("SELECT count(*) FROM geoplatform.place") == [(2,)]


def test_a_commune_is_chosen_by_its_name(chromium, town, tmp_path):  # noqa: F811
    with seated(chromium, town, tmp_path, PHONE) as seat:
        page = seat.open()
        seat.sign_in(page, "ana@example.org")
        page.get_by_label("Ma commune", exact=True).fill("commune b")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.locator("#home_commune-error")).to_contain_text("Choisissez une commune dans la liste")
        page.get_by_label("Ma commune", exact=True).fill("Commune")
        page.get_by_role("option", name="Commune B").click()
        expect(page.get_by_label("Ma commune", exact=True)).to_have_value("97402")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_text("Enregistré :")).to_be_visible()
        assert town.rows("SELECT home_commune FROM people.citizen") == [("97402",)]
        page.get_by_label("Commune", exact=True).fill("97401")
        page.get_by_role("option", name="Commune A").click()
        page.get_by_role("button", name="Suivre").click()
        expect(page.get_by_text("C’est suivi.")).to_be_visible()
        assert town.rows("SELECT commune_code FROM people.follow") == [("97401",)]
        seat.look(page, "communes")


def test_a_referent_decides_and_everybody_can_read_what(chromium, town, tmp_path):  # noqa: F811
    with seated(chromium, town, tmp_path) as seat:
        ref = seat.open()
        seat.sign_in(ref, "ref@example.org")
        town.run(
            "INSERT INTO people.role (citizen_id, scope, code, granted_at) SELECT id, 'commune', '97401', now() FROM people.citizen"
        )
        ana = town.contributor("ana")
        first = ana.add("Casino <i>gratuit</i>", at=spot(0.2, 0.2))
        town.trust(ana)
        shown = ana.add("Boulangerie", at=spot(0.7, 0.7), kind="merchant", category="bakery", phone="0262 00 00 00")
        bob = town.contributor("bob")
        bob.post(f"/places/{shown}/suggestions", {"properties": {"phone": "0262 11 11 11"}, "note": "vu sur la porte"})
        town.stranger().post(f"/places/{shown}/reports", {"reason": "closed"})
        ref.goto("/me")
        ref.get_by_role("link", name="Ce qui attend ma décision").click()
        seat.look(ref, "queue")
        assert [one.split(" : ")[0].strip() for one in ref.locator("article h2").all_inner_texts()] == [
            "Première contribution", "Changement proposé", "Signalement"
        ]  # fmt: skip
        spam = ref.locator("article", has_text="Casino")
        spam.get_by_label("Motif").select_option("spam")
        spam.get_by_role("button", name="Refuser").click()
        expect(ref.locator("article")).to_have_count(2)
        change = ref.locator("article", has_text="Changement proposé")
        expect(change.locator("dd")).to_have_text(["0262 00 00 00 → 0262 11 11 11"])
        change.get_by_role("button", name="Accepter").click()
        expect(ref.locator("article")).to_have_count(1)
        closed = ref.locator("article")
        closed.get_by_role("button", name="Refuser").click()  # what would be done about it is not sent along
        expect(ref.get_by_text("Rien n’attend.")).to_be_visible()
        assert town.rows("SELECT phone FROM published.places") == [("0262 11 11 11",)]
        assert town.stranger().get(f"/places/{first}").status_code == 404

        reader = seat.context.browser.new_context(
            viewport=PHONE, base_url=seat.base, java_script_enabled=False
        ).new_page()
        reader.goto("/moderation?commune=97401")
        assert [row.split("\t")[2:] for row in reader.locator("tbody tr").all_inner_texts()] == [
            ["Première contribution", "refusé", "masqué", "publicité"],
            ["Changement proposé", "accepté", "changement fait", "c’est bien cela"],
            ["Signalement : fermé, n’existe plus", "refusé", "rien n’est changé", "fermé, n’existe plus"],
        ]
        reader.goto(f"/places/{shown}")
        reader.get_by_role("link", name="Ce que la fiche disait avant").click()
        assert reader.locator("ol h2").count() == 2
        was = reader.locator("ol > li").last
        assert was.locator("dt").all_inner_texts() == ["Nom", "Catégorie", "Téléphone", "Licence"]
        assert was.locator("dd").all_inner_texts()[:3] == ["Boulangerie", "Boulangerie", "0262 00 00 00"]
        reader.context.close()
        for path, name in (("/moderation?commune=97401", "log"), (f"/places/{shown}/history", "history")):
            ref.goto(path)
            seat.look(ref, name)


def test_the_queue_is_for_whom_something_may_wait(town):
    ana = town.contributor("ana")
    assert ana.page("/queue").status_code == 403
    assert town.stranger().page("/queue").status_code == 303
    assert town.referent("ref", "commune", "97401").page("/queue").status_code == 200
    assert town.stranger().page("/moderation").status_code == 200
    assert town.stranger().page("/moderation?commune=97499").status_code == 404
    assert town.stranger().page("/moderation?after=x").status_code == 400
    hidden = ana.add(visibility="private")
    assert ana.page(f"/places/{hidden}/history").status_code == 404


def test_a_page_of_a_place_tells_search_engines_what_it_is_and_no_more(town):
    ana, hostile = town.contributor("ana"), "</script><script>alert(1)</script>"
    shown = ana.add(hostile, phone="0262 00 00 00", address="1 rue X")
    hidden = ana.add("Chez moi", visibility="commune", address="2 rue Y")
    told = {}
    for place in (shown, hidden):
        text = town.stranger().page(f"/places/{place}").text
        assert "<script>alert" not in text
        told[place] = json.loads(re.search(r'<script type="application/ld\+json">(.*?)</script>', text)[1])
    assert told[shown]["name"] == hostile
    ((kind,),) = town.rows("SELECT schema_org FROM published.categories WHERE code = 'shared_garden'")
    seen = {name: told[shown][name] for name in ("@type", "address", "telephone")}
    assert seen == {"@type": kind, "address": "1 rue X", "telephone": "0262 00 00 00"}
    assert told[shown]["license"].startswith("https://creativecommons.org/")
    assert (told[hidden]["address"], "geo" in told[hidden]) == ("Commune A", False)


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "x", ""]
)
def test_nobody_is_sent_to_another_site_after_signing_in(town, target):
    ana = town.stranger()
    ana.email = "ana@example.org"
    ana.page("/sign-in", query_string={"next": target})
    ana.browser.set_cookie("next", target, path="/session")  # whoever put it there
    ana.post("/session/links", {"email": ana.email})
    answer = ana.page(f"/session/{town.link_to(ana.email)}", "POST")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me")


def test_a_project_that_becomes_an_association_has_no_stage_any_more(chromium, town, tmp_path):  # noqa: F811
    with seated(chromium, town, tmp_path) as seat:
        page = seat.open()
        seat.sign_in(page, "ana@example.org")
        ana = town.contributor("ana")
        place = ana.add("Friche", kind="project", category=None, stage="running", starts_on="2026-01-02")
        page.goto(f"/places/{place}/edit")
        page.get_by_label("Association", exact=True).check()
        page.get_by_role("button", name="Enregistrer").click()
        page.wait_for_url(f"{seat.base}/places/{place}")
        assert town.rows("SELECT kind, stage, starts_on FROM geoplatform.place") == [("association", None, None)]
        page.goto(f"/places/{place}/edit")
        page.get_by_text("Adresse, horaires, téléphone, site").click()  # closed, with what is wrong inside
        page.locator("#opening_hours").evaluate("field => { field.value = 'jamais' }")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.locator("#opening_hours-error")).to_be_visible()
        page.get_by_role("button", name="Supprimer").click()
        page.wait_for_url(f"{seat.base}/me")
        page.get_by_role("button", name="Rétablir : Friche").click()
        expect(page.get_by_role("link", name="Modifier : Friche")).to_be_visible()
        assert town.rows("SELECT status FROM geoplatform.place") == [("published",)]


def test_whose_commune_is_gone_adds_places_all_the_same(town):
    ana = town.contributor("ana")
    for code in ("97401", "97499"):
        town.run("UPDATE people.citizen SET home_commune = %s", code)
        assert ana.page("/contribute").status_code == 200
    for code in ("97499", "x"):
        assert ana.page(f"/contribute?commune={code}").status_code == 404


def test_nobody_sees_the_forms_of_somebody_elses_place(town):
    ana, bob = town.contributor("ana"), town.contributor("bob")
    place = ana.add(visibility="private")
    assert ana.page(f"/places/{place}/edit").status_code == 200
    assert bob.page(f"/places/{place}/edit").status_code == 404
    for path in ("/me", "/contribute", f"/places/{place}/edit"):
        asked = town.stranger().page(path)
        assert (asked.status_code, asked.headers["Location"].split("?")[0]) == (303, "/sign-in")
    for path in ("/me", "/contribute", f"/places/{place}/edit"):
        assert ana.page(path).headers["Cache-Control"] == "no-store"
    assert feature()["properties"]["name"] not in bob.page("/me").text
