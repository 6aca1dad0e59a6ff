"""French first, English by choice: a `lang` cookie that a link sets, never guessed from the browser.

What is refused is told to programs too: without that cookie in the language that they accept, English where they name none.
"""

from __future__ import annotations

from flask import Flask, request
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


def of_problems() -> str:
    """The language in which whoever asks is told what is wrong: as the cookie says, else Accept-Language, else English.

    Forms of our pages send the language of their page in Accept-Language.
    """
    if LANGUAGE.read() in LANGUAGES:
        return chosen()
    return request.accept_languages.best_match(LANGUAGES[::-1]) or "en"
