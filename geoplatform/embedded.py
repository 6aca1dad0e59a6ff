"""The private PostgreSQL cluster of `make run` and of the tests: made, started, shared, stopped.

From the command line and the test session, which ask for a cluster in a data directory, to the
store, which gets the URL of a unix socket. Nothing else of the machine is touched: no TCP port, no
system service, no password.

Commands come and go at the same time, so two lock files stand beside the cluster. `postgres.lock`
is held, exclusively, while somebody makes, starts or stops; `postgres.users` is held, shared, by each
command for as long as it uses the server. Whoever leaves looks, under the first lock, whether
somebody still holds the second, and stops the server if nobody does. The kernel frees the locks of a
killed process: the server it leaves behind is found running by the next command, used, then stopped.
A forked worker inherits the lock of its parent: if the parent is killed, the workers go on being
users; if the parent leaves in order, it frees the lock for all.

PostgreSQL refuses to run as root. Root therefore runs the server as `postgres` (else `nobody`). If that
account cannot enter the data directory (a clone under /root), the cluster is made in
`/var/lib/geoplatform/NAME-HASH` and `postgres` in the data directory is a symbolic link to it.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from geoplatform.errors import EmbeddedFailed

ADMIN = "geoplatform_admin"
ROLES = (ADMIN, "geoplatform_owner", "geoplatform_loader", "geoplatform_web", "geoplatform_reader")
DATABASE = "geoplatform"
OLDEST_MAJOR = 15
PATIENCE_S = 60.0
STATE_DIR = Path("/var/lib/geoplatform")
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 100
SERVER_ACCOUNTS = ("postgres", "_postgres", "nobody")
KEPT_LOGS = 9
DEAD_PID = 2**31 - 2
"""More than any kernel gives out, and still a C int."""

_log = logging.getLogger(__name__)


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
        with _refusing(data_dir):
            data_dir.mkdir(parents=True, exist_ok=True)
            site = _site(data_dir)
            with _alone(site):
                users = leaving.enter_context(_opened(site.users))
                fcntl.flock(users, fcntl.LOCK_SH)
                cluster = _serve(site, durable)
            leaving.callback(_leave, site, users, os.getpid())
        yield cluster


def status(data_dir: Path) -> Status:
    """What stands in `data_dir`, without waiting and without changing anything that matters."""
    with _refusing(data_dir):
        site = _site(data_dir)
        if not site.made:
            return Status(site.directory, None, None, used=False)
        postmaster = _postmaster(site.directory)
        pid = postmaster.pid if postmaster else None
        return Status(site.directory, site.major, pid, used=_used(site))


def stop(data_dir: Path) -> bool:
    """Stop a server left behind; True if there was one. EmbeddedFailed while a command still uses it."""
    with _refusing(data_dir):
        site = _site(data_dir)
        if not site.home.is_dir():
            return False
        with _alone(site):
            _refuse_used(site)
            return _halt(site)


def destroy(data_dir: Path) -> None:
    """Delete the cluster for good, wherever its data really are. EmbeddedFailed while it is used."""
    with _refusing(data_dir):
        site = _site(data_dir)
        if not site.home.is_dir():
            return
        with _alone(site):
            _refuse_used(site)
            if site.made:
                _halt(site)
            for part in (site.directory, _socket_dir(site.directory), *site.half_made()):
                if part.exists():
                    shutil.rmtree(part)
            for file in (site.link, site.users, site.lock):
                if file.is_symlink() or file.is_file():
                    file.unlink()
        if site.home.parent == STATE_DIR:
            with suppress(OSError):
                site.home.rmdir()
                STATE_DIR.rmdir()


# --- where the cluster is, and whose it is


@dataclass(frozen=True)
class _Site:
    """Where the cluster of a data directory is or will be, and the OS account that runs its server."""

    link: Path
    directory: Path
    account: pwd.struct_passwd

    @property
    def home(self) -> Path:
        return self.directory.parent

    @property
    def lock(self) -> Path:
        return self.home / "postgres.lock"

    @property
    def users(self) -> Path:
        return self.home / "postgres.users"

    @property
    def made(self) -> bool:
        """True if a cluster is there. EmbeddedFailed if something else is."""
        if (self.directory / "PG_VERSION").is_file():
            return True
        if self.directory.exists() and any(self.directory.iterdir()):
            raise _failure(f"{self.directory} is not a PostgreSQL cluster; move it away", self.directory)
        return False

    @property
    def major(self) -> int:
        version = (self.directory / "PG_VERSION").read_text().strip()
        if not version.partition(".")[0].isdecimal():
            raise _failure(f"{self.directory}/PG_VERSION names no version: {version!r}", self.directory)
        return int(version.partition(".")[0])

    def half_made(self) -> Iterator[Path]:
        return self.home.glob("postgres.making-*")


def _site(data_dir: Path) -> _Site:
    link = data_dir.resolve() / "postgres"
    directory = link.resolve()
    away = STATE_DIR / f"{data_dir.resolve().parent.name or 'root'}-{_hash(data_dir.resolve())}" / "postgres"
    if link.is_symlink() and not directory.exists() and STATE_DIR not in directory.parents:
        raise _failure(f"{link} points to {directory}, which is missing", link)
    account = _account(directory)
    missing = not link.is_symlink() and not link.exists()
    if missing and os.geteuid() == 0 and not _may_enter(account, data_dir):
        directory, account = away, _account(away)
    return _Site(link, directory, account)


def _account(directory: Path) -> pwd.struct_passwd:
    """Who runs the server: the owner of an existing cluster, else ourselves, else one of SERVER_ACCOUNTS."""
    me, owner = os.geteuid(), directory.stat().st_uid if directory.exists() else None
    if me != 0 and owner not in (None, me):
        raise _failure(
            f"{directory} belongs to the OS user {_name(owner)}, and this command runs as {_name(me)}: "
            "run it as that user or as root, or choose another directory with GEOPLATFORM_DATA",
            directory,
            owner=_name(owner),
        )
    if uid := me or owner:
        with suppress(KeyError):
            return pwd.getpwuid(uid)
        raise _failure(f"the OS user {uid} has no name, and PostgreSQL needs one", directory)
    for name in SERVER_ACCOUNTS:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise _failure(
        f"PostgreSQL does not run as root, and none of the OS users {', '.join(SERVER_ACCOUNTS)} exists: "
        "create one (useradd --system postgres) or run this command as an ordinary user",
        directory,
    )


def _name(uid: int | None) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(uid if uid is not None else os.geteuid()).pw_name
    return str(uid)


def _may_enter(account: pwd.struct_passwd, directory: Path) -> bool:
    return _run(account, ["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)]).returncode == 0


def _hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _socket_dir(directory: Path) -> Path:
    """Beside the data, or under /tmp when that path is too long for a socket or not plain ASCII."""
    beside = directory.with_name("postgres.socket")
    short = len(str(beside / SOCKET_NAME)) <= SOCKET_PATH_BYTES
    if short and re.fullmatch(r"[A-Za-z0-9_./+-]+", str(beside)):
        return beside
    return Path("/tmp") / f"geoplatform-{_hash(directory)}"  # noqa: S108 (its owner and mode are checked)


def _make_socket_dir(site: _Site) -> Path:
    """The socket's directory, ours alone. EmbeddedFailed if another OS user stands in its place."""
    path = _socket_dir(site.directory)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), site.account.pw_uid):
        raise _failure(f"{path} belongs to {_name(found.st_uid)}; it must be removed", path)
    _give(path, site.account)
    path.chmod(0o700)
    for stale in path.glob(SOCKET_NAME + "*"):
        stale.unlink()
    return path


