"""Places that citizens add, change, move, delete and restore, and who may."""

from __future__ import annotations

import threading

import psycopg
import pytest

from geoplatform.model import Licence
from tests.web.citizens.conftest import feature, founded, spot
from tests.web.test_gateway import until


def body_of(answer):
    return answer.get_json(force=True)


def test_a_citizen_adds_changes_moves_deletes_and_restores_a_place(town):
    ana = town.contributor("ana")
    made = ana.post("/places", feature(description="Un jardin", opening_hours="Sa 09:00-12:00"))
    assert made.status_code == 201
    place = body_of(made)["id"]
    assert body_of(made)["properties"]["status"] == "published"
    assert body_of(made)["properties"]["licence"] == "CC-BY-NC-SA-4.0"
    path = f"/places/{place}"
    shown = town.stranger().get(path)
    assert body_of(shown)["properties"]["name"] == "Jardin des Cocotiers"
    changed = ana.patch(
        path,
        {"properties": {"name": "Jardin partagé", "description": None}},
        headers={"If-Match": shown.headers["ETag"]},
    )
    assert changed.status_code == 200
    told = body_of(changed)["properties"]
    assert (told["name"], told["description"], told["opening_hours"]) == ("Jardin partagé", None, "Sa 09:00-12:00")
    outdated = ana.patch(path, {"properties": {"name": "x"}}, headers={"If-Match": shown.headers["ETag"]})
    assert outdated.status_code == 412
    moved = ana.patch(path, {"geometry": {"type": "Point", "coordinates": spot(1.5, 0.5)}})
    assert (body_of(moved)["properties"]["commune_code"], body_of(moved)["properties"]["version"]) == ("97402", 3)
    assert town.rows("SELECT commune_code_at_entry FROM geoplatform.place") == [("97401",)]
    assert ana.delete(path).status_code == 204
    assert town.stranger().get(path).status_code == 404
    restored = ana.post(f"{path}/versions/1/restore")
    assert restored.status_code == 200
    assert body_of(restored)["properties"]["description"] == "Un jardin"
    assert body_of(town.stranger().get(path))["geometry"]["coordinates"] == pytest.approx(spot())
    log = town.rows("SELECT operation, version, actor FROM geoplatform.change ORDER BY seq")
    assert log == [("create", 1, "citizen"), ("modify", 2, "citizen"), ("modify", 3, "citizen"), ("delete", 4, "citizen"),
                   ("create", 5, "citizen"), ("modify", 6, "citizen")]  # fmt: skip
    authors = town.rows("SELECT array_agg(version ORDER BY version), count(DISTINCT citizen_id) FROM people.author")
    assert authors == [([1, 2, 3, 4, 5, 6], 1)]


def test_nothing_is_added_without_consent_to_publication(town):
    ana = town.citizen("ana")
    refused = ana.post("/places", feature())
    assert (refused.status_code, "publication" in refused.json["detail"]) == (403, True)
    assert town.rows("SELECT count(*) FROM geoplatform.place") == [(0,)]


def test_somebody_elses_place_is_neither_changed_nor_deleted_nor_restored(town):
    ana, bob = town.contributor("ana"), town.contributor("bob")
    place = ana.add()
    ana.patch(f"/places/{place}", {"properties": {"name": "Autre nom"}})
    for answer in (
        bob.patch(f"/places/{place}", {"properties": {"name": "x"}}), bob.put(f"/places/{place}", feature("x")),
        bob.delete(f"/places/{place}"), bob.post(f"/places/{place}/versions/1/restore"),
    ):  # fmt: skip
        assert answer.status_code == 403, answer.text
        assert "suggest" in answer.json["detail"]
    assert bob.get(f"/me/places/{place}").status_code == 404
    assert town.rows("SELECT name, version FROM geoplatform.place") == [("Autre nom", 2)]


