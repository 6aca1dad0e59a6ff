"""Signing in by a mailed link, sessions, tokens, consents, and what strangers try with them."""

from __future__ import annotations

import re
import socket
import threading
import time

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from tests.web.citizens.conftest import WORDS, Citizen, feature, founded, spot


def test_a_mailed_link_signs_in_once_and_makes_the_account(town):
    ana = Citizen(town, "Ana@Example.org")
    began = ana.post("/session/links", {"email": ana.email})
    assert (began.status_code, began.json) == (202, {"sent_to": "Ana@example.org"})
    (letter,) = town.letters()
    assert (letter["To"], letter["Auto-Submitted"]) == ("Ana@example.org", "auto-generated")
    assert "http://127.0.0.1:8000/session/" in letter.get_content()
    secret = town.link_to("Ana@example.org")
    first = ana.post("/session", {"link": secret})
    assert first.status_code == 201
    assert first.json["is_new"]
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert ana.post("/session", {"link": secret}).status_code == 401
    me = ana.get("/me").json
    assert (me["email"], me["consents"]) == (
        "Ana@example.org",
        {"publication": False, "credit": False, "digest": False},
    )
    again = Citizen(town, "ana@example.ORG")  # the same address, however it is written
    assert again.sign_in()["citizen"]["id"] == me["id"]
    secrets = town.rows("SELECT encode(secret_sha256, 'escape') FROM people.session")
    assert secret not in str(secrets)


def test_the_page_behind_the_link_asks_first_and_then_signs_in(town):
    ana = Citizen(town, "ana@example.org")
    ana.post("/session/links", {"email": ana.email})
    path = f"/session/{town.link_to(ana.email)}"
    page = ana.page(path)
    assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert ana.get("/session").json == {"signed_in": False}  # a program that looks into mail signs nobody in
    elsewhere = ana.page(path, "POST", headers={"Sec-Fetch-Site": "cross-site"})
    assert elsewhere.status_code == 403
    assert ana.page(path, "POST").status_code == 303
    assert ana.get("/session").json["citizen"]["email"] == ana.email


def test_a_link_is_too_old_after_its_minutes(town):
    ana = Citizen(town, "ana@example.org")
    ana.post("/session/links", {"email": ana.email})
    town.run("UPDATE people.sign_in_link SET expires_at = now()")
    assert ana.post("/session", {"link": town.link_to(ana.email)}).status_code == 401
    assert town.rows("SELECT count(*) FROM people.citizen") == [(0,)]


def test_one_address_gets_few_links_an_hour_and_a_robot_none(town):
    ana = town.stranger()
    for _ in range(5):
        assert ana.post("/session/links", {"email": "ana@example.org"}).status_code == 202
    refused = ana.post("/session/links", {"email": "ANA@example.org"})
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert ana.post("/session/links", {"email": "bob@example.org", "url": "https://spam.example"}).status_code == 202
    assert town.letters("bob@example.org") == []


NO_ADDRESSES = (
    "ana", "ana@", "a\r\nBcc: x@example.org", "ana@example.org\nBcc: b@example.org", "a b@example.org", "ana@exa mple.org", "",
    None, 7, "a" * 300 + "@example.org", "ana@example.org, bob@example.org",
)  # fmt: skip


def test_an_address_that_is_none_is_named_and_nothing_is_mailed(town):
    for address in NO_ADDRESSES:
        answer = town.stranger().post("/session/links", {"email": address})
        assert answer.status_code == 422, address
        assert answer.json["errors"][0]["parameter"] == "email"
    assert town.letters() == []


def test_a_host_that_a_request_names_gets_into_no_mail(town):
    town.stranger().post("/session/links", {"email": "ana@example.org"}, headers={"Host": "evil.example"})
    assert "evil.example" not in town.letters()[0].as_string()


def test_a_session_changes_nothing_without_the_token_of_its_page(town):
    ana = town.citizen("ana")
    kept = ana.headers.pop("X-CSRF-Token")
    for token in (None, "", "wrong", kept[:-1]):
        answer = ana.patch("/me", {"display_name": "Eve"}, headers={"X-CSRF-Token": token} if token is not None else {})
        assert answer.status_code == 403
    assert ana.get("/me").json["display_name"] != "Eve"
    assert ana.patch("/me", {"display_name": "Ana"}, headers={"X-CSRF-Token": kept}).json["display_name"] == "Ana"


