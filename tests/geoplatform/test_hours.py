"""Opening hours at a moment, by the clocks of a territory."""

from __future__ import annotations

import datetime as dt

import pytest

from geoplatform import hours

MONDAY = dt.datetime(2026, 11, 30, 9, 30)


@pytest.mark.parametrize(
    ("text", "is_open", "until"),
    [
        ("24/7", True, None),
        ("off", False, None),
        ("Mo-Fr 09:00-12:00,14:00-18:00", True, dt.datetime(2026, 11, 30, 12)),
        ("Tu 09:00-12:00", False, dt.datetime(2026, 12, 1, 9)),
        ("Mo-Su 09:00-18:00; PH off", True, dt.datetime(2026, 11, 30, 18)),
        ('"sur rendez-vous"', None, None),
        ("Mo 09:00-18:00 unknown", None, dt.datetime(2026, 11, 30, 18)),
    ],
)
def test_what_hours_say_of_a_moment(text, is_open, until):
    said = hours.at(text, MONDAY)
    assert (said.is_open, said.until) == (is_open, until)


def test_a_public_holiday_is_one():
    assert hours.at("Mo-Su 09:00-18:00; PH off", dt.datetime(2026, 7, 14, 10)).is_open is False


@pytest.mark.parametrize("text", ["", "ouvert le matin", "Mo-Fr 9h-12h", "\x00"])
def test_what_is_not_in_the_syntax_says_nothing(text):
    assert not hours.is_valid(text) or text == ""
    assert hours.at(text, MONDAY) is None or text == ""


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("97411", "Indian/Reunion"), ("97105", "America/Guadeloupe"), ("97302", "America/Cayenne"), ("97502", "America/Miquelon"),
        ("97611", "Indian/Mayotte"), ("98735", "Pacific/Tahiti"), ("98818", "Pacific/Noumea"), ("75056", "Europe/Paris"),
        ("2A004", "Europe/Paris"), (None, "Europe/Paris"),
    ],
)  # fmt: skip
def test_a_commune_has_the_clocks_of_its_territory(code, name):
    assert hours.zone_of(code).key == name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "Mo-Fr 09:00-12:00, 14:00-18:00; Sa 09:00-12:00",
            ["Mo-Fr 09:00-12:00", "Mo-Fr 14:00-18:00", "Sa 09:00-12:00"],
        ),
        ("Mo,We 09:00-12:00", ["Mo,We 09:00-12:00"]),
        ("Mo-Fr 09:00-12:00; PH off", None),
        ("24/7", None),
        (";", None),
    ],
)
def test_schema_org_is_told_what_it_can_say(text, told):
    assert hours.for_schema_org(text) == told
