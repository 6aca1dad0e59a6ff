"""Whether the process lives, whether it can serve, and its figures."""

from __future__ import annotations

import datetime as dt
import ipaddress

from flask import Blueprint, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST

from geoplatform.errors import NoVintage
from geoplatform.store import tokens
from geoplatform.web import context, params

blueprint = Blueprint("health", __name__)


@blueprint.get("/health/live")
def live() -> Response:
    """The process answers."""
    return jsonify(status="live")


@blueprint.get("/health/ready")
def ready() -> Response:
    """The store answers, holds our schema, and a vintage is active; 503 with the reason otherwise."""
    context.store().require_schema()
    vintage = context.active_vintage()
    if vintage is None:
        raise NoVintage("no boundaries are loaded yet")
    return jsonify(status="ready", vintage=vintage.year, communes=vintage.communes)


@blueprint.get("/metrics")
def metrics() -> Response:
    """The figures, for the machine itself or for whoever holds an operator-issued token."""
    address = ipaddress.ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104 - stands for nobody
    if not address.is_loopback or "X-Forwarded-For" in request.headers:  # a proxy on this machine speaks for others
        with context.store().reading() as connection:
            tokens.label_of(connection, params.bearer_token(), dt.datetime.now(dt.UTC))
    response = Response(context.tile_metrics().told(), content_type=CONTENT_TYPE_LATEST)
    response.headers["Cache-Control"] = "no-store"
    return response
