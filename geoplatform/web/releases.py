"""Downloads: the files of releases by addresses that last, and the pages that lead to them.

What a file is stands in the register; its bytes lie in the folder of exports. A file is never packed on its way: programs read
parts of it by ranges.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for
from sqlalchemy import Connection
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_date

from geoplatform.errors import FileAstray, Unknown, Withdrawn
from geoplatform.model import Licence
from geoplatform.store import collections, diffs, erasures, places, releases
from geoplatform.store.collections import Box
from geoplatform.store.releases import Download, Release, ReleasedFile
from geoplatform.web import context, language, params
from geoplatform.web.catalogue.documents import schema_org
from geoplatform.web.catalogue.entries import entries
from geoplatform.web.gateway import Part
from geoplatform.web.limits import counted

log = logging.getLogger(__name__)
blueprint = Blueprint("releases", __name__, url_prefix="/exports")

LATEST = "latest"
_MAINLAND: Box = (-5.2, 41.3, 9.7, 51.2)
#: Bytes of a GeoJSON that a page fetches to draw it.
_LARGEST_DRAWN = 3_000_000
_PAPER = "paper"
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_RANGE = re.compile("bytes=([0-9]{0,40})-([0-9]{0,40})", re.IGNORECASE)
CACHED = {True: "public, max-age=3600", False: "public, max-age=31536000, immutable"}
_EXPOSED = "ETag, Content-Length, Content-Range, Accept-Ranges, Repr-Digest, Link, Last-Modified"
_ASKED = "Range, If-Range, If-Match, If-None-Match, If-Modified-Since"
#: What nginx would judge by its own file, without our ETag and date.
_OURS_TO_JUDGE = ("If-Match", "If-Unmodified-Since")


@blueprint.after_request
def tell_other_sites(response: Response) -> Response:
    """Let pages of other sites read our headers and ask for ranges."""
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = _ASKED
        response.headers["Access-Control-Max-Age"] = "86400"
    return response


@blueprint.get("")
@counted("read")
def index() -> Response:
    """The datasets that may be downloaded: France first, then its parts."""
    wanted = params.page_format()
    with context.store().reading() as connection:
        kept = sorted(releases.current(connection), key=_importance)
    if wanted == "html":
        facts = {release.dataset: _facts(release) for release in kept}
        return context.page("releases.html", kept=kept, facts=facts, licence_of=_licence)
    return _varying(jsonify(datasets=[_told(release, LATEST) for release in kept]))


@blueprint.get("/<dataset>")
@counted("read")
def dataset(dataset: str) -> Response:
    """A dataset: its latest release, and those before."""
    return _shown(dataset, LATEST)


@blueprint.get("/<dataset>/<release>")
@counted("read")
def release(dataset: str, release: str) -> Response:
    """A release of a dataset; `latest` is the current one."""
    return _shown(dataset, release)


@blueprint.get("/<dataset>/<release>/<file>")
@counted("read", ranges="tile")
def file(dataset: str, release: str, file: str) -> Response:
    """A file, or the range of it that is asked for."""
    found = _found(dataset, release, file)
    response = sent(dataset, found, _headers(dataset, release, found))
    begins = request.headers.get("Range", "bytes=0-").strip().lower().startswith("bytes=0-")
    if request.method == "GET" and response.status_code in (200, 206) and begins:  # the rest of it is no other fetch
        context.fetches().count(dataset, found.release, found.file.name)
    return response


def sent(dataset: str, found: Download, headers: dict[str, str]) -> Response:
    """A registered file, or the range of it that is asked for, or that it is still the same (304)."""
    response = Response(content_type=found.file.media_type, direct_passthrough=True)
    response.headers.update(headers)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(found.file.sha256)).decode()}:"
    response.headers["Content-Disposition"] = f'inline; filename="{found.file.name}"'
    response.set_etag(found.file.sha256)
    response.last_modified = found.published_at
    response.make_conditional(request)
    if response.status_code == 200:
        _fill(response, dataset, found)
    return response


def _shown(dataset: str, name: str) -> Response:
    wanted = params.page_format()
    with context.store().reading() as connection:
        kept = releases.listed(connection, dataset) if NAME.fullmatch(dataset) else []
        latest = next((one for one in kept if one.state == "current"), kept[0] if kept else None)
        known = latest and latest.name if name == LATEST else next((one.name for one in kept if one.name == name), None)
        if known is None and NAME.fullmatch(dataset) and NAME.fullmatch(name):
            _refuse_withdrawn(connection, dataset, name)
        if not kept:
            raise Unknown("dataset", dataset[:80])
        chosen = releases.named(connection, dataset, known) if known else None
        chained = diffs.known(connection, dataset)
        catalogued = entries(connection, [chosen]) if chosen and name == LATEST and wanted == "html" else []
        box = _box(connection, chosen) if chosen and wanted == "html" else None
        categories = places.all_categories(connection) if box else {}
    if chosen is None:
        raise Unknown("release", name[:80])
    if wanted != "html":
        return _varying(jsonify(**_told(chosen, name), **_beside(chosen, kept)))
    facts = _facts(chosen)
    return context.page("release.html", release=chosen, name=name, latest=latest, kept=kept, facts=facts,
                        credit=_credit(chosen), loading=_loading(chosen, name), licence_of=_licence,
                        chained=chained, preview=_preview(chosen, name, box), categories=categories,
                        structured=schema_org(catalogued, language.chosen()) if catalogued else None)  # fmt: skip


def _found(dataset: str, release: str, file: str) -> Download:
    """What the register says of a file. Unknown names the first part of the address that it does not know."""
    name = None if release == LATEST else release
    are_names = [NAME.fullmatch(part) is not None for part in (dataset, release, file)]
    with context.store().reading() as connection:
        found = releases.download(connection, dataset, name, file) if all(are_names) else None
        if found:
            return found
        if name and all(are_names):
            _refuse_withdrawn(connection, dataset, name)
        if not (are_names[0] and releases.known(connection, dataset)):
            raise Unknown("dataset", dataset[:80])
        if name and not (are_names[1] and releases.known(connection, dataset, name)):
            raise Unknown("release", release[:80])
    raise Unknown("file", file[:80])


def _refuse_withdrawn(connection: Connection, dataset: str, name: str) -> None:
    """Withdrawn for a release that was taken back; it tells what stands there instead."""
    instead = erasures.replacement(connection, dataset, name)
    if instead is None:
        return
    if instead:
        address = url_for("releases.release", dataset=dataset, release=instead)
        told = f"release {name} of {dataset} was taken back; what remains of it is {instead}"
    else:
        address = url_for("releases.dataset", dataset=dataset)
        told = f"release {name} of {dataset} was taken back: take the latest"
    raise Withdrawn(told, what=f"{dataset}/{name}", instead=context.absolute(address))


def _headers(dataset: str, release: str, found: Download) -> dict[str, str]:
    def address(of: str, name: str) -> str:
        return context.absolute(url_for("releases.file", dataset=dataset, release=of, file=name))

    name = found.file.name
    other = (found.release, "memento") if release == LATEST else (LATEST, "latest-version")
    links = [
        f'<{address(release, "LICENSE")}>; rel="license"',
        f'<{address(release, "datapackage.json")}>; rel="describedby"; type="application/json"',
        f'<{address(other[0], name)}>; rel="{other[1]}"',
    ]
    return {
        "Cache-Control": CACHED[release == LATEST],
        "Link": ", ".join(links),
    }


def _fill(response: Response, dataset: str, found: Download) -> None:
    """Give the answer its bytes, or have nginx give them. 416 for a range beyond the end."""
    size = found.file.bytes
    path = _on_disk(dataset, found.release, found.file)
    asked = _range(response, size) if request.method == "GET" else None
    accel = context.settings().accel
    if accel and request.method == "GET" and not any(name in request.headers for name in _OURS_TO_JUDGE):
        del response.headers["Accept-Ranges"]  # nginx adds its own
        response.headers["X-Accel-Redirect"] = f"{accel}{dataset}/{found.release}/{found.file.name}"
        return
    begin, end = asked or (0, size)
    if asked:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    response.content_length = end - begin
    response.response = Part(path, begin, end)


def _range(response: Response, size: int) -> tuple[int, int] | None:
    """First byte, and the one after the last. None for the whole file: also where several ranges are asked for, what is no range,
    or one of another version of the file."""
    matched = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if not matched or matched[1] == matched[2] == "" or not _is_same(response):
        return None
    if not matched[1]:
        begin, end = max(size - int(matched[2]), 0), size
    else:
        begin, end = int(matched[1]), min(int(matched[2]) + 1, size) if matched[2] else size
        if matched[2] and int(matched[2]) < begin:
            return None
    if begin >= end:
        raise RequestedRangeNotSatisfiable(size)
    return begin, end


def _is_same(response: Response) -> bool:
    """Whether If-Range, where it is given, names the file as it is now."""
    known = request.headers.get("If-Range", "").strip()
    if not known or known == response.headers["ETag"]:
        return True
    day = None if '"' in known else parse_date(known)
    return day is not None and day == response.last_modified


def _on_disk(dataset: str, release: str, file: ReleasedFile) -> Path:
    """Where a file lies. FileAstray if it is not there as it was published."""
    folder = context.settings().export_folder
    path = (folder or Path()) / dataset / release / file.name
    try:
        facts = path.lstat() if folder else None
    except OSError:
        facts = None
    if facts is None or not stat.S_ISREG(facts.st_mode) or facts.st_size != file.bytes:
        found = "it is missing" if facts is None else f"it has {facts.st_size} bytes"
        log.error("%s is registered with %d bytes: %s", path, file.bytes, found)
        raise FileAstray(f"{file.name}: {found}", file=file.name)
    return path


def _facts(release: Release) -> dict[str, Any]:
    """What the pages tell of a release: files by licence, those that are empty apart, and the papers; sums."""
    data = [file for file in release.files if file.format != _PAPER]
    by_licence: dict[str | None, list[ReleasedFile]] = {}
    for one in data:
        if one.rows != 0:
            by_licence.setdefault(one.licence, []).append(one)
    counts = {licence: max(one.rows or 0 for one in files) for licence, files in by_licence.items()}
    return {
        "by_licence": by_licence,
        "counts": counts,
        "rows": sum(counts.values()),
        "bytes": sum(one.bytes for one in data),
        "empty": [one for one in data if one.rows == 0],
        "papers": [one for one in release.files if one.format == _PAPER],
        "files": len(data),
    }


def _loading(release: Release, name: str) -> dict[str, str]:
    """Absolute addresses of the fullest licence's files, by format: for the commands that load them."""
    facts = _facts(release)
    fullest = max(facts["counts"], key=facts["counts"].__getitem__, default=None)
    files: Sequence[ReleasedFile] = facts["by_licence"].get(fullest, ())
    return {one.format: _address(release, name, one.name) for one in files}


