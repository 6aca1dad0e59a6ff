"""Errors as RFC 9457 problem documents, or as a page for a browser. The one table from class to status."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

from geoplatform.errors import (
    BadBody,
    BadMediaType,
    BadParameter,
    BadPoint,
    BadTile,
    Conflict,
    DuplicatePlace,
    FetchFailed,
    FileAstray,
    GeoplatformError,
    MailFailed,
    NotAllowed,
    NotAuthorised,
    NoVintage,
    Outdated,
    SchemaMismatch,
    StoreBusy,
    StoreUnavailable,
    TooMany,
    Unfit,
    Unknown,
    UnknownCommune,
    UnknownPlace,
    UnknownVintage,
    Withdrawn,
)
from geoplatform.web.params import wants_error_page

log = logging.getLogger(__name__)

#: The first class that fits counts.
STATUS: tuple[tuple[type[GeoplatformError], int], ...] = (
    (BadBody, 422),
    (BadPoint, 422),
    (BadTile, 404),
    (BadMediaType, 415),
    (UnknownVintage, 404),
    (Unfit, 422),
    (BadParameter, 400),
    (NotAuthorised, 401),
    (NotAllowed, 403),
    (Outdated, 412),
    (Unknown, 404),
    (Withdrawn, 410),
    (DuplicatePlace, 409),
    (Conflict, 409),
    (TooMany, 429),
    (MailFailed, 503),
    (FetchFailed, 503),
    (NoVintage, 503),
    (StoreBusy, 503),
    (FileAstray, 503),
    (StoreUnavailable, 503),
    (SchemaMismatch, 503),
)
_RETRY_AFTER_S = {429: 60, 503: 5}
#: Where the environment holds the error to which the answer is to be given: somebody before Flask met it.
REFUSAL = "geoplatform.refusal"


def attach(app: Flask) -> None:
    """Answer every error that a view raises, the unforeseen ones included (and logged)."""
    app.register_error_handler(GeoplatformError, _ours)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _unforeseen)
    app.before_request(_refuse)


def _refuse() -> None:
    if refusal := request.environ.get(REFUSAL):
        raise refusal


def _ours(error: GeoplatformError) -> Response:
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    if status >= 500:
        log.error("%s at %s %s", type(error).__name__, request.method, _route())
        detail = "" if status == 500 else _public_reason(error)
        return _answer(status, type(error).__name__, detail, {})
    response = _answer(status, type(error).__name__, error.message, _members(error))
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="geoplatform"'
    return response


def _route() -> str:
    """Where it happened, for the log: without what a path may hold that opens something (mailed links, feeds)."""
    return (
        request.path if request.url_rule is None or "secret" not in (request.view_args or {}) else request.url_rule.rule
    )


def _members(error: GeoplatformError) -> dict[str, Any]:
    if isinstance(error, BadBody):
        return {"errors": [_parameter(problem) for problem in error.problems]}
    if isinstance(error, BadParameter):
        return _parameter(error)
    if isinstance(error, Conflict) and "candidates" in error.facts:
        return {"candidates": error.facts["candidates"]}
    if isinstance(error, Withdrawn) and "instead" in error.facts:
        return {"instead": error.facts["instead"]}
    return {}


def _parameter(problem: BadParameter) -> dict[str, Any]:
    value = problem.value
    shown = value if value is None or isinstance(value, bool | int) else str(value)[:200]
    told = {"parameter": problem.parameter, "value": shown, "detail": problem.reason}
    return {**told, "allowed": problem.facts["allowed"]} if "allowed" in problem.facts else told


def _public_reason(error: GeoplatformError) -> str:
    """What a stranger may know of a failure of ours: never the server's own words."""
    if isinstance(error, NoVintage):
        return "no commune boundaries are loaded yet"
    if isinstance(error, StoreBusy):
        return "the request took longer than it may, or the server is busy: ask for less, or later"
    if isinstance(error, FetchFailed):
        return "the provider by which you wanted to sign in does not answer: ask for a mailed link, or try again later"
    if isinstance(error, MailFailed):
        return "no mail can be sent at the moment: try again later"
    if isinstance(error, FileAstray):
        return "this file cannot be read at the moment; the other files and releases are not concerned"
    return "the store is out of reach"


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    response = _answer(status, error.name.replace(" ", ""), error.description or "", {})
    for name, value in error.get_headers():
        if name in ("Allow", "Content-Range"):
            response.headers[name] = value
    return response


def _unforeseen(error: Exception) -> Response:
    # Where it happened and what kind it is, never its message: a database quotes the row, and the row is a person's.
    cause = getattr(error, "orig", error)
    place = "".join(traceback.format_tb(error.__traceback__))
    state = getattr(cause, "sqlstate", None) or "-"
    log.error("%s (SQLSTATE %s) at %s %s\n%s", type(cause).__name__, state, request.method, _route(), place)
    return _answer(500, "InternalError", "", {})


def _answer(status: int, kind: str, detail: str, members: dict[str, Any]) -> Response:
    title = _title(status, kind)
    if wants_error_page():
        try:
            response = make_response(
                render_template("error.html", status=status, title=title, detail="", instead=members.get("instead"))
            )
        except GeoplatformError:  # the page itself needs the store, which is what fails
            response = make_response(f"<!doctype html><title>{status}</title><h1>{title}</h1>")
    else:
        body = {"type": f"urn:geoplatform:problem:{kind}", "title": title, "status": status, "detail": detail}
        response = jsonify({**body, "instance": request.path, **members})
        response.mimetype = "application/problem+json"
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    if status in _RETRY_AFTER_S:
        response.headers["Retry-After"] = str(_RETRY_AFTER_S[status])
    return response


def _title(status: int, kind: str) -> str:
    by_kind = {UnknownCommune.__name__: _("Commune inconnue"), UnknownPlace.__name__: _("Lieu inconnu")}
    by_status = {
        401: _("Ce lien ou cette session ne vaut plus"),
        404: _("Page introuvable"),
        410: _("Cette version a été retirée"),
        429: _("Trop de demandes"),
        503: _("Service momentanément indisponible"),
    }
    otherwise = _("Erreur interne") if status >= 500 else _("Demande incorrecte")
    return str(by_kind.get(kind) or by_status.get(status) or otherwise)
