"""The two lock files beside the cluster, by which commands that come and go at the same time agree.

`postgres.lock` is held, exclusively, while somebody makes, starts or stops; `postgres.users` is held, shared,
by each command for as long as it uses the server. Whoever leaves looks, under the first lock, whether somebody
still holds the second, and stops the server if nobody does. The kernel frees the locks of a killed process.
A forked worker inherits the lock of its parent: if the parent is killed, the workers go on being users; if the
parent leaves in order, it frees the lock for all.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geoplatform.embedded.failures import failure
from geoplatform.embedded.site import Site

_log = logging.getLogger(__name__)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Descriptor of a lock file, made if missing, owned like the directory it lies in."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if os.geteuid() == 0:
            home = path.parent.stat()
            os.fchown(descriptor, home.st_uid, home.st_gid)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def alone(site: Site) -> Iterator[None]:
    """Be the only one to make, start, stop or delete this cluster; wait for one's turn."""
    while True:
        site.home.mkdir(parents=True, exist_ok=True)
        with opened(site.lock) as descriptor:
            if not _taken(descriptor):
                _log.info("waiting for another command that makes, starts or stops %s", site.directory)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not _same_file(descriptor, site.lock):
                continue  # deleted by `destroy` while we waited
            try:
                yield
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)  # for the forked children too
            return


def join(users: int) -> None:
    """Be one of the users: `users` is the descriptor of their lock file."""
    fcntl.flock(users, fcntl.LOCK_SH)


def leave(users: int) -> None:
    """Be no user any more, and no forked child of ours either."""
    fcntl.flock(users, fcntl.LOCK_UN)


def has_users(site: Site) -> bool:
    """True if some command uses the cluster. To be asked under the lock, where nobody comes or goes."""
    if not site.users.exists():
        return False
    with opened(site.users) as descriptor:
        return not _taken(descriptor)


def refuse_users(site: Site) -> None:
    """EmbeddedFailed if some command uses the cluster."""
    if has_users(site):
        raise failure(f"{site.directory} is in use by another command; end that one first", site.directory)


def used(site: Site) -> bool:
    """True if a command uses the cluster or is about to. Does not wait, and disturbs nobody who leaves."""
    if not site.lock.exists():
        return False
    with opened(site.lock) as descriptor:
        return not _taken(descriptor) or has_users(site)


def _taken(descriptor: int) -> bool:
    """True if the lock was free, and is now ours until the descriptor is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