def test_signing_out_ends_the_session_here_or_elsewhere(town):
    ana, phone = town.citizen("ana"), Citizen(town, "ana@example.org")
    phone.sign_in()
    listed = ana.get("/me/sessions").json["sessions"]
    assert [one["is_this"] for one in listed] == [False, True]
    assert ana.delete(f"/me/sessions/{listed[0]['id']}").status_code == 204
    assert phone.get("/me").status_code == 401
    assert ana.delete("/session").status_code == 204
    assert ana.get("/session").json == {"signed_in": False}
    bob = town.citizen("bob")
    assert bob.delete(f"/me/sessions/{listed[1]['id']}").status_code == 404


def test_what_somebody_says_of_himself(town):
    ana = town.citizen("ana")
    answer = ana.patch("/me", {"display_name": "  Ana de Saint-Louis ", "home_commune": "97401", "language": "en"})
    assert {name: answer.json[name] for name in ("display_name", "home_commune", "language")} == {
        "display_name": "Ana de Saint-Louis", "home_commune": "97401", "language": "en"}  # fmt: skip
    assert ana.patch("/me", {"home_commune": None}).json["home_commune"] is None
    for body, parameter in (
        ({"home_commune": "99999"}, "home_commune"), ({"display_name": "Маirie de Saint-Louis"}, "display_name"),
        ({"display_name": "x" * 81}, "display_name"), ({"language": "de"}, "language"), ({"email": "x@example.org"}, "email"),
        ({"id": "1"}, "id"), ({"roles": [{"scope": "all"}]}, "roles"), ({"state": "active"}, "state"),
        ({"accepted": 9}, "accepted"),
    ):  # fmt: skip
        refused = ana.patch("/me", body)
        told = refused.json["errors"][0]["parameter"] if "errors" in refused.json else refused.json["parameter"]
        assert (refused.status_code, told) == (422, parameter), body


def test_tokens_are_shown_once_scoped_and_revocable(town):
    ana = town.contributor("ana")
    made = ana.post("/me/tokens", {"label": "QGIS", "scopes": ["contribute", "read"], "days": 10}).json
    reading = ana.post("/me/tokens", {"label": "lecture", "scopes": ["read"]}).json
    assert made["secret"] not in ana.get("/me/tokens").text
    program = town.stranger()
    program.headers["Authorization"] = f"Bearer {made['secret']}"
    assert program.get("/me").json["email"] == "ana@example.org"
    assert program.post("/places", feature()).status_code == 201
    more = program.post("/me/tokens", {"label": "x", "scopes": ["moderate"]})
    assert (more.status_code, "sign in" in more.json["detail"]) == (403, True)
    program.headers["Authorization"] = f"Bearer {reading['secret']}"
    assert program.get("/me").status_code == 200
    refused = program.post("/places", feature("Autre", spot(1.5, 0.5)))
    assert (refused.status_code, "contribute" in refused.json["detail"]) == (403, True)
    session = ana.get("/me/sessions").json["sessions"][0]["id"]
    for at in (f"/me/tokens/{made['id']}", f"/me/sessions/{session}", "/session"):
        assert program.delete(at).json["code"] == "session_only"
    assert {one["label"]: one["is_this"] for one in program.get("/me/tokens").json["tokens"]} == {
        "QGIS": False,
        "lecture": True,
    }
    assert program.delete(f"/me/tokens/{reading['id']}").status_code == 204
    assert program.get("/me").status_code == 401
    assert ana.delete(f"/me/tokens/{made['id']}").status_code == 204
    program.headers["Authorization"] = f"Bearer {made['secret']}"
    assert program.get("/me").status_code == 401
    events = [one["event"] for one in ana.get("/me/sign-ins").json["sign_ins"]]
    assert events == ["token_revoked", "token_revoked", "token_made", "token_made", "joined"]
    brief = ana.post("/me/tokens", {"label": "bref", "scopes": ["read"]}).json
    program.headers["Authorization"] = f"Bearer {brief['secret']}"
    assert program.get("/me").status_code == 200
    town.run("UPDATE people.token SET expires_at = now()")
    assert program.get("/me").status_code == 401


def test_a_token_that_means_nothing_is_refused(town):
    ana = town.citizen("ana")
    for wrong in (
        {"label": ""},
        {"scopes": []},
        {"scopes": ["root"]},
        {"scopes": "read"},
        {"days": 0},
        {"days": 9999},
        {"secret": "x"},
    ):
        assert ana.post("/me/tokens", {"label": "x", "scopes": ["read"]} | wrong).status_code == 422, wrong
    assert ana.get("/me/tokens").json == {"tokens": []}


