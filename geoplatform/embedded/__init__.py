"""The private PostgreSQL cluster of `make run` and of the tests: made, started, shared, stopped.

From the command line and the test session, which ask for a cluster in a data directory, to the
store, which gets the URL of a unix socket. Nothing else of the machine is touched: no TCP port, no
system service, no password.

Commands may come and go at the same time, be nested, or be killed: `locks` says how they share one server,
`site` where it lies, `account` as which OS user it runs, `making`, `tuning` and `postmaster` how it comes up.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from geoplatform.embedded import locks
from geoplatform.embedded.failures import refusals_told
from geoplatform.embedded.making import DATABASE, make
from geoplatform.embedded.postmaster import halt, postmaster_of, serve
from geoplatform.embedded.site import STATE_DIR, Site, site_of
from geoplatform.embedded.tuning import ADMIN, ROLES

__all__ = ["ADMIN", "DATABASE", "ROLES", "Cluster", "Status", "destroy", "running", "status", "stop"]


@dataclass(frozen=True)
class Cluster:
    """A running cluster: where its data really are, and how to reach it."""

    directory: Path
    socket_dir: Path

    def url(self, role: str = ADMIN, database: str = DATABASE) -> str:
        """URL, for libpq, of the database on the unix socket. No password: the OS user is the proof."""
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql://{quote(role, safe='')}@/{quote(database, safe='')}?host={host}&port=5432"


@dataclass(frozen=True)
class Status:
    """What stands in a data directory. `major` and `pid` are None when nothing is made, or runs."""

    directory: Path
    major: int | None
    pid: int | None
    used: bool


@contextmanager
def running(data_dir: Path, *, durable: bool = True) -> Iterator[Cluster]:
    """The cluster of `data_dir`, made if missing, started if stopped; stopped when its last user leaves.

    May be nested, and entered by several threads and processes at once: all get the same server.
    `durable=False` trades safety for speed and is for clusters that are thrown away; the server is as
    durable as the most careful of its present users asked.
    EmbeddedFailed if PostgreSQL or PostGIS is missing or of another version, the directory is not
    writable or not ours, or the server does not come up in time.
    """
    with ExitStack() as leaving:
        with refusals_told(data_dir):
            data_dir.mkdir(parents=True, exist_ok=True)
            site = site_of(data_dir)
            with locks.alone(site):
                users = leaving.enter_context(locks.opened(site.users))
                locks.join(users)
                cluster = _serve(site, durable)
            leaving.callback(_leave, site, users, os.getpid())
        yield cluster


def status(data_dir: Path) -> Status:
    """What stands in `data_dir`, without waiting and without changing anything that matters."""
    with refusals_told(data_dir):
        site = site_of(data_dir)
        if not site.made:
            return Status(site.directory, None, None, used=False)
        postmaster = postmaster_of(site.directory)
        pid = postmaster.pid if postmaster else None
        return Status(site.directory, site.major, pid, used=locks.used(site))


def stop(data_dir: Path) -> bool:
    """Stop a server left behind; True if there was one. EmbeddedFailed while a command still uses it."""
    with refusals_told(data_dir):
        site = site_of(data_dir)
        if not site.home.is_dir():
            return False
        with locks.alone(site):
            locks.refuse_users(site)
            return halt(site)


def destroy(data_dir: Path) -> None:
    """Delete the cluster for good, wherever its data really are. EmbeddedFailed while it is used."""
    with refusals_told(data_dir):
        site = site_of(data_dir)
        if not site.home.is_dir():
            return
        with locks.alone(site):
            locks.refuse_users(site)
            if site.made:
                halt(site)
            for part in (site.directory, site.socket_dir, *site.half_made()):
                if part.exists():
                    shutil.rmtree(part)
            for file in (site.link, site.users, site.lock):
                if file.is_symlink() or file.is_file():
                    file.unlink()
        if site.home.parent == STATE_DIR:
            with suppress(OSError):
                site.home.rmdir()
                STATE_DIR.rmdir()


def _serve(site: Site, durable: bool) -> Cluster:
    if not site.made:
        make(site, durable)
    if site.directory != site.link and not site.link.is_symlink():
        site.link.symlink_to(site.directory)
    return Cluster(site.directory, serve(site, durable).socket_dir)


def _leave(site: Site, users: int, entered_by: int) -> None:
    """End one use; stop the server if it was the last. A forked child that comes here changes nothing."""
    if os.getpid() != entered_by:
        return
    with refusals_told(site.home), locks.alone(site):
        locks.leave(users)
        if not locks.has_users(site):
            halt(site)
