"""Releases that are no longer kept leave the register and the disk; the current one never does."""

from __future__ import annotations

import datetime as dt

import pytest

from exports.publishing import Wanted
from exports.retention import Retention
from geoplatform.store.releases import Release
from tests.exports.conftest import EXPORTER, NOW

QUICK = Wanted(datasets=("regions",), formats=("csv",))
TODAY = dt.date(2026, 11, 29)


def release(day: str, hour: int = 6, state: str = "earlier") -> Release:
    at = dt.datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00")
    return Release("places", f"{day}-{hour}", "places", None, None, None, 2025, 0, "0", at, at, state, ())


@pytest.mark.parametrize(
    ("days", "months", "stay"),
    [
        (7, 12, ["2026-11-29-18", "2026-11-29-6", "2026-11-28-6", "2026-11-23-6", "2026-10-31-6", "2025-12-31-6"]),
        (1, 1, ["2026-11-29-18", "2026-11-29-6"]),
        (0, 0, ["2026-11-29-18", "2026-11-29-6"]),
        (2, 0, ["2026-11-29-18", "2026-11-29-6", "2026-11-28-6"]),
        (0, 13, ["2026-11-29-18", "2026-11-29-6", "2026-10-31-6", "2025-12-31-6", "2025-11-30-6"]),
    ],
)
def test_the_last_of_each_day_and_month_stays(days, months, stay):
    kept = [
        release("2026-11-29", 18, "current"), release("2026-11-29"), release("2026-11-28"), release("2026-11-23"),
        release("2026-11-22"), release("2026-10-31"), release("2026-10-30"), release("2025-12-31"), release("2025-11-30"),
    ]  # fmt: skip
    gone = {one.name for one in Retention(days, months).outdated(kept, TODAY)}
    assert [one.name for one in kept if one.name not in gone] == stay


def test_an_old_release_that_is_the_latest_stays_and_the_one_before_it():
    kept = [release("2019-12-30"), release("2020-01-01", state="current"), release("2019-12-31")]
    assert [one.name for one in Retention(0, 0).outdated(kept, TODAY)] == ["2019-12-30-6"]


def test_what_is_no_longer_kept_is_neither_told_nor_on_disk(press):
    for days in (3, 2, 1, 0):
        press.publish(QUICK, NOW - dt.timedelta(days=days), Retention(days=2, months=0))
    # Cut at the time of the database, all of them today: the last one stays, and the one before it.
    assert press.database.rows("SELECT name FROM published.releases ORDER BY id") == [("2026-11-28",), ("2026-11-29",)]
    assert {path.name for path in (press.folder / "regions").iterdir()} == {"2026-11-28", "2026-11-29"}
    states = press.database.rows("SELECT state, count(*) FROM geoplatform.release GROUP BY 1 ORDER BY 1")
    assert states == [("current", 1), ("earlier", 1), ("withdrawn", 2)]


def test_files_that_an_ended_run_left_are_deleted_by_the_next(press):
    press.publish(QUICK)
    press.publish(QUICK)
    with press.database.connect(EXPORTER) as connection:
        connection.execute("""SELECT published.withdraw_releases('[{"dataset": "regions", "name": "2026-11-29"}]')""")
    assert (press.folder / "regions" / "2026-11-29").exists()
    press.publish(QUICK, keep=Retention())
    assert not (press.folder / "regions" / "2026-11-29").exists()


def test_a_current_release_cannot_be_taken_back(press):
    press.publish(QUICK)
    with press.database.connect(EXPORTER) as connection:
        connection.execute("""SELECT published.withdraw_releases('[{"dataset": "regions", "name": "2026-11-29"}]')""")
    assert press.database.rows("SELECT state FROM published.releases") == [("current",)]
