"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from geoplatform.errors import NoVintage
from geoplatform.web import context

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("/live")
def live() -> Response:
    """The process answers."""
    return jsonify(status="live")


@blueprint.get("/ready")
def ready() -> Response:
    """The store answers, holds our schema, and a vintage is active; 503 with the reason otherwise."""
    context.store().require_schema()
    vintage = context.active_vintage()
    if vintage is None:
        raise NoVintage("no boundaries are loaded yet")
    return jsonify(status="ready", vintage=vintage.year, communes=vintage.communes)