def test_a_place_for_its_keeper_alone_is_nobody_elses(town):
    ana, bob = town.contributor("ana"), town.contributor("bob")
    place = ana.add(visibility="private", address="3 rue des Lilas")
    assert body_of(ana.get(f"/me/places/{place}"))["properties"]["address"] == "3 rue des Lilas"
    for one in (bob, town.stranger()):
        assert one.get(f"/places/{place}").status_code == 404
        assert one.get(f"/places/{place}/community").status_code == 404
    for answer in (
        bob.patch(f"/places/{place}", {"properties": {"name": "x"}}), bob.delete(f"/places/{place}"),
        bob.post(f"/places/{place}/reports", {"reason": "spam"}), bob.put(f"/places/{place}/appreciation"),
        bob.post(f"/places/{place}/suggestions", {"properties": {"name": "x"}}),
        bob.post(f"/places/{place}/claims", {"note": "moi"}),
        bob.get(f"/places/{place}/participations"), bob.post(f"/places/{place}/versions/1/restore"),
    ):  # fmt: skip
        assert answer.status_code == 404, answer.text
    told = ana.patch(f"/places/{place}", {"properties": {"visibility": "commune"}})
    assert told.status_code == 200
    shown = body_of(bob.get(f"/places/{place}"))
    assert (shown["geometry"], shown["properties"]["address"], shown["properties"]["commune_code"]) == (
        None,
        None,
        "97401",
    )
    town.database.settle()
    assert town.rows("SELECT operation FROM published.changes ORDER BY seq") == [("create",)]  # when it came to be seen


@pytest.mark.parametrize(
    ("wrong", "parameter"),
    [
        ({"opening_hours": "de 9h à 17h"}, "properties.opening_hours"),
        ({"stage": "idea"}, "properties.stage"),
        ({"kind": "project", "category": None, "stage": "rêve"}, "properties.stage"),
        ({"kind": "project", "category": None, "starts_on": "2026-13-01"}, "properties.starts_on"),
        (
            {"kind": "project", "category": None, "starts_on": "2026-05-02", "ends_on": "2026-05-01"},
            "properties.ends_on",
        ),
        ({"name": "Воulangerie"}, "properties.name"),
        ({"name": "x" * 201}, "properties.name"),
        ({"description": "x" * 4001}, "properties.description"),
        ({"website": "javascript:alert(1)"}, "properties.website"),
        ({"category": "bakery"}, "properties.category"),
        ({"status": "published"}, "properties.status"),
        ({"version": 9}, "properties.version"),
        ({"source": "register"}, "properties.source"),
        ({"citizen_id": "x"}, "properties.citizen_id"),
    ],
)
def test_what_a_place_cannot_be_is_named(town, wrong, parameter):
    ana = town.contributor("ana")
    answer = ana.post("/places", feature(**wrong))
    assert answer.status_code == 422
    assert parameter in [one["parameter"] for one in answer.json["errors"]]


def test_a_project_has_a_stage_and_dates_everywhere(town):
    ana = town.contributor("ana")
    told = {
        "kind": "project",
        "category": "energy_project",
        "stage": "running",
        "starts_on": "2026-01-05",
        "ends_on": "2027-06-30",
    }
    place = ana.add("Toits solaires", **told)
    town.database.settle()
    for path in (
        f"/api/v1/places/{place}",
        f"/places/{place}?f=geojson",
        "/communes/97401/places.geojson",
        "/ogc/collections/places/items",
    ):
        answer = town.app.test_client().get(path)
        body = body_of(answer)
        shown = body["features"][0]["properties"] if "features" in body else body["properties"]
        assert {name: shown[name] for name in ("stage", "starts_on", "ends_on")} == {
            name: told[name] for name in ("stage", "starts_on", "ends_on")
        }
    moved = ana.patch(f"/places/{place}", {"properties": {"kind": "association", "category": "environment"}})
    assert moved.status_code == 422


def test_the_operator_chooses_the_licence_of_those_who_choose_none(database, draw, tmp_path):
    draw("AB")
    town = founded(database, tmp_path, default_licence=Licence.ODBL)
    ana = town.contributor("ana")
    assert body_of(ana.post("/places", feature()))["properties"]["licence"] == "ODbL-1.0"
    assert (
        body_of(ana.post("/places", feature("Autre", spot(1.5, 0.5), licence="CC0-1.0")))["properties"]["licence"]
        == "CC0-1.0"
    )


