"""The catalogue of the open data, for portals: DCAT-AP 3 as Turtle, RDF/XML and JSON-LD, and DCAT-US 1.1. Made of the register.

`entries` says what there is, `graph` and `documents` put it into the words of each.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, request, url_for

from geoplatform import __version__
from geoplatform.encode import dumps
from geoplatform.errors import BadParameter, Unknown
from geoplatform.store import releases
from geoplatform.store.releases import Release
from geoplatform.web import context
from geoplatform.web.catalogue import documents
from geoplatform.web.catalogue.entries import Entry, entries
from geoplatform.web.catalogue.graph import CONTEXT, Page, graph
from geoplatform.web.limits import counted

blueprint = Blueprint("catalogue", __name__)

#: Datasets of the register on a page; each has five licences at most, so that a page holds a hundred of the catalogue's.
PAGE = 20
_FRESH = "public, max-age=300, stale-if-error=86400"
_KEPT = 16


@dataclass(frozen=True, slots=True)
class Form:
    """What the catalogue is written in. `writer`: rdflib's name of it. Without a charset udata reads Turtle as Latin-1."""

    media_type: str
    writer: str
    content_type: str


TURTLE = Form("text/turtle", "turtle", "text/turtle; charset=utf-8")
RDF_XML = Form("application/rdf+xml", "xml", "application/rdf+xml; charset=utf-8")
JSON_LD = Form("application/ld+json", "json-ld", "application/ld+json")
_FORMS = {form.media_type: form for form in (TURTLE, RDF_XML, JSON_LD)}
_ENDINGS = {"ttl": TURTLE, "rdf": RDF_XML, "jsonld": JSON_LD}


class Kept:
    """The documents that were asked for last: writing one takes a second of a processor."""

    def __init__(self) -> None:
        self._documents: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, mark: str, make: Callable[[], bytes]) -> bytes:
        """The document of this mark. One at a time is made."""
        with self._lock:
            if mark not in self._documents:
                self._documents[mark] = make()
                if len(self._documents) > _KEPT:
                    self._documents.popitem(last=False)
            self._documents.move_to_end(mark)
            return self._documents[mark]


_kept = Kept()


@blueprint.get("/catalogue")
@counted("read")
def negotiated() -> Response:
    """The catalogue in the form that Accept likes best, Turtle where it takes anything."""
    best = request.accept_mimetypes.best_match([*_FORMS], TURTLE.media_type)
    response = _catalogue(_FORMS[best or TURTLE.media_type])
    response.vary.add("Accept")
    return response


@blueprint.get("/catalogue.<any(ttl, rdf, jsonld):ending>")
@counted("read")
def written(ending: str) -> Response:
    """The catalogue in one form."""
    return _catalogue(_ENDINGS[ending])


@blueprint.get("/data.json")
@counted("read")
def data_json() -> Response:
    """The catalogue as DCAT-US 1.1, all of it."""
    kept = _register()
    return _answer(kept, "application/json", lambda: dumps(documents.data_json(_entries(kept))).encode())


def _catalogue(form: Form) -> Response:
    kept = _register()
    page = _page(kept)
    shown = kept[(page.number - 1) * PAGE : page.number * PAGE]

    def make() -> bytes:
        drawn = graph(_entries(shown), page)
        if form is JSON_LD:
            return drawn.serialize(format=form.writer, context=CONTEXT, encoding="utf-8", ensure_ascii=False)
        return drawn.serialize(format=form.writer, encoding="utf-8")

    return _answer(shown, form.content_type, make, page.address, str(page.number), str(page.last))


def _register() -> list[Release]:
    """The latest release of each dataset without its files: France first, so that it stands on the first page."""
    with context.store().reading() as connection:
        kept = releases.current(connection, with_files=False)
    return sorted(kept, key=lambda release: (release.scope is not None, release.dataset))


def _entries(kept: Sequence[Release]) -> list[Entry]:
    with context.store().reading() as connection:
        files = {one.dataset: one for one in releases.current(connection, [release.dataset for release in kept])}
        return entries(connection, [files[release.dataset] for release in kept if release.dataset in files])


def _page(kept: Sequence[Release]) -> Page:
    """The page that is asked for. BadParameter if `page` is no number, Unknown beyond the last."""
    raw, last = request.args.get("page", "1"), max(1, -(-len(kept) // PAGE))
    if not (raw.isascii() and raw.isdigit() and len(raw) < 9 and int(raw) > 0):
        raise BadParameter("page", raw[:40], "is not a whole number from 1")
    if int(raw) > last:
        raise Unknown("page of the catalogue", raw)
    return Page(int(raw), last, context.absolute(request.path))


def _answer(shown: Sequence[Release], content_type: str, make: Callable[[], bytes], *more: str) -> Response:
    """The document under an ETag that holds until a release, the limits or the program change: 304 without making it."""
    settings = context.settings()
    parts = [__version__, context.absolute(""), settings.publisher, settings.contact or "", content_type, *more]
    parts += [context.revisions().of("limits").mark, *(f"{one.dataset} {one.name} {one.published_at}" for one in shown)]
    mark = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
    response = Response(content_type=content_type)
    if request.if_none_match.contains_weak(mark) or request.if_none_match.star_tag:
        response = Response(status=304)
    else:
        response.set_data(_kept.get(mark, make))
    response.set_etag(mark, weak=True)
    response.headers["Cache-Control"] = _FRESH
    response.headers["Link"] = f'<{context.absolute(url_for("releases.index"))}>; rel="describedby"; type="text/html"'
    return response
