"""Job `tiles`: vector tiles made anew against other tile servers, kept ones against nginx, and what a write costs for them.

A peer that cannot be had is named and left out.
"""

from __future__ import annotations

import datetime as dt
import math
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import mapbox_vector_tile
import numpy as np

from geoplatform.store import communes, places
from tests.bench import peers
from tests.bench.asking import LASTING_S, Answer, Load, got, hushed, left_out_if_unavailable, wrk
from tests.bench.bench import Bench, Database
from tests.bench.figure import Figure, paired
from tests.bench.peers import Peer, Tile, Unavailable
from tests.bench.pgbench import transactions_per_second
from tests.bench.submit import POST, issued_key, statement

_TIMES = 3
_CLIENTS = 8
_TILES = 200
_SEED = 974
_LAYERS = ("communes", "places")
#: The slow ones last: a server that was left in the middle of them may go on for long.
_SPANS = {"z12-14": range(12, 15), "z6-14": range(6, 15)}
_OTHERS = (peers.tipg, peers.mapserver, peers.martin, peers.pygeoapi)
#: A list whose tiles take seconds each is asked once at most, and no longer than this.
_SLOW_PER_S = 20
_LARGEST_GOAL_MB, _P99_GOAL_S = 0.5, 0.1
#: So many tiles of a list, the deepest, show whether a peer answers with anything.
_LOOKED_AT = 40


def figures(bench: Bench) -> Iterator[Figure]:
    """Requests a second at 8 clients where nothing else is said; ours and the peer take turns."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that every server stops
    try:
        for name in ("wrk", "nginx"):
            peers.program(name, name)
    except Unavailable as reason:
        print(f"  tiles cannot be measured: {reason}", file=sys.stderr)
        return
    with bench.database(bench.france) as database:
        with database.store() as store:
            with store.transaction() as connection:
                places.load_bulk(connection, bench.rows(store), "bench", dt.datetime.now(dt.UTC))
            with store.reading() as connection:
                centres = np.array(communes.centres(connection, None), dtype=float)
        peers.make_tables(database)
        with database.connect() as connection:
            connection.execute("VACUUM ANALYZE")
        yield from measured(bench.folder, database, centres)


def measured(folder: Path, database: Database, centres: np.ndarray) -> Iterator[Figure]:
    """All figures on a database with France, places and the peers' tables."""
    spans = {name: chosen(centres, zooms) for name, zooms in _SPANS.items()}
    yield from _made(folder, database, spans)
    yield from _kept(folder, database, [tile for tiles in spans.values() for tile in tiles])
    yield from _written(folder, database, [tile for tiles in spans.values() for tile in tiles])


def chosen(centres: np.ndarray, zooms: range) -> list[Tile]:
    """Tiles around communes drawn by population, as many of each zoom; the same in every run."""
    dice = np.random.default_rng(_SEED)
    drawn = dice.choice(len(centres), _TILES, p=centres[:, 3] / centres[:, 3].sum())
    found = []
    for number, index in enumerate(drawn):
        z = zooms[number % len(zooms)]
        lon, lat = centres[index, :2] + dice.normal(0, centres[index, 2], 2)
        down = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
        found.append((z, int((lon + 180) / 360 * 2**z), int(down * 2**z)))
    dice.shuffle(found)
    return [tuple(int(part) for part in tile) for tile in found]


def _made(folder: Path, database: Database, spans: dict[str, list[Tile]]) -> Iterator[Figure]:
    """Every tile made anew. How long ours had to be waited for is measured first, with no other server beside it."""
    with peers.ours(database, folder / "ours", "off") as ours:
        for span, tiles in spans.items():
            for layer in _LAYERS:
                waits = [asked(ours, folder, layer, tiles).p99_s for _ in range(_TIMES)]
                yield Figure(
                    "tiles", f"{layer} {span}, made: p99", float(np.median(waits)), "the goal", _P99_GOAL_S, "s"
                )
        for layer in _LAYERS:
            largest = max(len(answer.packed) for tiles in spans.values() for answer in _asked(ours, layer, tiles))
            yield Figure("tiles", f"largest of {layer}, gzip", largest / 1e6, "the goal", _LARGEST_GOAL_MB, "MB")
        for start in _OTHERS:
            with (
                left_out_if_unavailable(start.__name__),
                hushed(database),
                start(database, folder / start.__name__) as peer,
            ):
                for span, tiles in spans.items():
                    for layer in peer.layers:
                        yield _rate(f"{layer} {span}, made", _beside(ours, peer, folder, layer, tiles), peer.name)
                        if start is peers.tipg:
                            yield from _other_clients(ours, peer, folder, layer, span, tiles)
                if start is peers.tipg:
                    yield _shown(database, ours, peer, spans["z6-14"])
        print("  pg_tileserv is left out: it is had as a Go program only", file=sys.stderr)