def test_places_that_may_be_the_same_are_shown_before_one_is_stored(town):
    ana, bob = town.contributor("ana"), town.contributor("bob")
    there = ana.add("Boulangerie du Centre", kind="merchant", category="bakery")
    near = [spot()[0] + 0.0005, spot()[1]]
    answer = bob.post("/places", feature("boulangerie du centre", near, kind="merchant", category="bakery"))
    assert answer.status_code == 409
    (candidate,) = answer.json["candidates"]
    assert (candidate["id"], candidate["name"]) == (there, "Boulangerie du Centre")
    assert 40 < candidate["distance_m"] < 60
    assert candidate["likeness"] == 1
    asked = bob.get("/places/duplicates", query_string={"name": "Boulangerie Centre", "lon": near[0], "lat": near[1]})
    assert [one["id"] for one in asked.json["candidates"]] == [there]
    assert (
        bob.post(
            "/places?distinct=true", feature("boulangerie du centre", near, kind="merchant", category="bakery")
        ).status_code
        == 201
    )
    assert ana.post("/places", feature("Pharmacie", near, kind="merchant", category="pharmacy")).status_code == 201
    hidden = ana.add("Chez moi", visibility="commune")
    assert body_of(
        bob.get("/places/duplicates", query_string={"name": "Chez moi", "lon": spot()[0], "lat": spot()[1]})
    ) == {"candidates": []}
    assert hidden
    for wrong in (
        {"lon": "1", "lat": "x", "name": "a"},
        {"lon": "1", "lat": "1"},
        {"lon": "1", "lat": "1", "name": "x" * 201},
    ):
        assert bob.get("/places/duplicates", query_string=wrong).status_code in (400, 422)
    assert bob.post("/places?distinct=perhaps", feature()).status_code == 400


def test_a_retry_is_harmless_and_somebody_elses_identifier_is_a_clash(town):
    ana, bob = town.contributor("ana"), town.contributor("bob")
    place = ana.add()
    assert ana.post("/places", feature() | {"id": place}).status_code == 200
    assert bob.post("/places?distinct=true", feature() | {"id": place}).status_code == 409
    assert town.rows("SELECT count(*) FROM geoplatform.place") == [(1,)]


def test_first_contributions_wait_where_a_referent_is_there(town):
    town.referent("ref", "commune", "97401")
    ana = town.contributor("ana")
    answer = ana.post("/places", feature())
    assert (answer.status_code, body_of(answer)["properties"]["status"]) == (202, "held")
    place = body_of(answer)["id"]
    assert town.stranger().get(f"/places/{place}").status_code == 404
    assert ana.post("/places", feature("Là-bas", spot(1.5, 0.5))).status_code == 201  # nobody decides in that commune
    town.run("UPDATE people.setting SET value = 2 WHERE name = 'held_at_once'")
    assert ana.post("/places?distinct=true", feature("Deux", spot(0.2, 0.2))).status_code == 202
    refused = ana.post("/places?distinct=true", feature("Trois", spot(0.7, 0.7)))
    assert (refused.status_code, "wait" in refused.json["detail"]) == (403, True)
    assert ana.post("/places", feature() | {"id": place}).status_code == 200
    assert ana.delete(f"/places/{place}").status_code == 204
    assert town.rows("SELECT count(*) FROM published.changes WHERE place_id = %s", place) == [(0,)]
    assert ana.post(f"/places/{place}/versions/1/restore").get_json(force=True)["properties"]["status"] == "held"


def test_the_history_is_public_without_people_and_tells_a_day(town):
    ana = town.citizen("ana", "publication", "credit")
    ana.patch("/me", {"display_name": "Ana Nyme"})
    place = ana.add(address="3 rue des Lilas")
    town.run("UPDATE geoplatform.place SET created_at = '2026-01-01', modified_at = '2026-01-01'")
    ana.patch(
        f"/places/{place}",
        {"properties": {"name": "Jardin d’été"}, "geometry": {"type": "Point", "coordinates": spot(1.5, 0.5)}},
    )
    town.run("UPDATE geoplatform.place SET modified_at = '2026-06-01'")
    town.run("UPDATE geoplatform.place_version SET valid_to = '2026-06-01'")
    told = town.stranger().get(f"/places/{place}/versions")
    assert [(one["properties"]["version"], one["properties"]["name"], one["properties"]["from_on"], one["properties"]["until_on"])
            for one in told.json["versions"]] == [(2, "Jardin d’été", "2026-06-01", None),
                                                  (1, "Jardin des Cocotiers", "2026-01-01", "2026-06-01")]  # fmt: skip
    assert "Ana" not in told.text
    for day, name, code in (("2026-05-31", "Jardin des Cocotiers", "97401"), ("2026-06-01", "Jardin d’été", "97402")):
        then = body_of(town.stranger().get(f"/places/{place}?at={day}"))["properties"]
        assert (then["name"], then["commune_code"]) == (name, code)
        listed = body_of(town.stranger().get(f"/communes/{code}/places?at={day}"))["features"]
        assert [one["properties"]["name"] for one in listed] == [name]
    assert town.stranger().get(f"/places/{place}?at=2025-12-31").status_code == 404
    assert body_of(town.stranger().get("/communes/97401/places?at=2026-06-02"))["features"] == []
    for path in (f"/places/{place}?at=hier", "/communes/97401/places", "/communes/97401/places?at=2026-02-30"):
        assert town.stranger().get(path).status_code == 400
    assert town.stranger().get("/communes/99999/places?at=2026-01-01").status_code == 404
    ana.patch(f"/places/{place}", {"properties": {"visibility": "commune"}})
    for one in town.stranger().get(f"/places/{place}/versions").json["versions"]:
        assert (one["geometry"], one["properties"]["address"]) == (None, None)
    ana.patch(f"/places/{place}", {"properties": {"licence": "display-only"}})
    assert body_of(town.stranger().get("/communes/97401/places?at=2026-03-01"))["features"] == []


