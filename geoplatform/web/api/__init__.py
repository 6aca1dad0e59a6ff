"""/api/v1: the citizens' API. `caller` tells who asks; the other modules are a resource each."""

from __future__ import annotations

from flask import Flask

from geoplatform.web.api import (
    addresses,
    community,
    description,
    me,
    mine,
    moderation,
    openid,
    operation,
    places,
    session,
)


def attach(app: Flask) -> None:
    """Add the API to the application."""
    for room in (places, addresses, session, openid, me, mine, community, moderation, operation, description):
        app.register_blueprint(room.blueprint)
