"""Suggestions, reports, claims, first contributions and appeals: the queue of referents, their decisions, the public log."""

from __future__ import annotations

from tests.web.citizens.conftest import feature, spot


def decide(referent, matter, accept, reason="as_described", **more):
    return referent.post(f"/moderation/matters/{matter}/decisions", {"accept": accept, "reason": reason, **more})


def waiting(referent, **query):
    return referent.get("/moderation/queue", query_string=query).json["matters"]


def test_a_first_contribution_is_shown_once_a_referent_lets_it_through(town):
    ref, far = town.referent("ref", "commune", "97401"), town.referent("far", "commune", "97402")
    ana = town.contributor("ana")
    place = ana.add()
    (matter,) = waiting(ref)
    assert (matter["kind"], matter["place_id"], matter["place"]["name"]) == ("first", place, "Jardin des Cocotiers")
    assert waiting(far) == []
    assert decide(far, matter["id"], True).status_code == 404
    assert ana.get("/moderation/queue").json == {"matters": []}
    assert decide(ana, matter["id"], True).status_code == 404  # not by oneself
    assert decide(ref, matter["id"], True).json["state"] == "accepted"
    assert town.stranger().get(f"/places/{place}").status_code == 200
    assert ana.post("/places?distinct=true", feature("Deuxième", spot(0.2, 0.2))).status_code == 201
    assert decide(ref, matter["id"], True).status_code == 404
    bob = town.contributor("bob")
    spam = bob.add("Casino gratuit", spot(0.8, 0.8))
    assert decide(ref, waiting(ref)[0]["id"], False, "spam").json["state"] == "refused"
    assert town.stranger().get(f"/places/{spam}").status_code == 404
    assert bob.patch(f"/places/{spam}", {"properties": {"name": "x"}}).status_code == 403
    assert bob.get("/me/places").get_json(force=True)["features"][0]["properties"]["status"] == "hidden"


def test_consent_taken_back_and_given_again_shows_nothing_that_was_refused(town):
    ref, other, ana = town.referent("ref", "commune", "97401"), town.referent("other"), town.contributor("ana")
    place = ana.add("Casino gratuit")
    ana.agree(given=False)
    matter = waiting(ref)[0]["id"]
    assert decide(ref, matter, False, "spam").json["state"] == "refused"
    ana.agree()
    assert town.stranger().get(f"/places/{place}").status_code == 404
    appeal = ana.post(f"/me/matters/{matter}/appeals", {"note": "pas du tout"}).json["id"]
    assert decide(other, appeal, True, "mistaken").json["state"] == "accepted"
    assert town.stranger().get(f"/places/{place}").status_code == 200
    ana.agree(given=False)
    ana.agree()
    assert town.stranger().get(f"/places/{place}").status_code == 200


def test_a_suggestion_waits_for_who_keeps_the_place_and_for_the_referent(town):
    ana, bob = town.contributor("ana"), town.contributor("bob")
    place = ana.add(description="Un jardin")
    said = {
        "properties": {"name": "Jardin des Palmiers"},
        "geometry": {"type": "Point", "coordinates": spot(1.5, 0.5)},
        "note": "Il a déménagé",
    }
    made = bob.post(f"/places/{place}/suggestions", said)
    assert made.status_code == 201
    assert bob.post(f"/places/{place}/suggestions", said).status_code == 409
    assert ana.post(f"/places/{place}/suggestions", said).status_code == 409  # she keeps it
    assert bob.post(f"/places/{place}/suggestions", {"properties": {"website": "javascript:x"}}).status_code == 422
    (matter,) = waiting(ana)
    assert (matter["proposed"]["name"], matter["note"]) == ("Jardin des Palmiers", "Il a déménagé")
    assert decide(ana, matter["id"], True).json["state"] == "accepted"
    told = town.stranger().get(f"/places/{place}").get_json(force=True)["properties"]
    assert (told["name"], told["description"], told["commune_code"], told["version"]) == (
        "Jardin des Palmiers",
        "Un jardin",
        "97402",
        2,
    )
    assert town.rows("SELECT citizen_id::text FROM people.author WHERE version = 2") == [(bob.id,)]
    (mine,) = bob.get("/me/matters").json["matters"]
    assert (mine["state"], mine["decisions"][0]["action"]) == ("accepted", "applied")
    stale = bob.post(f"/places/{place}/suggestions", {"properties": {"name": "Trop tard"}}).json["id"]
    ana.patch(f"/places/{place}", {"properties": {"name": "Déjà changé"}})
    assert decide(ana, stale, True).status_code == 412
    assert decide(ana, stale, False, "mistaken").status_code == 200


