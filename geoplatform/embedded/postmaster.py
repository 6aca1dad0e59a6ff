"""The server process: started, found again, awaited, stopped.

A process is known by its pid file and its working directory, so a stale file that names a stranger counts for
nothing. A server left behind by a killed command is found running by the next one, used, then stopped.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from geoplatform.embedded.account import run, write
from geoplatform.embedded.failures import SHOWN_LINES, failure
from geoplatform.embedded.programs import Programs, programs_for
from geoplatform.embedded.site import Site, make_socket_dir
from geoplatform.embedded.tuning import configure
from geoplatform.errors import EmbeddedFailed

PATIENCE_S = 60.0
KEPT_LOGS = 9
SILENT_ENDS = 2
"""How often a server may end without a word, as one does that a stray signal hits, before that is a failure."""
DEAD_PID = 2**31 - 2
"""More than any kernel gives out, and still a C int."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Postmaster:
    """A live server: its process number, the directory of its socket, and what it says of its state."""

    pid: int
    socket_dir: Path
    state: str


def postmaster_of(directory: Path) -> Postmaster | None:
    """The live server of this directory, or None.

    `launched.pid` is ours: it names a server whose starter was killed before postmaster.pid was there.
    """
    for name in ("postmaster.pid", "launched.pid"):
        with suppress(FileNotFoundError):
            lines = (directory / name).read_text(errors="replace").splitlines()
            lines += [""] * (8 - len(lines))
            if lines[0].isdecimal() and _serves(int(lines[0]), directory):
                return Postmaster(int(lines[0]), Path(lines[4]), lines[7].strip())
    return None


def serve(site: Site, durable: bool) -> Postmaster:
    """The ready server of a cluster that is made: the one that runs, or a new one.

    One that runs is made durable if `durable` asks for it, never less so.
    EmbeddedFailed, with the end of its log, if it ends or is not ready within PATIENCE_S.
    """
    found = postmaster_of(site.directory)
    if found and found.state == "stopping":
        _await_end(site, found.pid)
        found = None
    ready = found and _await_ready(site, found.pid, time.monotonic() + PATIENCE_S)
    if not ready:
        return _start(site, durable)
    if durable and configure(site, durable):
        os.kill(ready.pid, signal.SIGHUP)
    return ready


def halt(site: Site) -> bool:
    """Stop the server, ending its sessions; True if it ran. EmbeddedFailed if it still runs after PATIENCE_S."""
    postmaster = postmaster_of(site.directory)
    if postmaster is None:
        return False
    _log.info("stopping PostgreSQL on %s", site.directory)
    os.kill(postmaster.pid, signal.SIGINT)  # a "fast" shutdown
    _await_end(site, postmaster.pid)
    return True


def _start(site: Site, durable: bool) -> Postmaster:
    programs = programs_for(site.directory, site.major)
    make_socket_dir(site)
    configure(site, durable)
    _disown_pid_file(site)
    for old in sorted((site.directory / "log").glob("*.log"))[:-KEPT_LOGS]:
        old.unlink()
    deadline = time.monotonic() + PATIENCE_S
    _log.info("starting PostgreSQL %s on %s", programs.major, site.directory)
    startup = site.directory / "startup.log"
    silent = 0
    while True:
        startup.unlink(missing_ok=True)
        postmaster = _await_ready(site, _launch(site, programs), deadline)
        if postmaster:
            return postmaster
        time.sleep(0.1)
        found = postmaster_of(site.directory)
        postmaster = found and _await_ready(site, found.pid, deadline)
        if postmaster:
            return postmaster
        is_silent = not startup.exists() or not startup.stat().st_size
        silent += is_silent
        # After a kill -9, the orphans of the old server hold its shared memory for a moment.
        may_try = silent <= SILENT_ENDS if is_silent else "shared memory block" in _tail(site.directory)
        if not may_try or time.monotonic() > deadline:
            word = " without a word" if is_silent else ""
            raise _not_up(site, f"PostgreSQL ended{word} while it was starting")


def _launch(site: Site, programs: Programs) -> int:
    """Process number of a server in a session of its own. Not `pg_ctl start`: it hands the path to a shell
    without escaping it.
    """
    script = '"$@" </dev/null >"$0" 2>&1 & echo $! | tee launched.pid'
    command = ["/bin/sh", "-c", script, "startup.log", programs.path("postgres"), "-D", str(site.directory)]
    done = run(site.account, command, cwd=site.directory, apart=True)
    if done.stderr:  # the shell could not open the log
        raise failure(f"could not start PostgreSQL in {site.directory}: {done.stderr}", site.directory)
    return int(done.stdout)


def _await_ready(site: Site, pid: int, deadline: float) -> Postmaster | None:
    """The server once it takes connections, or None if it ended. EmbeddedFailed when time is up."""
    while _serves(pid, site.directory):
        postmaster = postmaster_of(site.directory)
        if postmaster and postmaster.state == "ready":
            return postmaster
        if time.monotonic() > deadline:
            raise _not_up(site, f"PostgreSQL (process {pid}) is still not ready after {PATIENCE_S:.0f} s")
        time.sleep(0.02)
    return None


def _await_end(site: Site, pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while _serves(pid, site.directory):
        if time.monotonic() > deadline:
            raise _not_up(site, f"PostgreSQL (process {pid}) does not stop")
        time.sleep(0.02)


def _serves(pid: int, directory: Path) -> bool:
    """True if this process is the server of this directory: today's holder of a number may be a stranger.

    A server works in its data directory. Zombies, and the processes of other people, do not count.
    """
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == directory
        except OSError:
            return False
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return "postgres" in listed and str(directory) in listed


def _disown_pid_file(site: Site) -> None:
    """Make a stale postmaster.pid name nobody. The rest of it stays, so that PostgreSQL can still check
    the shared memory written there: deleting the file would switch off that safety.
    """
    path = site.directory / "postmaster.pid"
    if path.exists():
        rest = path.read_text(errors="replace").partition("\n")[2]
        write(path, f"{DEAD_PID}\n{rest}", site.account)


def _not_up(site: Site, reason: str) -> EmbeddedFailed:
    return failure(f"{reason}. The end of its log, {_tail(site.directory)}", site.directory)


def _tail(directory: Path) -> str:
    """The last lines of the newest log, under its path."""
    logs = [directory / "startup.log", *(directory / "log").glob("*.log")]
    written = [log for log in logs if log.exists() and log.stat().st_size]
    if not written:
        return f"(no log in {directory})"
    newest = max(written, key=lambda log: log.stat().st_mtime_ns)
    return "\n".join([f"{newest}:", *newest.read_text(errors="replace").splitlines()[-SHOWN_LINES:]])
