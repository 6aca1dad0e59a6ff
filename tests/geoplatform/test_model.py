"""The words of the domain refuse what they cannot mean."""

from __future__ import annotations

import datetime as dt
import math
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoplatform.errors import BadPoint, BadTile, UnknownCommune
from geoplatform.model import DEFAULT_LICENCE, Licence, LonLat, TileAddress, commune_code, new_place_id
from geoplatform.reading import web_address


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_any_position_on_earth_is_one(lon, lat):
    kept = LonLat(lon, lat)
    assert abs(kept.lon - lon) < 1e-9 and abs(kept.lat - lat) < 1e-9


@pytest.mark.parametrize("lon", [math.nan, math.inf, -math.inf, 180.0001, -181, 10**400, "2", None, True, [1]])
def test_bad_point_names_the_longitude(lon):
    with pytest.raises(BadPoint) as refused:
        LonLat(lon, 0)
    assert refused.value.parameter == "longitude"


def test_bad_point_asks_whether_longitude_and_latitude_are_swapped():
    with pytest.raises(BadPoint, match="swapped"):
        LonLat(-21.28, 155.41)


@given(st.integers(-3, 25), st.integers(-2, 2**23), st.integers(-2, 2**23))
def test_bad_tile_exactly_outside_the_pyramid(z, x, y):
    inside = 0 <= z <= 22 and 0 <= x < 2**z and 0 <= y < 2**z
    try:
        TileAddress(z, x, y)
    except BadTile:
        assert not inside
    else:
        assert inside


@pytest.mark.parametrize(
    ("text", "code"), [("97414", "97414"), (" 2a004 ", "2A004"), ("01001", "01001"), ("2B033", "2B033")]
)
def test_insee_codes_are_five_signs(text, code):
    assert commune_code(text) == code


@pytest.mark.parametrize("text", ["", "9741", "974144", "2C001", "A2004", "9741٤", "97414\n97407", "%27"])
def test_unknown_commune_what_cannot_be_a_code(text):
    with pytest.raises(UnknownCommune):
        commune_code(text)


def test_the_default_licence_keeps_the_promise_and_every_licence_but_display_only_has_a_text():
    assert DEFAULT_LICENCE == "CC-BY-NC-SA-4.0"
    assert [licence for licence in Licence if licence.url is None] == [Licence.DISPLAY_ONLY]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://saintlouis.re/", "https://saintlouis.re/"), ("http://a", "http://a"), ("HTTP://A/B", "http://A/B"),
        ("ftp://a", None), ("javascript:alert(1)", None), ("https://", None), ("https://a b", None),
        ("mairie@a.fr", None), ("http://[", None), ("", None),
    ],
)  # fmt: skip
def test_a_website_is_an_http_address_with_its_scheme_in_small_letters(text, address):
    assert web_address(text) == address


@given(st.dates(), st.binary(min_size=10, max_size=10))
def test_a_place_identifier_is_a_uuid7_of_its_day(day, noise):
    made = new_place_id(day, noise) if day.year >= 1970 else None
    if made is not None:
        assert (made.version, made.variant) == (7, uuid.RFC_4122)
        assert dt.datetime.fromtimestamp((made.int >> 80) / 1000, dt.UTC).date() == day


def test_a_position_is_kept_to_a_tenth_of_a_millimetre():
    assert LonLat(5e-324, -1e-300) == LonLat(0, 0)
    assert LonLat(55.4101234567891, 0).lon == 55.410123457
