"""Pages for citizens: signing in, contributing, their own space. They show; what changes something, they ask of `web.api`."""

from __future__ import annotations

from flask import Flask

from geoplatform.web.pages import contributing, signing, space, who


def attach(app: Flask) -> None:
    """Add these pages, and tell every template who is signed in."""
    app.context_processor(lambda: {"signed_in": who.signed_in, "csrf_token": who.csrf_token})
    for room in (signing, contributing, space):
        app.register_blueprint(room.blueprint)
