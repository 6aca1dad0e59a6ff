"""Rate limits per cost class. Counted per worker process in memory; a shared count needs a shared limits storage."""

from __future__ import annotations

from flask import Flask, current_app
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import parse_many

from geoplatform.config import Settings
from geoplatform.errors import Misuse

limiter = Limiter(get_remote_address, storage_uri="memory://")


def attach(app: Flask, settings: Settings) -> None:
    """Count this application's requests at the rates of its settings."""
    rates = {"read": settings.read_rate, "submit": settings.submit_rate, "tile": settings.tile_rate}
    for cost, told in rates.items():
        try:
            parse_many(told)
        except ValueError as error:
            raise Misuse(f"the rate {told!r} for {cost} is not like `120 per minute`", value=told) from error
    app.config["GEOPLATFORM_RATES"] = rates
    limiter.init_app(app)


def rate(cost: str) -> str:
    """The rate of a cost class in the running application, in the notation of Flask-Limiter."""
    return str(current_app.config["GEOPLATFORM_RATES"][cost])
