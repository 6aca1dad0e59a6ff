"""The archive and its way back, leaving, the ledger, what somebody follows."""

from __future__ import annotations

import io
import json
import uuid
import xml.etree.ElementTree as ET
import zipfile

from click.testing import CliRunner

from geoplatform.cli import main
from tests.conftest import cloned
from tests.web.citizens.conftest import DRAWING, Citizen, founded, spot

ATOM, TOMBSTONE = "{http://www.w3.org/2005/Atom}", "{http://purl.org/atompub/tombstones/1.0}"
#: What an instance keeps of its own, and another one does not take over.
OF_INSTANCE = ("made_at", "roles", "sessions", "tokens", "sign_ins")


def archive_of(citizen: Citizen) -> dict:
    answer = citizen.get("/me/archive")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["LISEZMOI.txt", "archive.json", "places.geojson"]
        return json.loads(archive.read("archive.json"))


def zipped(document: object) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive.json", document if isinstance(document, bytes) else json.dumps(document))
    return buffer.getvalue()


def take_in(citizen: Citizen, data: bytes):
    return citizen.ask("POST", "/me/archive", data=data, content_type="application/zip")


def lived(town) -> Citizen:
    """Somebody who has done everything there is to do."""
    ref, ana, bob = (
        town.referent("ref"),
        town.citizen("ana", "publication", "credit", "digest"),
        town.contributor("bob"),
    )
    town.trust(ana, bob)
    ana.patch("/me", {"display_name": "Ana", "home_commune": "97401", "language": "en"})
    garden = ana.add(description="Un jardin", address="3 rue des Lilas", licence="ODbL-1.0")
    ana.patch(f"/places/{garden}", {"properties": {"name": "Jardin d’été", "phone": "+262 692 00 00 00"}})
    ana.add("Projet", spot(1.5, 0.5), kind="project", category="food_project", stage="idea", starts_on="2026-01-01")
    ana.add("Chez moi", spot(0.2, 0.2), visibility="private")
    ana.post(f"/places/{garden}/participations", {"role": "jardinière", "public": True})
    ana.put(f"/places/{garden}/appreciation")
    other = bob.add("Garage", spot(0.8, 0.2), kind="merchant", category="garage")
    matter = ana.post(f"/places/{other}/reports", {"reason": "closed", "note": "fermé"}).json["id"]
    ref.post(
        f"/moderation/matters/{matter}/decisions", {"accept": False, "reason": "mistaken", "note": "ouvert le soir"}
    )
    ana.post("/me/follows", {"commune_code": "97402", "by_mail": "weekly"})
    return ana


def test_everything_goes_out_and_comes_in_again_on_another_instance(cluster, template, town, draw, tmp_path):
    ana = lived(town)
    before = archive_of(ana)
    assert [
        len(before[name]) for name in ("places", "appreciations", "participations", "consents", "matters", "follows")
    ] == [3, 1, 1, 3, 1, 1]
    assert len(before["places"][0]["versions"]) == 1
    assert before["matters"][0]["decisions"][0]["note"] == "ouvert le soir"
    with cloned(cluster, template) as empty:
        from tests.conftest import activate

        activate(empty, DRAWING)
        elsewhere = founded(empty, tmp_path / "elsewhere")
        again = Citizen(elsewhere, "ana@example.org")
        again.sign_in()
        taken = take_in(again, ana.get("/me/archive").data)
        assert taken.status_code == 200, taken.text
        assert taken.json["taken"] == {
            "places": 3,
            "appreciations": 1,
            "participations": 1,
            "consents": 3,
            "follows": 1,
        }
        after = archive_of(again)
        for one in (before, after):
            for name in OF_INSTANCE:
                del one[name]
            del one["citizen"]["id"], one["citizen"]["joined_on"]
        assert after == before
        assert take_in(again, ana.get("/me/archive").data).json["taken"]["places"] == 0
        stranger = elsewhere.stranger()
        assert (
            stranger.get(f"/places/{before['places'][0]['id']}").get_json(force=True)["properties"]["name"]
            == "Jardin d’été"
        )
        assert stranger.get("/moderation/log").json["decisions"] == []  # decided elsewhere, in force nowhere


