"""The layers that QGIS is given, in the reader's language: from the service, as tiles, and as the database's own views."""

from __future__ import annotations

from dataclasses import replace

from flask import Flask, request
from flask_babel import gettext as _
from sqlalchemy import Connection

from geoplatform.model import Kind, Licence
from geoplatform.store import collections, places
from geoplatform.store.looks import VIEWS, Look
from geoplatform.web import context, language
from geoplatform.web.ogc import answers, service, words
from geoplatform.web.qgis import projects, sld
from geoplatform.web.qgis.projects import Layer

TILES = "tiles"
#: Collections that have a look of their own.
COLLECTIONS = ("places", "regions", "departments", "epci", "communes")
#: A whole country is not fetched feature by feature: these are drawn from these scales on.
_LEAST_SCALES = {"places": 250_000, "epci": 3_000_000, "communes": 1_500_000}


def of_collection(name: str, only: tuple[str, str] | None = None) -> Layer:
    """The layer of a collection. `only`: (field, value) of the features wanted, None for all."""
    collection = collections.named(name)
    return Layer(
        name,
        words.titles()[name],
        answers.address(""),
        service.attribution(),
        only=only,
        least_scale=None if only else _LEAST_SCALES.get(name),
        properties=service.properties_of(collection),
        choices=_choices() if collection.holds_points else {},
    )


def tiles() -> Layer:
    """The layer of vector tiles."""
    root = request.script_root
    return Layer(
        TILES,
        _("Communes, départements et lieux"),
        context.absolute(f"{root}/tiles/all/{{z}}/{{x}}/{{y}}.mvt"),
        service.attribution(),
        style_address=context.absolute(f"{root}/styles/light.json"),
    )


def styles_of_views(app: Flask) -> list[Look]:
    """How QGIS draws the database's published views, in each language, the first of them by default."""
    made = []
    for number, code in enumerate(language.LANGUAGES):
        with app.test_request_context(headers={"Cookie": f"{language.COOKIE}={code}"}):
            for name in COLLECTIONS:
                layer = replace(of_collection(name), least_scale=None)
                looks = projects.style(layer), sld.document(name, layer.title, layer.choices.get("kind", {}))
                title = f"{layer.title} ({code})"
                made.append(Look(VIEWS.get(name, name), title, *looks, is_default=number == 0))
    return made


def _choices() -> dict[str, dict[str, str]]:
    kinds = {
        Kind.MERCHANT: _("Commerce"),
        Kind.SERVICE: _("Service"),
        Kind.ASSOCIATION: _("Association"),
        Kind.PROJECT: _("Projet"),
    }
    with context.store().reading() as connection:
        categories = _categories(connection)
    licences = [licence.value for licence in Licence if licence is not Licence.DISPLAY_ONLY]
    return {
        "kind": {kind.value: label for kind, label in kinds.items()},
        "category": categories,
        "licence": {licence: licence for licence in licences},
    }


def _categories(connection: Connection) -> dict[str, str]:
    told = places.all_categories(connection).values()
    return {one.code: one.label_en if language.chosen() == "en" else one.label_fr for one in told}
