"""Places created, replaced, updated and withdrawn through OGC API Features Part 4."""

from __future__ import annotations

import json
import uuid

import pytest

from geoplatform.model import Kind, Submission, Visibility
from tests import grid
from tests.conftest import entered
from tests.web.ogc.planting import DRAWING, ITEMS, feature, listed

PLACES = ITEMS.format("places")


def content(client, path):
    return json.loads(client.get(path).data)["properties"]


def changes(database, identifier):
    return database.rows(
        "SELECT operation, version, actor, commune_code_before, commune_code_after FROM geoplatform.change"
        " WHERE place_id = %s ORDER BY seq", identifier)  # fmt: skip


def test_a_place_is_created_moved_and_withdrawn_and_each_step_is_logged(client, database, planted, key):
    made = client.post(PLACES, json=feature(0.5, 0.2), headers=key)
    assert made.status_code == 201
    path = made.headers["Location"].removeprefix("http://localhost")
    identifier = uuid.UUID(path.rpartition("/")[2])
    assert content(client, path)["commune_code"] == grid.code_of("C")
    moved = client.put(path, json=feature(2.5, 0.3, name="Grande chorale"), headers=key)
    assert (moved.status_code, moved.json["properties"]["commune_code"]) == (200, grid.code_of("B"))
    assert (content(client, path)["name"], content(client, path)["version"]) == ("Grande chorale", 2)
    assert listed(client, "places")["numberMatched"] == 10
    assert client.delete(path, headers=key).status_code == 204
    assert client.get(path).status_code == 404
    assert listed(client, "places")["numberMatched"] == 9
    here, there = grid.code_of("C"), grid.code_of("B")
    assert changes(database, identifier) == [
        ("create", 1, "editor", None, here), ("modify", 2, "editor", here, there), ("delete", 3, "editor", there, None),
    ]  # fmt: skip


# OGC 20-002 §7: RFC 9110 §15.5.2
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nobody_writes_without_a_key(client, planted, method):
    path = PLACES if method == "post" else f"{PLACES}/{planted[0].id}"
    for headers in ({}, {"Authorization": "Bearer gp_wrong"}, {"Authorization": "Basic bm9ib2R5Omdwd3Jvbmc="}):
        answer = getattr(client, method)(path, json=feature(0.5, 0.2), headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"]


def test_a_registers_place_is_changed_by_its_register_only(client, database, planted, key):
    with database.connect() as connection:
        connection.execute("UPDATE geoplatform.place SET source = 'register' WHERE id = %s", (planted[0].id,))
    path = f"{PLACES}/{planted[0].id}"
    assert client.delete(path, headers=key).status_code == 403
    assert client.patch(path, json={"properties": {"name": "Autre"}}, headers=key).status_code == 403
    assert content(client, path)["version"] == 1


def test_a_place_shown_at_commune_level_keeps_the_address_and_point_that_its_editor_does_not_see(
    client, database, planted, key
):
    hidden = Submission(id=uuid.uuid4(), kind=Kind.PROJECT, name="Chez moi", position=grid.at(DRAWING, 0.5, 0.2),
                        address="12 rue des Lilas", visibility=Visibility.COMMUNE)  # fmt: skip
    database.store("geoplatform_web").writing(lambda connection: entered(connection, hidden))
    path = f"{PLACES}/{hidden.id}"
    assert client.patch(path, json={"properties": {"name": "Chez nous"}}, headers=key).status_code == 200
    shown = json.loads(client.get(path).data)
    assert (shown["geometry"], shown["properties"]["address"], shown["properties"]["name"]) == (None, None, "Chez nous")
    kept = database.rows(
        "SELECT address, visibility, ST_X(geom), ST_Y(geom) FROM geoplatform.place WHERE id = %s", hidden.id
    )
    assert kept == [("12 rue des Lilas", "commune", hidden.position.lon, hidden.position.lat)]
    unchanged = {**shown, "properties": {**shown["properties"], "name": "Ici", "visibility": None}}
    assert client.put(path, json=unchanged, headers=key).status_code == 200
    assert client.patch(path, json={"properties": {"visibility": None}}, headers=key).status_code == 200
    assert json.loads(client.get(path).data)["geometry"] is None
    assert database.rows("SELECT address, name FROM geoplatform.place WHERE id = %s", hidden.id) == [
        ("12 rue des Lilas", "Ici")
    ]


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"type": "Feature"}, 422, "properties.kind"),
        ([], 422, "body"),
        ({"type": "Feature", "geometry": None, "properties": {"kind": "x", "name": "y"}}, 422, "properties.kind"),
        ({"type": "Feature", "geometry": {"type": "Point", "coordinates": [200, 0]},
          "properties": {"kind": "service", "name": "y"}}, 422, "longitude"),
        ({"type": "Feature", "geometry": None,
          "properties": {"kind": "service", "name": "y", "secret": 1}}, 422, "properties.secret"),
        ({"type": "Feature", "geometry": {"type": "Point", "coordinates": [55, -21]},
          "properties": {"kind": "service", "category": "music", "name": "y"}}, 422, "properties.category"),
    ],
)  # fmt: skip
def test_a_wrong_feature_is_refused_by_name_and_changes_nothing(client, planted, key, body, status, named):
    path = f"{PLACES}/{planted[0].id}"
    before = content(client, path)
    for answer in (client.post(PLACES, json=body, headers=key), client.put(path, json=body, headers=key)):
        assert answer.status_code == status
        assert named in [one["parameter"] for one in json.loads(answer.data)["errors"]]
    assert content(client, path) == before
    assert listed(client, "places")["numberMatched"] == 9


def test_the_same_feature_sent_twice_is_stored_once(client, planted, key):
    body = {**feature(0.5, 0.2), "id": str(uuid.uuid4())}
    first, second = client.post(PLACES, json=body, headers=key), client.post(PLACES, json=body, headers=key)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.headers["Location"] == second.headers["Location"]
    assert (
        client.post(
            PLACES, json={**body, "properties": {**body["properties"], "name": "Autre"}}, headers=key
        ).status_code
        == 409
    )