def _give(path: Path | int, account: pwd.struct_passwd) -> None:
    if os.geteuid() == 0:
        os.chown(path, account.pw_uid, account.pw_gid)


# --- locks


@contextmanager
def _opened(path: Path) -> Iterator[int]:
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
def _alone(site: _Site) -> Iterator[None]:
    """Be the only one to make, start, stop or delete this cluster; wait for one's turn."""
    while True:
        site.home.mkdir(parents=True, exist_ok=True)
        with _opened(site.lock) as descriptor:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _log.info("waiting for another command that makes, starts or stops %s", site.directory)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not _same_file(descriptor, site.lock):
                continue  # deleted by `destroy` while we waited
            try:
                yield
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)  # for the forked children too
            return


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _busy(lock: Path) -> bool:
    """True if somebody holds this lock, shared or not."""
    if not lock.exists():
        return False
    with _opened(lock) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _used(site: _Site) -> bool:
    """True if a command uses the cluster or is about to. Looks under the lock, lest a leaver see a user."""
    if not site.lock.exists():
        return False
    with _opened(site.lock) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return _busy(site.users)


def _refuse_used(site: _Site) -> None:
    if _busy(site.users):
        raise _failure(f"{site.directory} is in use by another command; end that one first", site.directory)


def _leave(site: _Site, users: int, entered_by: int) -> None:
    """End one use; stop the server if it was the last. A forked child that comes here changes nothing."""
    if os.getpid() != entered_by:
        return
    with _refusing(site.home), _alone(site):
        fcntl.flock(users, fcntl.LOCK_UN)
        if not _busy(site.users):
            _halt(site)


