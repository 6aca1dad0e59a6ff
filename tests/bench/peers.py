"""The servers that ours is measured against, and the programs that ask: had when a job needs them, kept under the cache.

From the job `tiles`; to Debian's packages, PyPI, crates.io. Nothing is installed on the machine: packages are unpacked into a
folder. What cannot be had raises Unavailable with its reason. Every server listens on loopback and ends with its block.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from tests.bench.bench import CACHE, Database

Tile = tuple[int, int, int]

OURS = "ours"
FOLDER = CACHE.absolute() / "peers"
_UNPACKED = FOLDER / "debian"
_REQUIREMENTS = Path(__file__).parent / "requirements"
_PATIENCE_S = 60
_MARTIN = "1.14.0"
#: One for each core, and as many again to wait for the database.
_MAPSERVERS = 4

_TABLES = """
    CREATE SCHEMA peers;
    CREATE TABLE peers.communes AS
        SELECT row_number() OVER ()::integer AS gid, code, name, department_code, population, vintage, geom
        FROM published.communes WHERE geom IS NOT NULL;
    CREATE TABLE peers.places AS
        SELECT row_number() OVER ()::integer AS gid, id::text AS place, kind, category, name, source, licence, commune_code, geom
        FROM published.places;
    ALTER TABLE peers.communes ADD PRIMARY KEY (gid), ALTER geom TYPE geometry(MultiPolygon, 4326) USING ST_Multi(geom);
    ALTER TABLE peers.places ADD PRIMARY KEY (gid), ALTER geom TYPE geometry(Point, 4326);
    CREATE INDEX ON peers.communes USING gist (geom);
    CREATE INDEX ON peers.places USING gist (geom);
"""
_NGINX = """
daemon off; worker_processes 2; {user} pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
    default_type application/vnd.mapbox-vector-tile;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    server {{ listen 127.0.0.1:{port}; {server} }}
}}
"""
_MAPFILE = """
MAP
    NAME "peers" SIZE 256 256 EXTENT -180 -85 180 85
    PROJECTION "init=epsg:4326" END
    OUTPUTFORMAT NAME "mvt" DRIVER "MVT" FORMATOPTION "EXTENT=4096" FORMATOPTION "EDGE_BUFFER=4" END
    {layers}
END
"""
_MAPLAYER = """
    LAYER
        NAME "{name}" TYPE {type} STATUS ON
        CONNECTIONTYPE POSTGIS CONNECTION "{url}" PROCESSING "CLOSE_CONNECTION=DEFER"
        DATA "geom FROM peers.{name} USING UNIQUE gid USING SRID=4326"
        PROJECTION "init=epsg:4326" END
        METADATA "gml_include_items" "all" END
    END
"""
_PYGEOAPI = """
server:
  bind: {{host: 127.0.0.1, port: {port}}}
  url: http://127.0.0.1:{port}
  mimetype: application/json; charset=UTF-8
  encoding: utf-8
  gzip: true
  languages: [en-US]
  limits: {{default_items: 10, max_items: 10000}}
  map: {{url: "http://127.0.0.1/{{z}}/{{x}}/{{y}}.png", attribution: none}}
logging: {{level: ERROR}}
metadata:
  identification: {{title: peer, description: peer, keywords: [peer], terms_of_service: none, url: "http://127.0.0.1"}}
  license: {{name: none, url: "http://127.0.0.1"}}
  provider: {{name: peer, url: "http://127.0.0.1"}}
  contact: {{name: peer, url: "http://127.0.0.1"}}
