"""The privacy page says what the program does: its cookies, its periods, whom it asks; and pages ask nobody else."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from http.cookies import SimpleCookie

import pytest

from geoplatform.basemap import PRESETS
from geoplatform.web import cookies
from tests.conftest import ROOT
from tests.web.citizens.conftest import Town, founded

HTML = {"Accept": "text/html"}
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self' blob:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'"
)
FRAMED = CSP.replace("frame-ancestors 'self'", "frame-ancestors *")
IGN = PRESETS["ign-plan"]
TOLD = {
    "citizen", "contact", "identity", "sign_in_link", "session", "token", "sign_in", "role", "consent", "consent_text",
    "setting", "author", "keeper", "credit", "appreciation", "participation", "invitation", "follow", "imported",
    "leaving", "matter", "decision",
}  # fmt: skip
OTHER_PAGES = (
    "/privacy",
    "/sign-in",
    "/vintages",
    "/tiles",
    "/tiles/places",
    "/exports",
    "/moderation",
    "/nope",
    "/communes/99999",
)


def text_of(town: Town, path: str = "/privacy") -> str:
    """Its spaces that break no line as plain ones."""
    return town.stranger().page(path, headers=HTML).get_data(as_text=True).replace("\xa0", " ")


def told(database, draw, tmp_path, **settings) -> Town:
    draw("AB")
    return founded(database, tmp_path, **settings)


def policies(town: Town) -> dict[str, str]:
    """Of pages with a map, and of others, signed in."""
    ana = town.contributor("ana")
    place = ana.add()
    paths = (
        "/",
        "/communes/97401",
        f"/places/{place}",
        "/contribute?commune=97401",
        f"/places/{place}/edit",
        "/communes/97401/embed",
        "/ogc/collections/communes?f=html",
    )
    found = {path: ana.page(path, headers=HTML) for path in (*paths, *OTHER_PAGES, "/tiles/communes/0/0/0.mvt", "/me")}
    return {path: answer.headers["Content-Security-Policy"] for path, answer in found.items()}


def test_without_a_basemap_every_policy_is_as_it_was(town):
    found = policies(town)
    assert found.pop("/communes/97401/embed") == FRAMED
    assert set(found.values()) == {CSP}
    assert "data-basemap" not in text_of(town, "/communes/97401")


def test_with_one_pages_with_a_map_may_ask_its_origin_and_no_other_page_may(database, draw, tmp_path):
    found = policies(told(database, draw, tmp_path, basemap=IGN))
    wider = "connect-src 'self' https://data.geopf.fr;"
    assert found.pop("/communes/97401/embed") == FRAMED.replace("connect-src 'self';", wider)
    with_map = {path for path, policy in found.items() if policy == CSP.replace("connect-src 'self';", wider)}
    assert {re.sub("[0-9a-f-]{36}", "ID", path) for path in with_map} == {
        "/", "/communes/97401", "/places/ID", "/places/ID/edit", "/contribute?commune=97401",
        "/ogc/collections/communes?f=html",
    }  # fmt: skip
    assert {policy for path, policy in found.items() if path not in with_map} == {CSP}


def test_tiles_of_this_site_widen_no_policy(database, draw, tmp_path):
    own = replace(IGN, tiles="/fond/{z}/{x}/{y}.png", privacy_url=None)
    town = told(database, draw, tmp_path, basemap=own)
    assert set(policies(town).values()) == {CSP, FRAMED}
    assert "aucun tiers n’en sait rien" in text_of(town, "/communes/97401")
    assert "est tenu par ce site lui-même" in text_of(town)


def test_what_an_operator_says_of_a_basemap_is_text(database, draw, tmp_path):
    hostile = replace(IGN, name="<b>x</b>", attribution="</script><img src=x>", attribution_url=None)
    town = told(database, draw, tmp_path, basemap=hostile)
    for path in ("/communes/97401", "/privacy"):
        page = text_of(town, path)
        assert "<b>x" not in page and "<img" not in page
    assert "\\u0026lt;/script\\u0026gt;\\u0026lt;img" in text_of(town, "/communes/97401")


def test_the_page_is_a_click_away_everywhere_and_speaks_both_languages(town):
    for path in ("/", "/communes/97401", "/sign-in", "/nope"):
        assert 'href="/privacy"' in text_of(town, path)
    reader = town.stranger()
    reader.page("/lang/en")
    english = reader.page("/privacy", headers=HTML).get_data(as_text=True)
    assert "<h1>Privacy</h1>" in english and "for 1 minute at most" in english


def test_only_one_module_sets_cookies_and_the_page_names_all_of_them(database, draw, tmp_path):
    for path in (ROOT / "geoplatform").rglob("*.py"):
        if path.name != "cookies.py":
            assert not re.search(r"\b(set_cookie|delete_cookie|request\.cookies|Set-Cookie)\b", path.read_text()), path
    named = cookie_names(told(database, draw, tmp_path, oidc_issuer="https://id.example/", oidc_client_id="a"))
    assert named == {cookie.plain_name for cookie in cookies.EVERY}


def cookie_names(town: Town, base_url: str = "http://localhost") -> set[str]:
    page = town.stranger().page("/privacy", headers=HTML, base_url=base_url).get_data(as_text=True)
    return set(re.findall(r"<dt><code>([\w-]+)</code>", page))


def test_the_cookies_that_are_set_are_those_that_are_named(town):
    ana = town.stranger()
    ana.email = "ana@example.org"
    answers = [ana.page("/lang/en"), ana.page("/contribute", follow_redirects=True)]
    ana.post("/session/links", {"email": ana.email})
    answers.append(ana.page(f"/session/{town.link_to(ana.email)}", method="POST"))
    kept = SimpleCookie()
    for answer in answers:
        for header in answer.headers.getlist("Set-Cookie"):
            kept.load(header)
    assert set(kept) == {"lang", "next", "session"} == cookie_names(town)
    assert {f"__Host-{name}" if name == "session" else name for name in kept} == cookie_names(town, "https://localhost")
    assert all(one["httponly"] and one["samesite"] == "Lax" for one in kept.values())


def test_scripts_keep_nothing_on_a_device_but_the_basemap():
    sources = (ROOT / "geoplatform/web/frontend/src").glob("*.js")
    keeping = {path.name for path in sources if re.search("Storage|indexedDB|caches|document.cookie", path.read_text())}
    assert keeping == {"basemap.js"}


def test_periods_are_those_that_rule(town):
    values = {"session_days": 17, "sign_ins_days": 23, "deleted_days": 29, "link_minutes": 31, "counted_from": 37}
    for name, value in values.items():
        town.run("UPDATE people.setting SET value = %s WHERE name = %s", value, name)
    page = text_of(town)
    for words in ("17 jours, ou jusqu’à ce que vous la fermiez", "17 jours, ou jusqu’à ce que vous les fermiez",
                  "<dd>23 jours</dd>", "29 jours pour le rétablir", "il vaut 31 minutes", "à partir de 37"):  # fmt: skip
        assert words in page
    assert " · 1 an</dd>" in page and " · 1 heure</dd>" in page  # of lang and next
    assert dict(town.rows("SELECT name, value FROM published.settings")) == values
    town.run("UPDATE people.setting SET value = 1 WHERE name = 'sign_ins_days'")
    assert "<dd>1 jour</dd>" in text_of(town)


def test_addresses_are_counted_for_as_long_as_the_longest_rate(database, draw, tmp_path):
    town = told(database, draw, tmp_path, submit_rate="5 per hour; 20 per 3 hours")
    assert "pendant 3 heures au plus" in text_of(town)


def test_a_link_is_erased_a_day_after_it_no_longer_holds(town):
    town.stranger().post("/session/links", {"email": "ana@example.org"})
    ((until,),) = town.rows("SELECT expires_at FROM people.sign_in_link")
    for later, left in ((dt.timedelta(hours=23, minutes=59), 1), (dt.timedelta(days=1, seconds=1), 0)):
        town.run("SELECT people.sweep(%s)", until + later)
        assert town.rows("SELECT count(*) FROM people.sign_in_link") == [(left,)]


def test_of_whoever_left_consents_stay_under_a_bare_number(town):
    ana = town.contributor("ana")
    ana.add()
    assert ana.post("/me/leaving", {"confirm": True, "otherwise": "delete"}).status_code == 200
    (citizen,) = town.rows(
        "SELECT display_name, home_commune, language, joined_on, accepted, state FROM people.citizen"
    )
    assert citizen == ("", None, "fr", dt.date(1970, 1, 1), 0, "left")
    assert town.rows("SELECT count(*) FROM people.consent") == [(1,)]
    for table in TOLD - {"citizen", "consent", "leaving", "matter", "consent_text", "setting"}:
        assert town.rows(f"SELECT count(*) FROM people.{table}") == [(0,)], table


def test_every_table_about_people_is_told_of(town):
    """A new one needs a line on the page, and then here."""
    query = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'people'"
    assert {name for (name,) in town.rows(query)} == TOLD


def test_it_names_whom_else_is_asked(database, draw, tmp_path):
    town = told(database, draw, tmp_path, basemap=IGN, oidc_issuer="https://id.example/x", oidc_client_id="a",
                smtp_url="smtps://ana:hunter2@mail.example:465", publisher="Ville d’Aix", contact="dpo@aix.example",
                trusted_proxies=1)  # fmt: skip
    page = text_of(town)
    for words in ("IGN (data.geopf.fr)", IGN.privacy_url, "id.example sait", "mail.example :", "Ville d’Aix",
                  "mailto:dpo@aix.example", "Un serveur placé devant lui", "cnil.fr/fr/plaintes", "CC BY-NC-SA 4.0"):  # fmt: skip
        assert words in page
    assert "hunter2" not in page and "Sauf ceci" in page


def test_without_any_of_them_nobody_is_named(town):
    page = text_of(town)
    for words in ("Sauf ceci", "identité", "basemap", "<code>openid</code>", "Un serveur placé"):
        assert words not in page
    assert "un dossier de ce serveur" in page and "Aucune adresse n’est encore donnée" in page


@pytest.mark.parametrize("path", ["/communes/97401", "/privacy"])
def test_the_only_links_of_its_pages_to_others_are_links(town, path):
    loads = re.findall(r'<(?:script|link|img|iframe|source)[^>]*(?:src|href)="(https?:[^"]*)"', text_of(town, path))
    assert loads == []
