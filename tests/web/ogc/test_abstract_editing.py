"""The abstract tests of OGC API Features Part 4: writing (OGC 20-002, Annex A). Requirements in comments."""

from __future__ import annotations

import json
import uuid

import pytest
from shapely.geometry import mapping, shape

from geoplatform.model import DEFAULT_LICENCE
from tests.web.ogc import standard
from tests.web.ogc.planting import EVERY, ITEMS, LIMITS, feature, listed, told
from tests.web.ogc.standard import CRS84, EPSG, fits
from tests.web.ogc.test_abstract_crs import HERE, moved

PLACES = ITEMS.format("places")
GEOJSON, MERGE = "application/geo+json", "application/merge-patch+json"
WRITABLE = ("kind", "category", "name", "description", "address", "phone", "website", "opening_hours", "stage", "starts_on",
            "ends_on", "licence")  # fmt: skip
NOWHERE = (str(uuid.UUID(int=7)), "nothing", "0")
#: What the properties of a place are that its client does not say.
UNSAID = dict.fromkeys(WRITABLE) | {"licence": DEFAULT_LICENCE}
READING = {"GET", "HEAD", "OPTIONS"}


def made(client, key):
    """The path of a new place."""
    answer = client.post(PLACES, json=feature(1.2, 0.4, phone="0262", licence="CC0-1.0"), headers=key)
    return answer.headers["Location"].removeprefix("http://localhost")


def identifier(path):
    return path.rpartition("/")[2]


