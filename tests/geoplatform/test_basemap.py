"""An operator's basemap is told by variables, and what would be no address of tiles is refused."""

from __future__ import annotations

import pytest

from geoplatform.basemap import PRESETS, VARIABLE, Basemap
from geoplatform.config import Settings
from geoplatform.errors import Misuse

TILES = "https://tiles.example.fr/{z}/{x}/{y}.png"
WHO = {
    f"{VARIABLE}_NAME": "Ville d’Aix",
    f"{VARIABLE}_ATTRIBUTION": "© Ville d’Aix",
    f"{VARIABLE}_PRIVACY_URL": "https://aix.example/vie-privee#carte",
}


def read(tiles: str, **others: str) -> Basemap | None:
    beside = {f"{VARIABLE}_{name}": value for name, value in others.items()}
    return Settings.from_environment({VARIABLE: tiles, **WHO, **beside}).basemap


def test_without_it_there_is_none():
    assert Settings.from_environment({}).basemap is None
    assert Settings.from_environment(Settings.from_environment({}).as_environment()).basemap is None


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_everything_and_survives_the_way_to_another_process(name):
    settings = Settings.from_environment({VARIABLE: name})
    assert settings.basemap == PRESETS[name]
    assert settings.basemap.origin in ("https://data.geopf.fr", "https://a.tile.openstreetmap.fr")
    assert settings.basemap.privacy_url.startswith("https://")
    assert Settings.from_environment(settings.as_environment()) == settings


def test_what_is_told_beside_a_preset_holds():
    made = Settings.from_environment(
        {VARIABLE: "osm-fr", f"{VARIABLE}_MAX_ZOOM": "20", f"{VARIABLE}_NAME": "OSM"}
    ).basemap
    assert (made.name, made.deepest, made.tiles) == ("OSM", 20, PRESETS["osm-fr"].tiles)


@pytest.mark.parametrize(
    ("tiles", "origin"),
    [
        (TILES, "https://tiles.example.fr"),
        ("https://tiles.example.fr:8443/w?L=A.B&S=image/png&Z={z}&R={y}&C={x}", "https://tiles.example.fr:8443"),
        ("http://127.0.0.1:9000/{z}/{x}/{y}.png", "http://127.0.0.1:9000"),
        ("http://localhost/{z}/{x}/{y}.png", "http://localhost"),
        ("http://[::1]:81/{z}/{x}/{y}.png", "http://[::1]:81"),
        ("/fond/{z}/{x}/{y}.png", None),
    ],
)
def test_the_origin_that_is_asked(tiles, origin):
    assert read(tiles).origin == origin


def test_tiles_of_this_site_need_no_privacy_page_of_others():
    told = {name: value for name, value in WHO.items() if not name.endswith("PRIVACY_URL")}
    assert Settings.from_environment({VARIABLE: "/fond/{z}/{x}/{y}.png", **told}).basemap.privacy_url is None


@pytest.mark.parametrize(
    "tiles",
    [
        "ign",
        "http://tiles.example.fr/{z}/{x}/{y}.png",
        "http://127.0.0.1.example.fr/{z}/{x}/{y}.png",
        "ftp://tiles.example.fr/{z}/{x}/{y}.png",
        "//tiles.example.fr/{z}/{x}/{y}.png",
        "https://*.example.fr/{z}/{x}/{y}.png",
        "https://*/{z}/{x}/{y}.png",
        "https:///{z}/{x}/{y}.png",
        "https://tiles.example.fr",
        "https://tiles.example.fr; script-src */{z}/{x}/{y}.png",
        "https://tiles.example.fr;script-src/{z}/{x}/{y}.png",
        "https://tiles.example.fr,x/{z}/{x}/{y}.png",
        "https://tiles.example.fr https://evil.example/{z}/{x}/{y}.png",
        "https://tiles.example.fr\r\nX-A: b/{z}/{x}/{y}.png",
        "https://tiles.example.fr/{z}/{x}/{y}.png\n",
        "https://{z}.example.fr/{x}/{y}.png",
        "https://tiles.example.fr:0/{z}/{x}/{y}.png",
        "https://tiles.example.fr:70000/{z}/{x}/{y}.png",
        "https://tiles.example.fr:８/{z}/{x}/{y}.png",
        "https://tilés.example.fr/{z}/{x}/{y}.png",
        "https://-.example.fr/{z}/{x}/{y}.png",
        'https://tiles.example.fr/"><script>/{z}/{x}/{y}.png',
        "https://tiles.example.fr/{z}/{x}.png",
        "https://tiles.example.fr/{z}/{x}/{y}/{y}.png",
        "https://tiles.example.fr/{s}/{z}/{x}/{y}.png",
        "https://tiles.example.fr/{z}/{x}/{y}.png{",
        "javascript:alert({z}{x}{y})",
    ],
)
def test_misuse_what_is_no_address_of_tiles_is_named(tiles):
    with pytest.raises(Misuse) as refused:
        read(tiles)
    assert refused.value.message.startswith(f"{VARIABLE}={tiles!r} ")


def test_misuse_a_password_in_it_is_not_told():
    with pytest.raises(Misuse) as refused:
        read("https://ana:hunter2@tiles.example.fr/{z}/{x}/{y}.png")
    assert "hunter2" not in str(refused.value) and "ana" not in str(refused.value)
    assert f"{VARIABLE}='https://…@tiles.example.fr/" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NAME", " "),
        ("NAME", "IGN\nX"),
        ("ATTRIBUTION", "x" * 201),
        ("ATTRIBUTION_URL", "javascript:alert(1)"),
        ("ATTRIBUTION_URL", "http://example.fr/"),
        ("PRIVACY_URL", 'https://example.fr/"onclick="'),
        ("PRIVACY_URL", "https://example.fr:99999/"),
        ("MAX_ZOOM", "25"),
        ("MAX_ZOOM", "-1"),
        ("MAX_ZOOM", "１"),
    ],
)
def test_misuse_what_is_told_beside_it_is_named(name, value):
    with pytest.raises(Misuse) as refused:
        read(TILES, **{name: value})
    assert refused.value.message.startswith(f"{VARIABLE}_{name}={value!r} ")


@pytest.mark.parametrize("name", ["NAME", "ATTRIBUTION", "PRIVACY_URL"])
def test_misuse_whoever_makes_a_template_of_ones_own_has_to_be_told(name):
    told = {variable: value for variable, value in WHO.items() if variable != f"{VARIABLE}_{name}"}
    with pytest.raises(Misuse, match=f"{VARIABLE}_{name}='' has to be told"):
        Settings.from_environment({VARIABLE: TILES, **told})


def test_misuse_a_name_without_a_basemap():
    with pytest.raises(Misuse, match=f"{VARIABLE}_NAME='IGN' needs {VARIABLE}"):
        Settings.from_environment({f"{VARIABLE}_NAME": "IGN"})
