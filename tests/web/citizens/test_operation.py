"""What operators see and say: how the platform is, and who decides where. And the figures of whoever decides."""

from __future__ import annotations

import uuid

import pytest
from click.testing import CliRunner

from geoplatform.cli import main
from tests.web.citizens.conftest import spot
from tests.web.citizens.test_journey_browser import DESK, PHONE, seated
from tests.web.test_browser import chromium  # noqa: F401

HTML = {"Accept": "text/html"}


@pytest.fixture
def operator(town):
    return town.referent("op", "operator", "")


def test_the_state_is_numbers(town, operator):
    ana = town.contributor("ana")
    town.referent("ref", "commune", "97401")
    ana.add()
    state = operator.get("/operator/state").json
    assert state["citizens"] == 3
    assert (state["held"], state["waiting"]) == (1, 1)
    assert state["waiting_since"] is not None
    assert state["database_bytes"] > 1_000_000
    assert state["is_worker_there"] is False
    assert "ana" not in str(state)


def test_an_operator_says_who_decides_where(town, operator):
    bob = town.contributor("bob")
    given = operator.post("/operator/roles", {"email": "BOB@example.org", "scope": "commune", "code": "97401"})
    assert given.status_code == 201, given.text
    again = operator.post("/operator/roles", {"email": "bob@example.org", "scope": "commune", "code": "97401"})
    assert again.json["id"] == given.json["id"]
    assert bob.get("/me").json["roles"] == [{"role": "referent", "scope": "commune", "code": "97401"}]
    assert operator.get("/me").json["roles"] == [{"role": "operator", "scope": "operator", "code": None}]
    told = {
        (one["email"], one["scope"], one["code"], one["name"]) for one in operator.get("/operator/roles").json["roles"]
    }
    assert told == {("op@example.org", "operator", "", None), ("bob@example.org", "commune", "97401", "Commune A")}
    assert operator.delete(f"/operator/roles/{given.json['id']}").status_code == 204
    assert bob.get("/me").json["roles"] == []
    assert operator.delete(f"/operator/roles/{given.json['id']}").status_code == 404


@pytest.mark.parametrize(
    ("said", "status", "parameter"),
    [
        ({"email": "bob@example.org", "scope": "commune", "code": "97499"}, 422, "code"),
        ({"email": "bob@example.org", "scope": "department", "code": "99"}, 422, "code"),
        ({"email": "bob@example.org", "scope": "commune"}, 422, "code"),
        ({"email": "bob@example.org", "scope": "all", "code": "97401"}, 422, "code"),
        ({"email": "bob@example.org", "scope": "king"}, 422, "scope"),
        ({"email": "bob", "scope": "all"}, 422, "email"),
        ({"email": "nobody@example.org", "scope": "all"}, 404, None),
    ],
)
def test_a_role_that_cannot_be_given_is_refused(town, operator, said, status, parameter):
    town.contributor("bob")
    answer = operator.post("/operator/roles", said)
    assert answer.status_code == status, answer.text
    named = [one["parameter"] for one in answer.json.get("errors", [answer.json]) if "parameter" in one]
    assert named == ([parameter] if parameter else [])
    assert town.rows("SELECT count(*) FROM people.role") == [(1,)]


def test_the_last_operator_stays(town, operator):
    (own,) = operator.get("/operator/roles").json["roles"]
    assert operator.delete(f"/operator/roles/{own['id']}").status_code == 409
    town.contributor("bob")
    other = operator.post("/operator/roles", {"email": "bob@example.org", "scope": "operator"}).json["id"]
    assert operator.delete(f"/operator/roles/{own['id']}").status_code == 204
    assert operator.get("/operator/state").status_code == 403
    assert town.rows("SELECT id::text FROM people.role") == [(other,)]


def test_an_operator_decides_on_nothing_as_such(town, operator):
    place = town.contributor("ana").add()
    matter = town.stranger().post(f"/places/{place}/reports", {"reason": "closed"}).json["id"]
    decided = operator.post(f"/moderation/matters/{matter}/decisions", {"accept": True, "reason": "closed"})
    assert decided.status_code == 404
    assert operator.page("/queue", headers=HTML).status_code == 403


def test_the_page_is_for_operators(town, operator):
    assert town.stranger().page("/operator", headers=HTML).status_code == 303
    assert town.referent("ref", "all").page("/operator", headers=HTML).status_code == 403
    page = operator.page("/operator", headers=HTML)
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_operators_page(chromium, town, tmp_path, size):  # noqa: F811
    with seated(chromium, town, tmp_path, size) as seat:
        page = seat.open()
        seat.sign_in(page, "op@example.org")
        town.run(
            "INSERT INTO people.role (citizen_id, scope, code, granted_at) SELECT id, 'operator', '', now() FROM people.citizen"
        )
        town.contributor("bob").patch("/me", {"display_name": "Bob"})
        page.goto("/me")
        page.get_by_role("link", name="Tenir la carte").click()
        page.get_by_text("Aucun serveur de courrier").wait_for()
        page.get_by_label("Adresse électronique du compte").fill("bob@example.org")
        page.get_by_label("Code de la commune ou du département").fill("97499")
        page.get_by_role("button", name="Donner ce rôle").click()
        page.locator("#code-error").wait_for()
        page.get_by_label("Code de la commune ou du département").fill("97401")
        page.get_by_role("button", name="Donner ce rôle").click()
        page.get_by_text("Commune A (97401)").wait_for()
        seat.look(page, "operator")
        page.get_by_role("button", name="Retirer ce rôle à Bob").click()
        page.get_by_text("Commune A (97401)").wait_for(state="detached")
        assert town.rows("SELECT scope FROM people.role") == [("operator",)]


