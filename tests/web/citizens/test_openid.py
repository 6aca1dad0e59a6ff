"""Signing in by an OpenID Connect provider: a real one over HTTP, and what others try."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, quote, urlsplit

import oidc_provider_mock
import pytest
import requests

from geoplatform.config import Settings
from geoplatform.errors import Misuse
from tests.web.citizens.conftest import Citizen, founded

CALLBACK = "/session/openid/callback"


@pytest.fixture(scope="module")
def provider():
    with oidc_provider_mock.run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def town(database, draw, tmp_path, provider):
    draw("AB")
    return founded(database, tmp_path, oidc_issuer=provider, oidc_client_id="map", oidc_client_secret="s3cret")


def known(provider, subject, **claims):
    assert requests.put(f"{provider}/users/{quote(subject)}", json=claims, timeout=10).status_code == 204


def led_back(citizen, subject):
    """The address to which the provider leads back, once it has signed somebody in."""
    begun = citizen.page("/session/openid")
    assert begun.status_code == 302
    asked = parse_qs(urlsplit(begun.location).query)
    assert (asked["scope"], asked["code_challenge_method"]) == (["openid email"], ["S256"])
    answer = requests.post(begun.location, data={"sub": subject}, allow_redirects=False, timeout=10)
    parts = urlsplit(answer.headers["Location"])
    assert parts.path == CALLBACK
    return f"{parts.path}?{parts.query}"


def sign_in(citizen, subject):
    answer = citizen.page(led_back(citizen, subject))
    if answer.status_code == 303:
        citizen.headers["X-CSRF-Token"] = citizen.get("/session").json["csrf_token"]
    return answer


def test_whom_the_provider_vouches_for_signs_in_and_is_known_again(town, provider):
    known(provider, "alice", email="alice@example.org", email_verified=True)
    alice = Citizen(town, "alice@example.org")
    assert sign_in(alice, "alice").status_code == 303
    me = alice.get("/me").json
    assert me["email"] == "alice@example.org"
    again = Citizen(town, "alice@example.org")
    sign_in(again, "alice")
    assert again.get("/me").json["id"] == me["id"]
    by_mail = Citizen(town, "alice@example.org")
    assert by_mail.sign_in()["citizen"]["id"] == me["id"]  # the same person by the same address


def test_an_address_that_the_provider_has_not_verified_opens_nobodys_account(town, provider):
    ana = town.citizen("ana")
    for subject, claims in (
        ("eve", {"email": "ana@example.org"}),
        ("eve2", {"email": "ana@example.org", "email_verified": False}),
    ):
        known(provider, subject, **claims)
        eve = Citizen(town, "eve@example.org")
        assert sign_in(eve, subject).status_code == 303
        assert (eve.get("/me").json["id"] != ana.id, eve.get("/me").json["email"]) == (True, None)


def test_what_this_browser_did_not_begin_signs_nobody_in(town, provider):
    known(provider, "alice", email="alice@example.org", email_verified=True)
    alice, eve = Citizen(town, "a@example.org"), Citizen(town, "e@example.org")
    back = led_back(alice, "alice")
    assert eve.page(back).status_code == 401  # the code of somebody else's sign-in
    led_back(eve, "alice")
    assert eve.page(back).status_code == 401
    for query in (
        "",
        "?code=x",
        "?state=x&code=x",
        f"?error=access_denied&{back.partition('?')[2].replace('code=', 'x=')}",
    ):
        assert alice.page(f"{CALLBACK}{query}").status_code == 401
    for cookie in ("x", "[]", "[1,2]", json.dumps(["\\ud800", "b", "c"]), json.dumps(["a", "b", "c"])):
        alice.browser.set_cookie("openid", cookie, path="/")
        assert alice.page(back).status_code == 401
    assert town.rows("SELECT count(*) FROM people.session") == [(0,)]


def test_a_code_serves_once_and_a_wrong_one_never(town, provider):
    known(provider, "alice", email="alice@example.org", email_verified=True)
    alice = Citizen(town, "a@example.org")
    back = led_back(alice, "alice")
    kept = alice.browser.get_cookie("openid", path="/").value
    assert alice.page(back).status_code == 303
    alice.browser.set_cookie("openid", kept, path="/")
    assert alice.page(back).status_code == 401
    wrong = led_back(alice, "alice").replace("code=", "code=x")
    assert alice.page(wrong).status_code == 401


def test_a_provider_that_is_away_is_503_and_none_is_404(database, draw, tmp_path):
    draw("AB")
    away = founded(database, tmp_path, oidc_issuer="http://127.0.0.1:9", oidc_client_id="a", oidc_client_secret="b")
    answer = away.stranger().page("/session/openid")
    assert (answer.status_code, "127.0.0.1:9" in answer.text) == (503, False)
    assert founded(database, tmp_path).stranger().page("/session/openid").status_code == 404


def test_a_provider_is_named_whole_and_by_https():
    issuer, client, secret = (f"GEOPLATFORM_OIDC_{name}" for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET"))
    given = {issuer: "https://op.example", client: "a", secret: "b"}
    assert Settings.from_environment(given).oidc_issuer == "https://op.example"
    assert Settings.from_environment(Settings.from_environment(given).as_environment()).oidc_client_secret == "b"
    for wrong in ({issuer: "http://op.example"}, {client: ""}, {secret: ""}):
        with pytest.raises(Misuse, match=next(iter(wrong))):
            Settings.from_environment(given | wrong)


def test_an_assurance_that_is_asked_for_and_not_given_is_a_refusal(database, draw, tmp_path, provider):
    draw("AB")
    town = founded(
        database, tmp_path, oidc_issuer=provider, oidc_client_id="map", oidc_client_secret="s3cret", oidc_acr="eidas1"
    )
    known(provider, "alice", email="alice@example.org", email_verified=True)
    alice = Citizen(town, "a@example.org")
    begun = alice.page("/session/openid")
    assert parse_qs(urlsplit(begun.location).query)["acr_values"] == ["eidas1"]
    assert sign_in(alice, "alice").status_code == 401
