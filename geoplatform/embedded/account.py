"""The OS account that runs the server, and what is done in its name.

PostgreSQL refuses to run as root. Root therefore runs the server as `postgres` (else `nobody`), or as the
owner of a cluster that is there already. Everybody else runs it as themselves.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from geoplatform.embedded.failures import failure

CANDIDATES = ("postgres", "_postgres", "nobody")

Account = pwd.struct_passwd


def account_for(directory: Path) -> Account:
    """Who runs the server: the owner of an existing cluster, else ourselves, else one of CANDIDATES.

    EmbeddedFailed if the cluster belongs to somebody else, or no such account exists.
    """
    me, owner = os.geteuid(), directory.stat().st_uid if directory.exists() else None
    if me != 0 and owner not in (None, me):
        raise failure(
            f"{directory} belongs to the OS user {name(owner)}, and this command runs as {name(me)}: "
            "run it as that user or as root, or choose another directory with GEOPLATFORM_DATA",
            directory,
            owner=name(owner),
        )
    if uid := me or owner:
        with suppress(KeyError):
            return pwd.getpwuid(uid)
        raise failure(f"the OS user {uid} has no name, and PostgreSQL needs one", directory)
    for candidate in CANDIDATES:
        with suppress(KeyError):
            return pwd.getpwnam(candidate)
    raise failure(
        f"PostgreSQL does not run as root, and none of the OS users {', '.join(CANDIDATES)} exists: "
        "create one (useradd --system postgres) or run this command as an ordinary user",
        directory,
    )


def name(uid: int | None = None) -> str:
    """Name of this OS user, by default ours; the number when it has no name."""
    uid = os.geteuid() if uid is None else uid
    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def may_enter(account: Account, directory: Path) -> bool:
    """True if the account can reach this directory."""
    return run(account, ["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)]).returncode == 0


def give(path: Path | int, account: Account) -> None:
    """Make the account own a file or an open descriptor, where we have the power to."""
    if os.geteuid() == 0:
        os.chown(path, account.pw_uid, account.pw_gid)


def write(path: Path, text: str, account: Account) -> None:
    """Replace a file of the server at once. Never through a link: root may be writing where others can."""
    descriptor, new = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        give(descriptor, account)
    Path(new).replace(path)


def run(
    account: Account,
    command: Sequence[str],
    *,
    given: str = "",
    cwd: Path = Path("/"),
    apart: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a program as the account, in an environment free of the caller's PG* and LC_*; `given` is its input.

    `apart` puts it in a session of its own, out of reach of our terminal's Ctrl-C.
    """
    root = os.geteuid() == 0
    return subprocess.run(
        command,
        input=given,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        cwd=cwd,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        start_new_session=apart,
        user=account.pw_uid if root else None,
        group=account.pw_gid if root else None,
        extra_groups=[] if root else None,
    )
