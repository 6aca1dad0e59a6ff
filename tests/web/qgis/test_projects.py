"""The files of /qgis/ as any client gets them; what QGIS makes of them is in tests/clients."""

from __future__ import annotations

import io
import re
import zipfile
from xml.etree import ElementTree

import pytest

from tests.web.ogc.planting import DRAWING


@pytest.fixture
def drawn(draw, client):
    draw(DRAWING)
    return client


def project_of(client, scope):
    answer = client.get(f"/qgis/{scope}.qgz")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.namelist() == [f"geoplatform-{scope}.qgs"]
        return ElementTree.fromstring(archive.read(archive.namelist()[0]))


def test_a_project_is_the_same_bytes_until_the_limits_change(drawn):
    first, again = (drawn.get("/qgis/department-974.qgz") for _ in range(2))
    assert first.data == again.data
    etag = first.headers["ETag"]
    assert drawn.get("/qgis/department-974.qgz", headers={"If-None-Match": etag}).status_code == 304
    assert first.headers["Content-Type"] == "application/x-qgis-project"


def test_layers_of_a_commune_are_asked_at_the_address_of_the_server(drawn, database):
    code, name = database.rows("SELECT code, name FROM published.communes ORDER BY code")[0]
    root = project_of(drawn, f"commune-{code}")
    sources = {layer.findtext("id"): layer.findtext("datasource") for layer in root.iter("maplayer")}
    assert f"filter='\"commune_code\" = \\'{code}\\''" in sources["geoplatform_places"]
    assert "url='http://localhost/ogc'" in sources["geoplatform_places"]
    assert "url=http://localhost/tiles/all/%7Bz%7D/%7Bx%7D/%7By%7D.mvt" in sources["geoplatform_tiles"]
    assert root.findtext("title").endswith(f" · {name}")


def test_a_name_with_signs_of_markup_stays_a_name(drawn, database):
    code = database.rows("SELECT min(code) FROM published.communes")[0][0]
    with database.connect() as connection:
        connection.execute("UPDATE geoplatform.commune SET name = %s WHERE code = %s", ('L\'<Ay> & "Ö"', code))
    assert project_of(drawn, f"commune-{code}").findtext("title").endswith(' · L\'<Ay> & "Ö"')


@pytest.mark.parametrize(
    "path",
    ["commune-99999.qgz", "department-00.qgz", "region-04.qgz", "atlantis.qgz", "roads.qlr", "roads.qml", "tiles.sld"],
)
def test_what_does_not_exist_is_told_as_a_problem(drawn, path):
    answer = drawn.get(f"/qgis/{path}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_former_commune_leads_to_who_has_its_land(drawn, database):
    codes = [code for (code,) in database.rows("SELECT code FROM published.communes ORDER BY code")]
    with database.connect() as connection:
        for code, heirs in (("97498", codes[:1]), ("97499", codes[:2])):
            connection.execute(
                "INSERT INTO geoplatform.former_commune (code, name, until_on, how, successors)"
                " VALUES (%s, 'Avant', '2020-01-01', 'merged', %s)",
                (code, heirs),
            )
    one, several = (drawn.get(f"/qgis/commune-{code}.qgz") for code in ("97498", "97499"))
    assert (one.status_code, one.headers["Location"]) == (308, f"/qgis/commune-{codes[0]}.qgz")
    assert (several.status_code, several.headers["Location"]) == (303, "/communes/97499")
    one, several = (drawn.get(f"/qgis?commune={code}") for code in ("97498", "97499"))
    assert (one.status_code, one.headers["Location"]) == (308, f"/qgis?commune={codes[0]}")
    assert (several.status_code, several.headers["Location"]) == (303, "/communes/97499")


def test_the_words_are_english_by_choice(drawn):
    drawn.set_cookie("lang", "en")
    root = ElementTree.fromstring(drawn.get("/qgis/places.qml").data)
    aliases = {alias.get("field"): alias.get("name") for alias in root.iter("alias")}
    assert aliases["opening_hours"] == "Opening hours"


def test_the_page_gives_every_way_in_in_the_language_of_its_reader(drawn, database):
    code, name = database.rows("SELECT code, name FROM published.communes ORDER BY code")[0]
    french = drawn.get(f"/qgis?commune={code}")
    assert french.status_code == 200, french.text
    for address in (
        f"/qgis/commune-{code}.qgz",
        "/qgis/france.qgz",
        "http://localhost/ogc",
        "/tiles/all/{z}/{x}/{y}.mvt",
    ):
        assert address in french.text
    assert name in french.text
    assert "<h1>Ouvrir dans QGIS</h1>" in french.text
    drawn.set_cookie("lang", "en")
    assert "<h1>Open in QGIS</h1>" in drawn.get("/qgis").text


def test_every_file_the_page_offers_is_there(drawn, database):
    code = database.rows("SELECT min(code) FROM published.communes")[0][0]
    offered = re.findall(r'href="(/qgis/[^"]+)"', drawn.get(f"/qgis?commune={code}").text)
    assert len(offered) == 8
    assert {path: drawn.get(path).status_code for path in offered} == dict.fromkeys(offered, 200)


@pytest.mark.parametrize("page", ["/communes/{}", "/ogc?f=html", "/"])
def test_pages_lead_to_it(drawn, database, page):
    code = database.rows("SELECT min(code) FROM published.communes")[0][0]
    text = drawn.get(page.format(code), follow_redirects=True).text
    wanted = f'href="/qgis?commune={code}"' if "{}" in page else 'href="/qgis"'
    assert wanted in text


@pytest.mark.parametrize(("query", "status"), [("commune=99999", 404), ("commune=x'y", 404), ("comune=1", 400)])
def test_a_page_of_no_commune_is_refused(drawn, query, status):
    assert drawn.get(f"/qgis?{query}").status_code == status