def _beside(ours: Peer, peer: Peer, folder: Path, layer: str, tiles: list[Tile]) -> tuple[float, float]:
    """(ours, theirs), requests a second. A very slow peer has one turn only."""
    _require_content(peer, layer, tiles)

    def rate(server: Peer) -> float:
        return asked(server, folder, layer, tiles).per_second

    first = rate(peer)
    if first < _SLOW_PER_S:
        return rate(ours), first
    mine, theirs = paired(_TIMES, lambda: rate(ours), lambda: rate(peer))
    return mine, theirs


def _other_clients(ours: Peer, peer: Peer, folder: Path, layer: str, span: str, tiles: list[Tile]) -> Iterator[Figure]:
    for clients in (1, 32):
        works = [lambda p=p, n=clients: asked(p, folder, layer, tiles, n).per_second for p in (ours, peer)]
        yield _rate(f"{layer} {span}, made, {clients} clients", paired(1, *works), peer.name)


def _shown(database: Database, ours: Peer, peer: Peer, tiles: list[Tile]) -> Figure:
    """How many of the places in these tiles they tell of, one by one or counted in a cluster."""
    unique = sorted(set(tiles))
    with database.connect() as connection:
        there = connection.execute(
            "SELECT sum((SELECT count(*) FROM peers.places AS p WHERE p.geom && ST_Transform(ST_TileEnvelope(z, x, y), 4326)))"
            " FROM unnest(%s::integer[], %s::integer[], %s::integer[]) AS t (z, x, y)",
            [list(column) for column in zip(*unique, strict=True)],
        ).fetchone()[0]
    mine, other = (
        sum(_places_in(answer.body) for answer in _asked(server, "places", unique)) for server in (ours, peer)
    )
    print(f"  of {there:,} places in {len(unique)} tiles {peer.name} dropped {there - other:,}", file=sys.stderr)
    return Figure("tiles", "places z6-14, told of", 100 * mine / there, peer.name, 100 * other / there, "%")


def _places_in(body: bytes) -> int:
    layers = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True}) if body else {}
    count = 0
    for layer in layers.values():
        for feature in layer["features"]:
            x, y = feature["geometry"]["coordinates"][:2]
            if 0 <= x < layer["extent"] and 0 <= y < layer["extent"]:
                count += feature["properties"].get("point_count", 1)
    return count


def _kept(folder: Path, database: Database, tiles: list[Tile]) -> Iterator[Figure]:
    """Tiles that are kept, and the answer that they have not changed. nginx has the same bytes as files."""
    files, kept = folder / "files", folder / "kept"
    rules = f'root {files}; location / {{ add_header Content-Encoding gzip; add_header Vary "Accept-Encoding"; }}'
    with peers.ours(database, folder / "ours-kept", str(kept)) as ours, peers.nginx(rules, folder / "nginx") as static:
        paths = _written_as_files(ours, sorted(set(tiles)), files)
        roots = [path for path in kept.iterdir() if (path / _LAYERS[0]).is_dir()]
        rules = f"location /tiles/ {{ alias {roots[0]}/; gzip_static always; gunzip on; }}"
        with peers.nginx(rules, folder / "nginx-kept") as direct:
            servers = {"ours": ours.port, "our folder by nginx": direct}
            for clients in (_CLIENTS, 1, 32):
                for name, port in servers.items():
                    for what, status in (("kept", 200), ("not modified", 304)):
                        works = [_hits(folder, asked_of, paths, status, clients) for asked_of in (port, static)]
                        told = f"{what}, {name}" + ("" if clients == _CLIENTS else f", {clients} clients")
                        yield _rate(told, paired(_TIMES, *works), "nginx, static files")


