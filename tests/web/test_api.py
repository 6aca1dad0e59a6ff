"""POST /api/v1/places and what it answers to good, bad and hostile submissions."""

from __future__ import annotations

import datetime as dt
import json
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geoplatform.errors import NotAuthorised
from geoplatform.store import tokens
from tests import grid
from tests.conftest import NOW

DRAWING = "AB"
SPOT = grid.at(DRAWING, 0.5, 0.5)


@pytest.fixture
def secret(database, draw):
    draw(DRAWING)
    with database.store("geoplatform_owner").transaction() as connection:
        tokens.issue(connection, uuid.uuid4(), "s3cret", "association", NOW, None)
        tokens.issue(connection, uuid.uuid4(), "old", "expired", NOW, NOW)
    return "s3cret"


def feature(**changes):
    made = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [SPOT.lon, SPOT.lat]},
        "properties": {"kind": "association", "name": "Jardin partagé", "category": "shared_garden"},
    }
    made["properties"] |= changes.pop("properties", {})
    return {**made, **changes}


def post(client, body, secret="s3cret", mimetype="application/geo+json"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    return client.post("/api/v1/places", data=data, headers=headers, content_type=mimetype)


def stored(database) -> int:
    return database.rows("SELECT count(*) FROM geoplatform.place")[0][0]


def test_a_place_is_stored_with_its_verdict_and_its_line_in_the_log(client, database, secret):
    answer = post(client, feature())
    assert answer.status_code == 201
    assert answer.mimetype == "application/geo+json"
    body = answer.get_json(force=True)
    assert body["properties"] | {"created_on": None, "modified_on": None} == {
        "kind": "association", "category": "shared_garden", "name": "Jardin partagé", "description": None,
        "address": None, "phone": None, "website": None, "opening_hours": None, "stage": None, "starts_on": None,
        "ends_on": None, "licence": "CC-BY-NC-SA-4.0",
        "source": "citizen", "source_name": None, "verdict": "inside", "method": "cover", "commune_code": "97401",
        "commune_name": "Commune A", "distance_m": None, "vintage": 2025, "version": 1,
        "created_on": None, "modified_on": None,
    }  # fmt: skip
    assert answer.headers["Location"].endswith(f"/api/v1/places/{body['id']}")
    assert client.get(answer.headers["Location"]).get_json(force=True) == body
    assert uuid.UUID(body["id"]).version == 7
    log = database.rows("SELECT operation, place_id::text, version, actor, commune_code_after FROM geoplatform.change")
    assert log == [("create", body["id"], 1, "association", "97401")]
    assert database.rows("SELECT commune_code_at_entry FROM geoplatform.place") == [("97401",)]


def test_longitude_and_latitude_are_never_swapped(client, database, secret):
    post(client, feature())
    assert database.rows("SELECT ST_X(geom), ST_Y(geom) FROM geoplatform.place") == [(SPOT.lon, SPOT.lat)]


def test_the_same_submission_again_is_harmless_and_another_under_its_identifier_is_refused(client, database, secret):
    identifier = str(uuid.uuid4())
    assert post(client, feature(id=identifier)).status_code == 201
    assert post(client, feature(id=identifier)).status_code == 200
    clash = post(client, feature(id=identifier, properties={"name": "Autre"}))
    assert clash.status_code == 409
    assert identifier in clash.get_json()["detail"]
    assert stored(database) == 1
    assert database.rows("SELECT count(*) FROM geoplatform.change") == [(1,)]


def test_a_point_in_no_commune_is_a_result_not_an_error(client, secret):
    answer = post(client, feature(geometry={"type": "Point", "coordinates": [55.05, -25.0]}))
    assert answer.status_code == 201
    assert answer.get_json(force=True)["properties"]["verdict"] == "sea"


BAD = {
    "swapped": ([-21.28, 155.41], "latitude", "swapped"),
    "out of range": ([181, 0], "longitude", "outside -180..180"),
    "huge integer": ([10**300, 0], "longitude", "outside"),
    "text": (["55", -21], "longitude", "not a number"),
    "boolean": ([True, 1], "longitude", "not a number"),
    "null": ([None, 1], "longitude", "not a number"),
    "one number": ([1], "geometry.coordinates", "longitude, latitude"),
    "nested": ([[1, 2]], "geometry.coordinates", "longitude, latitude"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_point_names_the_value_and_the_place(client, database, secret, name):
    coordinates, parameter, reason = BAD[name]
    answer = post(client, feature(geometry={"type": "Point", "coordinates": coordinates}))
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    problem = answer.get_json()["errors"][0]
    assert problem["parameter"] == parameter
    assert reason in problem["detail"]
    assert stored(database) == 0


def test_bad_point_a_number_too_large_for_a_float_is_not_finite(client, database, secret):
    answer = post(client, json.dumps(feature()).replace(str(SPOT.lon), "1e999").encode())
    assert answer.status_code == 422
    assert "finite" in answer.get_json()["errors"][0]["detail"]
    assert stored(database) == 0


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_have_is_refused(client, database, secret, constant):
    body = json.dumps(feature()).replace(str(SPOT.lon), constant).encode()
    answer = post(client, body)
    assert answer.status_code == 400
    assert constant in answer.get_json()["detail"]
    assert stored(database) == 0


def test_bad_place_lists_every_field_at_fault(client, database, secret):
    wrong = {
        "kind": "shop", "name": " ", "licence": "MIT", "website": "javascript:alert(1)", "description": 5,
        "address": "x" * 501, "visibility": "private", "phone": "a\nb", "colour": "red",
    }  # fmt: skip
    answer = post(client, feature(properties=wrong, id="not-a-uuid"))
    assert answer.status_code == 422
    named = {problem["parameter"] for problem in answer.get_json()["errors"]}
    assert named == {f"properties.{name}" for name in wrong} | {"id"}
    assert stored(database) == 0


def test_bad_place_a_category_of_another_kind_is_named(client, database, secret):
    answer = post(client, feature(properties={"category": "bakery"}))
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["parameter"] == "properties.category"
    assert stored(database) == 0


@pytest.mark.parametrize("text", ["a\x00b", "a\x1fb", "\ud800", "\uffff", "a\x85b"])
def test_control_characters_and_lone_surrogates_are_refused(client, database, secret, text):
    answer = post(client, feature(properties={"name": text}))
    assert answer.status_code == 422
    assert "control character" in answer.get_json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    "text", ["Zoë’s 🥖 «café»", "مرحبا", "'; DROP TABLE place; --", "<script>alert(1)</script>", "%s {0}"]
)
def test_any_honest_text_survives_to_the_letter(client, secret, text):
    answer = post(client, feature(properties={"name": text}))
    assert answer.status_code == 201
    identifier = answer.get_json(force=True)["id"]
    assert client.get(f"/api/v1/places/{identifier}").get_json(force=True)["properties"]["name"] == text
    page = client.get(f"/places/{identifier}", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert "<script>alert" not in page


def test_wrong_json_is_named_with_line_and_column(client, secret):
    answer = post(client, b'{"type": "Feature",\n "geometry": nope}')
    assert answer.status_code == 400
    assert "line 2 column 14" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (b"9" * 6000, 400),
        (b"[]", 422),
        (b"null", 422),
        (b'{"type":"Feature"}', 422),
        (b'{"type":"Feature","properties":[],"geometry":null}', 422),
        (b" " * 10_000_000, 413),
    ],
)
def test_a_body_that_is_no_place_is_refused_without_a_5xx(client, database, secret, body, status):
    answer = post(client, body)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert stored(database) == 0


def test_bad_media_type_is_415(client, secret):
    assert post(client, feature(), mimetype="text/plain").status_code == 415


@pytest.mark.parametrize("given_secret", [None, "", "wrong", "old"])
def test_not_authorised_without_a_valid_token(client, database, secret, given_secret):
    answer = post(client, feature(), secret=given_secret)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert stored(database) == 0


def test_not_authorised_a_revoked_token_is_useless(client, database, secret):
    with database.store("geoplatform_owner").transaction() as connection:
        for row in tokens.every(connection):
            tokens.revoke(connection, row.id, NOW)
    assert post(client, feature()).status_code == 401


def test_no_vintage_before_the_first_load_is_503_with_retry_after(client, database):
    with database.store("geoplatform_owner").transaction() as connection:
        tokens.issue(connection, uuid.uuid4(), "s3cret", "x", NOW, None)
    answer = post(client, feature())
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert stored(database) == 0


def test_only_the_hash_of_a_token_is_kept(database, secret):
    assert "s3cret" not in str(database.rows("SELECT * FROM geoplatform.api_token"))


def test_a_token_expires_at_its_moment_and_one_without_never(database, secret):
    with database.store("geoplatform_owner").reading() as connection:
        assert tokens.label_of(connection, "s3cret", NOW + dt.timedelta(days=9999)) == "association"
        assert tokens.label_of(connection, "old", NOW - dt.timedelta(seconds=1)) == "expired"
        with pytest.raises(NotAuthorised):
            tokens.label_of(connection, "old", NOW)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


TINY = st.sampled_from([5e-324, 1e-320, -1e-300, 1e-17, 0.0, -0.0, 1, 89.99999999999999])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lon=st.floats(-180, 180) | TINY,
    lat=st.floats(-90, 90) | TINY,
    changed=st.dictionaries(
        st.sampled_from(["name", "description", "website", "phone", "address", "opening_hours", "category", "licence"]),
        st.text(max_size=40)
        | st.sampled_from(["HTTP://EXAMPLE.org", "https://é", "http://[::1]/", "bakery", "x" * 5000]),
    ),
)
def test_no_valid_position_and_no_text_makes_a_5xx(client, secret, lon, lat, changed):
    body = feature(geometry={"type": "Point", "coordinates": [lon, lat]}, properties=changed)
    answer = post(client, body)
    assert answer.status_code in (201, 422)
    assert client.get(f"/api/v1/placement?lon={lon!r}&lat={lat!r}").status_code == 200


