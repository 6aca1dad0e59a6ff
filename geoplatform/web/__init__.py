"""The only code that speaks HTTP. `serve` is what `geoplatform serve` runs, once in each worker."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from geoplatform.config import Settings
from geoplatform.store.engine import Store
from geoplatform.web import (
    api,
    bundle,
    catalogue,
    changes,
    communes,
    context,
    cuts,
    health,
    home,
    language,
    limits,
    ogc,
    packing,
    pages,
    places,
    poster,
    privacy,
    problems,
    qgis,
    releases,
    revocations,
    robots,
    security,
    tilesets,
    vintages,
)
from geoplatform.web import tiles as tile_views
from geoplatform.web.front import Front
from geoplatform.web.server import Server

#: Largest request body, in bytes: a place with its longest texts in the longest escapes fits four times.
MAX_BODY = 128 * 1024


def create_app(settings: Settings | None = None, store: Store | None = None) -> Flask:
    """The web application over a store; both are made from the environment when they are not given.

    Misuse if there is no database URL: whoever starts the workers knows it (`geoplatform serve`).
    """
    settings = settings or Settings.from_environment()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.json.ensure_ascii = True  # type: ignore[attr-defined]  # a hostile value is echoed as plain ASCII
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    context.attach(app, settings, store)
    language.attach(app)
    security.attach(app, settings.basemap)
    problems.attach(app)
    limits.attach(app, settings)
    bundle.attach(app)
    packing.attach(app)
    rooms = (
        home,
        communes,
        vintages,
        places,
        poster,
        tile_views,
        tilesets,
        qgis,
        releases,
        revocations,
        changes,
        cuts,
        catalogue,
        health,
        robots,
        privacy,
    )
    for room in rooms:
        app.register_blueprint(room.blueprint)
    ogc.attach(app)
    api.attach(app)
    pages.attach(app)
    with app.app_context():
        kept, figures = context.tiles(), context.tile_metrics()
    if settings.tile_folder is not None:
        app.wsgi_app = Front(app.wsgi_app, kept, figures)  # type: ignore[method-assign, assignment]
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def serve() -> Server:
    """What each worker of `geoplatform serve` runs: the application, and a thread that follows what others write."""
    settings = Settings.from_environment()
    app = create_app(settings)
    with app.app_context():
        tiles, metrics = context.tiles(), context.tile_metrics()
    tiles.follow()
    return Server(app, settings, tiles, metrics)