def test_figures_tell_a_referent_how_it_stands_where_he_decides(town):
    ana = town.contributor("ana")
    kept = ana.add("Vieux jardin", at=spot(0.2, 0.2))
    town.run(
        "UPDATE geoplatform.place SET modified_at = now() - interval '2 years', created_at = now() - interval '2 years'"
    )
    ana.add("Nouveau jardin", at=spot(0.7, 0.7))
    ref = town.referent("ref", "commune", "97401")
    town.stranger().post(f"/places/{kept}/reports", {"reason": "closed"})
    page = ref.page("/queue", headers=HTML).text
    figures = page[page.index("Là où je décide") : page.index("<article")]
    told = dict(
        zip(
            *([part.split(f"</{tag}>")[0] for part in figures.split(f"<{tag}>")[1:]] for tag in ("dt", "dd")),
            strict=True,
        )
    )
    assert told["Lieux publiés"] == "2"
    assert told["Ajoutés par des citoyens"] == "2"
    assert told["dont en 30 jours"] == "1"
    assert told["Que rien ne confirme depuis un an"] == "1"
    assert told["Décisions en attente"].startswith("1 (depuis le ")
    assert told["Décidées en 30 jours"] == "0"
    elsewhere = town.referent("far", "commune", "97402").page("/queue", headers=HTML).text
    assert "<dt>Lieux publiés</dt><dd>0</dd>" in elsewhere
    everywhere = town.referent("all").page("/queue", headers=HTML).text
    assert "Partout" in everywhere
    assert "Lieux publiés" not in everywhere
    department = town.referent("dep", "department", "974").page("/queue", headers=HTML).text
    assert "<dt>Lieux publiés</dt><dd>2</dd>" in department


def test_operators_are_named_on_the_command_line(town):
    town.contributor("bob")
    environment = {"GEOPLATFORM_DATABASE_URL": town.database.url()}

    def run(*words):
        return CliRunner().invoke(main, words, env=environment)

    assert run("operators", "add", "bob@example.org").exit_code == 0
    assert run("operators", "list").output == "bob@example.org\n"
    assert run("referents", "list").output == ""
    assert run("operators", "remove", "bob@example.org").output == "1 removed\n"
    refused = run("operators", "add", "nobody@example.org")
    assert refused.exit_code != 0
    assert "nobody@example.org" in refused.output


def test_the_licence_of_several_places_is_changed_at_once_or_not_at_all(town):
    ana, bob = town.contributor("ana"), town.contributor("bob")
    town.trust(ana, bob)
    mine = [ana.add(f"Lieu {number}", at=spot(0.2 + number / 10, 0.5)) for number in range(3)]
    other = bob.add("À Bob", at=spot(0.8, 0.8))

    def licences():
        return dict(town.rows("SELECT id::text, licence FROM geoplatform.place"))

    before = licences()
    for wrong, status in (([*mine, other], 403), ([*mine, str(uuid.uuid4())], 404)):
        assert ana.put("/me/licence", {"places": wrong, "licence": "CC0-1.0"}).status_code == status
        assert licences() == before
    for said in ({"places": [], "licence": "CC0-1.0"}, {"places": ["x"], "licence": "CC0-1.0"}, {"places": mine, "licence": "MIT"},
                 {"places": "all", "licence": "CC0-1.0"}, {"places": [1], "licence": "CC0-1.0"}):  # fmt: skip
        assert ana.put("/me/licence", said).status_code == 422
    changed = ana.put("/me/licence", {"places": mine[:2], "licence": "display-only"})
    assert (changed.status_code, changed.json) == (200, {"changed": 2})
    assert ana.put("/me/licence", {"places": mine[:2], "licence": "display-only"}).json == {"changed": 0}
    assert [licences()[place] for place in mine] == ["display-only", "display-only", before[mine[2]]]
    assert [row[0] for row in town.rows("SELECT version FROM geoplatform.place WHERE id = ANY(%s)", mine[:2])] == [2, 2]
    dump = town.stranger().page("/communes/97401/places.geojson").get_json(force=True)
    assert {one["properties"]["name"] for one in dump["features"]} == {"Lieu 2", "À Bob"}
    assert town.rows("SELECT operation, count(*) FROM geoplatform.change GROUP BY 1 ORDER BY 1") == [
        ("create", 4),
        ("modify", 2),
    ]