def _box(connection: Connection, release: Release) -> Box | None:
    """Around the scope of a release. None if that is no more; mainland France where there is no scope."""
    if release.scope is None or release.scope_code is None:
        return _MAINLAND
    return collections.boxes(connection, release.scope, [release.scope_code]).get(release.scope_code)


def _preview(release: Release, name: str, box: Box | None) -> dict[str, Any] | None:
    """What the map of a release shows: one of its own files, the one asked for or the fullest. None if none can be drawn.

    Tiles where there are some, read in place; else GeoJSON, where it is small.
    """
    order = sorted((file for file in release.files if file.rows), key=lambda file: -(file.rows or 0))
    drawn = [file for file in order if file.format == "pmtiles"]
    drawn = drawn or [file for file in order if file.format == "geojson" and file.bytes <= _LARGEST_DRAWN]
    if not drawn or box is None:
        return None
    asked = request.args.get("preview")
    shown = next((file for file in drawn if file.name == asked), drawn[0])
    address = url_for("releases.file", dataset=release.dataset, release=name, file=shown.name)
    return {
        "file": shown,
        "others": [file for file in drawn if file is not shown],
        "bbox": box,
        "archives": {release.collection: address} if shown.format == "pmtiles" else None,
        "features": None if shown.format == "pmtiles" else address,
    }