def read(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    return json.loads(answer.data)


def written(one):
    """What of a feature its client decides."""
    return one["geometry"], {name: one["properties"][name] for name in WRITABLE}


def sent(client, method, path, key, body=None, media=GEOJSON, **headers):
    data = None if body is None else json.dumps(body)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.open(path, method=method, data=data, content_type=media, headers={**key, **headers})


def stored_state(client):
    return {one["id"]: one for one in listed(client, "places")["features"]}


# /req/create-replace-delete/post-op, /req/create-replace-delete/post-body, /req/create-replace-delete/post-response
def test_what_is_posted_is_found_at_its_location_and_in_the_list(garden):
    _database, client, key = garden
    for media in (GEOJSON, "application/json"):
        before = stored_state(client)
        body = feature(0.5, 0.2, description="deux\nlignes")
        answer = sent(client, "POST", PLACES, key, body, media)
        assert (answer.status_code, answer.data) == (201, b"")
        one = read(client, answer.headers["Location"])
        fits(one, standard.FEATURE)
        assert answer.headers["Location"] == f"http://localhost{PLACES}/{one['id']}"
        assert written(one) == (body["geometry"], UNSAID | body["properties"])
        after = stored_state(client)
        assert after.keys() - before.keys() == {one["id"]}
        assert before.items() <= after.items()


# /req/create-replace-delete/put-op, /req/create-replace-delete/put-body, /req/create-replace-delete/put-response
def test_what_is_put_is_all_there_is_from_then_on_under_the_same_identifier(garden):
    _database, client, key = garden
    path, other = made(client, key), made(client, key)
    before = stored_state(client)
    body = {**feature(2.5, 0.3), "id": identifier(other)}
    for _twice in range(2):
        answer = sent(client, "PUT", path, key, body)
        assert (answer.status_code, answer.mimetype) == (200, GEOJSON)
        one = read(client, path)
        assert one["id"] == json.loads(answer.data)["id"] == identifier(path)
        assert written(one) == written(json.loads(answer.data)) == (body["geometry"], UNSAID | body["properties"])
    after = stored_state(client)
    assert {name for name in before if before[name] != after[name]} == {identifier(path)}


# /req/create-replace-delete/delete-op, /req/create-replace-delete/delete-response
def test_what_is_deleted_is_gone_and_nothing_else(garden):
    _database, client, key = garden
    before, path = stored_state(client), made(client, key)
    answer = client.delete(path, headers=key)
    assert (answer.status_code, answer.data) == (204, b"")
    assert client.get(path).status_code == client.delete(path, headers=key).status_code == 404
    assert stored_state(client) == before


# /req/update/patch-op, /req/update/patch-body, /req/update/patch-response: RFC 7396
def test_a_patch_changes_what_it_names_and_leaves_the_rest(garden):
    _database, client, key = garden
    path = made(client, key)
    for patch, media in (
        ({"properties": {"phone": "0262 00 00 00", "kind": "service", "category": "library"}}, MERGE),
        ({"properties": {"phone": None}}, "application/json"),
        ({"geometry": feature(2.5, 0.3)["geometry"]}, MERGE),
        ({"type": "Feature", "geometry": feature(0.5, 0.2)["geometry"], "properties": {"name": "Un"}}, GEOJSON),
        ({}, MERGE),
    ):
        geometry, facts = written(read(client, path))
        answer = sent(client, "PATCH", path, key, patch, media)
        assert (answer.status_code, answer.mimetype) == (200, GEOJSON)
        expected = (patch.get("geometry", geometry), facts | patch.get("properties", {}))
        assert written(read(client, path)) == written(json.loads(answer.data)) == expected


# /req/create-replace-delete/put-response, /req/create-replace-delete/delete-response, /req/update/patch-response
def test_what_is_not_there_is_404_and_is_not_made_by_replacing_it(garden):
    _database, client, key = garden
    before = stored_state(client)
    for method in ("PUT", "PATCH", "DELETE"):
        for nobody in NOWHERE:
            answer = sent(client, method, f"{PLACES}/{nobody}", key, feature(0.5, 0.2))
            assert answer.status_code == 404, (method, nobody)
            fits(json.loads(answer.data), standard.PROBLEM)
    assert stored_state(client) == before


# /req/create-replace-delete/options-op, /req/update/options-op, /rec/update/accept-patch: RFC 9110 §10.2.1, RFC 5789 §3.1
def test_options_say_what_this_client_may_do(garden):
    _database, client, key = garden

    def options(path, headers):
        return client.options(path, headers=headers).headers

    def allowed(path, headers):
        return set(options(path, headers)["Allow"].split(", "))

    one = f"{PLACES}/{uuid.uuid4()}"
    assert allowed(PLACES, {}) == allowed(one, {}) == READING
    assert allowed(PLACES, key) == READING | {"POST"}
    assert allowed(one, key) == READING | {"PUT", "PATCH", "DELETE"}
    assert set(options(one, key)["Accept-Patch"].split(", ")) == {MERGE, GEOJSON, "application/json"}
    assert "Accept-Patch" not in options(PLACES, key)
    for name in LIMITS:
        for path, methods in (
            (ITEMS.format(name), ("POST",)),
            (f"{ITEMS.format(name)}/974", ("PUT", "PATCH", "DELETE")),
        ):
            assert allowed(path, key) == READING
            for method in methods:
                refused = sent(client, method, path, key, feature(0.5, 0.2))
                assert refused.status_code == 405
                assert set(refused.headers["Allow"].split(", ")) == READING


# /req/create-replace-delete/api-definition, /req/update/api-definition, /req/features/media-types
@pytest.mark.parametrize("name", EVERY)
def test_the_description_has_what_may_be_done_and_no_more(atlas, name):
    paths = told(atlas.client, "/api")["paths"]
    items, one = (paths[f"/collections/{name}/items{path}"] for path in ("", "/{featureId}"))
    if name != "places":
        assert (set(items), set(one)) == ({"get"}, {"get"})
        return
    assert (set(items), set(one)) == ({"get", "post"}, {"get", "put", "patch", "delete"})
    for operation, done, media in (
        (items["post"], "201", GEOJSON), (one["put"], "200", GEOJSON), (one["patch"], "200", MERGE), (one["delete"], "204", None),
    ):  # fmt: skip
        assert {done, "401"} <= set(operation["responses"])
        assert media is None or media in operation["requestBody"]["content"]
        parameters = {parameter["$ref"].rpartition("/")[2] for parameter in operation["parameters"]}
        assert ("Content-Crs" in parameters) == (media is not None)
        assert ("If-Match" in parameters) == ("412" in operation["responses"]) == (operation is not items["post"])


# /req/features/content-crs (OGC 18-058r1 §6.5): a geometry is sent in any system of the collection, in the order of its axes
@pytest.mark.parametrize("uri", [None, *HERE])
def test_a_geometry_is_in_the_system_that_content_crs_names(garden, uri):
    _database, client, key = garden
    headers = {"Content_Crs": f"<{uri}>"} if uri else {}
    places = [feature(column, 0.2, name="Ailleurs") for column in (0.5, 1.2, 2.5)]
    there = [{**one, "geometry": mapping(moved(shape(one["geometry"]), uri or CRS84))} for one in places]
    path = sent(client, "POST", PLACES, key, there[0], **headers).headers["Location"]
    for method, body, one in (
        ("GET", None, places[0]),
        ("PUT", there[1], places[1]),
        ("PATCH", {"geometry": there[2]["geometry"]}, places[2]),
    ):
        answer = sent(client, method, path, key, body, **(headers if body else {}))
        assert (answer.status_code, answer.headers["Content-Crs"]) == (200, f"<{CRS84}>")
        assert json.loads(answer.data)["geometry"]["coordinates"] == pytest.approx(
            one["geometry"]["coordinates"], abs=2e-7
        )
        assert read(client, path)["properties"]["verdict"] == "inside"


# /req/features/content-crs
@pytest.mark.parametrize(
    ("said", "position", "status", "named"),
    [
        ("<http://www.opengis.net/def/crs/EPSG/0/1>", [0, 0], 400, "Content-Crs"), ("", [0, 0], 400, "Content-Crs"),
        ("2154", [0, 0], 400, "Content-Crs"), (f"<{EPSG}2975>", [1e300, 1], 422, "longitude"),
        (f"<{EPSG}2975>", [10**400, 1], 422, "longitude"), (f"<{EPSG}2975>", [1e8, 1e8], 422, "longitude"),
        (f"<{EPSG}2975>", ["a", 1], 422, "longitude"), (f"<{EPSG}4326>", [100, 50], 422, "latitude"),
        (f"<{EPSG}4326>", [], 422, "geometry.coordinates"),
    ],
)  # fmt: skip
def test_a_system_that_is_not_known_or_does_not_hold_there_is_refused(garden, said, position, status, named):
    _database, client, key = garden
    path, body = made(client, key), {**feature(0.5, 0.2), "geometry": {"type": "Point", "coordinates": position}}
    before = stored_state(client)
    for method, there in (("POST", PLACES), ("PUT", path), ("PATCH", path)):
        answer = sent(client, method, there, key, body, Content_Crs=said)
        assert answer.status_code == status, answer.text
        problem = json.loads(answer.data)
        assert named in [one["parameter"] for one in problem.get("errors", [problem])]
    assert stored_state(client) == before


# /req/optimistic-locking-etags/etag-header: one that can be compared strongly, as If-Match does (RFC 9110 §8.8.3, §13.1.1)
def test_each_state_of_a_feature_has_its_own_strong_etag(garden):
    _database, client, key = garden
    path, met = made(client, key), {}
    for change in ("Un", "Deux", "x" * 1_000):
        assert sent(client, "PATCH", path, key, {"properties": {"description": change}}).status_code == 200
        for coding in ("identity", "gzip", "zstd"):
            got = client.get(path, headers={"Accept-Encoding": coding})
            tag = got.headers["ETag"]
            assert tag.startswith('"')
            assert met.setdefault(tag, got.data) == got.data
            assert client.head(path, headers={"Accept-Encoding": coding}).headers["ETag"] == tag
            for none in ('""', '"x"', ""):
                assert client.get(path, headers={"Accept-Encoding": coding, "If-None-Match": none}).status_code == 200
            same = client.get(path, headers={"Accept-Encoding": coding, "If-None-Match": tag})
            assert (same.status_code, same.headers["ETag"], same.data) == (304, tag, b"")
    assert len(met) == 9


# /req/optimistic-locking-etags/if-match
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_what_somebody_else_changed_meanwhile_is_not_overwritten(garden, method):
    _database, client, key = garden
    path, body = made(client, key), feature(0.5, 0.2, name="Deux")
    outdated = client.get(path).headers["ETag"]
    assert sent(client, "PATCH", path, key, {"properties": {"name": "Un"}}, If_Match=outdated).status_code == 200
    before = stored_state(client)
    for said in (outdated, f"W/{outdated}", f'"x", {outdated}', '"x"', "nothing", '""', ""):
        refused = sent(client, method, path, key, body, If_Match=said)
        assert refused.status_code == 412, said
        fits(json.loads(refused.data), standard.PROBLEM)
    assert stored_state(client) == before
    now = client.get(path).headers["ETag"]
    assert sent(client, method, path, key, body, If_Match=f"{outdated}, {now}").status_code in (200, 204)
    assert client.get(path).status_code == 404 or read(client, path)["properties"]["name"] == "Deux"


# /req/optimistic-locking-etags/if-match: whatever representation the tag was read of, and `*`
@pytest.mark.parametrize("query", ["", "?crs=EPSG:2975", "?properties=name", "?skipGeometry=true", None])
def test_the_etag_of_any_representation_of_the_state_lets_it_be_changed(garden, query):
    _database, client, key = garden
    path = made(client, key)
    tag = "*" if query is None else client.get(path + query, headers={"Accept-Encoding": "gzip"}).headers["ETag"]
    assert sent(client, "PATCH", path, key, {"properties": {"name": "Un"}}, If_Match=tag).status_code == 200
    assert sent(client, "DELETE", path, key, If_Match=tag).status_code == (204 if query is None else 412)