def test_two_edits_at_once_leave_one(town):
    ana = town.contributor("ana")
    place = ana.add()
    answers = []
    ready = threading.Barrier(2)

    def edit(name):
        ready.wait()
        answers.append(
            ana.patch(f"/places/{place}", {"properties": {"name": name}}, headers={"If-Match": '"1"'}).status_code
        )

    threads = [threading.Thread(target=edit, args=(name,)) for name in ("un", "deux")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 412]
    assert town.rows("SELECT version FROM geoplatform.place") == [(2,)]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("gone", [True, False])
def test_what_is_written_while_somebody_leaves_or_withdraws_consent_waits_and_sees_it(town, method, gone):
    ana = town.contributor("ana")
    place, citizen = ana.add(), ana.id
    answers = []

    def write():
        if method == "POST":
            answers.append(ana.post("/places", feature("Autre", spot(1.5, 0.5))))
        else:
            answers.append(ana.patch(f"/places/{place}", {"properties": {"name": "Autre"}}))

    with psycopg.connect(town.database.url()) as connection:
        connection.execute("SELECT FROM people.citizen WHERE id = %s FOR UPDATE", (citizen,))
        writer = threading.Thread(target=write)
        writer.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        until(lambda: town.rows(waits) == [(1,)])
        if gone:
            connection.execute("UPDATE people.citizen SET state = 'left', display_name = '' WHERE id = %s", (citizen,))
        else:
            connection.execute(
                """INSERT INTO people.consent (citizen_id, purpose, text_version, is_given, occurred_at)
                   VALUES (%s, 'publication', '2026-11-01', false, now())""",
                (citizen,),
            )
    writer.join()
    (answer,) = answers
    shown = town.rows("SELECT count(*) FROM published.places")[0][0]
    if gone:
        assert answer.status_code == 401
    else:
        assert (answer.status_code, shown) == (403 if method == "POST" else 200, 0)
    assert town.rows("SELECT count(*) FROM geoplatform.place WHERE name = 'Autre'") == [
        (int(method == "PATCH" and not gone),)
    ]


@pytest.mark.parametrize("visibility", ["public", "commune", "private"])
def test_what_a_citizen_is_answered_is_what_is_kept(town, visibility):
    ana = town.contributor("ana")
    whole = feature("Fabrique", at=spot(0.123456789, 0.61), kind="project", stage="running", starts_on="2026-01-02",
                    ends_on="2026-05-06", description="Deux\nlignes", address="1 rue X", phone="0262", visibility=visibility,
                    website="https://example.org/", opening_hours="Mo-Fr 09:00-12:00", licence="ODbL-1.0")  # fmt: skip
    whole["properties"].pop("category")
    told = body_of(ana.post("/places?distinct=true", whole))
    assert told == body_of(ana.get(f"/me/places/{told['id']}"))
    again = ana.post("/places?distinct=true", whole | {"id": told["id"]})
    assert (again.status_code, body_of(again)) == (200, told)


@pytest.mark.parametrize("visibility", ["public", "commune"])
def test_what_a_program_is_answered_is_what_is_kept(town, visibility):
    program = town.stranger()
    program.headers["Authorization"] = "Bearer tests"
    whole = feature(visibility=visibility, address="1 rue X", licence="CC0-1.0", opening_hours="Mo-Fr 09:00-12:00")
    told = body_of(program.post("/places", whole))
    assert (told["geometry"] is None) == (visibility == "commune")
    assert told == body_of(program.get(f"/places/{told['id']}"))
    assert program.post("/places", feature(visibility="private")).status_code == 422
    program.headers["Authorization"] = "Bearer nobody"
    assert program.post("/places", {"type": "Feature"}).status_code == 401  # who it is, before what they say