def _importance(release: Release) -> tuple[bool, bool, str]:
    return release.scope is not None, release.collection != "places", release.dataset


def _credit(release: Release) -> dict[str, str] | None:
    """Whom to name for the limits: the manifest knows. None where it cannot be read."""
    manifest = next((one for one in release.files if one.name == "manifest.json"), None)
    try:
        told = manifest and json.loads(_on_disk(release.dataset, release.name, manifest).read_bytes())
    except (FileAstray, OSError, ValueError):
        return None
    return told["vintage"] if told else None


def _licence(spdx: str | None) -> Licence | str | None:
    """A licence we know, else what is written."""
    return Licence(spdx) if spdx in list(Licence) else spdx


def _told(release: Release, name: str) -> dict[str, Any]:
    """A release as JSON. `name`: of it in addresses."""
    return {
        "dataset": release.dataset,
        "release": release.name,
        "collection": release.collection,
        "scope": release.scope and {"level": release.scope, "code": release.scope_code, "name": release.scope_name},
        "vintage": release.vintage,
        "cut_at": release.cut_at.isoformat(timespec="seconds"),
        "published_at": release.published_at.isoformat(timespec="seconds"),
        "is_latest": release.state == "current",
        "url": _page(release, name),
        "permanent_url": _page(release, release.name),
        "files": [_told_file(release, name, one) for one in release.files],
    }


def _told_file(release: Release, name: str, file: ReleasedFile) -> dict[str, Any]:
    licence = _licence(file.licence)
    return {
        "name": file.name,
        "url": _address(release, name, file.name),
        "format": file.format,
        "media_type": file.media_type,
        "licence": file.licence,
        "licence_url": licence.url if isinstance(licence, Licence) else None,
        "rows": file.rows,
        "bytes": file.bytes,
        "sha256": file.sha256,
    }


def _beside(chosen: Release, kept: Sequence[Release]) -> dict[str, Any]:
    credit = _credit(chosen)
    return {
        "attribution": credit and credit["attribution"],
        "releases": [
            {
                "release": one.name,
                "published_at": one.published_at.isoformat(timespec="seconds"),
                "url": _page(one, one.name),
            }
            for one in kept
        ],
    }


def _page(release: Release, name: str) -> str:
    if name == LATEST:
        return context.absolute(url_for("releases.dataset", dataset=release.dataset))
    return context.absolute(url_for("releases.release", dataset=release.dataset, release=name))


def _address(release: Release, name: str, file: str) -> str:
    return context.absolute(url_for("releases.file", dataset=release.dataset, release=name, file=file))


def _varying(response: Response) -> Response:
    """Data that a page has the address of, too."""
    response.vary.add("Accept")
    return response
