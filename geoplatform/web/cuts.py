"""Cuts on demand: somebody asks for the places of a commune, an EPCI or a department as files, and sees how far they have come.

A request goes into the store; a worker makes the files. Nothing of `exports` is known here.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from geoplatform.errors import BadParameter, NotAllowed, NoVintage, StoreBusy, Unknown
from geoplatform.store import cuts
from geoplatform.store.cuts import Cut
from geoplatform.web import context, params
from geoplatform.web.limits import counted

blueprint = Blueprint("cuts", __name__, url_prefix="/exports/cuts")

_CODE = re.compile("[0-9AB]{2,9}")
#: Shares of the whole that the steps take, in their order: for one bar.
_SHARES = {"cut": (0, 15), "write": (15, 80), "publish": (95, 4), "retention": (99, 1)}
_TRY_AGAIN_S = "60"
_LOOK_AGAIN_S = "2"


@blueprint.post("")
@counted("submit")
def ask() -> AnyResponse:
    """Have the places of a scope made into files: to the page that shows how far they are, or to the files if they are up to date.

    A form or JSON with `level` (commune, epci, department) and `code`. JSON is answered with 202 and `Location`, or 200.
    """
    _refuse_other_sites()
    level, code = _asked()
    if context.active_vintage() is None:
        raise NoVintage("no vintage of boundaries is active")
    now = dt.datetime.now(dt.UTC)
    found = context.store().writing(lambda connection: cuts.request(connection, level, code, now))
    if found.outcome == "unknown":
        raise Unknown(level, code)
    if found.outcome == "full":
        raise StoreBusy("too many cuts wait already")
    dataset = url_for("releases.dataset", dataset=cuts.dataset_of(level, code))
    if found.number is None or found.outcome == "current":
        return _led(
            dataset, lambda: jsonify(state="done", release=found.release, release_url=context.absolute(dataset)), 200
        )
    number = found.number
    return _led(url_for("cuts.page", number=number), lambda: jsonify(_told(_known(number))), 202)


@blueprint.get("/<int:number>")
@counted("read")
def page(number: int) -> AnyResponse:
    """How far a cut has come; in a browser, one that is done leads to its files."""
    wanted, cut = params.page_format(), _known(number)
    if wanted != "html":
        response = jsonify(_told(cut))
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("Accept")
        if cut.state in ("waiting", "running"):
            response.headers["Retry-After"] = _LOOK_AGAIN_S
        return response
    if cut.state == "done":
        return redirect(url_for("releases.dataset", dataset=cut.dataset), 303)
    return context.page("cut.html", cut=cut, percent=_percent(cut), data=url_for("cuts.page", number=number, f="json"))


def _refuse_other_sites() -> None:
    """NotAllowed if a browser says that another site's page has it ask. Programs say nothing of the kind."""
    said, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    hosts = {request.host, urlsplit(context.settings().public_url or "").netloc}
    if said not in (None, "same-origin", "none") or (said is None and origin and _host(origin) not in hosts):
        raise NotAllowed("the page of another site may not ask for this")


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _asked() -> tuple[str, str]:
    """Level and code. BadParameter, BadMediaType for what is neither a form nor JSON, Unknown for what is no code."""
    if request.mimetype == "application/x-www-form-urlencoded":
        told: Any = request.form
    else:
        told = params.json_of(params.body())
        if not isinstance(told, dict):
            raise BadParameter("body", None, "is not an object with level and code")
    level, code = told.get("level"), told.get("code")
    if level not in cuts.LEVELS:
        raise BadParameter(
            "level", str(level)[:40], "is not one of " + ", ".join(cuts.LEVELS), allowed=list(cuts.LEVELS)
        )
    if not isinstance(code, str) or not code:
        raise BadParameter("code", str(code)[:40], "is required: the code of the commune, EPCI or department, as text")
    if not _CODE.fullmatch(code.upper()):
        raise Unknown(level, code[:40])
    return level, code.upper()


def _known(number: int) -> Cut:
    with context.store().reading() as connection:
        found = cuts.get(connection, number) if number < 1 << 31 else None
    if found is None:
        raise Unknown("cut", number)
    return found


def _led(path: str, told: Any, status: int) -> AnyResponse:
    """A browser's form is led on (303), a program gets JSON."""
    if params.wants_error_page():
        return redirect(path, 303)
    response: Response = told()
    response.status_code = status
    response.headers["Location"] = context.absolute(path)
    response.headers["Cache-Control"] = "no-store"
    return response


def _percent(cut: Cut) -> int | None:
    """How much of the whole is done; None before it has begun."""
    if cut.state != "running" or cut.step is None:
        return None
    begin, share = _SHARES.get(cut.step, (0, 0))
    return begin + (share * min(cut.done, cut.total) // cut.total if cut.total else 0)


def _told(cut: Cut) -> dict[str, Any]:
    """A cut as JSON."""
    release_url = context.absolute(url_for("releases.dataset", dataset=cut.dataset)) if cut.state == "done" else None
    return {
        "number": cut.id,
        "scope": {"level": cut.level, "code": cut.code, "name": cut.name},
        "dataset": cut.dataset,
        "state": cut.state,
        "requested_at": cut.requested_at.isoformat(timespec="seconds"),
        "ended_at": cut.ended_at and cut.ended_at.isoformat(timespec="seconds"),
        "ahead": cut.ahead,
        "step": cut.step if cut.state == "running" else None,
        "done": cut.done,
        "total": cut.total,
        "percent": 100 if cut.state == "done" else _percent(cut),
        "problem": cut.problem,
        "release": cut.release,
        "release_url": release_url,
        "url": context.absolute(url_for("cuts.page", number=cut.id)),
    }
