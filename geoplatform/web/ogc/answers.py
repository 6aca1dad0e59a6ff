"""How the answers below /ogc/ are given: in which format, under which ETag, packed, with which links. From its views."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, g, request
from werkzeug.datastructures import Headers

from geoplatform import __version__
from geoplatform.encode import dumps
from geoplatform.errors import BadParameter
from geoplatform.web import context, language, packing

PREFIX = "/ogc"
#: A proxy or browser may keep an answer but asks whether it still holds.
_FRESH = "public, max-age=0, must-revalidate, stale-if-error=86400"


@dataclass(frozen=True, slots=True)
class Format:
    """What an answer is written in. `name`: of the parameter `f`."""

    name: str
    media_type: str
    title: str


JSON = Format("json", "application/json", "JSON")
HTML = Format("html", "text/html", "HTML")
GEOJSON = Format("json", "application/geo+json", "GeoJSON")
SCHEMA = Format("json", "application/schema+json", "JSON Schema")
OPENAPI = Format("json", "application/vnd.oai.openapi+json;version=3.0", "OpenAPI 3.0")


def chosen(*offered: Format) -> Format:
    """The format that `f` names, else the one that Accept likes best; the first where it takes anything.

    BadParameter, which lists those there are, for another `f`. A client that accepts none of them is given the first.
    """
    asked = request.args.get("f")
    names = {form.name: form for form in reversed(offered)}
    if asked is None:
        types = {form.media_type: form for form in offered}
        types |= {"application/json": offered[0]} if offered[0].name == "json" else {}
        best = request.accept_mimetypes.best_match([*types], default=offered[0].media_type)
        return types[best or offered[0].media_type]
    if asked == "geojson":
        asked = "json"
    if asked not in names:
        raise BadParameter("f", asked[:40], f"is not one of {', '.join(names)}", allowed=[*names])
    return names[asked]


def require_known(*known: str) -> None:
    """BadParameter for a parameter of the query that is not among these, or given twice with two values."""
    for name, values in request.args.lists():
        if name not in known:
            raise BadParameter(
                name[:40], None, f"is no parameter here; there are {', '.join(sorted(known))}", allowed=sorted(known)
            )
        if len(set(values)) > 1:
            raise BadParameter(name, [value[:40] for value in values][:4], "is given more than once")


def link(path: str, rel: str, form: Format | None = None, title: str | None = None, **query: Any) -> dict[str, Any]:
    """A link object (RFC 8288 relation names) to a path below /ogc."""
    told = {"href": address(path, **query), "rel": rel}
    if form:
        told["type"] = form.media_type
    return {**told, "title": title} if title else told


def address(path: str, **query: Any) -> str:
    """The absolute address of a path below /ogc."""
    given = {name: value for name, value in query.items() if value is not None}
    return _root() + path + (f"?{urlencode(given)}" if given else "")


def _root() -> str:
    if "root_of_ogc" not in g:
        g.root_of_ogc = context.absolute(f"{request.script_root}{PREFIX}")
    return g.root_of_ogc  # type: ignore[no-any-return]


def mark(data: Iterable[str], *more: str) -> str:
    """What tells this answer from any other, without quotes: it changes when the data do, and with all that shapes it."""
    parts = [__version__, language.chosen(), request.host_url, request.full_path, *more]
    parts += [context.revisions().of(one).mark for one in data]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def unchanged(etag: str, *, weak: bool = True) -> Response | None:
    """304 if the client has exactly this, so that nothing need be asked of the database."""
    if request.if_none_match.contains_weak(etag) or request.if_none_match.star_tag:
        response = Response(status=304)
        return described(response, etag, weak=weak)
    return None


def described(response: Response, etag: str, *, weak: bool = True) -> Response:
    """The response with its ETag and what caches need to know."""
    response.set_etag(etag, weak=weak)
    response.headers["Cache-Control"] = _FRESH
    response.vary.update(("Accept", "Accept-Encoding", "Cookie"))
    response.headers["Content-Language"] = language.chosen()
    return response


def document(content: Any, form: Format, etag: str, headers: Headers | dict[str, str] | None = None) -> Response:
    """JSON of a kind, packed as the client takes it."""
    return described(packed(dumps(content).encode(), form.media_type, headers), etag)


def packed(body: bytes, media_type: str, headers: Headers | dict[str, str] | None = None) -> Response:
    """A body in the packing that the client likes best of those we have; a small one as it is."""
    coding = packing.coded() if len(body) >= packing.LEAST else None
    response = Response(packing.packed(body, coding) if coding else body, content_type=media_type, headers=headers)
    if coding:
        response.headers["Content-Encoding"] = coding
    return response


def streamed(pieces: Iterator[bytes], media_type: str, headers: dict[str, str] | None = None) -> Response:
    """Pieces sent as they come, packed on the way."""
    coding = packing.coded()
    if coding:
        pieces = _through(packing.packer(coding), pieces)
    response = Response(pieces, content_type=media_type, headers=headers)
    if coding:
        response.headers["Content-Encoding"] = coding
    response.vary.update(("Accept", "Accept-Encoding"))
    response.headers["Cache-Control"] = "no-store"
    return response


def _through(packer: Any, pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        for piece in pieces:
            if some := packer.compress(piece):
                yield some
        yield packer.flush()
    finally:
        close = getattr(pieces, "close", None)
        if close:
            close()
