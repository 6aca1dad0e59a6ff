"""Counts of requests, kept in the process."""

from __future__ import annotations

import threading
import time

import pytest
from werkzeug.exceptions import TooManyRequests

from geoplatform.errors import Misuse
from geoplatform.web.limits import Rate, _Counts


def test_a_rate_is_counted_by_address_and_by_what_is_asked():
    rate = Rate("read", "2 per minute")
    for address, of in (("a", "x"), ("a", "x"), ("b", "x"), ("a", "y")):
        rate.count(address, of)
    with pytest.raises(TooManyRequests, match="2 per 1 minute"):
        rate.count("a", "x")
    rate.count("b", "x")


def test_a_window_that_is_over_counts_anew():
    rate = Rate("read", "1 per second")
    rate.count("a")
    with pytest.raises(TooManyRequests):
        rate.count("a")
    time.sleep(1.1)
    rate.count("a")


def test_counts_that_are_over_are_forgotten(monkeypatch):
    counts = _Counts()
    assert [counts.incr("a", 0.01), counts.incr("b", 60), counts.incr("b", 60)] == [1, 1, 2]
    time.sleep(0.02)
    assert (counts.get("a"), counts.get("b"), counts.get("c")) == (0, 2, 0)
    monkeypatch.setattr("geoplatform.web.limits.SWEEP_S", 0)
    counts.incr("c", 60)
    counts.clear("c")
    assert counts.reset() == 1


def test_many_threads_lose_no_count():
    counts = _Counts()
    threads = [threading.Thread(target=lambda: [counts.incr("a", 60) for _ in range(2000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.get("a") == 16_000


def test_a_rate_that_is_none_is_told():
    with pytest.raises(Misuse, match="'many' for read is not like"):
        Rate("read", "many")
