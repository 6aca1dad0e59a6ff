"""French first, English by choice: a `lang` cookie that a link sets, never guessed from the browser."""

from __future__ import annotations

from flask import Flask
from flask_babel import Babel

from geoplatform.web.cookies import LANGUAGE

LANGUAGES = ("fr", "en")
COOKIE = LANGUAGE.plain_name


def attach(app: Flask) -> None:
    """Translate templates (msgids are French) and tell them the language."""
    app.config["BABEL_DEFAULT_LOCALE"] = LANGUAGES[0]
    Babel(app, locale_selector=chosen)
    app.context_processor(lambda: {"lang": chosen()})


def chosen() -> str:
    """The language of this request."""
    cookie = LANGUAGE.read()
    return cookie if cookie in LANGUAGES else LANGUAGES[0]