# --- make, start, stop


def _serve(site: _Site, durable: bool) -> Cluster:
    if not site.made:
        _make(site, durable)
    if site.directory != site.link and not site.link.is_symlink():
        site.link.symlink_to(site.directory)
    postmaster = _postmaster(site.directory)
    if postmaster and postmaster.state == "stopping":
        _await_end(site, postmaster.pid)
        postmaster = None
    if postmaster is None:
        postmaster = _start(site, durable)
    else:
        deadline = time.monotonic() + PATIENCE_S
        postmaster = _await_ready(site, postmaster.pid, deadline) or _start(site, durable)
        if durable and _configure(site, postmaster.socket_dir, durable):
            os.kill(postmaster.pid, signal.SIGHUP)
    return Cluster(site.directory, postmaster.socket_dir)


def _make(site: _Site, durable: bool) -> None:
    """Make the cluster and its database beside its place, then rename: it is there whole or not at all."""
    programs = _programs(site.directory)
    for remnant in site.half_made():
        shutil.rmtree(remnant, ignore_errors=True)
    _log.info("making a PostgreSQL %s cluster in %s", programs.major, site.directory)
    making = Path(tempfile.mkdtemp(prefix="postgres.making-", dir=site.home))
    try:
        _give(making, site.account)
        _initialise(site, programs, making, durable)
        with (making / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude 'geoplatform.conf'\n")
        _write(making / "geoplatform.conf", "", site.account)
        single = [programs.path("postgres"), "--single", "-D", str(making), "-c", "exit_on_error=on"]
        created = _run(site.account, [*single, "postgres"], given=f"CREATE DATABASE {DATABASE}\n")
        _must(site, created, "create the database")
        making.rename(site.directory)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _initialise(site: _Site, programs: _Programs, making: Path, durable: bool) -> None:
    """initdb, in the first of the locales that this machine has and that sort by code point."""
    locales = [
        ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
        ["--locale=C.UTF-8"],
        ["--locale=C", "--locale-provider=icu", "--icu-locale=und"],
    ]
    for locale in locales if programs.major >= 17 else locales[1:]:
        command = [programs.path("initdb"), "-D", str(making), "-U", ADMIN, "-E", "UTF8", *locale]
        command += ["--auth-local=peer", "--auth-host=reject", "--data-checksums"]
        done = _run(site.account, command if durable else [*command, "--no-sync"])
        if done.returncode == 0 or "locale" not in done.stderr:
            break
    _must(site, done, "make the cluster")


def _start(site: _Site, durable: bool) -> _Postmaster:
    """Start the server and wait until it answers, at most PATIENCE_S."""
    programs = _programs(site.directory, site.major)
    socket_dir = _make_socket_dir(site)
    _configure(site, socket_dir, durable)
    _disown_pid_file(site)
    for old in sorted((site.directory / "log").glob("*.log"))[:-KEPT_LOGS]:
        old.unlink()
    deadline = time.monotonic() + PATIENCE_S
    _log.info("starting PostgreSQL %s on %s", programs.major, site.directory)
    while True:
        postmaster = _await_ready(site, _launch(site, programs), deadline)
        if postmaster:
            return postmaster
        # After a kill -9, the orphans of the old server hold its shared memory for a moment.
        if "shared memory block" not in _tail(site.directory) or time.monotonic() > deadline:
            raise _not_up(site, "PostgreSQL ended while it was starting")
        time.sleep(0.1)


def _launch(site: _Site, programs: _Programs) -> int:
    """Process number of a server in a session of its own, out of reach of our terminal's Ctrl-C.

    Not `pg_ctl start`: it hands the path to a shell without escaping it.
    """
    script = '"$@" </dev/null >"$0" 2>&1 & echo $! | tee launched.pid'
    command = ["/bin/sh", "-c", script, "startup.log", programs.path("postgres"), "-D", str(site.directory)]
    done = _run(site.account, command, cwd=site.directory, apart=True)
    if done.stderr:  # the shell could not open the log
        raise _failure(f"could not start PostgreSQL in {site.directory}: {done.stderr}", site.directory)
    return int(done.stdout)


def _await_ready(site: _Site, pid: int, deadline: float) -> _Postmaster | None:
    """The server once it takes connections, or None if it ended. EmbeddedFailed when time is up."""
    while _serves(pid, site.directory):
        postmaster = _postmaster(site.directory)
        if postmaster and postmaster.state == "ready":
            return postmaster
        if time.monotonic() > deadline:
            raise _not_up(site, f"PostgreSQL (process {pid}) is still not ready after {PATIENCE_S:.0f} s")
        time.sleep(0.02)
    return None


def _halt(site: _Site) -> bool:
    """Stop the server, ending its sessions; True if it ran."""
    postmaster = _postmaster(site.directory)
    if postmaster is None:
        return False
    _log.info("stopping PostgreSQL on %s", site.directory)
    os.kill(postmaster.pid, signal.SIGINT)  # a "fast" shutdown
    _await_end(site, postmaster.pid)
    return True


def _await_end(site: _Site, pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while _serves(pid, site.directory):
        if time.monotonic() > deadline:
            raise _not_up(site, f"PostgreSQL (process {pid}) does not stop")
        time.sleep(0.02)


# --- what the server tells of itself


@dataclass(frozen=True)
class _Postmaster:
    pid: int
    socket_dir: Path
    state: str


def _postmaster(directory: Path) -> _Postmaster | None:
    """The live server of this directory, or None. A stale file counts for nothing.

    `launched.pid` is ours: it names a server whose starter was killed before postmaster.pid was there.
    """
    for name in ("postmaster.pid", "launched.pid"):
        with suppress(FileNotFoundError):
            lines = (directory / name).read_text(errors="replace").splitlines()
            lines += [""] * (8 - len(lines))
            if lines[0].isdecimal() and _serves(int(lines[0]), directory):
                return _Postmaster(int(lines[0]), Path(lines[4]), lines[7].strip())
    return None


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


def _disown_pid_file(site: _Site) -> None:
    """Make a stale postmaster.pid name nobody. The rest of it stays, so that PostgreSQL can still check
    the shared memory written there: deleting the file would switch off that safety.
    """
    path = site.directory / "postmaster.pid"
    if path.exists():
        rest = path.read_text(errors="replace").partition("\n")[2]
        _write(path, f"{DEAD_PID}\n{rest}", site.account)


def _tail(directory: Path) -> str:
    """The last lines of the newest log, under its path."""
    logs = [directory / "startup.log", *(directory / "log").glob("*.log")]
    written = [log for log in logs if log.exists() and log.stat().st_size]
    if not written:
        return f"(no log in {directory})"
    newest = max(written, key=lambda log: log.stat().st_mtime_ns)
    return "\n".join([f"{newest}:", *newest.read_text(errors="replace").splitlines()[-8:]])


# --- configuration


def _configure(site: _Site, socket_dir: Path, durable: bool) -> bool:
    """Write the three configuration files that differ from what is wanted; True if one did."""
    system_users = sorted({_name(0), _name(os.geteuid()), site.account.pw_name})
    identities = [f'geoplatform "{user}" {role}' for user in system_users for role in ROLES]
    access = ["local all all peer map=geoplatform", f"local replication {ADMIN} peer map=geoplatform"]
    wanted = {
        "geoplatform.conf": _settings(socket_dir, durable),
        "pg_ident.conf": identities,
        "pg_hba.conf": access,
    }
    changed = False
    for name, lines in wanted.items():
        text = "\n".join(["# Written by geoplatform at each start; use ALTER SYSTEM instead.", *lines, ""])
        path = site.directory / name
        if not path.exists() or path.read_text(errors="replace") != text:
            _write(path, text, site.account)
            changed = True
    return changed


def _settings(socket_dir: Path, durable: bool) -> list[str]:
    """Settings for one small machine that does other things too."""
    memory_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    safety = "on" if durable else "off"
    lines = [
        "listen_addresses = ''",
        "port = 5432",
        f"unix_socket_directories = '{socket_dir}'",
        "cluster_name = 'geoplatform'",
        "max_connections = 60",
        f"shared_buffers = {min(1024, max(128, memory_mb // 8))}MB",
        f"effective_cache_size = {max(256, memory_mb // 2)}MB",
        "work_mem = 32MB",
        "maintenance_work_mem = 256MB",
        f"max_parallel_workers_per_gather = {min(2, os.cpu_count() or 1)}",
        "random_page_cost = 1.1",
        "jit = off",
        f"fsync = {safety}",
        f"full_page_writes = {safety}",
        f"synchronous_commit = {safety}",
        "max_wal_size = 2GB",
        "wal_compression = on",
        "checkpoint_completion_target = 0.9",
        "timezone = 'UTC'",
        "log_timezone = 'UTC'",
        "logging_collector = on",
        "log_directory = 'log'",
        "log_filename = 'postgresql-%Y-%m-%d_%H%M%S.log'",
        "log_rotation_age = 0",
        "log_rotation_size = 10MB",
        "log_min_duration_statement = 1s",
        # A person who leaves must leave no trace: no values in the log, which outlives the rows.
        "log_parameter_max_length = 0",
        "log_error_verbosity = terse",
    ]
    shared = Path("/dev/shm")  # noqa: S108 (only measured)
    if shared.is_dir() and os.statvfs(shared).f_blocks * os.statvfs(shared).f_frsize < 2**28:
        lines.append("dynamic_shared_memory_type = mmap")  # the 64 MB of a container fail parallel queries
    return lines


def _write(path: Path, text: str, account: pwd.struct_passwd) -> None:
    """Replace a file of the server at once. Never through a link: root may be writing where others can."""
    descriptor, new = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        _give(descriptor, account)
    Path(new).replace(path)


# --- programs


@dataclass(frozen=True)
class _Programs:
    """The server programs of one version of PostgreSQL."""

    bindir: Path
    major: int

    def path(self, name: str) -> str:
        return str(self.bindir / name)

    @property
    def has_postgis(self) -> bool:
        told = _output([self.path("pg_config"), "--sharedir"])
        above = self.bindir.parent / "share"
        guesses = [Path(told)] if told else [above, above / "postgresql", above / "pgsql"]
        guesses.append(Path("/usr/share/postgresql") / str(self.major))
        return any((share / "extension" / "postgis.control").is_file() for share in guesses)


def _programs(directory: Path, major: int | None = None) -> _Programs:
    """Programs to run the cluster: of that major version, or of any that is new enough and has PostGIS."""
    found = list(_installed())
    if major is not None:
        of_it = [programs for programs in found if programs.major == major]
        if not of_it:
            here = ", ".join(str(programs.major) for programs in found) or "none"
            reason = f"{directory} was made by PostgreSQL {major}, which is not installed (found: {here})"
            raise _failure(f"{reason}\n{_how_to_install(major)}", directory, needed=major)
        found = of_it
    found = [programs for programs in found if programs.major >= OLDEST_MAJOR]
    if not found:
        reason = f"PostgreSQL {OLDEST_MAJOR} or newer is not installed"
        raise _failure(f"{reason}\n{_how_to_install(OLDEST_MAJOR)}", directory)
    for programs in found:
        if programs.has_postgis:
            return programs
    reason = f"PostGIS is not installed for the PostgreSQL {found[0].major} of {found[0].bindir}"
    raise _failure(f"{reason}\n{_how_to_install(found[0].major)}", directory)


def _installed() -> Iterator[_Programs]:
    """Every PostgreSQL server of this machine: those of the PATH first, then the newest first."""
    seen: set[Path] = set()
    for bindir in [*_path_bindirs(), *_known_bindirs()]:
        if bindir not in seen and all((bindir / name).is_file() for name in ("initdb", "postgres")):
            seen.add(bindir)
            told = _output([str(bindir / "postgres"), "--version"])
            if version := re.search(r"\(PostgreSQL\) (\d+)", told):
                yield _Programs(bindir, int(version[1]))


def _path_bindirs() -> Iterator[Path]:
    if pg_config := shutil.which("pg_config"):
        yield Path(_output([pg_config, "--bindir"]) or pg_config).resolve()
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent


def _known_bindirs() -> list[Path]:
    patterns = (
        "usr/lib/postgresql/*/bin",
        "usr/pgsql-*/bin",
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/local/opt/postgresql@*/bin",
    )
    found = [bindir for pattern in patterns for bindir in Path("/").glob(pattern)]
    return sorted(found, key=lambda bindir: [int(n) for n in re.findall(r"\d+", str(bindir))], reverse=True)


def _how_to_install(major: int) -> str:
    return "\n".join(
        [
            "Install it with one of:",
            f"  apt-get install postgresql postgresql-{major}-postgis-3",
            f"  brew install postgresql@{max(major, 17)} postgis",
            "  dnf install postgresql-server postgis",
        ]
    )


def _output(command: Sequence[str]) -> str:
    """What a program prints, or nothing if it is missing or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _run(
    account: pwd.struct_passwd,
    command: Sequence[str],
    *,
    given: str = "",
    cwd: Path = Path("/"),
    apart: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a program as the server's account, in an environment free of the caller's PG* and LC_*."""
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


# --- failures


def _failure(message: str, path: Path, **facts: object) -> EmbeddedFailed:
    return EmbeddedFailed(message, path=str(path), **facts)


def _not_up(site: _Site, reason: str) -> EmbeddedFailed:
    return _failure(f"{reason}. The end of its log, {_tail(site.directory)}", site.directory)


def _must(site: _Site, done: subprocess.CompletedProcess[str], purpose: str) -> None:
    if done.returncode != 0:
        words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise _failure(f"could not {purpose} in {site.directory}:\n{words}", site.directory)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Tell the operating system's refusals (no permission, disk full) as EmbeddedFailed, with their path."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise _failure(f"{where}: {error.strerror or error}", Path(os.fsdecode(where))) from error