def test_an_archive_gives_nobody_what_is_not_theirs(town):
    ana = lived(town)
    document = archive_of(ana)
    eve = town.contributor("eve")
    town.trust(eve)
    assert take_in(eve, zipped(document)).json["taken"]["places"] == 0
    names = town.rows(
        "SELECT count(*) FROM people.keeper AS k JOIN people.citizen AS c ON c.id = k.citizen_id AND c.id = %s", eve.id
    )
    assert names == [(0,)]
    (part,) = town.rows("SELECT state FROM people.participation WHERE citizen_id = %s", eve.id) or [(None,)]
    assert part[0] in (None, "requested")
    # A place that she makes up is hers, and looked at like any other.
    town.run("UPDATE people.citizen SET accepted = 0 WHERE id = %s", eve.id)
    place = {**document["places"][0], "id": str(uuid.uuid4()), "authored": [2], "created_at": "1990-01-01T00:00:00Z"}
    assert take_in(eve, zipped({**document, "places": [place]})).json["taken"]["places"] == 1
    assert town.rows("SELECT status FROM geoplatform.place WHERE id = %s", place["id"]) == [("held",)]
    assert town.rows("SELECT version FROM people.author WHERE place_id = %s ORDER BY 1", place["id"]) == [(1,), (2,)]