def test_consents_are_rows_that_nobody_rewrites(town):
    ana = town.citizen("ana")
    old = ana.put("/me/consents/publication", {"given": True, "version": "2020-01-01"})
    assert (old.status_code, "2026-11-01" in old.json["detail"]) == (422, True)
    ana.agree()
    ana.agree()
    ana.agree(given=False)
    rows = town.rows("SELECT purpose, text_version::text, is_given FROM people.consent ORDER BY seq")
    assert rows == [("publication", WORDS, True), ("publication", WORDS, False)]
    for statement in (
        "UPDATE people.consent SET is_given = true",
        "DELETE FROM people.consent",
        "TRUNCATE people.consent",
    ):
        with pytest.raises(Exception, match="added and never changed"):
            town.run(statement)
    asked = ana.get("/me/consents").json["consents"]
    assert {one["purpose"]: one["given"] for one in asked} == {"credit": False, "digest": False, "publication": False}
    assert all(one["text_fr"] and one["text_en"] for one in asked)
    assert ana.put("/me/consents/everything", {"given": True}).status_code == 404


def test_a_suspended_account_reads_and_writes_nothing(town):
    ana = town.contributor("ana")
    town.run("UPDATE people.citizen SET state = 'suspended'")
    assert ana.get("/me").json["state"] == "suspended"
    assert ana.post("/places", feature()).status_code == 403
    assert ana.patch("/me", {"display_name": "Ana"}).status_code == 403


def test_two_at_once_make_one_account(town):
    ana, phone = Citizen(town, "ana@example.org"), Citizen(town, "ana@example.org")
    links = []
    for one in (ana, phone):
        one.post("/session/links", {"email": one.email})
        links.append(town.link_to(one.email))
        time.sleep(0.01)
    answers = []
    threads = [
        threading.Thread(target=lambda one=one, link=link: answers.append(one.post("/session", {"link": link})))
        for one, link in zip((ana, phone), links, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.json["is_new"] for answer in answers) == [False, True]
    assert town.rows("SELECT count(*) FROM people.citizen") == [(1,)]


class _Kept(Message):
    def __init__(self):
        super().__init__()
        self.messages = []

    def handle_message(self, message):
        self.messages.append(message)


@pytest.fixture
def mail_server():
    kept = _Kept()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield kept, port
    finally:
        controller.stop()


def test_a_mail_server_gets_the_message(database, draw, tmp_path, mail_server):
    draw("AB")
    kept, port = mail_server
    town = founded(database, tmp_path, smtp_url=f"smtp://127.0.0.1:{port}", mail_from="carte@example.org")
    assert town.stranger().post("/session/links", {"email": "ana@example.org"}).status_code == 202
    (message,) = kept.messages
    assert (message["To"], message["From"]) == ("ana@example.org", "carte@example.org")
    assert town.letters() == []


def test_a_mail_server_that_is_away_is_503_and_says_nothing_of_it(database, draw, tmp_path):
    draw("AB")
    town = founded(database, tmp_path, smtp_url="smtp://user:s3cret@127.0.0.1:9")
    answer = town.stranger().post("/session/links", {"email": "ana@example.org"})
    assert answer.status_code == 503
    assert "s3cret" not in answer.text
    assert "127.0.0.1" not in answer.text


def code_to(town, address):
    return re.search(r"^[\w-]{43}$", town.letters(address)[-1].get_content(), re.MULTILINE)[0]


def test_an_address_is_changed_by_who_is_signed_in_and_owns_it(town):
    ana, eve = town.citizen("ana"), town.citizen("eve")
    assert ana.post("/me/email", {"email": "neu@example.org"}).status_code == 202
    code = code_to(town, "neu@example.org")
    assert eve.put("/me/email", {"code": code}).status_code == 401
    assert eve.post("/session", {"link": code}).status_code == 401  # nobody signs in by it
    assert ana.get("/me").json["email"] == "ana@example.org"
    assert ana.put("/me/email", {"code": code}).json["email"] == "neu@example.org"
    assert ana.put("/me/email", {"code": code}).status_code == 401
    assert Citizen(town, "neu@example.org").sign_in()["citizen"]["id"] == ana.id
    assert Citizen(town, "ana@example.org").sign_in()["is_new"]
    taken = ana.post("/me/email", {"email": "eve@example.org"})
    assert taken.status_code == 202  # as for any other address
    assert ana.put("/me/email", {"code": code_to(town, "eve@example.org")}).status_code == 409
    assert ana.get("/me/sign-ins").json["sign_ins"][0]["event"] in ("signed_in", "email_changed")
