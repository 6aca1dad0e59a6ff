"""Communes as pages, GeoJSON, search results and downloads."""

from __future__ import annotations

import csv
import io
import json
import uuid

import geojson
import pytest

from geoplatform.model import Kind, Licence, Submission
from geoplatform.store import communes
from tests import grid
from tests.conftest import entered

DRAWING = "AB"
HTML = {"Accept": "text/html,application/xhtml+xml"}


def add(database, name="Café", **changes):
    values = {
        "id": uuid.uuid4(),
        "kind": Kind.MERCHANT,
        "name": name,
        "position": grid.at(DRAWING, 0.5, 0.5),
        "licence": Licence.CC0,
    }
    made = Submission(**{**values, **changes})
    assert database.store("geoplatform_web").writing(lambda c: entered(c, made)).is_new
    return made


def test_a_commune_is_a_geojson_feature(client, draw):
    draw(DRAWING)
    answer = client.get("/communes/97401", headers={"Accept": "application/geo+json"})
    assert answer.mimetype == "application/geo+json"
    feature = geojson.loads(answer.data)
    assert feature.is_valid, feature.errors()
    assert feature["id"] == "97401"
    assert feature["bbox"] == [55.0, -22.0, 55.1, -21.9]
    assert feature["geometry"]["type"] == "MultiPolygon"
    assert feature["properties"]["area_km2"] == pytest.approx(114.4, abs=0.2)
    assert feature["properties"]["department_name"] == "La Réunion"
    again = client.get("/communes/97401?f=geojson", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("code", ["97499", "99999", "9740", "abcde", "974O1", "97401x", "%00", "٩٧٤٠١"])
def test_unknown_commune_is_404_for_programs_and_people(client, draw, code):
    draw(DRAWING)
    answer = client.get(f"/communes/{code}?f=geojson")
    assert answer.status_code == 404
    assert answer.get_json()["title"] == "Unknown commune"
    page = client.get(f"/communes/{code}", headers=HTML)
    assert page.status_code == 404
    assert page.mimetype == "text/html"


def test_a_code_in_small_letters_is_redirected_to_the_official_one(client, france):
    from pathlib import Path

    from geoplatform.config import Settings
    from geoplatform.web import create_app

    app = create_app(Settings(data_dir=Path("data")), france.store("geoplatform_web"))
    answer = app.test_client().get("/communes/2a004?f=geojson")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/communes/2A004?f=geojson")


def test_bad_parameter_an_unknown_format_is_named(client, draw):
    draw(DRAWING)
    answer = client.get("/communes/97401?f=shp")
    assert answer.status_code == 400
    assert answer.get_json()["parameter"] == "f"


def test_the_page_speaks_french_first_and_english_by_choice(client, database, draw):
    draw(DRAWING)
    add(database)
    french = client.get("/communes/97401", headers={**HTML, "Accept-Language": "en"}).get_data(as_text=True)
    assert '<html lang="fr"' in french
    assert "Café" in french
    answer = client.get("/lang/en?next=/communes/97401")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/communes/97401")
    english = client.get("/communes/97401", headers=HTML).get_data(as_text=True)
    assert '<html lang="en"' in english
    assert english != french


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x", "evil", "//[", "http://[x"],
)
def test_the_language_link_never_leads_off_the_site(client, draw, target):
    answer = client.get("/lang/en", query_string={"next": target})
    assert answer.headers["Location"] == "/"


def test_neighbours_are_the_communes_that_share_a_limit_or_a_corner(database, draw):
    draw("AAB\nD.B\nDCE")
    with database.store("geoplatform_web").reading() as connection:
        found = {
            letter: "".join(commune.name[-1] for commune in communes.neighbours(connection, grid.code_of(letter)))
            for letter in "ABCDE"
        }
    assert found == {"A": "BD", "B": "ACE", "C": "BDE", "D": "AC", "E": "BC"}


