"""Job `features`: lists of places against other servers of OGC API Features, and everything at once as a stream.

A peer that cannot be had is named and left out.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from geoplatform.store import places
from tests.bench import peers
from tests.bench.asking import got, hushed, left_out_if_unavailable, wrk
from tests.bench.bench import Bench, Database
from tests.bench.figure import Figure, paired
from tests.bench.peers import Peer, Unavailable

_TIMES = 3
_CLIENTS = 8
_SEED = 974
#: Half the width of a box around a commune, degrees; nearly every one holds a hundred places when there are a million.
_REACH = 0.15
_DEPTH = 500_000
#: So many different lists are asked in one turn; a fast server goes through them more than once.
_LISTS = 2_000
#: A server that answers fewer has one turn only, and few lists.
_SLOW_PER_S, _FEW = 50, 50
_STREAM_GOAL, _MEMORY_GOAL_MB = 100_000, 150
_OTHERS = (peers.tipg, peers.pygeoapi)
_ITEMS = {
    peers.OURS: "/ogc/collections/places/items?",
    "tipg": "/collections/peers.places/items?f=geojson&",
    "pygeoapi": "/collections/places/items?f=json&",
}


@dataclass(frozen=True)
class Commune:
    """A commune that is asked for: code, centre in degrees."""

    code: str
    lon: float
    lat: float


def figures(bench: Bench) -> Iterator[Figure]:
    """Lists a second at 8 clients; ours and the peer take turns. What a list counts is kept by ours while nothing is written."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that every server stops
    try:
        peers.program("wrk", "wrk")
    except Unavailable as reason:
        print(f"  features cannot be measured: {reason}", file=sys.stderr)
        return
    with bench.database(bench.france) as database:
        with database.store() as store, store.transaction() as connection:
            places.load_bulk(connection, bench.rows(store), "bench", dt.datetime.now(dt.UTC))
        peers.make_tables(database)
        with database.connect() as connection:
            connection.execute("CREATE INDEX ON peers.places (commune_code)")
            connection.execute("VACUUM ANALYZE")
            found = connection.execute(
                "SELECT code, ST_X(c), ST_Y(c) FROM (SELECT code, population, ST_Centroid(geom) AS c FROM peers.communes) AS p"
                " WHERE population > 2000 ORDER BY code"
            ).fetchall()
        yield from measured(bench.folder, database, [Commune(*row) for row in found])


def measured(folder: Path, database: Database, around: list[Commune]) -> Iterator[Figure]:
    """All figures on a database with France, places and the peers' tables."""
    dice = np.random.default_rng(_SEED)
    with peers.ours(database, folder / "ours", "off") as ours:
        for start in _OTHERS:
            with (
                left_out_if_unavailable(start.__name__),
                hushed(database),
                start(database, folder / start.__name__) as peer,
            ):
                for what, ask in _QUESTIONS.items():
                    yield _beside(ours, peer, folder, what, lambda server, ask=ask: ask(server, around, dice))
        yield from _unchanged(ours, folder)
        yield from _streamed(ours)


def _boxes(limit: int) -> Callable[[Peer, list[Commune], np.random.Generator], list[str]]:
    def ask(server: Peer, around: list[Commune], dice: np.random.Generator) -> list[str]:
        return [
            f"{_ITEMS[server.name]}limit={limit}&bbox={west:.4f},{south:.4f},{west + 2 * _REACH:.4f},{south + 2 * _REACH:.4f}"
            for commune in _drawn(around, dice)
            for west, south in [np.array([commune.lon, commune.lat]) - _REACH + dice.normal(0, 0.02, 2)]
        ]

    return ask


def _communes(server: Peer, around: list[Commune], dice: np.random.Generator) -> list[str]:
    return [f"{_ITEMS[server.name]}limit=100&commune_code={commune.code}" for commune in _drawn(around, dice)]


def _first(server: Peer, around: list[Commune], dice: np.random.Generator) -> list[str]:
    return [f"{_ITEMS[server.name]}limit=10"]


