"""Appreciations, participations, invitations and who keeps a place: what is done, and what little of it is public."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.web.citizens.conftest import Citizen


def test_appreciations_are_counted_in_public_from_five_people_on_and_never_named(town):
    ana = town.contributor("ana")
    place = ana.add()
    fans = [town.citizen(f"fan{number}") for number in range(5)]
    for number, fan in enumerate(fans, start=1):
        assert fan.put(f"/places/{place}/appreciation").status_code == 204
        assert fan.put(f"/places/{place}/appreciation").status_code == 204
        shown = town.stranger().get(f"/places/{place}/community").json
        assert shown == {
            "appreciations": 5 if number == 5 else None,
            "participants": None,
            "people": [],
            "credit": None,
        }
    assert fans[0].get(f"/places/{place}/relation").json == {
        "appreciates": True, "keeps": False, "decides": False, "participation": None}  # fmt: skip
    assert fans[0].get("/me/appreciations").json["appreciations"][0]["name"] == "Jardin des Cocotiers"
    fans[0].delete(f"/places/{place}/appreciation")
    assert town.stranger().get(f"/places/{place}/community").json["appreciations"] is None
    town.run("UPDATE people.setting SET value = 4 WHERE name = 'counted_from'")
    assert town.stranger().get(f"/places/{place}/community").json["appreciations"] == 4


def test_whoever_knows_a_place_says_that_it_still_holds_and_is_not_remembered(town):
    ana, bob = town.contributor("ana"), town.citizen("bob")
    place = ana.add()
    town.run("UPDATE geoplatform.place SET modified_at = modified_at - interval '2 years'")
    html = {"Accept": "text/html"}
    assert "Rien ne le confirme depuis plus d’un an" in town.stranger().page(f"/places/{place}", headers=html).text
    for _ in range(2):
        answer = bob.put(f"/places/{place}/confirmation")
        assert (answer.status_code, answer.json) == (200, {"confirmed_on": dt.datetime.now(dt.UTC).date().isoformat()})
    assert "Rien ne le confirme depuis plus d’un an" not in town.stranger().page(f"/places/{place}", headers=html).text
    assert town.rows("SELECT count(*) FROM geoplatform.confirmation") == [(1,)]
    assert town.rows("SELECT version FROM geoplatform.place") == [(1,)]
    ana.patch(f"/places/{place}", {"properties": {"visibility": "private"}})
    assert bob.put(f"/places/{place}/confirmation").status_code == 404
    assert town.rows("SELECT count(*) FROM published.place_confirmations") == [(0,)]
    town.run("UPDATE geoplatform.place SET visibility = 'public', source = 'synthetic'")
    assert bob.put(f"/places/{place}/confirmation").status_code == 409


def test_the_page_of_a_place_names_who_takes_part_and_says_so(town):
    ana = town.contributor("ana")
    ana.patch("/me", {"display_name": "Ana du jardin"})
    place = ana.add()
    ana.post(f"/places/{place}/participations", {"role": "jardinière", "public": True})
    assert (
        "Ana du jardin (jardinière)" in town.stranger().page(f"/places/{place}", headers={"Accept": "text/html"}).text
    )


def test_somebody_takes_part_once_the_keeper_says_yes_and_is_named_only_if_he_says_so(town):
    ana, bob = town.contributor("ana"), town.citizen("bob")
    place = ana.add()
    bob.patch("/me", {"display_name": "Bob"})
    asked = bob.post(f"/places/{place}/participations", {"role": "jardinier", "public": True})
    assert (asked.status_code, asked.json["state"]) == (201, "requested")
    part = asked.json["id"]
    assert bob.post(f"/places/{place}/participations", {}).status_code == 409
    assert town.stranger().get(f"/places/{place}/community").json["people"] == []
    assert bob.put(f"/participations/{part}").status_code == 404  # not by himself
    assert bob.get(f"/places/{place}/participations").status_code == 403
    (waiting,) = ana.get(f"/places/{place}/participations").json["participants"]
    assert (waiting["id"], waiting["display_name"], waiting["state"]) == (part, "Bob", "requested")
    assert ana.put(f"/participations/{part}").status_code == 204
    (named,) = town.stranger().get(f"/places/{place}/community").json["people"]
    assert (named["display_name"], named["role"]) == ("Bob", "jardinier")
    assert bob.patch(f"/participations/{part}", {"public": False}).status_code == 204
    assert town.stranger().get(f"/places/{place}/community").json["people"] == []
    assert ana.patch(f"/participations/{part}", {"public": True}).status_code == 404  # nor by the keeper
    assert bob.delete(f"/participations/{part}").status_code == 204
    (ended,) = bob.get("/me/participations").json["participations"]
    assert (ended["state"], ended["until"] is not None) == ("ended", True)
    again = bob.post(f"/places/{place}/participations", {})
    assert again.status_code == 201
    assert ana.delete(f"/participations/{again.json['id']}").status_code == 204
    assert [one["state"] for one in bob.get("/me/participations").json["participations"]] == ["ended"]


def test_one_takes_part_in_associations_and_projects_that_somebody_keeps(town):
    ana, bob = town.contributor("ana"), town.citizen("bob")
    shop = ana.add("Garage", kind="merchant", category="garage")
    assert bob.post(f"/places/{shop}/participations", {}).status_code == 409
    own = ana.add("Projet", kind="project", category=None)
    assert ana.post(f"/places/{own}/participations", {"role": "porteuse"}).json["state"] == "active"
    town.run("DELETE FROM people.keeper")
    assert bob.post(f"/places/{own}/participations", {}).status_code == 409


def test_a_place_is_handed_over_by_invitation(town):
    ana, bob = town.contributor("ana"), town.citizen("bob")
    place = ana.add()
    for email in ("bob@example.org", "nobody-here@example.org"):
        offered = ana.post(f"/places/{place}/invitations", {"email": email, "purpose": "keeping"})
        assert (offered.status_code, offered.json) == (202, {"sent_to": email})  # the same, account or not
        assert place not in town.letters(email)[-1].get_content()
    assert (
        ana.post(f"/places/{place}/invitations", {"email": "BOB@example.org", "purpose": "keeping"}).status_code == 202
    )
    assert len(town.letters("bob@example.org")) == 2  # his link, and one invitation
    assert bob.post(f"/places/{place}/invitations", {"email": "x@example.org", "purpose": "keeping"}).status_code == 403
    (offer,) = bob.get("/me/invitations").json["invitations"]
    assert (offer["place_id"], offer["purpose"]) == (place, "keeping")
    eve = town.citizen("eve")
    assert eve.get("/me/invitations").json == {"invitations": []}
    assert eve.post(f"/me/invitations/{offer['id']}", {"accept": True}).status_code == 404
    assert ana.delete(f"/places/{place}/keeping").status_code == 409
    assert bob.post(f"/me/invitations/{offer['id']}", {"accept": True}).status_code == 204
    assert bob.post(f"/me/invitations/{offer['id']}", {"accept": True}).status_code == 404
    assert bob.patch(f"/places/{place}", {"properties": {"name": "À Bob"}}).status_code == 200
    assert ana.delete(f"/places/{place}/keeping").status_code == 204
    assert ana.patch(f"/places/{place}", {"properties": {"name": "À Ana"}}).status_code == 403
    late = Citizen(town, "nobody-here@example.org")
    late.sign_in()
    (offer,) = late.get("/me/invitations").json["invitations"]
    assert late.post(f"/me/invitations/{offer['id']}", {"accept": False}).status_code == 204
    assert late.get("/me/invitations").json == {"invitations": []}


def test_an_invitation_to_take_part_is_taken_back_or_makes_a_participation(town):
    ana, bob = town.contributor("ana"), town.citizen("bob")
    place = ana.add()
    body = {"email": "bob@example.org", "purpose": "participation", "role": "trésorier"}
    ana.post(f"/places/{place}/invitations", body)
    (open_one,) = ana.get(f"/places/{place}/invitations").json["invitations"]
    assert ana.delete(f"/places/{place}/invitations/{open_one['id']}").status_code == 204
    assert bob.get("/me/invitations").json == {"invitations": []}
    ana.post(f"/places/{place}/invitations", body)
    bob.post(f"/places/{place}/participations", {"role": "membre"})
    (offer,) = bob.get("/me/invitations").json["invitations"]
    assert bob.post(f"/me/invitations/{offer['id']}", {"accept": True}).status_code == 204
    (part,) = bob.get("/me/participations").json["participations"]
    assert (part["state"], part["role"]) == ("active", "trésorier")


@pytest.mark.parametrize(
    "path",
    ["appreciation", "participations", "community", "relation", "invitations", "claims", "reports", "suggestions"],
)
def test_a_place_that_is_not_there_is_404_for_everything(town, path):
    ana = town.contributor("ana")
    unknown = "0199a3b2-0000-7000-8000-000000000000"
    method = {"appreciation": "PUT", "community": "GET", "relation": "GET"}.get(path, "POST")
    body = {"invitations": {"email": "x@example.org", "purpose": "keeping"}, "claims": {"note": "x"}, "reports": {"reason": "spam"},
            "suggestions": {"properties": {"name": "x"}}, "participations": {}}.get(path)  # fmt: skip
    answer = ana.ask(method, f"/places/{unknown}/{path}", body)
    assert (answer.status_code, unknown in answer.json["detail"]) == (404, True)