def test_places_of_a_commune_download_as_geojson_and_csv_with_the_same_rows(client, database, draw):
    draw(DRAWING)
    made = [add(database, name) for name in ("Épicerie, «du» coin", '=HYPERLINK("x")', "Ligne\u2028deux")]
    add(database, "ailleurs", position=grid.at(DRAWING, 1.5, 0.5))
    answer = client.get("/communes/97401/places.geojson")
    collection = geojson.loads(answer.data)
    assert collection.is_valid, collection.errors()
    assert answer.headers["Content-Disposition"].endswith('"places-97401.geojson"')
    assert {f["id"] for f in collection["features"]} == {str(place.id) for place in made}
    text = client.get("/communes/97401/places.csv")
    assert text.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    rows = list(csv.DictReader(io.StringIO(text.get_data(as_text=True), newline="")))
    assert {row["id"] for row in rows} == {str(place.id) for place in made}
    by_id = {row["id"]: row for row in rows}
    for feature in collection["features"]:
        row = by_id[feature["id"]]
        assert [float(row["longitude"]), float(row["latitude"])] == feature["geometry"]["coordinates"]
        assert row["name"].lstrip("'") == feature["properties"]["name"]
        assert row["licence"] == feature["properties"]["licence"] == "CC0-1.0"
    assert by_id[str(made[1].id)]["name"].startswith("'=")


def test_an_empty_commune_downloads_as_an_empty_file(client, draw):
    draw(DRAWING)
    assert json.loads(client.get("/communes/97402/places.geojson").data)["features"] == []
    assert client.get("/communes/97402/places.csv").get_data(as_text=True).count("\r\n") == 1
    assert client.get("/communes/97402/places.xlsx").status_code == 400
    assert client.get("/communes/97499/places.csv").status_code == 404


@pytest.fixture
def national(france):
    from pathlib import Path

    from geoplatform.config import Settings
    from geoplatform.web import create_app

    app = create_app(Settings(data_dir=Path("data"), read_rate="100000 per minute"), france.store("geoplatform_web"))
    return app.test_client()


@pytest.mark.france
@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("Saint-Louis", "97414"), ("st louis", "97414"), ("SAINT LOUIS", "97414"), ("le port", "97407"),
        ("port", "97407"), ("97420", "97407"), ("97407", "97407"), ("possession", "97408"), ("etang sale", "97404"),
        ("L'Étang-Salé", "97404"), ("paris", "75056"), ("75001", "75056"), ("2a004", "2A004"), ("ajacc", "2A004"),
        ("Mamoudzou", "97611"), ("marseille", "13055"), ("13008", "13055"),
    ],
)  # fmt: skip
def test_a_commune_is_found_by_name_code_or_postal_code(national, words, first):
    hits = national.get("/communes", query_string={"q": words}).get_json()["communes"]
    assert hits[0]["code"] == first


@pytest.mark.france
@pytest.mark.parametrize("words", ["zzzzqq", "%", "_", "'; --", "\x00", "00000", "é" * 500, "%%%", "\\", "-"])
def test_words_that_mean_no_commune_find_none(national, words):
    answer = national.get("/communes", query_string={"q": words})
    assert answer.status_code in (200, 400)
    assert answer.status_code == 400 or answer.get_json()["communes"] == []
    assert national.get("/", query_string={"q": words}, headers=HTML).status_code == 200


def test_bad_parameter_search_without_words_or_with_a_bad_limit(client, draw):
    draw(DRAWING)
    assert client.get("/communes").get_json()["parameter"] == "q"
    for limit in ("0", "101", "x", "-1", "1e3", "9" * 40, "٣"):
        answer = client.get("/communes", query_string={"q": "a", "limit": limit})
        assert (answer.status_code, answer.get_json()["parameter"]) == (400, "limit")


@pytest.mark.france
@pytest.mark.parametrize("code", ["97414", "97407", "97408", "75056", "2A004", "15031", "49126", "97302"])
def test_pages_of_real_communes_answer_even_without_limits(national, code):
    answer = national.get(f"/communes/{code}", headers=HTML)
    assert answer.status_code == 200
    assert code in answer.get_data(as_text=True)
    assert national.get(f"/communes/{code}?f=geojson").status_code == 200