def _deep(server: Peer, around: list[Commune], dice: np.random.Generator) -> list[str]:
    """Pages beyond half a million: ours by the links that it gives, theirs by number."""
    offsets = [_DEPTH + 10 * number for number in range(_FEW)]
    paths = [f"{_ITEMS[server.name]}limit=10&offset={offset}" for offset in offsets]
    if server.name != peers.OURS:
        return paths
    pages = [json.loads(answer.body) for answer in got(server.port, paths)]
    return [_path(link["href"]) for page in pages for link in page["links"] if link["rel"] == "next"]


_QUESTIONS: dict[str, Callable[[Peer, list[Commune], np.random.Generator], list[str]]] = {
    "a box, 100 places": _boxes(100),
    "a box, 1,000 places": _boxes(1_000),
    "a commune, 100 places": _communes,
    "the first page": _first,
    f"a page at {_DEPTH:,}": _deep,
}


def _drawn(around: list[Commune], dice: np.random.Generator) -> list[Commune]:
    return [around[index] for index in dice.integers(0, len(around), _LISTS)]


def _path(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def _beside(ours: Peer, peer: Peer, folder: Path, what: str, ask: Callable[[Peer], list[str]]) -> Figure:
    """Ours and the peer in turns, other lists in each; a very slow peer has one turn only."""
    _require_features(peer, ask(peer)[:3])

    def rate(server: Peer, most: int) -> float:
        try:
            return wrk(folder, server.port, ask(server)[:most], clients=_CLIENTS, whole=True).per_second
        except RuntimeError as error:
            if server.name == peers.OURS:
                raise
            raise Unavailable(f"{what}: {error}") from error

    theirs = rate(peer, _FEW)
    if theirs < _SLOW_PER_S:
        return Figure("features", what, rate(ours, _LISTS), peer.name, theirs, "/s")
    mine, theirs = paired(_TIMES, lambda: rate(ours, _LISTS), lambda: rate(peer, _FEW))
    return Figure("features", what, mine, peer.name, theirs, "/s")


def _require_features(peer: Peer, paths: list[str]) -> None:
    """Unavailable if it answers with nothing: a server would be praised for that."""
    for path, answer in zip(paths, got(peer.port, paths), strict=True):
        if answer.status != 200 or not json.loads(answer.body)["features"]:
            raise Unavailable(f"{path}: it answers {answer.status} {answer.body[:200]!r}")


def _unchanged(ours: Peer, folder: Path) -> Iterator[Figure]:
    """Lists that the client has already, beside the same lists made."""
    path = f"{_ITEMS[ours.name]}limit=100"
    etag = got(ours.port, [path])[0].etag
    works = [
        lambda line=line: wrk(folder, ours.port, [line], clients=_CLIENTS).per_second
        for line in (f"{path} {etag}", path)
    ]
    mine, made = paired(_TIMES, *works)
    yield Figure("features", "a list that has not changed", mine, "the same, sent", made, "/s")


def _streamed(ours: Peer) -> Iterator[Figure]:
    """Every place by POST /ogc/search."""
    for form, separator in (("geojsonseq", b"\x1e"), ("csv", b"\r\n")):
        rates = []
        for _ in range(_TIMES):
            began = time.monotonic()
            rates.append(_read(ours.port, form, separator) / (time.monotonic() - began))
        rate = float(np.median(rates))
        yield Figure("features", f"every place as {form}", rate, "the goal", _STREAM_GOAL, "/s")
    largest = max(_peaks_mb(ours.port))
    yield Figure("features", "largest worker after that", largest, "the goal", _MEMORY_GOAL_MB, "MB")


def _read(port: int, form: str, separator: bytes) -> int:
    """How many records came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", f"/ogc/search?f={form}", b"{}", {"Content-Type": "application/json"})
    answer, count = connection.getresponse(), 0
    while part := answer.read(1 << 20):
        count += part.count(separator)
    connection.close()
    return count


def _peaks_mb(port: int) -> list[float]:
    """Peak resident memory of each process of the server on this port."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            told = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        except OSError:
            continue  # it ended meanwhile
        if b"serve" in words and str(port).encode() in words:
            found.append(int(told["VmHWM"].split()[0]) / 1000)
    return found
