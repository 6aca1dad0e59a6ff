"""What became of codes: chains within a day, splits, mergers years apart, codes that nobody has any more."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoplatform.model import Movement, Succession
from geoplatform.succession import former_communes, heirs

START, END = dt.date(2010, 1, 1), dt.date(2026, 1, 1)


def moved(day, before, after, mod=32, kinds="COM COM"):
    kind_before, kind_after = kinds.split()
    return Movement(mod, dt.date.fromisoformat(day), kind_before, before, f"Old {before}", kind_after, after, after)


CHAIN = [  # Freigné, 1 January 2018: from Maine-et-Loire to Loire-Atlantique, then into Vallons-de-l'Erdre
    moved("2018-01-01", "49144", "44225", 41),
    moved("2018-01-01", "44225", "44180"),
    moved("2018-01-01", "44180", "44180"),
    moved("2018-01-01", "44180", "44180", 32, "COM COMD"),
]


@pytest.mark.parametrize("order", [1, -1])
def test_events_of_one_day_form_a_chain_in_whatever_order_they_stand(order):
    found = heirs(CHAIN[::order], START, END)
    assert found["49144"] == found["44225"] == found["44180"] == {"44180"}


def test_mergers_years_apart_are_followed_to_the_end():
    events = [moved("2016-01-01", "50602", "50129"), moved("2019-01-01", "50129", "50999"),
              moved("2019-01-01", "50999", "50999")]  # fmt: skip
    assert heirs(events, START, END)["50602"] == {"50999"}
    assert heirs(events, START, dt.date(2018, 1, 1))["50602"] == {"50129"}
    assert "50602" not in heirs(events, dt.date(2016, 1, 1), END)  # the day itself is over


def test_a_split_leaves_the_land_to_all_of_them():
    events = [moved("2024-01-01", "85084", after, 20) for after in ("85084", "85165", "85212")]
    assert heirs(events, START, END)["85084"] == {"85084", "85165", "85212"}


def test_delegated_communes_are_no_communes():
    assert heirs([moved("2020-01-01", "01324", "01245", 34, "COMA COM")], START, END) == {}


def test_former_communes_tell_when_how_and_who_has_their_land():
    living = {"44180", "85165", "85212", "69114"}
    events = [
        *CHAIN,
        *(moved("2024-01-01", "85084", after, 20) for after in ("85165", "85212")),
        moved("2024-03-15", "69159", "69114", 41),
        Movement(30, dt.date(1950, 5, 1), "COM", "55039", "Beaumont", "COM", None, None),
    ]
    found = {one.code: one for one in former_communes(events, living, END)}
    assert set(found) == {"49144", "44225", "85084", "69159", "55039"}
    assert (found["49144"].how, found["49144"].successors) == (Succession.MOVED, ("44180",))
    assert (found["44225"].how, found["44225"].successors) == (Succession.MERGED, ("44180",))
    assert (found["85084"].how, found["85084"].successors) == (Succession.SPLIT, ("85165", "85212"))
    assert (found["55039"].how, found["55039"].successors) == (Succession.GONE, ())
    assert found["69159"].until_on == dt.date(2024, 3, 15)
    assert found["69159"].name == "Old 69159"


def test_a_code_that_came_back_counts_from_its_last_end():
    events = [moved("1973-01-01", "15062", "15003"), moved("1990-01-01", "15003", "15003", 21),
              moved("1990-01-01", "15003", "15062", 21), moved("2016-01-01", "15062", "15027", 32)]  # fmt: skip
    (one,) = [f for f in former_communes(events, {"15003", "15027"}, END) if f.code == "15062"]
    assert (one.until_on, one.successors) == (dt.date(2016, 1, 1), ("15027",))


CODES = st.sampled_from([f"01{n:03d}" for n in range(8)])
EVENTS = st.lists(st.tuples(st.integers(2011, 2020), CODES, CODES), max_size=25)


@given(EVENTS)
def test_going_back_over_the_days_gives_what_going_forward_gives(drawn):
    events = [moved(f"{year}-01-01", before, after) for year, before, after in drawn]
    days = sorted({event.effective_on for event in events})
    fast = heirs(events, START, END)
    for code in {event.code_before for event in events}:
        here = {code}
        for day in days:
            arrows = {(e.code_before, e.code_after) for e in events if e.effective_on == day}
            here = set().union(*(_forward(arrows, one) for one in here))
        assert fast[code] == here


def _forward(arrows, code):
    """All codes reachable on that day that live on: they lead to themselves, or nowhere."""
    reached = {code}
    while True:
        more = reached | {after for before, after in arrows if before in reached}
        if more == reached:
            return {c for c in reached if (c, c) in arrows or all(before != c for before, _ in arrows)}
        reached = more
