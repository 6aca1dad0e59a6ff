"""Changes: the diffs between states of released files, and what happened in a commune as a feed (Atom)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for

from geoplatform.errors import Unknown, UnknownCommune, Withdrawn
from geoplatform.model import commune_code
from geoplatform.store import communes, diffs, happenings, releases
from geoplatform.store.communes import Succeeded
from geoplatform.store.diffs import Diff
from geoplatform.store.releases import Download, ReleasedFile
from geoplatform.web import context
from geoplatform.web import releases as downloads
from geoplatform.web.limits import counted

blueprint = Blueprint("changes", __name__)

_GZIP = "application/gzip"
_ATOM = "application/atom+xml; charset=utf-8"
_FRESH = "public, max-age=300"
_MOST_ENTRIES = 100


@blueprint.get("/exports/<dataset>/changes")
@counted("read")
def index(dataset: str) -> Response:
    """The chains of a dataset, each with its last state and the diffs that may be downloaded."""
    found = _listed(dataset)
    names = dict.fromkeys(one.chain for one in found)
    return _fresh(
        jsonify(dataset=dataset, chains=[_told([one for one in found if one.chain == name]) for name in names])
    )


@blueprint.get("/exports/<dataset>/changes/<chain>/state.json")
@counted("read")
def state(dataset: str, chain: str) -> Response:
    """The last state of a chain, the diff that leads to it, and those before."""
    return _fresh(jsonify(_told(_listed(dataset, chain))))


@blueprint.get("/exports/<dataset>/changes/<chain>/<int:seq>.jsonl.gz")
@counted("read")
def diff(dataset: str, chain: str, seq: int) -> Response:
    """A diff: a head, tombstones, and what came or changed, a line each. 410 where it was taken back."""
    are_names = downloads.NAME.fullmatch(dataset) and downloads.NAME.fullmatch(chain)
    with context.store().reading() as connection:
        found = diffs.get(connection, dataset, chain, seq) if are_names and seq < 1 << 31 else None
    if found is None:
        _listed(dataset, chain)  # names the first part of the address that is unknown
    if found is None or found.sha256 is None or found.bytes is None:
        raise Unknown("diff", seq)
    if found.state != "kept":
        raise Withdrawn(
            f"diff {seq} of {chain} was taken back: take the latest release, and go on from there",
            what=f"{chain}/{seq}",
        )
    rows = found.created + found.modified + found.deleted
    file = ReleasedFile(f"{seq}.jsonl.gz", "changes", _GZIP, found.licence, rows, found.bytes, found.sha256)
    links = [f'<{_state_url(found)}>; rel="describedby"; type="application/json"']
    if found.prev:
        links.append(f'<{_diff_url(dataset, chain, seq - 1)}>; rel="prev"')
    headers = {"Cache-Control": "public, max-age=86400", "Link": ", ".join(links)}
    return downloads.sent(dataset, Download(f"changes/{chain}", found.published_at, file), headers)


@blueprint.get("/communes/<code>/changes.atom")
@counted("read")
def feed(code: str) -> Response:
    """What came, changed and went in a commune, the latest day first, as Atom with tombstones (RFC 4287, RFC 6721)."""
    known = commune_code(code)
    with context.store().reading() as connection:
        commune = communes.sought(connection, known, None)
        if isinstance(commune, Succeeded):
            raise UnknownCommune(known)
        found = happenings.of_commune(connection, known, _MOST_ENTRIES)
    latest = max((one.day for one in found), default=dt.date(2016, 1, 1))
    body = render_template(
        "commune_changes.xml", commune=commune, happenings=found, latest=latest, absolute=context.absolute
    )
    response = Response(body, content_type=_ATOM)
    response.vary.add("Cookie")  # in the reader's language
    response.add_etag()
    response.make_conditional(request)
    return _fresh(response)


@blueprint.after_request
def tell_other_sites(response: Response) -> Response:
    """Let pages of other sites read our headers."""
    return downloads.tell_other_sites(response)


def _listed(dataset: str, chain: str | None = None) -> list[Diff]:
    """Of a dataset or one of its chains. Unknown where nothing is."""
    are_names = downloads.NAME.fullmatch(dataset) and (chain is None or downloads.NAME.fullmatch(chain))
    with context.store().reading() as connection:
        found = diffs.listed(connection, dataset, chain) if are_names else []
        if not found and not (downloads.NAME.fullmatch(dataset) and releases.known(connection, dataset)):
            raise Unknown("dataset", dataset[:80])
    if not found and chain is not None:
        raise Unknown("chain", chain[:80])
    return found


def _told(found: list[Diff]) -> dict[str, Any]:
    """A chain, from its states, the latest first."""
    last = found[0]
    kept = []
    for one in found:
        if not one.is_kept:
            break
        kept.append(_told_diff(one))
    return {
        "chain": last.chain,
        "dataset": last.dataset,
        "licence": last.licence,
        "seq": last.seq,
        "at": last.cut_at.isoformat(timespec="seconds"),
        "from": last.from_sha256 and {"sha256": last.from_sha256, "rows": last.from_rows},
        "to": {"sha256": last.to_sha256, "rows": last.to_rows},
        "sha256": last.sha256,
        "prev": last.prev,
        "state_url": _state_url(last),
        "diffs": kept,
    }


def _told_diff(one: Diff) -> dict[str, Any]:
    return {
        "seq": one.seq,
        "url": _diff_url(one.dataset, one.chain, one.seq),
        "at": one.cut_at.isoformat(timespec="seconds"),
        "from": {"sha256": one.from_sha256, "rows": one.from_rows},
        "to": {"sha256": one.to_sha256, "rows": one.to_rows},
        "sha256": one.sha256,
        "prev": one.prev,
        "bytes": one.bytes,
        "created": one.created,
        "modified": one.modified,
        "deleted": one.deleted,
    }


def _diff_url(dataset: str, chain: str, seq: int) -> str:
    return context.absolute(url_for("changes.diff", dataset=dataset, chain=chain, seq=seq))


def _state_url(one: Diff) -> str:
    return context.absolute(url_for("changes.state", dataset=one.dataset, chain=one.chain))


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = _FRESH
    return response