def test_an_archive_that_is_none_is_refused_whole_and_named(town):
    ana = lived(town)
    document = archive_of(ana)
    whole = ana.get("/me/archive").data
    bob = town.contributor("new")
    bad_place = {**document["places"][0], "id": str(uuid.uuid4())}
    cases = {
        "not a zip": (b"PK", 422, "zip"),
        "cut": (whole[: len(whole) // 2], 422, "zip"),
        "no document": (zipped_only("x.txt"), 422, "archive.json"),
        "not JSON": (zipped(b"{"), 422, "JSON"),
        "another format": (zipped({**document, "format": "x"}), 422, "format"),
        "a list that is none": (zipped({**document, "places": {}}), 422, "places"),
        "a website": (
            zipped({**document, "places": [{**bad_place, "website": "javascript:x"}]}),
            422,
            "places[0].properties.website",
        ),
        "a version to come": (zipped({**document, "places": [{**bad_place, "authored": [99]}]}), 422, "authored"),
        "the newest twice": (
            zipped(
                {**document, "places": [{**bad_place, "versions": [{**bad_place, "version": bad_place["version"]}]}]}
            ),
            422,
            "before",
        ),
        "a version": (
            zipped({**document, "places": [{**bad_place, "versions": [{"name": 7, "version": 1}]}]}),
            422,
            "versions[0]",
        ),
        "a day": (zipped({**document, "places": [{**bad_place, "created_at": "-infinity"}]}), 422, "created_at"),
        "a licence": (zipped({**document, "places": [{**bad_place, "licence": "WTFPL"}]}), 422, "licence"),
        "a category": (
            zipped({**document, "places": [{**bad_place, "category": "bakery"}]}),
            422,
            "place_category_of_its_kind",
        ),
        "a bomb": (zipped(b"[" + b" " * (65 << 20)), 422, "bytes"),
        "large": (b"x" * (9 << 20), 413, ""),
    }
    for name, (data, status, words) in cases.items():
        answer = take_in(bob, data)
        assert (answer.status_code, words in answer.text) == (status, True), (name, answer.text)
    assert bob.post("/me/archive", {}).status_code == 415
    assert town.rows("SELECT count(*) FROM people.keeper AS k WHERE k.citizen_id = %s", bob.id) == [(0,)]


def zipped_only(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "x")
    return buffer.getvalue()


def test_somebody_leaves_and_chooses_for_each_contribution(town):
    ref, ana, bob = town.referent("ref"), town.citizen("ana", "publication", "credit"), town.contributor("bob")
    town.trust(ana)
    ana.patch("/me", {"display_name": "Ana Nyme"})
    kept, shared, gone = (
        ana.add("Gardé"),
        ana.add("À tous", spot(0.2, 0.2)),
        ana.add("Chez moi", spot(0.8, 0.8), phone="0692 11 22 33"),
    )
    ana.patch(f"/places/{gone}", {"properties": {"address": "3 rue des Lilas"}})
    ana.put(f"/places/{kept}/appreciation")
    ana.post(
        f"/places/{bob.add('Garage', spot(1.2, 0.2), kind='merchant', category=None)}/reports",
        {"reason": "closed", "note": "dit Ana"},
    )
    assert bob.get(f"/places/{kept}/community").json["credit"] == "Ana Nyme"
    listed = ana.get("/me/leaving").json
    assert [(one["name"], one["is_released"]) for one in listed["contributions"]] == [
        ("Gardé", True),
        ("À tous", True),
        ("Chez moi", True),
    ]
    body = {"choices": {kept: "keep", gone: "delete"}, "otherwise": "pseudonymise", "confirm": True}
    for wrong in ({"confirm": False}, {"otherwise": "burn"}, {"choices": {kept: "burn"}}, {"choices": {str(uuid.uuid4()): "keep"}},
                  {"choices": []}, {"choices": {"x": "keep"}}):  # fmt: skip
        assert ana.post("/me/leaving", body | wrong).status_code == 422, wrong
    citizen = ana.id
    left = ana.post("/me/leaving", body)
    assert left.status_code == 200, left.text
    assert {name: left.json[name] for name in ("kept", "pseudonymised", "deleted")} == {
        "kept": 1,
        "pseudonymised": 1,
        "deleted": [gone],
    }
    assert ana.get("/me").status_code == 401
    assert town.stranger().get(f"/receipts/{left.json['id']}").json["deleted"] == [gone]
    assert town.stranger().get(f"/receipts/{uuid.uuid4()}").status_code == 404
    assert bob.get(f"/places/{kept}/community").json["credit"] == "Ana Nyme"
    assert bob.get(f"/places/{shared}/community").json["credit"] is None
    assert bob.get(f"/places/{gone}").status_code == 404
    everything = everywhere(town)
    for secret in ("ana@example.org", "0692 11 22 33", "3 rue des Lilas", "Chez moi", "dit Ana"):
        assert secret not in everything, secret
    owned = town.rows("""SELECT count(*) FROM (SELECT citizen_id FROM people.author UNION ALL SELECT citizen_id FROM people.keeper
                         UNION ALL SELECT citizen_id FROM people.appreciation UNION ALL SELECT citizen_id FROM people.contact
                         UNION ALL SELECT citizen_id FROM people.sign_in UNION ALL SELECT opened_by FROM people.matter) AS o
                         WHERE citizen_id = %s""", citizen)  # fmt: skip
    assert owned == [(0,)]
    back = Citizen(town, "ana@example.org")
    assert back.sign_in()["is_new"]
    assert ref.get("/moderation/queue").status_code == 200


def everywhere(town) -> str:
    """Every row of every table, as text."""
    tables = town.rows("""SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
                          WHERE schemaname IN ('geoplatform', 'people', 'queue') AND tablename NOT LIKE 'layer_style'""")
    return "\n".join(str(town.rows(f"SELECT t::text FROM {table} AS t")) for (table,) in tables)


def test_a_token_does_not_leave_for_its_owner(town):
    ana = town.contributor("ana")
    token = ana.post("/me/tokens", {"label": "x", "scopes": ["read", "contribute", "moderate"]}).json["secret"]
    program = town.stranger()
    program.headers["Authorization"] = f"Bearer {token}"
    assert program.post("/me/leaving", {"otherwise": "delete", "confirm": True}).status_code == 403
    assert ana.get("/me").status_code == 200


def test_what_was_deleted_long_ago_loses_its_content(town):
    ana = town.contributor("ana")
    place = ana.add(address="3 rue des Lilas")
    ana.patch(f"/places/{place}", {"properties": {"address": "5 rue des Lilas"}})
    ana.delete(f"/places/{place}")
    town.run("UPDATE geoplatform.place SET modified_at = now() - interval '31 days'")
    assert ana.post(f"/places/{place}/versions/2/restore").status_code == 404
    assert ana.get("/me/places").get_json(force=True)["features"] == []
    ana.delete(f"/places/{ana.add('Autre', spot(0.2, 0.2))}")  # who deletes sweeps
    assert "Lilas" not in everywhere(town)


def test_the_ledger_tells_which_releases_held_what_under_which_licence(town, tmp_path):
    ana = town.contributor("ana")
    open_place, own = ana.add("Ouvert", licence="ODbL-1.0"), ana.add("À moi", spot(0.2, 0.2), licence="display-only")
    town.run("UPDATE geoplatform.place SET created_at = '2026-01-01', modified_at = '2026-01-01'")
    town.run("""INSERT INTO geoplatform.release (dataset, name, collection, vintage, change_seq, program_version, cut_at,
                                                 published_at)
                VALUES ('places', '2026-02-01', 'places', 2025, 1, '0', '2026-02-01', '2026-02-01')""")
    town.run("""INSERT INTO geoplatform.release_file (release_id, ordinal, name, format, media_type, licence, bytes, sha256)
                SELECT id, 1, 'places-odbl-1.0.csv', 'csv', 'text/csv', 'ODbL-1.0', 9, repeat('a', 64) FROM geoplatform.release""")
    fetches = [{"dataset": "places", "release": "2026-02-01", "name": "places-odbl-1.0.csv", "fetches": 3}]
    town.run("SELECT published.count_fetches(%s, '2026-02-02')", json.dumps(fetches))
    ana.patch(f"/places/{open_place}", {"properties": {"licence": "CC0-1.0"}})  # what held it is not rewritten
    entries = ana.get("/me/ledger").json["entries"]
    assert [(one["place_id"], one["release"], one["licence"], one["files"], one["fetches"]) for one in entries] == [
        (open_place, "2026-02-01", "ODbL-1.0", ["places-odbl-1.0.csv"], 3)]  # fmt: skip
    assert own
    assert town.contributor("bob").get("/me/ledger").json == {"entries": []}


def entries_of(town, address):
    root = ET.fromstring(town.app.test_client().get(address.removeprefix("http://localhost")).data)
    titles = [entry.findtext(f"{ATOM}title") for entry in root.iter(f"{ATOM}entry")]
    return titles, [entry.get("ref") for entry in root.iter(f"{TOMBSTONE}deleted-entry")]


def test_a_feed_tells_exactly_what_changes_where_somebody_looks(town):
    ana, bob = town.contributor("ana"), town.contributor("bob")
    town.trust(ana)
    west, east = spot(0.3, 0.5), spot(1.5, 0.5)
    area = {
        "type": "Polygon",
        "coordinates": [[spot(0.1, 0.1), spot(0.6, 0.1), spot(0.6, 0.9), spot(0.1, 0.9), spot(0.1, 0.1)]],
    }
    feeds = {
        name: bob.post("/me/follows", body).json["feed"]
        for name, body in {
            "commune": {"commune_code": "97401"},
            "kind": {"kind": "merchant"},
            "area": {"area": area},
        }.items()
    }
    assert len(set(feeds.values())) == 3
    assert "bob" not in town.app.test_client().get(feeds["commune"].removeprefix("http://localhost")).text
    garden = ana.add("Jardin", west)
    ana.add("Boulangerie", east, kind="merchant", category="bakery")
    home = ana.add("Chez moi", west, visibility="commune")
    town.database.settle()
    assert [sorted(entries_of(town, feeds[name])[0]) for name in feeds] == [
        ["Chez moi", "Jardin"],
        ["Boulangerie"],
        ["Jardin"],
    ]
    ana.patch(f"/places/{garden}", {"geometry": {"type": "Point", "coordinates": east}})
    town.database.settle()
    for name in ("commune", "area"):  # it went from there
        titles, gone = entries_of(town, feeds[name])
        assert ("Jardin" in titles, f"urn:uuid:{garden}" in gone) == (False, True)
    ana.delete(f"/places/{home}")
    town.database.settle()
    assert f"urn:uuid:{home}" in entries_of(town, feeds["commune"])[1]
    assert entries_of(town, feeds["area"])[1] == [f"urn:uuid:{garden}"]
    listed = bob.get("/me/follows").json["follows"]
    assert [one["area"] is not None for one in listed] == [False, False, True]
    assert bob.delete(f"/me/follows/{listed[0]['id']}").status_code == 204
    assert town.app.test_client().get(feeds["commune"].removeprefix("http://localhost")).status_code == 404
    assert ana.delete(f"/me/follows/{listed[1]['id']}").status_code == 404


def polygon(*rings):
    return {"area": {"type": "Polygon", "coordinates": [*rings]}}


NOT_FOLLOWED = (
    {}, {"commune_code": "99999"}, {"kind": "bank"}, {"area": "x"}, {"area": {"type": "Point", "coordinates": [0, 0]}},
    polygon([[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]), polygon(), polygon("x"), polygon([[0, 0], [999, 0], [999, 1], [0, 0]]),
    {"kind": "merchant", "by_mail": "hourly"}, {"kind": "merchant", "citizen_id": "x"},
)  # fmt: skip


def test_what_cannot_be_followed_is_refused(town):
    bob = town.citizen("bob")
    for body in NOT_FOLLOWED:
        assert bob.post("/me/follows", body).status_code == 422, body
    assert bob.get("/me/follows").json == {"follows": []}


def test_a_digest_mails_what_changed_once_and_only_to_who_agreed(town, monkeypatch):
    ana, bob = town.contributor("ana"), town.citizen("bob")
    refused = bob.post("/me/follows", {"commune_code": "97401", "by_mail": "daily"})
    assert (refused.status_code, "digest" in refused.json["detail"]) == (403, True)
    bob.agree("digest")
    assert bob.post("/me/follows", {"commune_code": "97401", "by_mail": "daily"}).status_code == 201
    ana.add("Jardin neuf")
    ana.add("Ailleurs", spot(1.5, 0.5))
    town.database.settle()

    def digests() -> str:
        environment = {"GEOPLATFORM_DATABASE_URL": town.database.url(), "GEOPLATFORM_DATA": str(town.folder)}
        done = CliRunner().invoke(main, ["digests"], env=environment)
        assert done.exit_code == 0, done.output
        return done.output

    assert "0 mailed" in digests()  # not a day ago
    town.run("UPDATE people.follow SET mailed_at = mailed_at - interval '25 hours'")
    digests()
    letter = town.letters("bob@example.org")[-1]
    assert "Jardin neuf" in letter.get_content()
    assert "Ailleurs" not in letter.get_content()
    town.run("UPDATE people.follow SET mailed_at = mailed_at - interval '25 hours'")
    count = len(town.letters())
    digests()
    assert len(town.letters()) == count  # nothing new
    ana.add("Encore un", spot(0.2, 0.2))
    town.database.settle()
    bob.agree("digest", given=False)
    town.run("UPDATE people.follow SET mailed_at = mailed_at - interval '25 hours'")
    digests()
    assert len(town.letters()) == count


def test_a_citizen_who_follows_much_is_told_when_it_is_enough(town):
    town.run("UPDATE people.setting SET value = 1 WHERE name = 'follows_each'")
    bob = town.citizen("bob")
    assert bob.post("/me/follows", {"kind": "merchant"}).status_code == 201
    assert bob.post("/me/follows", {"kind": "service"}).status_code == 403
