"""Revocations: what left releases that held it. For whoever keeps copies, and for whom it was about, as a receipt."""

from __future__ import annotations

import datetime as dt
import uuid
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for

from geoplatform.errors import Unknown
from geoplatform.store import erasures
from geoplatform.store.erasures import ErasedFile, Erasure
from geoplatform.web import context, params
from geoplatform.web import releases as downloads
from geoplatform.web.limits import counted

blueprint = Blueprint("revocations", __name__, url_prefix="/exports")

_ATOM = "application/atom+xml; charset=utf-8"
_FRESH = "public, max-age=300"
_MOST, _MOST_ENTRIES = 1000, 100


@blueprint.get("/revocations")
@counted("read")
def index() -> Response:
    """What was taken back after a number (`after`, 0 by default), the earliest first, by pages."""
    after, most = params.whole("after", 0), params.limit(_MOST, _MOST)
    with context.store().reading() as connection:
        found = erasures.after(connection, after, most)
    last = found[-1].seq if found else after
    following = _index_url(last, most) if len(found) == most else None
    return _fresh(jsonify(revocations=[_told(one) for one in found], last=last, next=following))


@blueprint.get("/revocations.atom")
@counted("read")
def feed() -> Response:
    """What was taken back last, as Atom with tombstones (RFC 4287, RFC 6721)."""
    with context.store().reading() as connection:
        days = erasures.latest(connection, _MOST_ENTRIES)
    latest = max(days.values(), default=dt.date(2016, 1, 1))
    body = render_template("revocations.xml", days=days, latest=latest, absolute=context.absolute)
    response = Response(body, content_type=_ATOM)
    response.vary.add("Cookie")  # in the reader's language
    response.add_etag()
    response.make_conditional(request)
    return _fresh(response)


@blueprint.get("/revocations/<place>")
@counted("read")
def receipt(place: str) -> Response:
    """The files that held a place, and what stands there instead, each with its checksum. `place`: its identifier."""
    wanted = params.page_format()
    try:
        place_id = uuid.UUID(place)
    except ValueError:
        raise Unknown("revocation", place[:80]) from None
    with context.store().reading() as connection:
        found = erasures.receipt(connection, place_id)
    if not found:
        raise Unknown("revocation", place_id)
    if wanted == "html":
        return context.page("revocation.html", place_id=place_id, releases=_by_release(found), parts=_parts(found))
    told = [_told_file(one) for one in found if one.name]
    response = jsonify(place_id=str(place_id), files=told, releases_of_parts=len(_parts(found)))
    response.vary.add("Accept")
    return _fresh(response)


@blueprint.after_request
def tell_other_sites(response: Response) -> Response:
    """Let pages of other sites read our headers."""
    return downloads.tell_other_sites(response)


def _by_release(found: list[ErasedFile]) -> list[list[ErasedFile]]:
    whole = (one for one in found if one.name)
    return [list(files) for _, files in groupby(whole, key=lambda one: (one.dataset, one.release))]


def _parts(found: list[ErasedFile]) -> list[ErasedFile]:
    """A row for each release of a part of France: which is not told, since its name says where the place was."""
    return [one for one in found if not one.name]


def _told(one: Erasure) -> dict[str, Any]:
    return {
        "seq": one.seq,
        "place_id": str(one.place_id),
        "licence": one.licence,
        "reason": one.reason,
        "erased_on": one.erased_on.isoformat(),
        "dataset": one.dataset,
        "release": one.release,
        "replaced_by": one.replaced_by,
        "receipt_url": context.absolute(url_for("revocations.receipt", place=one.place_id)),
    }


def _told_file(one: ErasedFile) -> dict[str, Any]:
    return {
        "dataset": one.dataset,
        "release": one.release,
        "file": one.name,
        "licence": one.licence,
        "reason": one.reason,
        "erased_on": one.erased_on.isoformat(),
        "sha256": one.sha256,
        "replaced_by": one.replaced_by,
        "replaced_sha256": one.replaced_sha256,
    }


def _index_url(after: int, most: int) -> str:
    return context.absolute(url_for("revocations.index", after=after, limit=None if most == _MOST else most))


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = _FRESH
    return response
