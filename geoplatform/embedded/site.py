"""Where the cluster of a data directory is or will be, and where its socket lies.

In `DATA/postgres`, unless root finds that the server's account cannot enter DATA (a clone under /root): the
cluster is then made in `/var/lib/geoplatform/NAME-HASH`, and `DATA/postgres` is a symbolic link to it.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from geoplatform.embedded.account import Account, account_for, give, may_enter, name
from geoplatform.embedded.failures import failure

STATE_DIR = Path("/var/lib/geoplatform")
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 100
MAKING = "postgres.making-"


@dataclass(frozen=True)
class Site:
    """A cluster's directory, made or not; `link` is its path in the data directory, the same or a link to it."""

    link: Path
    directory: Path
    account: Account

    @property
    def home(self) -> Path:
        """The directory that holds the cluster, its locks and its socket."""
        return self.directory.parent

    @property
    def lock(self) -> Path:
        """Held, exclusively, while somebody makes, starts or stops the cluster."""
        return self.home / "postgres.lock"

    @property
    def users(self) -> Path:
        """Held, shared, by each command for as long as it uses the server."""
        return self.home / "postgres.users"

    @property
    def socket_dir(self) -> Path:
        """Beside the data, or under /tmp when that path is too long for a socket or not plain ASCII."""
        beside = self.directory.with_name("postgres.socket")
        short = len(str(beside / SOCKET_NAME)) <= SOCKET_PATH_BYTES
        if short and re.fullmatch(r"[A-Za-z0-9_./+-]+", str(beside)):
            return beside
        return Path("/tmp") / f"geoplatform-{_hash(self.directory)}"  # noqa: S108 (its owner and mode are checked)

    @property
    def made(self) -> bool:
        """True if a cluster is there. EmbeddedFailed if something else is."""
        if (self.directory / "PG_VERSION").is_file():
            return True
        if self.directory.exists() and any(self.directory.iterdir()):
            raise failure(f"{self.directory} is not a PostgreSQL cluster; move it away", self.directory)
        return False

    @property
    def major(self) -> int:
        """Major version of the PostgreSQL that made the cluster. EmbeddedFailed if its file names none."""
        version = (self.directory / "PG_VERSION").read_text().strip()
        if not version.partition(".")[0].isdecimal():
            raise failure(f"{self.directory}/PG_VERSION names no version: {version!r}", self.directory)
        return int(version.partition(".")[0])

    def half_made(self) -> Iterator[Path]:
        """What commands that were killed while they made the cluster have left."""
        return self.home.glob(MAKING + "*")


def site_of(data_dir: Path) -> Site:
    """The site of a data directory that exists or not.

    EmbeddedFailed if the cluster belongs to another OS user, or lies on a disk that is not there.
    """
    data_dir = data_dir.resolve()
    link = data_dir / "postgres"
    directory = link.resolve()
    if link.is_symlink() and not directory.exists() and STATE_DIR not in directory.parents:
        raise failure(f"{link} points to {directory}, which is missing", link)
    account = account_for(directory)
    missing = not link.is_symlink() and not link.exists()
    if missing and os.geteuid() == 0 and not may_enter(account, data_dir):
        directory = STATE_DIR / f"{data_dir.parent.name or 'root'}-{_hash(data_dir)}" / "postgres"
        account = account_for(directory)
    return Site(link, directory, account)


def make_socket_dir(site: Site) -> None:
    """Make the socket's directory, ours alone, and empty it. EmbeddedFailed if another OS user stands in its place."""
    path = site.socket_dir
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), site.account.pw_uid):
        raise failure(f"{path} belongs to {name(found.st_uid)}; it must be removed", path)
    give(path, site.account)
    path.chmod(0o700)
    for stale in path.glob(SOCKET_NAME + "*"):
        stale.unlink()


def _hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
