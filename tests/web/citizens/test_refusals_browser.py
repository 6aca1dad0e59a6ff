"""What a form says of what was refused, in a real Chromium whose own language is English: in the page's, beside the fields."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.web.citizens.test_journey_browser import PHONE, seated
from tests.web.test_browser import chromium  # noqa: F401

pytestmark = pytest.mark.browser

HOURS = "Ce ne sont pas des horaires dans l’écriture d’OpenStreetMap, comme Mo-Fr 09:00-18:00; PH off."
SITE = "Ce n’est pas l’adresse d’un site : elle commence par https://."
HELP = "Dans l’écriture d’OpenStreetMap."


def refuses(field: Locator, *said: str) -> None:
    """It is marked as wrong, and a screen reader says these sentences with it, in this order."""
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(" ".join(said))
    expect(
        field.locator("xpath=ancestor::*[contains(concat(' ', @class, ' '), ' field ')][1]").locator(".field-error")
    ).to_have_text(said[-1])


def test_a_refused_form_says_in_french_beside_its_fields_what_is_wrong(chromium, town, tmp_path):  # noqa: F811
    with seated(chromium, town, tmp_path, PHONE) as seat:
        page = seat.open()
        seat.sign_in(page, "ana@example.org")
        ana = town.contributor("ana")
        place = ana.add("Friche", kind="project", category=None, starts_on="2026-05-01")
        page.goto(f"/places/{place}/edit")
        assert page.evaluate("navigator.language") == "en-US"
        name, hours, site, ends = (page.locator(f"#{one}") for one in ("name", "opening_hours", "website", "ends_on"))
        licences = page.get_by_role("group", name="Ce que les autres peuvent en faire")
        name.fill("   ")
        hours.fill("jamais")
        site.fill("javascript:alert(1)")
        ends.fill("2026-04-01")
        page.locator("#licence").evaluate("field => { field.value = 'MIT' }")
        page.locator("#licence").check()
        page.get_by_role("button", name="Enregistrer").click()
        refuses(name, "Dites un nom.")
        refuses(hours, HELP, HOURS)
        refuses(site, SITE)
        refuses(ends, "La fin est avant le début.")
        expect(licences).to_have_accessible_description("Choisissez une licence.")
        expect(name).to_be_focused()
        expect(page.locator("[data-result]").last).to_have_text("Ce n’est pas encore enregistré.")
        seat.look(page, "refused")

        name.fill("Friche ouverte")
        page.get_by_role("button", name="Enregistrer").click()
        expect(ends).to_be_focused()  # the first of those that remain
        expect(name).not_to_have_attribute("aria-invalid", "true")
        expect(name).to_have_accessible_description("")
        refuses(hours, HELP, HOURS)  # said once, however often it is refused
        hours.fill("")
        site.fill("")
        ends.fill("")
        licences.get_by_role("radio", name="ODbL").check()
        ana.patch(f"/places/{place}", {"properties": {"phone": "0262 00 00 00"}})
        page.get_by_role("button", name="Enregistrer").click()
        result = page.locator("[data-result]").last
        expect(result).to_have_text(
            "Ce n’est pas encore enregistré. Quelqu’un a changé ce lieu entre-temps : rechargez la page."
        )
        expect(result).to_be_focused()
        assert page.locator(".field-error").count() == 0
        assert page.locator("[aria-invalid]").count() == 0
        expect(hours).to_have_accessible_description(HELP)


def test_a_point_and_choices_that_are_refused_are_told_beside_them(chromium, town, tmp_path):  # noqa: F811
    with seated(chromium, town, tmp_path, PHONE) as seat:
        page = seat.open()
        seat.sign_in(page, "ana@example.org")
        place = town.contributor("ana").add("Friche", kind="project", category=None)
        page.goto(f"/places/{place}/edit")
        for name, value in (("lon", "-21.3"), ("lat", "155.4")):
            page.locator(f"#{name}").evaluate(
                "(field, value) => { field.removeAttribute('max'); field.value = value }", value
            )
        page.get_by_role("button", name="Enregistrer").click()
        refuses(
            page.locator("#lat"), "Touchez la carte, ou donnez la longitude et la latitude.",
            "155.4 n’est pas entre -90 et 90 degrés. Avez-vous échangé la longitude et la latitude ?",
        )  # fmt: skip
        page.goto("/me")
        page.get_by_text("Faire un jeton pour un programme").click()
        page.get_by_label("À quoi il sert").fill("x")
        page.get_by_label("lire", exact=True).uncheck()
        page.get_by_role("button", name="Faire le jeton").click()
        expect(page.get_by_role("group", name="Ce qu’il peut")).to_have_accessible_description(
            "Choisissez au moins une chose qu’il peut faire."
        )
        seat.look(page, "refused-token")
        page.locator("#home_commune").fill("99999")
        page.get_by_role("button", name="Enregistrer").click()
        refuses(page.locator("#home_commune"), "Choisissez une commune dans la liste : aucune n’a ce code INSEE.")
        session = page.locator("li", has_text="cette session")
        expect(session).to_contain_text("Chrome sur Linux")
        assert "HeadlessChrome" in (session.locator("[title]").get_attribute("title") or "")

        page.context.add_cookies([{"name": "lang", "value": "en", "url": seat.base}])
        page.reload()
        page.locator("#home_commune").fill("99999")
        page.get_by_role("button", name="Save").click()
        refuses(page.locator("#home_commune"), "is no commune of the vintage in force")
