"""Pages for citizens: signing in, contributing, their own space. They show; what changes something, they ask of `web.api`."""

from __future__ import annotations

import datetime as dt

from flask import Flask
from flask_babel import format_date

from geoplatform.web import agents
from geoplatform.web.pages import contributing, deciding, operating, signing, space, who


def attach(app: Flask) -> None:
    """Add these pages, and tell every template who is signed in."""
    app.context_processor(lambda: {"signed_in": who.signed_in, "csrf_token": who.csrf_token})
    app.add_template_filter(agents.in_words, "agent_in_words")
    app.add_template_filter(lambda day: format_date(dt.date.fromisoformat(day)), "isodate")
    for room in (signing, contributing, space, deciding, operating):
        app.register_blueprint(room.blueprint)
