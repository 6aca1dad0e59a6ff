"""TileJSON, styles and the pages about tiles: what is told there is what is served."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import mapbox_vector_tile
import pytest

from geoplatform.web import themes
from tests.web.test_tiles import DRAWING, places_in, tile_at

LAYERS = ("communes", "departments", "places", "all")
ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "geoplatform/web/frontend"
PAGE_CSS = FRONTEND / "src/page.css"


def decoded(client, template, z, x, y):
    path = template.replace("http://localhost", "").format(z=z, x=x, y=y)
    answer = client.get(path)
    return mapbox_vector_tile.decode(answer.data) if answer.data else {}


@pytest.mark.parametrize("layer", LAYERS)
def test_the_tilejson_tells_of_every_property_that_its_tiles_have_and_of_no_other(client, database, draw, layer):
    draw(DRAWING)
    places_in(database, 60)
    told = client.get(f"/tiles/{layer}.json").get_json()
    assert told["tilejson"] == "3.0.0"
    assert {"tiles", "vector_layers", "minzoom", "maxzoom", "bounds", "attribution", "name"} <= told.keys()
    described = {one["id"]: set(one["fields"]) for one in told["vector_layers"]}
    found = {name: set() for name in described}
    for z in (6, 9, 14):
        for name, content in decoded(client, told["tiles"][0], *tile_at(z, 0.5, 0.5)).items():
            for feature in content["features"]:
                found[name] |= feature["properties"].keys()
    for name in described:
        assert found[name] <= described[name]
        assert described[name] - found[name] <= {"population", "category", "expansion_zoom", "cluster_id"}
    assert all(len(meaning) > 3 for one in told["vector_layers"] for meaning in one["fields"].values())


def test_a_layer_begins_where_the_tilejson_says(client, draw):
    draw(DRAWING)
    first = client.get("/tiles/communes.json").get_json()["minzoom"]
    path = "/tiles/communes/{}/{}/{}.mvt"
    assert client.get(path.format(*tile_at(first - 1, 0.5, 1.5))).status_code == 204
    assert client.get(path.format(*tile_at(first, 0.5, 1.5))).status_code == 200


def test_filters_of_the_address_are_those_of_the_tiles(client, database, draw):
    draw(DRAWING)
    places_in(database, 60)
    told = client.get("/tiles/places.json?kind=service").get_json()
    assert told["tiles"] == ["http://localhost/tiles/places/{z}/{x}/{y}.mvt?kind=service"]
    features = decoded(client, told["tiles"][0], *tile_at(6, 0.5, 0.5))["places"]["features"]
    assert {f["properties"]["merchants"] for f in features} == {0}
    assert client.get("/tiles/places.json?kind=shop").status_code == 400
    assert client.get("/tiles/communes.json?kind=service").status_code == 400
    assert client.get("/tiles/nothing.json").status_code == 404
    year = client.get("/vintages", headers={"Accept": "application/json"}).get_json()["vintages"][0]["year"]
    style = client.get(f"/styles/light.json?kind=service&vintage={year}").get_json()
    urls = {name: source["tiles"][0].partition("?")[2] for name, source in style["sources"].items()}
    assert urls == {"communes": f"vintage={year}", "departments": f"vintage={year}", "places": "kind=service"}


@pytest.mark.parametrize("theme", themes.THEMES)
def test_a_style_draws_its_sources_and_asks_nobody_else(client, draw, theme):
    draw(DRAWING)
    style = client.get(f"/styles/{theme}.json").get_json()
    assert style["version"] == 8
    assert set(style["sources"]) == {layer["source"] for layer in style["layers"] if "source" in layer}
    assert all(
        url.startswith("http://localhost/tiles/") for source in style["sources"].values() for url in source["tiles"]
    )
    assert not {"glyphs", "sprite"} & style.keys()
    assert client.get(f"/styles/{theme}.json?layers=places").get_json()["sources"].keys() == {"places"}


@pytest.mark.parametrize(
    "path", ["/styles/sepia.json", "/styles/light.json?layers=roads", "/styles/light.json?colour=red"]
)
def test_an_unknown_theme_or_layer_is_refused_with_those_there_are(client, draw, path):
    draw(DRAWING)
    answer = client.get(path)
    assert answer.status_code == 400
    assert "is not one of" in answer.get_json()["detail"]


def test_the_colours_are_those_of_the_pages():
    css = PAGE_CSS.read_text()
    light, dark = css.split("prefers-color-scheme: dark", 1)
    for theme, text in (("light", light), ("dark", dark)):
        there = dict(re.findall(r"--((?:map|kind)-[a-z-]+): (#[0-9a-f]{6})", text))
        assert themes.THEMES[theme].items() <= there.items()


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_pages_tell_the_addresses_in_the_readers_language(client, draw, lang):
    draw(DRAWING)
    client.set_cookie("lang", lang)
    page = client.get("/tiles", headers={"Accept": "text/html"}).get_data(as_text=True)
    for layer in LAYERS:
        assert f"http://localhost/tiles/{layer}/{{z}}/{{x}}/{{y}}.mvt" in page
        assert f'href="/tiles/{layer}.json"' in page
        assert client.get(f"/tiles/{layer}", headers={"Accept": "text/html"}).status_code == 200


def test_a_form_with_nothing_chosen_leads_to_the_plain_address(client, draw):
    draw(DRAWING)
    answer = client.get("/tiles/places?kind=service&category=&commune=")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/tiles/places?kind=service")


@pytest.mark.parametrize(
    "query", ["layer=x&kind=", "endpoint=x&kind=", "_method=POST&kind=", "_anchor=x&kind=", "kind=shop"]
)
def test_a_strange_query_of_the_page_is_refused(client, draw, query):
    draw(DRAWING)
    assert client.get(f"/tiles/places?{query}").status_code == 400


def test_a_document_that_has_not_changed_is_304(client, draw):
    draw(DRAWING)
    first = client.get("/tiles/all.json")
    again = client.get("/tiles/all.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_gzip_is_taken_as_the_client_says(client, database, draw):
    from geoplatform.web.front import takes_gzip

    assert [takes_gzip(told) for told in ("gzip", "br, gzip;q=0.5", "*", "x-gzip")] == [True] * 4
    assert [takes_gzip(told) for told in ("", "br", "gzip;q=0", "gzip; q=0.0", "identity")] == [False] * 5
    draw(DRAWING)
    path = "/tiles/departments/{}/{}/{}.mvt".format(*tile_at(9, 0.5, 0.5))
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == client.get(path).data
    assert json.loads(client.get(path.replace("mvt", "geojson")).data)["features"]


def test_the_bounds_of_limits_are_theirs_and_places_may_be_anywhere(client, draw, database):
    draw(DRAWING)
    ((west, south, east, north),) = database.rows(
        "SELECT ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b) FROM (SELECT ST_Extent(geom) AS b FROM published.communes) AS box"
    )
    for layer in ("communes", "departments"):
        assert client.get(f"/tiles/{layer}.json").json["bounds"] == [west, south, east, north]
    assert client.get("/styles/light.json?layers=communes").json["sources"]["communes"]["bounds"] == [
        west,
        south,
        east,
        north,
    ]
    for layer in ("places", "all"):
        assert client.get(f"/tiles/{layer}.json").json["bounds"] == [-180, -85.051129, 180, 85.051129]