def test_a_website_is_kept_with_its_scheme_in_small_letters(client, secret):
    answer = post(client, feature(properties={"website": "HTTP://Example.org/A"})).get_json(force=True)
    assert answer["properties"]["website"] == "http://Example.org/A"


@pytest.mark.parametrize("name", ["\u200b", "\u202egnp", "\u2066a"])
def test_a_name_that_cannot_be_seen_or_reads_backwards_is_refused(client, secret, name):
    assert post(client, feature(properties={"name": name})).status_code == 422


def test_identifiers_tell_the_day_and_not_the_second(client, secret):
    made = [uuid.UUID(post(client, feature()).get_json(force=True)["id"]) for _ in range(3)]
    assert len(set(made)) == 3
    for identifier in made:
        moment = dt.datetime.fromtimestamp((identifier.int >> 80) / 1000, dt.UTC)
        assert (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)
        assert identifier.version == 7 and identifier.variant == uuid.RFC_4122


def test_what_people_wrote_is_not_in_the_log(client, database, secret, caplog):
    with database.connect() as connection:
        connection.execute("ALTER TABLE geoplatform.place ADD CONSTRAINT no CHECK (name <> 'CANARY')")
    answer = post(client, feature(properties={"name": "CANARY", "phone": "0692 CANARY"}))
    assert answer.status_code == 500
    assert "23514" in caplog.text
    assert "CANARY" not in caplog.text