def test_a_report_needs_no_account_and_is_dealt_with(town):
    ref = town.referent("ref", "department", "974")
    ana = town.contributor("ana")
    town.trust(ana)
    place = ana.add()
    assert (
        town.stranger().post(f"/places/{place}/reports", {"reason": "closed", "note": "fermé depuis mai"}).status_code
        == 201
    )
    assert (
        town.stranger().post(f"/places/{place}/reports", {"reason": "closed", "url": "https://x"}).status_code == 201
    )  # a robot
    (matter,) = waiting(ref, commune="97401")
    assert (matter["kind"], matter["reason"], matter["opener"]) == ("report", "closed", None)
    assert waiting(ref, commune="97402") == []
    for wrong in ({"reason": "x"}, {"reason": "spam", "note": "x" * 2001}, {}):
        assert town.stranger().post(f"/places/{place}/reports", wrong).status_code == 422
    assert decide(ref, matter["id"], True, "closed", action="hidden").json["state"] == "accepted"
    assert town.stranger().get(f"/places/{place}").status_code == 404
    (mine,) = ana.get("/me/matters").json["matters"]  # who keeps it is told what was decided, and not what was said
    assert (mine["note"], mine["is_mine"], mine["decisions"][0]["reason"]) == (None, False, "closed")
    for _ in range(20):
        assert (
            town.stranger().post(f"/places/{ana.add('Autre', spot(0.2, 0.2))}/reports", {"reason": "spam"}).status_code
            == 201
        )


def test_the_twentieth_anonymous_report_of_a_place_is_enough(town):
    ana = town.contributor("ana")
    place = ana.add()
    answers = [town.stranger().post(f"/places/{place}/reports", {"reason": "spam"}).status_code for _ in range(21)]
    assert answers == [201] * 20 + [429]


def test_deleting_somebody_elses_place_takes_two_people(town):
    one, two = town.referent("one"), town.referent("two", "commune", "97401")
    ana, bob = town.contributor("ana"), town.contributor("bob")
    town.trust(ana, bob)
    place = ana.add()
    matter = bob.post(f"/places/{place}/reports", {"reason": "illegal"}).json["id"]
    assert one.delete(f"/places/{place}").status_code == 403
    assert decide(one, matter, True, "illegal", action="deleted").json["state"] == "seconding"
    assert town.stranger().get(f"/places/{place}").status_code == 404  # hidden meanwhile
    assert decide(one, matter, True, "illegal", action="deleted").status_code == 404  # not the same person
    assert decide(two, matter, True, "illegal", action="deleted").json["state"] == "accepted"
    assert town.rows("SELECT status FROM geoplatform.place") == [("deleted",)]
    log = town.stranger().get("/moderation/log").json["decisions"]
    assert [(one["outcome"], one["action"], one["reason"], one["commune_code"], one["place_id"]) for one in log] == [
        ("deletion_proposed", "hidden", "illegal", "97401", None), ("accepted", "deleted", "illegal", "97401", None)]  # fmt: skip


def test_the_second_referent_may_disagree(town):
    one, two = town.referent("one"), town.referent("two")
    ana = town.contributor("ana")
    town.trust(ana)
    place = ana.add()
    matter = town.stranger().post(f"/places/{place}/reports", {"reason": "illegal"}).json["id"]
    decide(one, matter, True, "illegal", action="deleted")
    assert decide(two, matter, False, "not_as_described").json["state"] == "refused"
    assert town.stranger().get(f"/places/{place}").status_code == 200


def test_a_claim_makes_a_keeper(town):
    ref = town.referent("ref")
    ana, bob = town.contributor("ana"), town.contributor("bob")
    town.trust(ana)
    place = ana.add("Garage Bob", kind="merchant", category="garage")
    assert bob.post(f"/places/{place}/claims", {"note": ""}).status_code == 422
    matter = bob.post(f"/places/{place}/claims", {"note": "C’est mon garage"}).json["id"]
    assert decide(ref, matter, True).json["state"] == "accepted"
    assert bob.patch(f"/places/{place}", {"properties": {"phone": "+262 262 00 00 00"}}).status_code == 200
    assert bob.post(f"/places/{place}/claims", {"note": "encore"}).status_code == 409


