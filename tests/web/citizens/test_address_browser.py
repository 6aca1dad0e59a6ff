"""A place is added by its address, in a real Chromium: by keyboard and by touch, on a desk and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from geoplatform.store import addresses
from tests.web.citizens.conftest import WORDS, spot
from tests.web.citizens.test_journey_browser import DESK, PHONE, seated
from tests.web.test_browser import chromium, wait_for_map  # noqa: F401

pytestmark = pytest.mark.browser


def house(number, street, code="97401", city="Commune A", at=None, suffix=""):
    """An address as the loader gives it to the store; the drawn communes lie where no file may say that one is."""
    lon, lat = at or spot(0.5, 0.5)
    way = f"{code}_{len(street):04}"
    return f"{way}_{number:05}", way, number, suffix, street, "97400", code, code, city, "", lon, lat


PAIX, HUGO, FAR = spot(0.25, 0.75), spot(0.6, 0.4), spot(1.5, 0.5)


@pytest.fixture
def settled(town):
    """A town with addresses, in commune A more than in B."""
    rows = [
        house(12, "Rue de la Paix", at=PAIX), house(12, "Rue de la Paix", suffix="bis"), house(7, "Avenue Victor Hugo", at=HUGO),
        house(3, "Chemin des Vacoas", "97402", "Commune B", FAR),
    ]  # fmt: skip
    with town.database.store("geoplatform_loader").transaction() as connection:
        addresses.replace(connection, rows, "974")
    return town


def agreed(seat, page):
    """Sign in, and agree to publication."""
    seat.sign_in(page, "ana@example.org")
    told = seat.context.request.get("/api/v1/session").json()
    consent = {"given": True, "version": WORDS}
    headers = {"X-CSRF-Token": told["csrf_token"]}
    assert seat.context.request.put("/api/v1/me/consents/publication", data=consent, headers=headers).ok


def point(page):
    return [round(float(page.get_by_label(name).input_value()), 6) for name in ("Longitude", "Latitude")]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_an_address_chosen_with_the_keyboard_says_where_the_place_is(chromium, settled, tmp_path, size):  # noqa: F811
    with seated(chromium, settled, tmp_path, size) as seat:
        page = seat.open()
        agreed(seat, page)
        page.goto("/contribute?commune=97401")
        wait_for_map(page)
        seat.look(page, "before")
        field = page.get_by_role("combobox", name="Chercher une adresse")
        field.focus()
        page.keyboard.type("12 RUE de la pa")
        options = page.get_by_role("listbox", name="Adresses proposées").get_by_role("option")
        expect(options).to_have_text(["12 Rue de la Paix 97400 Commune A", "12 bis Rue de la Paix 97400 Commune A"])
        status = page.locator("[data-addresses] [data-status]")
        expect(status).to_have_text("2 adresses proposées")
        page.keyboard.press("Enter")  # nothing is chosen yet, and the form is not sent
        expect(options).to_have_count(2)
        page.keyboard.press("ArrowDown")
        expect(options.first).to_have_attribute("aria-selected", "true")
        assert field.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
        page.screenshot(path=tmp_path / "suggested-view.png")
        seat.look(page, "suggested")
        page.keyboard.press("Enter")
        expect(options).to_have_count(0)
        expect(field).to_have_value("12 Rue de la Paix 97400 Commune A")
        expect(field).to_have_attribute("aria-expanded", "false")
        expect(page.locator("[data-verdict]")).to_contain_text("Le point est dans Commune A.")
        assert point(page) == [round(value, 6) for value in PAIX]
        expect(page.get_by_label("Adresse", exact=True)).to_have_value("12 Rue de la Paix 97400 Commune A")
        for _ in range(40):
            centre = page.evaluate(
                "[window.__map.getCenter().lng, window.__map.getCenter().lat, window.__map.getZoom()]"
            )
            if centre == pytest.approx([*PAIX, 15], abs=1e-3):
                break
            page.wait_for_timeout(250)
        assert centre == pytest.approx([*PAIX, 15], abs=1e-3)
        wait_for_map(page)
        seat.look(page, "chosen")
        page.get_by_label("Nom", exact=True).fill("Boulangerie de la Paix")
        page.get_by_role("button", name="Ajouter ce lieu").click()
        page.wait_for_url(re.compile(r"/me#place-"))
        stored = settled.rows("SELECT name, address, ST_X(geom), ST_Y(geom) FROM geoplatform.place")
        assert stored == [("Boulangerie de la Paix", "12 Rue de la Paix 97400 Commune A", *map(pytest.approx, PAIX))]


def test_an_address_one_has_written_stays_and_one_that_was_filled_in_follows(chromium, settled, tmp_path):  # noqa: F811
    with seated(chromium, settled, tmp_path, PHONE) as seat:
        page = seat.open()
        agreed(seat, page)
        page.goto("/contribute?commune=97401")
        field = page.get_by_role("combobox", name="Chercher une adresse")
        address = page.get_by_label("Adresse", exact=True)
        options = page.get_by_role("listbox", name="Adresses proposées").get_by_role("option")
        for words, label in (
            ("12 bis paix", "12 bis Rue de la Paix 97400 Commune A"),
            ("hugo", "Avenue Victor Hugo 97400 Commune A"),
        ):
            field.fill(words)
            options.first.click()
            expect(address).to_have_value(label)
        assert point(page) == [round(value, 6) for value in HUGO]  # a street is where its middle number is
        address.fill("au fond de la cour")
        field.fill("3 vacoas")  # not in this commune, which is where one looks first
        expect(options).to_have_text(["3 Chemin des Vacoas 97400 Commune B"])
        options.first.click()
        expect(page.locator("[data-verdict]")).to_contain_text("Le point est dans Commune B.")
        expect(address).to_have_value("au fond de la cour")


def test_what_is_not_found_is_said_and_the_map_still_answers(chromium, settled, tmp_path):  # noqa: F811
    with seated(chromium, settled, tmp_path) as seat:
        page = seat.open()
        agreed(seat, page)
        page.goto("/contribute?commune=97401")
        wait_for_map(page)
        field = page.get_by_role("combobox", name="Chercher une adresse")
        field.fill("rue de la guerre")
        status = page.locator("[data-addresses] [data-status]")
        expect(status).to_have_text("Aucune adresse ne correspond : touchez la carte.")
        seat.look(page, "nothing")
        field.press("Enter")
        expect(page.locator("[data-result]")).to_have_text("")
        field.fill("rue de la pa")
        suggested = page.get_by_role("listbox", name="Adresses proposées")
        expect(suggested.get_by_role("option")).to_have_count(1)
        field.press("Escape")
        expect(suggested).to_have_count(0)
        page.locator("#map canvas").click()
        expect(page.locator("[data-verdict]")).to_have_text("Le point est dans Commune A.")
        page.goto("/lang/en?next=/contribute")
        expect(page.get_by_role("combobox", name="Find an address")).to_be_visible()


def test_the_field_is_there_only_where_addresses_are(town):
    ana = town.contributor("ana")
    place = ana.add()
    paths = ("/contribute", "/contribute?commune=97401", "/contribute?commune=97402", f"/places/{place}/edit")
    assert [b"data-addresses" in ana.page(path).data for path in paths] == [False] * 4
    with town.database.store("geoplatform_loader").transaction() as connection:
        addresses.replace(connection, [house(12, "Rue de la Paix")], None)
    assert [b"data-addresses" in ana.page(path).data for path in paths] == [True, True, False, True]
