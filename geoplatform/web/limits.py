"""Rate limits per cost class. Counted per worker process in memory; a shared count needs a shared limits storage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, current_app, request
from limits import parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from geoplatform.config import Settings
from geoplatform.errors import Misuse

P = ParamSpec("P")
T = TypeVar("T")

_TILE = "tile"
_RATES = "geoplatform.rates"
#: So often counts that are over are forgotten, once the next request of that cost comes.
SWEEP_S = 30


def attach(app: Flask, settings: Settings) -> None:
    """Count this application's requests at the rates of its settings."""
    told = {"read": settings.read_rate, "submit": settings.submit_rate, _TILE: settings.tile_rate,
            "mail": settings.mail_rate}  # fmt: skip
    app.extensions[_RATES] = {cost: Rate(cost, rate) for cost, rate in told.items()}


class Rate:
    """A rate, like `120 per minute`, counted by client address. Misuse if it is not like that."""

    def __init__(self, cost: str, told: str) -> None:
        try:
            self._limits = parse_many(told)
        except ValueError as error:
            raise Misuse(f"the rate {told!r} for {cost} is not like `120 per minute`", value=told) from error
        self._counts = FixedWindowRateLimiter(_Counts())

    @property
    def longest_s(self) -> int:
        """For how long an address is counted at most, in seconds."""
        return max(limit.get_expiry() for limit in self._limits)

    def count(self, address: str, of: str = "") -> None:
        """Count one request, apart from those for something else. TooManyRequests where it is one too many."""
        for limit in self._limits:
            if not self._counts.hit(limit, of, address):
                raise TooManyRequests(str(limit))


class _Counts(Storage):
    """Counts in this process. The library's own starts a thread for each request, to look for those that are over: half a
    millisecond, a quarter of what a request for a kept page takes."""

    STORAGE_SCHEME = None
    base_exceptions = ()

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, tuple[int, float]] = {}
        self._alone = threading.Lock()
        self._swept_at = 0.0

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """The count of this key with so much more, which is over in `expiry` seconds if it is new."""
        now = time.time()
        with self._alone:
            if now > self._swept_at + SWEEP_S:
                self._counts = {name: held for name, held in self._counts.items() if held[1] > now}
                self._swept_at = now
            count, until = self._counts.get(key, (0, 0.0))
            if until <= now:
                count, until = 0, now + expiry
            self._counts[key] = (count + amount, until)
        return count + amount

    def get(self, key: str) -> int:
        """The count of this key."""
        count, until = self._counts.get(key, (0, 0.0))
        return count if until > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When it is over, in seconds since 1970."""
        return self._counts.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        """Whether it works."""
        return True

    def reset(self) -> int:
        """Forget every count; how many there were."""
        with self._alone:
            forgotten, self._counts = len(self._counts), {}
        return forgotten

    def clear(self, key: str) -> None:
        """Forget this one."""
        with self._alone:
            self._counts.pop(key, None)


def longest_s(app: Flask) -> int:
    """For how long this application counts an address at most, in seconds."""
    rates: dict[str, Rate] = app.extensions[_RATES]
    return max(rate.longest_s for rate in rates.values())


def tile_rate(app: Flask) -> Rate:
    """The rate of tiles that are not kept, plain or filtered, made before Flask or by it."""
    return app.extensions[_RATES][_TILE]  # type: ignore[no-any-return]


def counted(cost: str, ranges: str | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator of a view: each client's requests for it are counted at the rate of this cost class.

    `ranges`: that of requests for a part of a file, which programs that read it in place send by the dozen.
    """

    def of(view: Callable[P, T]) -> Callable[P, T]:
        @wraps(view)
        def asked(*args: P.args, **kwargs: P.kwargs) -> T:
            chosen = ranges if ranges and request.headers.get("Range", "").startswith("bytes=") else cost
            current_app.extensions[_RATES][chosen].count(request.remote_addr or "", request.endpoint or "")
            return view(*args, **kwargs)

        return asked

    return of
