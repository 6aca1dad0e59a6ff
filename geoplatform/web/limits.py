"""Rate limits per cost class. Counted per worker process in memory; a shared count needs a shared limits storage."""

from __future__ import annotations

from flask import Flask, current_app
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import parse_many
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from geoplatform.config import Settings
from geoplatform.errors import Misuse

limiter = Limiter(get_remote_address, storage_uri="memory://")
_TILE = "tile"
_TILE_RATE = "geoplatform.tile_rate"


def attach(app: Flask, settings: Settings) -> None:
    """Count this application's requests at the rates of its settings."""
    rates = {"read": settings.read_rate, "submit": settings.submit_rate, _TILE: settings.tile_rate}
    for cost, told in rates.items():
        try:
            parse_many(told)
        except ValueError as error:
            raise Misuse(f"the rate {told!r} for {cost} is not like `120 per minute`", value=told) from error
    app.config["GEOPLATFORM_RATES"] = rates
    app.extensions[_TILE_RATE] = Rate(settings.tile_rate)
    limiter.init_app(app)


class Rate:
    """A rate counted by client address, without Flask and what Flask-Limiter adds to it: tiles are made faster than that."""

    def __init__(self, told: str) -> None:
        self._limits = parse_many(told)
        self._counts = FixedWindowRateLimiter(MemoryStorage())

    def count(self, address: str) -> None:
        """Count one request. TooManyRequests where it is one too many."""
        for limit in self._limits:
            if not self._counts.hit(limit, address):
                raise TooManyRequests(str(limit))


def tile_rate(app: Flask) -> Rate:
    """The rate of tiles that are not kept, plain or filtered, made before Flask or by it."""
    return app.extensions[_TILE_RATE]  # type: ignore[no-any-return]


def rate(cost: str) -> str:
    """The rate of a cost class in the running application, in the notation of Flask-Limiter."""
    return str(current_app.config["GEOPLATFORM_RATES"][cost])