resources:
  communes:
    type: collection
    title: communes
    description: communes
    keywords: [communes]
    extents: {{spatial: {{bbox: [-180, -85, 180, 85], crs: "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}}}}
    providers:
      - type: tile
        name: MVT-postgresql
        data:
          {{host: "{host}", port: {database_port}, dbname: "{dbname}", user: "{user}", password: "{password}",
           search_path: [peers, public]}}
        id_field: gid
        table: communes
        geom_field: geom
        options: {{zoom: {{min: 0, max: 22}}}}
        format: {{name: pbf, mimetype: application/vnd.mapbox-vector-tile}}
  places:
    type: collection
    title: places
    description: places
    keywords: [places]
    extents: {{spatial: {{bbox: [-180, -85, 180, 85], crs: "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}}}}
    providers:
      - type: feature
        name: PostgreSQL
        data:
          {{host: "{host}", port: {database_port}, dbname: "{dbname}", user: "{user}", password: "{password}",
           search_path: [peers, public]}}
        id_field: gid
        table: places
        geom_field: geom
"""


class Unavailable(Exception):
    """A peer cannot be had here; the reason."""


@dataclass(frozen=True)
class Peer:
    """A running server. `pattern`: path of a tile, with {layer}, {z}, {x}, {y}. `layers`: those it can serve."""

    name: str
    port: int
    pattern: str
    layers: tuple[str, ...] = ("communes", "places")

    def path(self, layer: str, tile: Tile) -> str:
        """Where it serves this tile."""
        z, x, y = tile
        return self.pattern.format(layer=layer, z=z, x=x, y=y)


def make_tables(database: Database) -> None:
    """What peers are given: communes and public places as published, in a schema of their own, in EPSG:4326, indexed."""
    with database.connect() as connection:
        connection.execute(_TABLES)
        connection.execute("VACUUM ANALYZE peers.communes, peers.places")


@contextmanager
def ours(database: Database, home: Path, tiles: str) -> Iterator[Peer]:
    """Our server as `geoplatform serve` starts it. `tiles`: the folder of kept tiles, or off."""
    port = free_port()
    settings = {
        "GEOPLATFORM_DATABASE_URL": database.url, "GEOPLATFORM_WEB_DATABASE_URL": "", "GEOPLATFORM_DATA": str(home),
        "GEOPLATFORM_TILES": tiles, "GEOPLATFORM_TILE_RATE": "100000000 per minute",
        "GEOPLATFORM_SUBMIT_RATE": "100000000 per minute", "GEOPLATFORM_READ_RATE": "100000000 per minute",
        "GEOPLATFORM_WORKERS": "2",
    }  # fmt: skip
    command = [str(Path(sys.executable).with_name("geoplatform")), "serve", "--no-cuts"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with _running(command, port, "/health/ready", home, settings):
        yield Peer(OURS, port, "/tiles/{layer}/{z}/{x}/{y}.mvt")


@contextmanager
def tipg(database: Database, home: Path) -> Iterator[Peer]:
    """tipg as it comes, two workers."""
    programs, port = _environment("tipg"), free_port()
    settings = {
        "DATABASE_URL": _url(database), "TIPG_DB_SCHEMAS": '["peers"]',
        "TIPG_DB_SPATIAL_EXTENT": "false", "TIPG_DB_DATETIME_EXTENT": "false",
    }  # fmt: skip
    command = [str(programs / "uvicorn"), "tipg.main:app", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "2", "--log-level", "error", "--no-access-log"]
    with _running(command, port, "/healthz", home, settings):
        yield Peer("tipg", port, "/collections/peers.{layer}/tiles/WebMercatorQuad/{z}/{x}/{y}")


@contextmanager
def mapserver(database: Database, home: Path) -> Iterator[Peer]:
    """MapServer over FastCGI behind nginx, which packs its answers."""
    server = program("mapserv", "mapserver-bin")
    kinds = {"communes": "POLYGON", "places": "POINT"}
    layers = (_MAPLAYER.format(name=name, type=kind, url=_url(database)) for name, kind in kinds.items())
    home.mkdir(exist_ok=True)
    mapfile, settings, path = home / "peers.map", home / "mapserver.conf", home / "socket"
    mapfile.write_text(_MAPFILE.format(layers="".join(layers)))
    settings.write_text(f'CONFIG ENV MS_MAPFILE "{mapfile}" MS_MAP_PATTERN "^{home}" END END\n')
    rules = f"""location / {{ fastcgi_pass unix:{path}; fastcgi_param QUERY_STRING $query_string;
        fastcgi_param REQUEST_METHOD GET; fastcgi_param MAPSERVER_CONFIG_FILE {settings};
        fastcgi_buffers 64 64k; gzip on; gzip_types *; }}"""
    with ExitStack() as leaving, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o777)
        listening.listen(128)
        variables = environment() | {"MAPSERVER_CONFIG_FILE": str(settings)}
        for _ in range(_MAPSERVERS):
            leaving.enter_context(_process([str(server)], home, variables, listening.fileno(), signal.SIGKILL))
        port = leaving.enter_context(nginx(rules, home / "nginx"))
        asked = "/?mode=tile&tilemode=gmap&layers={layer}&map.imagetype=mvt&tile={x}+{y}+{z}"
        yield Peer("MapServer", port, asked)


@contextmanager
def martin(database: Database, home: Path) -> Iterator[Peer]:
    """Martin without its cache, two workers."""
    found = shutil.which("martin")
    server, port = Path(found) if found else _built("martin", _MARTIN), free_port()
    command = [str(server), "--listen-addresses", f"127.0.0.1:{port}", "--workers", "2", "--cache-size", "0"]
    command += ["--pool-size", "20", "--auto-bounds", "skip", _url(database)]
    with _running(command, port, "/health", home, {"RUST_LOG": "error"}):
        yield Peer("Martin", port, "/{layer}/{z}/{x}/{y}")


@contextmanager
def pygeoapi(database: Database, home: Path) -> Iterator[Peer]:
    """pygeoapi behind gunicorn, two workers of four threads; communes only."""
    programs, port = _environment("pygeoapi"), free_port()
    told = conninfo_to_dict(database.url)
    home.mkdir(exist_ok=True)
    settings, description = home / "pygeoapi.yml", home / "openapi.yml"
    settings.write_text(_PYGEOAPI.format(
        port=port, host=told.get("host", "localhost"), database_port=told.get("port", 5432), dbname=told["dbname"],
        user=told.get("user", ""), password=told.get("password", ""),
    ))  # fmt: skip
    variables = {"PYGEOAPI_CONFIG": str(settings), "PYGEOAPI_OPENAPI": str(description)}
    command = [str(programs / "pygeoapi"), "openapi", "generate", str(settings), "--output-file", str(description)]
    _done(command, variables)
    command = [str(programs / "gunicorn"), "-w", "2", "--threads", "4", "-b", f"127.0.0.1:{port}"]
    command += ["--log-level", "error", "--timeout", "600", "pygeoapi.flask_app:APP"]
    with _running(command, port, "/conformance?f=json", home, variables):
        yield Peer("pygeoapi", port, "/collections/{layer}/tiles/WebMercatorQuad/{z}/{y}/{x}?f=mvt", ("communes",))


@contextmanager
def nginx(server: str, home: Path) -> Iterator[int]:
    """Port of an nginx with these directives for its one server, in a folder of its own."""
    binary, port = program("nginx", "nginx"), free_port()
    home.mkdir(parents=True, exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""
    settings = home / "nginx.conf"
    settings.write_text(_NGINX.format(user=user, home=home, port=port, server=server))
    command = [str(binary), "-p", str(home), "-c", str(settings), "-e", str(home / "error.log")]
    with _running(command, port, "/", home, {}):
        yield port


def program(name: str, package: str) -> Path:
    """The program, unpacked from Debian's package with what it depends on where the machine has none."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:{_UNPACKED}/usr/bin:{_UNPACKED}/usr/sbin")
    if found:
        return Path(found)
    if not shutil.which("apt-get"):
        raise Unavailable(f"there is no {name} on this machine: install the package {package}")
    archives = FOLDER / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        _done(["apt-get", "-qq", "update"])
    options = ["-o", f"Dir::Cache::archives={archives}", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"]
    _done(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "--download-only", *options, package])
    for archive in archives.glob("*.deb"):
        _done(["dpkg-deb", "-x", str(archive), str(_UNPACKED)])
        archive.unlink()
    unpacked = [path for path in _UNPACKED.glob(f"usr/*bin/{name}") if path.is_file()]
    if not unpacked:
        raise Unavailable(f"the package {package} brings no {name}")
    return unpacked[0]


def environment() -> dict[str, str]:
    """Environment of a program that may have been unpacked: where its libraries are."""
    libraries = [str(path) for path in _UNPACKED.glob("usr/lib/*-linux-gnu")]
    given = os.environ.get("LD_LIBRARY_PATH")
    return os.environ | ({"LD_LIBRARY_PATH": ":".join([*libraries, *([given] if given else [])])} if libraries else {})


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _environment(name: str) -> Path:
    """Programs of a virtual environment with what requirements/NAME.txt pins."""
    pinned = _REQUIREMENTS / f"{name}.txt"
    home = FOLDER / f"{name}-{hashlib.sha256(pinned.read_bytes()).hexdigest()[:12]}"
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        _done([sys.executable, "-m", "venv", str(home)])
        _done([str(home / "bin/python"), "-m", "pip", "install", "-q", "--no-deps", "-r", str(pinned)])
        (home / "complete").touch()
    return home / "bin"


def _built(name: str, version: str) -> Path:
    """A program of crates.io, built once: that takes a quarter of an hour."""
    home = FOLDER / f"{name}-{version}"
    if not (home / "bin" / name).exists():
        if not shutil.which("cargo"):
            raise Unavailable(f"there is neither {name} nor cargo on this machine")
        print(f"  building {name} {version}, once", file=sys.stderr)
        command = ["cargo", "install", "-q", name, "--version", version, "--locked", "--root", str(home)]
        _done([*command, "--no-default-features", "--features", "postgres"])
    return home / "bin" / name


def _done(command: Sequence[str], variables: dict[str, str] | None = None) -> None:
    """Run to its end. Unavailable with the last of its words if it fails."""
    try:
        done = subprocess.run(
            command, env=environment() | (variables or {}), capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise Unavailable(str(error)) from error
    if done.returncode != 0:
        told = (done.stderr or done.stdout).strip().splitlines() or ["no reason was given"]
        raise Unavailable(f"{Path(command[0]).name}: {told[-1][:200]}")


@contextmanager
def _running(command: list[str], port: int, path: str, home: Path, variables: dict[str, str]) -> Iterator[None]:
    """A server that answers on its port, with its words in `home`. Unavailable if it does not come up."""
    with _process(command, home, environment() | variables) as server:
        deadline = time.monotonic() + _PATIENCE_S
        while not _answers(port, path):
            if time.monotonic() > deadline or server.poll() is not None:
                words = (home / "log").read_text(errors="replace").strip().splitlines() or ["it says nothing"]
                raise Unavailable(f"{Path(command[0]).name} does not come up: {words[-1][:200]}")
            time.sleep(0.1)
        yield


@contextmanager
def _process(
    command: list[str],
    home: Path,
    variables: dict[str, str],
    standard_input: int = subprocess.DEVNULL,
    ending: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, ended with the block by this signal: mapserv puts a gentler one off until somebody asks it again."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(command, env=variables, cwd=home, stdin=standard_input, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(ending)
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status < 500
    return False


def _url(database: Database) -> str:
    """URL of the database with its host, which may be the folder of a socket, in the place where every driver reads it."""
    told = conninfo_to_dict(database.url)
    user, password = (quote(str(told.get(name, "")), safe="") for name in ("user", "password"))
    who = f"{user}:{password}@" if password else f"{user}@" if user else ""
    host = quote(str(told.get("host", "localhost")), safe="")
    return f"postgresql://{who}{host}:{told.get('port', 5432)}/{quote(str(told['dbname']), safe='')}"