def test_an_appeal_is_looked_at_by_somebody_else(town):
    one, two = town.referent("one"), town.referent("two")
    ana, eve = town.contributor("ana"), town.contributor("eve")
    town.trust(ana)
    place = ana.add()
    matter = town.stranger().post(f"/places/{place}/reports", {"reason": "spam"}).json["id"]
    assert ana.post(f"/me/matters/{matter}/appeals", {"note": "déjà ?"}).status_code == 404  # nothing is decided
    decide(one, matter, True, "spam", action="hidden")
    assert eve.post(f"/me/matters/{matter}/appeals", {"note": "moi"}).status_code == 404
    appeal = ana.post(f"/me/matters/{matter}/appeals", {"note": "C’est un vrai jardin"}).json["id"]
    assert ana.post(f"/me/matters/{matter}/appeals", {"note": "encore"}).status_code == 409
    assert waiting(one) == []
    assert decide(one, appeal, False).status_code == 404
    assert decide(two, appeal, True, "mistaken").json["state"] == "accepted"
    assert town.stranger().get(f"/places/{place}").status_code == 200
    assert [one["action"] for one in town.stranger().get("/moderation/log").json["decisions"]] == ["hidden", "restored"]


def test_what_nobody_should_read_leaves_the_history(town):
    ref = town.referent("ref")
    ana = town.contributor("ana")
    town.trust(ana)
    place = ana.add(description="Appelez Mme Martin au 0692 00 00 00")
    ana.patch(f"/places/{place}", {"properties": {"description": "Ouvert le samedi"}})
    assert "Martin" in town.stranger().get(f"/places/{place}/versions").get_data(as_text=True)
    matter = town.stranger().post(f"/places/{place}/reports", {"reason": "private_data"}).json["id"]
    decide(ref, matter, True, "private_data", action="redacted")
    assert "Martin" not in town.stranger().get(f"/places/{place}/versions").get_data(as_text=True)
    assert ana.post(f"/places/{place}/versions/1/restore").status_code == 404


MEANINGLESS = (
    {}, {"accept": True}, {"accept": "yes", "reason": "spam"}, {"accept": True, "reason": "because"},
    {"accept": True, "reason": "spam", "action": "burn"}, {"accept": True, "reason": "spam", "decided_by": "x"},
    {"accept": False, "reason": "spam", "action": "hidden"},
)  # fmt: skip


def test_a_decision_that_means_nothing_is_refused_and_nothing_is_decided(town):
    ref, ana = town.referent("ref"), town.contributor("ana")
    town.trust(ana)
    matter = town.stranger().post(f"/places/{ana.add()}/reports", {"reason": "spam"}).json["id"]
    for body in MEANINGLESS:
        assert ref.post(f"/moderation/matters/{matter}/decisions", body).status_code == 422, body
    assert town.rows("SELECT state FROM people.matter") == [("open",)]


def test_the_log_is_read_by_commune_and_page_and_names_nobody(town):
    ref = town.referent("ref")
    ana = town.citizen("ana", "publication", "credit")
    ana.patch("/me", {"display_name": "Ana Nyme"})
    town.trust(ana)
    places = [ana.add(f"Lieu {number}", spot(number + 0.5, 0.5)) for number in (0, 1)]
    for place in places:
        matter = ana.post(f"/places/{place}/reports", {"reason": "spam", "note": "secret"}).json["id"]
        assert matter
        decide(ref, matter, False, "mistaken", note="rien de grave")
    log = town.stranger().get("/moderation/log?limit=1")
    assert log.headers["Access-Control-Allow-Origin"] == "*"
    assert [one["place_id"] for one in log.json["decisions"]] == places[:1]
    rest = town.stranger().get(f"/moderation/log?after={log.json['last']}").json
    assert [one["place_id"] for one in rest["decisions"]] == places[1:]
    assert [one["commune_code"] for one in town.stranger().get("/moderation/log?commune=97402").json["decisions"]] == [
        "97402"
    ]
    for secret in ("Ana", "secret", "grave", ref.id, ana.id):
        assert secret not in log.text
    assert town.stranger().get("/moderation/log?commune=x").status_code == 404
    assert town.stranger().get("/moderation/log?after=x").status_code == 400
    assert town.stranger().get("/moderation/queue").status_code == 401