def test_the_public_address_is_the_operators_and_not_the_clients_word(database, secret):
    from pathlib import Path

    from geoplatform.config import Settings
    from geoplatform.web import create_app

    told = Settings(data_dir=Path("data"), public_url="https://carte.example.fr")
    app = create_app(told, database.store("geoplatform_web"))
    answer = post(app.test_client(), feature())
    assert answer.headers["Location"].startswith("https://carte.example.fr/api/v1/places/")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(geometry=ANYTHING, properties=ANYTHING, identifier=ANYTHING)
def test_no_json_whatsoever_makes_a_5xx(client, secret, geometry, properties, identifier):
    body = {"type": "Feature", "geometry": geometry, "properties": properties, "id": identifier}
    assert post(client, body).status_code in (201, 400, 422)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("lon=nan&lat=1", "lon"), ("lon=1", "lat"), ("lon=inf&lat=0", "lon"), ("lon=1&lat=91", "latitude"),
        ("lon=-21&lat=155", "latitude"), ("lon=1e999&lat=0", "lon"), ("lon=%00&lat=0", "lon"),
    ],
)  # fmt: skip
def test_bad_point_the_verdict_of_a_position_that_is_none(client, draw, query, parameter):
    draw(DRAWING)
    answer = client.get(f"/api/v1/placement?{query}")
    assert answer.status_code == 422
    assert answer.get_json()["parameter"] == parameter


def test_the_verdict_of_a_position_is_told_without_storing_anything(client, database, draw):
    draw(DRAWING)
    answer = client.get(f"/api/v1/placement?lon={SPOT.lon}&lat={SPOT.lat}").get_json()
    assert answer == {
        "verdict": "inside",
        "method": "cover",
        "commune_code": "97401",
        "commune_name": "Commune A",
        "distance_m": None,
        "beyond": None,
    }
    assert stored(database) == 0


def test_the_verdict_names_the_commune_beyond_the_nearest_limit(client, draw):
    draw(DRAWING)

    def told(across, up):
        at = grid.at(DRAWING, across, up)
        return client.get(f"/api/v1/placement?lon={at.lon}&lat={at.lat}").get_json()

    east = told(0.95, 0.5)  # 500 m from B
    assert east["distance_m"] == pytest.approx(517, abs=2)
    assert east["beyond"] == {"commune_code": "97402", "commune_name": "Commune B"}
    shore = told(0.05, 0.5)  # the sea is as near there
    assert shore["distance_m"] == pytest.approx(517, abs=2)
    assert shore["beyond"] is None
    corner = told(0.95, 0.02)  # B is near, and the sea nearer
    assert corner["distance_m"] == pytest.approx(221, abs=2)
    assert corner["beyond"] is None
    at_sea = told(-0.02, 0.5)
    assert (at_sea["commune_code"], at_sea["commune_name"], at_sea["beyond"]) == (None, None, None)


@pytest.mark.parametrize(
    "path", ["/api/v1/places/x", f"/api/v1/places/{uuid.UUID(int=7)}", f"/places/{uuid.UUID(int=7)}"]
)
def test_unknown_place_is_404(client, draw, path):
    draw(DRAWING)
    assert client.get(path).status_code == 404
