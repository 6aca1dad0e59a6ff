"""The home page: search a commune, the map of France, figures."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from geoplatform.errors import BadParameter
from geoplatform.model import Vintage
from geoplatform.store import communes, outlines, places, releases
from geoplatform.store.outlines import Inset
from geoplatform.web import context, cookies, language, params
from geoplatform.web.limits import counted

blueprint = Blueprint("home", __name__)

PILOTS = ["97414", "97407", "97408"]
_HITS = 30
_NEWEST = 6
_FIGURES_FOR_S = 30
_INSETS_FOR_S = 3600


@blueprint.get("/")
@counted("read")
def index() -> Response:
    """Search form, hits where words are given, figures."""
    words = params.words()
    vintage = context.active_vintage()
    with context.store().reading() as connection:
        hits = communes.find(connection, words, _HITS, vintage.id) if words and vintage else []
        pilots = communes.some(connection, PILOTS)
        newest = places.newest(connection, _NEWEST)
        categories = places.all_categories(connection) if newest else {}
        published = max(
            (release.published_at for release in releases.current(connection, with_files=False)), default=None
        )
    shown = {"newest": newest, "categories": categories, "published": published}
    return context.page(
        "home.html", q=words, hits=hits, pilots=pilots, figures=_figures(), insets=_insets(vintage), **shown
    )


@blueprint.get("/lang/<lang>", endpoint="language")
def language_choice(lang: str) -> Response:
    """Remember the language, and go back to where the reader was (on this site only)."""
    if lang not in language.LANGUAGES:
        raise BadParameter("lang", lang[:20], "is not one of " + ", ".join(language.LANGUAGES))
    answer = redirect(params.own_path(request.args.get("next", ""), "/"))
    cookies.LANGUAGE.keep(answer, lang)
    return answer


def _insets(vintage: Vintage | None) -> list[Inset]:
    """The territories as small maps; drawn once for each vintage, now and then."""

    def draw() -> list[Inset]:
        with context.store().reading() as connection:
            return outlines.territories(connection)

    return context.remembered(f"insets {vintage.id}", _INSETS_FOR_S, draw) if vintage else []


def _figures() -> dict[str, Any]:
    def count() -> dict[str, Any]:
        with context.store().reading() as connection:
            by_source = places.count_by_source(connection)
        return {
            "places": sum(by_source.values()),
            **{f"{source}_places": by_source.get(source, 0) for source in ("register", "citizen", "synthetic")},
        }

    vintage = context.active_vintage()
    return {
        "communes": vintage.communes if vintage else 0,
        "communes_without_geometry": vintage.communes_without_geometry if vintage else 0,
        **context.remembered("figures", _FIGURES_FOR_S, count),
    }
