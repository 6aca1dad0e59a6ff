"""Errors as RFC 9457 problem documents, or as a page for a browser. The one table from class to status."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_babel import force_locale
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
    UnknownVintage,
    Withdrawn,
)
from geoplatform.refusals import SENTENCES, Refusal
from geoplatform.web import language, refusals
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
_OF_HTTP = {404: "unknown_address", 405: "unknown_method", 413: "too_large", 429: "too_often"}
#: Every code that a problem may have: those with a sentence of their own, and those of what only English says.
CODES = sorted({*SENTENCES, *(kind.code for kind, _status in STATUS), GeoplatformError.code, "bad_request"})
#: Where the environment holds the error to which the answer is to be given: somebody before Flask met it.
REFUSAL = "geoplatform.refusal"


@dataclass(frozen=True, slots=True)
class _Problem:
    """What is wrong. `told`: why, about this `parameter`; `parts`: everything that is wrong with a body; `members`: what else."""

    status: int
    kind: str
    code: str
    told: str
    parameter: str = ""
    parts: tuple[BadParameter, ...] = ()
    members: dict[str, Any] = field(default_factory=dict)

    def said(self, spoken: str) -> dict[str, Any] | None:
        """`detail`, what else is told, and the `errors`, in this language; None if some of it is not known in that."""
        if not self.parts:
            detail = refusals.sentence(self.told, spoken, self.parameter) if self.told else ""
            return None if detail is None else {"detail": detail, **self.members}
        errors = [
            {**_parameter(one), "code": one.code, "detail": refusals.sentence(one.reason, spoken, one.parameter)}
            for one in self.parts
        ]
        if any(one["detail"] is None for one in errors):
            return None
        named = [f"{one['parameter']} : {one['detail']}" for one in errors]
        return {"detail": self.told if spoken == "en" else " ".join(named), "errors": errors}


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
    kind = type(error).__name__
    if status >= 500:  # what a stranger may know of a failure of ours: never the server's own words
        log.error("%s at %s %s", kind, request.method, _route())
        known = status != 500 and error.code in SENTENCES
        return _answer(_Problem(status, kind, error.code, Refusal(error.code) if known else ""))
    response = _answer(_problem(status, kind, error))
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="geoplatform"'
    return response


def _problem(status: int, kind: str, error: GeoplatformError) -> _Problem:
    if isinstance(error, BadBody):
        return _Problem(status, kind, error.code, error.message, parts=tuple(error.problems))
    if isinstance(error, BadParameter):
        return _Problem(status, kind, error.code, error.reason, parameter=error.parameter, members=_parameter(error))
    told = {name: error.facts[name] for name in ("candidates", "instead") if name in error.facts}
    return _Problem(status, kind, error.code, error.message, members=_facts(error.message) | told)


def _route() -> str:
    """Where it happened, for the log: without what a path may hold that opens something (mailed links, feeds)."""
    return (
        request.path if request.url_rule is None or "secret" not in (request.view_args or {}) else request.url_rule.rule
    )


def _parameter(problem: BadParameter) -> dict[str, Any]:
    value = problem.value
    shown = value if value is None or isinstance(value, bool | int) else str(value)[:200]
    allowed = {"allowed": problem.facts["allowed"]} if "allowed" in problem.facts else {}
    return {"parameter": problem.parameter, "value": shown, **_facts(problem.reason), **allowed}


def _facts(told: str) -> dict[str, Any]:
    return dict(told.facts) if isinstance(told, Refusal) else {}


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    code = _OF_HTTP.get(status, "bad_request" if status < 500 else GeoplatformError.code)
    facts = {"rate": error.description} if status == 429 else {}
    told = Refusal(code, **facts) if code in SENTENCES else error.description or ""
    response = _answer(_Problem(status, error.name.replace(" ", ""), code, told, members=facts))
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
    return _answer(_Problem(500, "InternalError", GeoplatformError.code, ""))


def _answer(problem: _Problem) -> Response:
    response = _page(problem) if wants_error_page() else _document(problem)
    response.status_code = problem.status
    response.headers["Cache-Control"] = "no-store"
    if problem.status in _RETRY_AFTER_S:
        response.headers["Retry-After"] = str(_RETRY_AFTER_S[problem.status])
    return response


def _page(problem: _Problem) -> Response:
    """In the language of the pages. What is wrong is said where it holds nothing that the client sent."""
    spoken, title = language.chosen(), _title(problem.status, problem.code)
    shows = isinstance(problem.told, Refusal) and not (problem.told.facts or problem.parameter)
    detail = refusals.sentence(problem.told, spoken) if shows else ""
    try:
        instead = problem.members.get("instead")
        text = render_template("error.html", status=problem.status, title=title, detail=detail, instead=instead)
    except GeoplatformError:  # the page itself needs the store, which is what fails
        text = f"<!doctype html><title>{problem.status}</title><h1>{title}</h1>"
    response = make_response(text)
    response.headers["Content-Language"] = spoken
    response.vary.update(("Accept", "Cookie"))
    return response


def _document(problem: _Problem) -> Response:
    """In the language of whoever asks where all of it is known in that, else in English."""
    wanted = language.of_problems()
    told = problem.said(wanted)
    spoken = "en" if told is None else wanted
    with force_locale(spoken):
        title = _title(problem.status, problem.code)
    body = {"type": f"urn:geoplatform:problem:{problem.kind}", "title": title, "status": problem.status}
    said = told or problem.said("en") or {}
    response = jsonify({**body, "detail": "", "instance": request.path, "code": problem.code, **said})
    response.mimetype = "application/problem+json"
    response.headers["Content-Language"] = spoken
    response.vary.update(("Accept", "Accept-Language", "Cookie"))
    return response


def _title(status: int, code: str) -> str:
    by_code = {"unknown_commune": _("Commune inconnue"), "unknown_place": _("Lieu inconnu")}
    by_status = {
        401: _("Ce lien ou cette session ne vaut plus"),
        403: _("Pas permis"),
        404: _("Page introuvable"),
        409: _("Impossible en l’état"),
        410: _("Cette version a été retirée"),
        412: _("Changé entre-temps"),
        413: _("Trop gros"),
        429: _("Trop de demandes"),
        503: _("Service momentanément indisponible"),
    }
    otherwise = _("Erreur interne") if status >= 500 else _("Demande incorrecte")
    return str(by_code.get(code) or by_status.get(status) or otherwise)
