"""The database of one run of the command line: the embedded cluster or a server, with the schema installed.

From `cli`, `loaders.cli`, `exports.cli`; to `embedded` and `store`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from geoplatform import embedded
from geoplatform.config import Settings
from geoplatform.progress import Progress
from geoplatform.store import cuts, schema
from geoplatform.store.engine import Store

LOADER, OWNER, WEB = "geoplatform_loader", "geoplatform_owner", "geoplatform_web"
EXPORTER = "geoplatform_exporter"
ADMIN = "geoplatform_admin"
_POOL_SIZE = 2


class Session:
    """Settings, progress, and stores opened when they are first needed; closes what it opened.

    The embedded cluster runs as long as a session uses it.
    """

    def __init__(
        self, settings: Settings, progress: Progress, prepare: Callable[[Session], None] | None = None
    ) -> None:
        """`prepare` is called once the schema is there, before the first store is given."""
        self.settings = settings
        self.progress = progress
        self._prepare = prepare
        self._stack = ExitStack()
        self._cluster: embedded.Cluster | None = None
        self._ready = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stack.close()

    def url(self, role: str) -> str:
        """URL that connects as this role, or, on a server of the operator's, the URL he gave."""
        if self.settings.database_url is not None:
            return self.settings.database_url
        if self._cluster is None:
            self._cluster = self._stack.enter_context(embedded.running(self.settings.data_dir))
        return self._cluster.url(role)

    def store(self, role: str) -> Store:
        """The store as this role sees it, its schema installed first where it is missing."""
        if not self._ready:
            if schema.install(self.url(ADMIN)):
                self.progress.line("  schema       installed")
            self._ready = True
            if self._prepare:
                self._prepare(self)
        foreign = self.settings.database_url is not None
        store = Store(self.url(role), role=role if foreign else None, pool_size=_POOL_SIZE)
        self._stack.callback(store.close)
        return store

    def queue(self, role: str) -> tuple[str, str]:
        """How a worker of this role connects to its queue: a URL, and libpq's `options` beside it."""
        settings = {"search_path": cuts.SCHEMA} | ({"role": role} if self.settings.database_url is not None else {})
        return self.url(role), " ".join(f"-c {name}={value}" for name, value in settings.items())

    def web_environment(self) -> dict[str, str]:
        """Variables for the web's own processes: they connect with the least rights."""
        variables = self.settings.as_environment()
        if self.settings.database_url is None:
            variables["GEOPLATFORM_WEB_DATABASE_URL"] = self.url(WEB)
        # Where the workers' counters are added up (prometheus_client); each run of the server begins anew.
        counters = self.settings.data_dir / "counters"
        shutil.rmtree(counters, ignore_errors=True)
        counters.mkdir(parents=True)
        variables["PROMETHEUS_MULTIPROC_DIR"] = str(counters)
        return variables