def _hits(folder: Path, port: int, paths: list[str], status: int, clients: int) -> Callable[[], float]:
    """Work that asks a server for these paths, whose answers have this status, which is looked at first."""
    lines = []
    for path, answer in zip(paths, got(port, paths), strict=True):
        lines.append(f"{path} {answer.etag}" if status == 304 else path)
        if not answer.etag or answer.status != 200:
            raise RuntimeError(f"{path} is not kept: {answer.status}")
    again = got(port, [lines[0].split()[0]], {"If-None-Match": lines[0].split()[1]}) if status == 304 else []
    if again and again[0].status != 304:
        raise RuntimeError("the server does not know its own ETag")
    return lambda: wrk(folder, port, lines, clients=clients).per_second


def _written_as_files(ours: Peer, tiles: list[Tile], files: Path) -> list[str]:
    """Paths of the tiles that hold something, asked once so that they are kept, their bytes written as files."""
    paths = []
    for layer in _LAYERS:
        for tile, answer in zip(tiles, _asked(ours, layer, tiles), strict=True):
            if answer.packed:
                paths.append(ours.path(layer, tile))
                file = files / paths[-1][1:]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(answer.packed)
    return paths


def _written(folder: Path, database: Database, tiles: list[Tile]) -> Iterator[Figure]:
    """What a durable write costs for the sake of tiles: the triggers, and keeping the kept tiles true."""
    secret = issued_key(database)

    def submitted(clients: int, state: str) -> float:
        with database.connect() as connection:
            connection.execute(f"ALTER TABLE geoplatform.place {state} TRIGGER USER")
        try:
            return transactions_per_second(
                database.url, statement(secret), clients=clients, lasting_s=LASTING_S, folder=folder
            )
        finally:
            with database.connect() as connection:
                connection.execute("ALTER TABLE geoplatform.place ENABLE TRIGGER USER")

    for clients in (1, 4):
        works = [lambda n=clients, s=state: submitted(n, s) for state in ("ENABLE", "DISABLE")]
        yield _rate(f"submit_place, {clients} connections", paired(_TIMES, *works), "the same, triggers disabled")

    def posted(kept: str) -> float:
        with peers.ours(database, folder / "ours-written", kept) as ours:
            if kept != "off":
                for layer in _LAYERS:
                    _asked(ours, layer, tiles)
            return wrk(folder, ours.port, (), clients=_CLIENTS, post=(POST, secret)).per_second

    rates = paired(_TIMES, lambda: posted(str(folder / "kept-written")), lambda: posted("off"))
    yield _rate("POST /api/v1/places, tiles kept", rates, "the same, none kept")


def asked(peer: Peer, folder: Path, layer: str, tiles: list[Tile], clients: int = _CLIENTS) -> Load:
    """A server asked for these tiles in turn, for some seconds and each at least once. Unavailable if it fails at one."""
    try:
        return wrk(folder, peer.port, [peer.path(layer, tile) for tile in tiles], clients=clients, whole=True)
    except RuntimeError as error:
        if peer.name == peers.OURS:
            raise
        raise Unavailable(f"{layer}: {error}") from error


def _asked(peer: Peer, layer: str, tiles: list[Tile]) -> list[Answer]:
    return got(peer.port, [peer.path(layer, tile) for tile in tiles])


def _require_content(peer: Peer, layer: str, tiles: list[Tile]) -> None:
    """Unavailable if none of the deepest of these tiles is answered with features: a server would be praised for nothing."""
    answers = _asked(peer, layer, sorted(tiles)[-_LOOKED_AT:])
    try:
        found = [mapbox_vector_tile.decode(answer.body) for answer in answers if answer.body]
    except Exception as error:
        raise Unavailable(f"{layer}: it answers {answers[0].status} with no vector tile") from error
    if not any(content["features"] for tile in found for content in tile.values()):
        raise Unavailable(f"{layer}: it answers {answers[0].status} with empty vector tiles")


def _rate(what: str, rates: Sequence[float], peer: str) -> Figure:
    ours, theirs = rates
    return Figure("tiles", what, ours, peer, theirs, "/s")
