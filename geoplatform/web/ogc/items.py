"""Features: page by page in every format, or one of them. From QGIS, GDAL, ArcGIS, browsers; to `store.features`."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

import shapely
from flask import Blueprint, Response, request
from sqlalchemy import Connection
from sqlalchemy import exc as sql
from werkzeug.wrappers import Response as BaseResponse

from geoplatform.encode import dumps
from geoplatform.errors import BadParameter, UnknownFeature
from geoplatform.references import CRS84
from geoplatform.store import collections, features
from geoplatform.store.collections import Collection
from geoplatform.store.features import Page
from geoplatform.store.spelling import AsFeature, AsValues, Position, Spelling
from geoplatform.web import context, packing
from geoplatform.web.limits import counted
from geoplatform.web.ogc import answers, asking, formats, words
from geoplatform.web.ogc.answers import GEOJSON, HTML, Format, link
from geoplatform.web.ogc.asking import Asked

blueprint = Blueprint("ogc_items", __name__, url_prefix=answers.PREFIX)

_ON_A_PAGE = 20
_VERSION = "version"


@blueprint.get("/collections/<name>/items", provide_automatic_options=False)
@counted("read")
def listed(name: str) -> BaseResponse:
    """A page of features, with a link to the next; in what format, `f` or Accept says."""
    collection = collections.named(name)
    answers.require_known(*asking.parameters(collection))
    form = answers.chosen(GEOJSON, HTML, *formats.TABULAR)
    etag = answers.mark(_data(collection), form.media_type)
    if form is not HTML and (same := answers.unchanged(etag)):
        return same
    then = context.asked_vintage() if collection.editions is not None else None
    default = _ON_A_PAGE if form is HTML else asking.DEFAULT_LIMIT
    asked = asking.read(collection, default, then.id if then else None)
    plain = asked.wanted.is_plain and not asked.window.sort
    with context.store().reading(context.cancellation(), one_plan=plain) as connection:
        page = _page(connection, collection, asked, _spelling(form, collection, asked))
    if form is HTML:
        return _as_page(collection, asked, page)
    headers = {"Content-Crs": f"<{_crs(form, asked)}>"}
    body = _body(form, collection, asked, page, headers)
    return answers.described(answers.packed(body, _media_type(form), headers), etag)


@blueprint.get("/collections/<name>/items/<identifier>", provide_automatic_options=False)
@counted("read")
def single(name: str, identifier: str) -> BaseResponse:
    """One feature. UnknownFeature if there is none of this identifier."""
    collection = collections.named(name)
    own = ("vintage", "at") if collection.editions is not None else ()
    answers.require_known("f", "crs", "properties", "skipGeometry", *own)
    form = answers.chosen(GEOJSON, HTML)
    mark = answers.mark(_data(collection), form.media_type, packing.coded() or "")
    if form is not HTML and (held := _held(mark)):
        return held
    then = context.asked_vintage() if own else None
    asked = asking.read(collection, vintage=then.id if then else None)
    with context.store().reading(context.cancellation()) as connection:
        spelling = _spelling(form, collection, _with_version(collection, asked))
        row = _asked_of_the_store(features.one, connection, collection, identifier, asked.wanted, spelling)
    if row is None:
        raise UnknownFeature(identifier[:80])
    if form is HTML:
        feature = json.loads(row[0])
        shown = {"collection": collection, "title": words.titles()[name], "labels": words.labels(), "feature": feature}
        return context.page("ogc/item.html", **shown, view=_view([feature]))
    return _one(collection, identifier, row[0], asked, mark)


def _held(mark: str) -> Response | None:
    """304 where the client has the feature as it was at this mark, at whatever version that was."""
    held = request.if_none_match.as_set(include_weak=True)
    tag = next((tag for tag in held if tag and tag.endswith(f"-{mark}")), None)
    return answers.unchanged(tag, weak=False) if tag else None


def _with_version(collection: Collection, asked: Asked) -> Asked:
    """The same, but that the version, of which the ETag is made, is among the properties of what can be edited."""
    if not collection.is_editable or asked.names is None or _VERSION in asked.names:
        return asked
    return dataclasses.replace(asked, names=(*asked.names, _VERSION))


def _one(collection: Collection, identifier: str, feature: str, asked: Asked, mark: str) -> Response:
    path = f"/collections/{collection.name}/items/{identifier}"
    links = [
        link(path, "self", GEOJSON),
        link(path, "alternate", HTML, f="html"),
        link(f"/collections/{collection.name}", "collection", answers.JSON),
    ]
    version = 0
    if collection.is_editable:
        told = json.loads(feature)
        version = told["properties"][_VERSION]
        if asked.names is not None and _VERSION not in asked.names:
            del told["properties"][_VERSION]
            feature = dumps(told)
    body = f'{feature[:-1]},"links":{dumps(links)}}}'.encode()
    response = answers.packed(body, GEOJSON.media_type, {"Content-Crs": f"<{asked.reference.uri}>"})
    return answers.described(response, f"{version}-{mark}", weak=False)  # If-Match compares strongly (RFC 9110 §13.1.1)


def _spelling(form: Format, collection: Collection, asked: Asked) -> Spelling:
    if form is HTML:
        return AsFeature(CRS84, asked.names)
    if formats.is_text(form):
        return AsFeature(asked.reference, asked.names, asked.with_geometry)
    if asked.reference != CRS84:
        raise BadParameter("crs", asked.reference.uri, f"is for GeoJSON; {form.title} is written in {CRS84.uri}")
    if form is formats.CSV:
        return AsValues(
            asked.names, Position.LONLAT if collection.holds_points and asked.with_geometry else Position.NONE
        )
    return AsValues(asked.names)


def _page(connection: Connection, collection: Collection, asked: Asked, spelling: Spelling) -> Page:
    return _asked_of_the_store(features.page, connection, collection, asked.wanted, asked.window, spelling)  # type: ignore[no-any-return]


def _asked_of_the_store(work: Any, *arguments: Any) -> Any:
    """What the store answers. BadParameter where a feature lies beyond where the asked coordinate system holds."""
    try:
        return work(*arguments)
    except (sql.InternalError, sql.DataError) as error:
        if "transform" in str(error.orig):
            raise BadParameter(
                "crs", request.args.get("crs", "")[:80], "does not hold where some of these features lie"
            ) from error
        raise


def _body(form: Format, collection: Collection, asked: Asked, page: Page, headers: dict[str, str]) -> bytes:
    following = _next(page, form)
    if form is GEOJSON:
        return formats.collection([row[0] for row in page.rows], _members(collection, asked, page, following))
    matched = _matched(collection, asked, page)
    if matched is not None:
        headers["OGC-NumberMatched"] = str(matched)
    headers["OGC-NumberReturned"] = str(len(page.rows))
    links = [f'<{answers.address(f"/collections/{collection.name}/items", **request.args)}>; rel="self"']
    links += [f'<{following["href"]}>; rel="next"; type="{form.media_type}"'] if following else []
    headers["Link"] = ", ".join(links)
    if form is formats.SEQUENCE:
        return b"".join(formats.sequence([[(row[0].encode(),) for row in page.rows]]))
    header = AsValues(asked.names).header(collection)
    if form is formats.CSV:
        points = collection.holds_points and asked.with_geometry
        return b"".join(formats.rows([page.rows], header, points=points))
    return formats.table(form, collection, header, page.rows)


def _members(collection: Collection, asked: Asked, page: Page, following: dict[str, Any] | None) -> dict[str, Any]:
    path = f"/collections/{collection.name}/items"
    other = {name: value for name, value in request.args.items() if name != "f"}
    links = [
        link(path, "self", GEOJSON, **request.args),
        link(path, "alternate", HTML, f="html", **other),
        link(f"/collections/{collection.name}", "collection", answers.JSON),
    ]
    matched = _matched(collection, asked, page)
    return {
        "numberReturned": len(page.rows),
        **({} if matched is None else {"numberMatched": matched}),
        "timeStamp": _now(),
        "links": [*links, following] if following else links,
    }


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _next(page: Page, form: Format) -> dict[str, Any] | None:
    if page.following is None:
        return None
    query = {name: value for name, value in request.args.items() if name not in ("offset", "cursor")}
    path = request.path.removeprefix(answers.PREFIX)
    return link(path, "next", form, **query, cursor=asking.spelled_cursor(page.following))


def _matched(collection: Collection, asked: Asked, page: Page) -> int | None:
    """How many features there are in all: known without counting where this page is all of them."""
    if page.following is None and asked.window.after is None and (page.rows or not asked.window.offset):
        return asked.window.offset + len(page.rows)
    return context.counts().exact(collection, asked.wanted, asked.key)


def _data(collection: Collection) -> tuple[str, ...]:
    return collection.data


def _crs(form: Format, asked: Asked) -> str:
    return asked.reference.uri if formats.is_text(form) else CRS84.uri


def _media_type(form: Format) -> str:
    return "text/csv; charset=utf-8; header=present" if form is formats.CSV else form.media_type


def _view(found: list[dict[str, Any]]) -> list[float] | None:
    """The box around some features, for a map; None where none has a place on it."""
    shapes = [shapely.from_geojson(json.dumps(feature["geometry"])) for feature in found if feature["geometry"]]
    return [float(side) for side in shapely.total_bounds(shapes)] if shapes else None


def _as_page(collection: Collection, asked: Asked, page: Page) -> Response:
    """The page of a list: a map, a table, the next page."""
    found = [json.loads(row[0]) for row in page.rows]
    query = {name: value for name, value in request.args.items() if name != "f"}
    return context.page(
        "ogc/items.html",
        collection=collection,
        title=words.titles()[collection.name],
        labels=words.labels(),
        features=found,
        view=_view(found),
        first=answers.address(
            f"/collections/{collection.name}/items",
            f="html",
            **{n: v for n, v in query.items() if n not in ("offset", "cursor")},
        ),
        columns=[
            column.name
            for column in collection.columns
            if column.name != "name" and any(feature["properties"].get(column.name) is not None for feature in found)
        ],
        matched=_matched(collection, asked, page),
        following=_next(page, HTML),
        is_first=asked.window.after is None and not asked.window.offset,
        query=query,
        formats=(GEOJSON, *formats.TABULAR),
        address=answers.address,
    )
