"""The private cluster, on real servers: who may come when, and what a crash leaves behind."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from geoplatform import embedded
from geoplatform.embedded import postmaster, programs, site
from geoplatform.errors import EmbeddedFailed

ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not ROOT, reason="needs to act as other OS users")
SPACIOUS = Path("/dev/shm").is_dir() and shutil.disk_usage("/dev/shm").free > 2**30
HOMES = "/dev/shm" if SPACIOUS else "/tmp"  # in memory where there is room: a cluster is a thousand files
REPOSITORY = Path(__file__).resolve().parents[2]

COMMAND = """
import signal, sys
from pathlib import Path
from geoplatform import embedded
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is started with it ignored
with embedded.running(Path(sys.argv[1]), durable=False) as cluster:
    print(cluster.url(), flush=True)
    sys.stdin.readline()
"""


@contextmanager
def directory() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="geoplatform-test-", dir=HOMES)).resolve()
    home.chmod(0o755)
    try:
        yield home / "data"
        embedded.destroy(home / "data")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def empty() -> Iterator[Path]:
    """A data directory to be, that any OS user can enter; its cluster and server are gone afterwards."""
    with directory() as data:
        yield data


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    with directory() as data:
        made(data)
        yield data


@pytest.fixture
def data(template: Path) -> Iterator[Path]:
    """A data directory with a fresh, stopped cluster."""
    with directory() as data:
        data.mkdir()
        subprocess.run(["cp", "-a", template / "postgres", data / "postgres"], check=True)
        yield data


@contextmanager
def commands(data: Path, count: int = 1) -> Iterator[list[subprocess.Popen[str]]]:
    """Other processes that came to use the cluster at the same moment, each in a process group of its own."""
    with ExitStack() as ending:
        started = []
        for _ in range(count):
            process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, str(data)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=REPOSITORY,
                start_new_session=True,
            )
            ending.enter_context(process)
            ending.callback(process.kill)
            started.append(process)
        yield started


def move(data: Path, name: str) -> Path:
    """The data directory that has this name in `data`, with the cluster of `data`."""
    (data / name).mkdir()
    return (data / "postgres").rename(data / name / "postgres").parent


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=30)
    assert process.returncode == 0


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def shown(cluster: embedded.Cluster, setting: str) -> object:
    return ask(cluster.url(), f"SHOW {setting}")[0][0]


def server_pid(data: Path) -> int | None:
    return embedded.status(data).pid


def made(data: Path) -> embedded.Cluster:
    with embedded.running(data, durable=False) as cluster:
        return cluster


def test_a_new_cluster_holds_an_empty_utf8_database_of_the_admin(empty: Path) -> None:
    with embedded.running(empty, durable=False) as cluster:
        assert cluster.directory == empty / "postgres"
        found = ask(
            cluster.url(),
            "SELECT current_user, current_database(), pg_encoding_to_char(encoding), pg_get_userbyid(datdba)"
            " FROM pg_database WHERE datname = current_database()",
        )
        assert found == [("geoplatform_admin", "geoplatform", "UTF8", "geoplatform_admin")]
        assert ask(cluster.url(), "SELECT lower('ÉTANG-SALÉ') < 'z', lower('É')") == [(False, "é")]
        assert cluster.directory.stat().st_mode & 0o777 == 0o700
        assert cluster.socket_dir.stat().st_mode & 0o777 == 0o700


def test_a_second_start_is_quick_and_finds_the_same_data(data: Path) -> None:
    with embedded.running(data, durable=False) as cluster:
        ask(cluster.url(), "CREATE TABLE kept AS SELECT 97414 AS code")
    assert server_pid(data) is None
    began = time.monotonic()
    with embedded.running(data, durable=False) as cluster:
        assert time.monotonic() - began < 3
        assert ask(cluster.url(), "SELECT code FROM kept") == [(97414,)]


@only_root
def test_a_cluster_its_server_could_not_reach_is_made_elsewhere_behind_a_link(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)
    data = shut / "data"
    try:
        with embedded.running(data, durable=False) as cluster:
            ask(cluster.url(), "CREATE TABLE kept ()")
            assert cluster.directory.is_relative_to(site.STATE_DIR)
            assert (data / "postgres").is_symlink()
            assert (data / "postgres").resolve() == cluster.directory
            assert cluster.directory.owner() == "postgres"
        (data / "postgres").unlink()  # as after a kill just before the link was made
        with embedded.running(data, durable=False) as again:
            assert again == cluster
            assert ask(again.url(), "SELECT count(*) FROM kept") == [(0,)]
    finally:
        embedded.destroy(data)
    assert not cluster.directory.parent.exists()
    assert list(data.iterdir()) == []


def test_commands_arriving_at_once_share_one_cluster_and_the_last_one_stops_it(empty: Path) -> None:
    with commands(empty, 4) as processes:
        assert len({line(process) for process in processes}) == 1
        pid = server_pid(empty)
        assert pid is not None
        for process in processes:
            assert embedded.status(empty) == embedded.Status(
                empty / "postgres", embedded.status(empty).major, pid, True
            )
            end(process)
    assert server_pid(empty) is None


def test_commands_coming_and_going_never_find_a_stopped_server(data: Path) -> None:
    made(data)
    failures: list[Exception] = []

    def come_and_go() -> None:
        for _ in range(5):
            try:
                with embedded.running(data, durable=False) as cluster:
                    ask(cluster.url(), "SELECT 1")
            except (EmbeddedFailed, psycopg.Error) as error:
                failures.append(error)

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert server_pid(data) is None


def test_uses_may_be_nested_in_one_process(data: Path) -> None:
    with embedded.running(data, durable=False) as outer:
        with embedded.running(data, durable=False) as inner:
            assert inner == outer
        assert ask(outer.url(), "SELECT 1") == [(1,)]
    assert server_pid(data) is None


def test_a_forked_child_that_leaves_does_not_stop_the_server(data: Path) -> None:
    use = embedded.running(data, durable=False)
    cluster = use.__enter__()
    child = os.fork()
    if child == 0:
        use.__exit__(None, None, None)
        os._exit(0)
    os.waitpid(child, 0)
    assert ask(cluster.url(), "SELECT 1") == [(1,)]
    use.__exit__(None, None, None)
    assert server_pid(data) is None


@pytest.mark.parametrize("holder", ["nobody", "a live stranger"])
def test_a_stale_pid_file_does_not_prevent_a_start(data: Path, holder: str) -> None:
    cluster = made(data)
    owner = cluster.directory.stat()
    stranger = subprocess.Popen(
        ["sleep", "60"],
        user=owner.st_uid if ROOT else None,  # as its server's user, so that PostgreSQL may signal it
    )
    try:
        if holder == "nobody":
            stranger.kill()
            stranger.wait()
        leftovers = {
            cluster.directory / "postmaster.pid": (
                f"{stranger.pid}\n{cluster.directory}\n1700000000\n5432\n{cluster.socket_dir}\n\n"
                "  5432001         1\nready   \n"
            ),
            cluster.socket_dir / ".s.PGSQL.5432.lock": f"{stranger.pid}\n{cluster.directory}\n",
            cluster.socket_dir / ".s.PGSQL.5432": "",
        }
        for path, text in leftovers.items():
            path.write_text(text)
            os.chown(path, owner.st_uid, owner.st_gid)
        assert server_pid(data) is None
        assert not embedded.stop(data)
        with embedded.running(data, durable=False) as again:
            assert ask(again.url(), "SELECT 1") == [(1,)]
        assert server_pid(data) is None
        assert (stranger.poll() is None) == (holder == "a live stranger")
    finally:
        stranger.kill()
        stranger.wait()


def test_an_empty_pid_file_left_by_a_power_cut_does_not_prevent_a_start(data: Path) -> None:
    cluster = made(data)
    (cluster.directory / "postmaster.pid").touch()
    with embedded.running(data, durable=False) as again:
        assert ask(again.url(), "SELECT 1") == [(1,)]


@pytest.mark.parametrize("is_up", [False, True], ids=["never-ran", "not-seen"])
def test_a_server_that_seems_to_end_without_a_word_is_looked_for_then_started_again(
    data: Path, monkeypatch: pytest.MonkeyPatch, is_up: bool
) -> None:
    launch, asked = postmaster._launch, []

    def first_gone(*given: Any) -> int:
        asked.append(given)
        if len(asked) > 1:
            return launch(*given)
        if is_up:
            launch(*given)
        return postmaster.DEAD_PID

    monkeypatch.setattr(postmaster, "_launch", first_gone)
    with embedded.running(data, durable=False) as cluster:
        assert ask(cluster.url(), "SELECT 1") == [(1,)]
    assert len(asked) == (1 if is_up else 2)


def test_a_server_that_always_ends_without_a_word_is_told_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postmaster, "_launch", lambda *given: postmaster.DEAD_PID)
    with pytest.raises(EmbeddedFailed, match="ended without a word while it was starting"):
        made(data)


def test_the_server_of_a_killed_command_is_found_running_then_stopped(data: Path) -> None:
    with commands(data) as [process]:
        line(process)
        left_behind = server_pid(data)
        os.killpg(process.pid, signal.SIGKILL)  # the whole group: the server is not of it
        process.wait()
    assert left_behind is not None
    assert embedded.status(data).pid == left_behind
    assert not embedded.status(data).used
    with embedded.running(data, durable=False) as cluster:
        assert server_pid(data) == left_behind
        assert ask(cluster.url(), "SELECT 1") == [(1,)]
    assert server_pid(data) is None


def test_ctrl_c_ends_the_command_and_not_the_server_of_the_others(data: Path) -> None:
    with commands(data) as [process]:
        line(process)  # it started the server
        with embedded.running(data, durable=False) as cluster:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=30)
            assert ask(cluster.url(), "SELECT 1") == [(1,)]
    assert server_pid(data) is None


def test_what_a_killed_first_make_left_is_removed(empty: Path) -> None:
    with commands(empty) as [process]:
        deadline = time.monotonic() + 20
        while not list(empty.glob("postgres.making-*/PG_VERSION")):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (empty / "postgres").exists()
    with embedded.running(empty, durable=False) as cluster:
        assert ask(cluster.url(), "SELECT 1") == [(1,)]
    assert list(empty.glob("postgres.making-*")) == []


def test_rows_committed_before_the_server_was_killed_are_there_after_it_restarts(data: Path) -> None:
    with embedded.running(data) as cluster:
        ask(cluster.url(), "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        with psycopg.connect(cluster.url()) as open_session:
            open_session.execute("INSERT INTO kept VALUES (-1)")  # not committed
            os.kill(server_pid(data) or 0, signal.SIGKILL)
            while server_pid(data):
                time.sleep(0.001)
            with embedded.running(data) as again:
                assert ask(again.url(), "SELECT count(*), min(n) FROM kept") == [(1000, 1)]
            open_session.close()
    assert server_pid(data) is None


def test_a_cluster_is_durable_and_says_nothing_of_values_in_its_log(data: Path) -> None:
    with embedded.running(data) as cluster:
        names = (
            "fsync",
            "full_page_writes",
            "synchronous_commit",
            "jit",
            "timezone",
            "log_parameter_max_length",
        )
        assert [shown(cluster, name) for name in names] == ["on", "on", "on", "off", "UTC", "0"]
        assert "GB" in str(shown(cluster, "shared_buffers")) or int(str(shown(cluster, "shared_buffers"))[:-2]) >= 128


def test_the_server_is_as_durable_as_its_most_careful_user_asks(data: Path) -> None:
    with embedded.running(data, durable=False) as cluster:
        assert shown(cluster, "fsync") == "off"
        with embedded.running(data, durable=True):
            deadline = time.monotonic() + 10
            while shown(cluster, "fsync") == "off" and time.monotonic() < deadline:
                time.sleep(0.02)
            with embedded.running(data, durable=False):
                assert shown(cluster, "fsync") == "on"


def test_its_settings_are_written_again_at_the_next_start(data: Path) -> None:
    conf = made(data).directory / "geoplatform.conf"
    written = conf.read_text()
    conf.write_text("jit = on\n")
    made(data)
    assert conf.read_text() == written
    assert conf.owner() == conf.parent.owner()


@pytest.mark.parametrize("name", ["long" * 40, 'Mes données $HOME `id` "d\'ici"', "a,b"])
def test_a_data_directory_may_have_any_name(data: Path, name: str) -> None:
    data = move(data, name)
    with embedded.running(data, durable=False) as cluster:
        assert ask(cluster.url(), "SELECT 1") == [(1,)]
        assert cluster.directory == data / "postgres"
        assert cluster.socket_dir.parent == Path("/tmp")
        assert cluster.socket_dir.stat().st_mode & 0o777 == 0o700
    embedded.destroy(data)
    assert not cluster.socket_dir.exists()


def test_a_socket_directory_put_there_by_somebody_else_is_refused(data: Path, tmp_path: Path) -> None:
    data = move(data, "long" * 40)
    cluster = made(data)
    shutil.rmtree(cluster.socket_dir)
    cluster.socket_dir.symlink_to(tmp_path)
    try:
        with pytest.raises(EmbeddedFailed, match=f"{cluster.socket_dir}.* must be removed"):
            made(data)
    finally:
        cluster.socket_dir.unlink()
        embedded.destroy(data)


def test_two_clusters_run_side_by_side_without_a_tcp_port(template: Path, data: Path) -> None:
    with embedded.running(template, durable=False) as one, embedded.running(data, durable=False) as two:
        for cluster in (one, two):
            assert ask(cluster.url(), "SELECT inet_server_addr(), inet_server_port()") == [(None, None)]
            assert shown(cluster, "listen_addresses") == ""
        assert server_pid(template) != server_pid(data)


@only_root
def test_another_os_user_is_refused(data: Path) -> None:
    with embedded.running(data, durable=False) as cluster:
        psql = [shutil.which("psql") or "psql", "--no-psqlrc", "-tAc", "SELECT 1", cluster.url()]

        def told(user: str) -> str:
            done = subprocess.run(
                psql, user=user, extra_groups=[], cwd="/", capture_output=True, text=True, check=False
            )
            return done.stdout.strip() or done.stderr

        assert told("postgres") == "1"
        assert "Permission denied" in told("nobody")
        cluster.socket_dir.chmod(0o755)  # even if the door of the directory stood open
        assert "Peer authentication failed" in told("nobody")


def test_the_roles_of_the_platform_may_log_in_and_no_other(data: Path) -> None:
    with embedded.running(data, durable=False) as cluster:
        for role in (*embedded.ROLES[1:], "stranger"):
            ask(cluster.url(), f"CREATE ROLE {role} LOGIN")
        for role in embedded.ROLES:
            assert ask(cluster.url(role), "SELECT session_user") == [(role,)]
        with pytest.raises(psycopg.OperationalError, match="Peer authentication failed"):
            ask(cluster.url("stranger"), "SELECT 1")


def test_a_cluster_of_another_version_is_refused_with_the_version_it_needs(data: Path) -> None:
    cluster = made(data)
    version = (cluster.directory / "PG_VERSION").read_text()
    (cluster.directory / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedFailed, match="made by PostgreSQL 9, which is not installed") as refused:
        made(data)
    assert refused.value.facts["needed"] == 9
    (cluster.directory / "PG_VERSION").write_text(version)


def test_a_cluster_of_another_os_user_is_refused_with_its_name(data: Path) -> None:
    if ROOT:
        made(data)
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
        owner = "postgres"
    else:
        shutil.rmtree(data / "postgres")
        (data / "postgres").symlink_to("/usr")
        owner = "root"
    try:
        with pytest.raises(EmbeddedFailed, match=f"belongs to the OS user {owner}"):
            made(data)
    finally:
        if ROOT:
            os.seteuid(0)
        else:
            (data / "postgres").unlink()


@only_root
def test_root_runs_the_cluster_of_an_ordinary_user_as_that_user(data: Path) -> None:
    shutil.chown(data, "nobody")
    for path in [data / "postgres", *(data / "postgres").rglob("*")]:
        os.chown(path, pwd.getpwnam("nobody").pw_uid, -1, follow_symlinks=False)
    with embedded.running(data, durable=False) as cluster:
        assert ask(cluster.url(), "SELECT 1") == [(1,)]
        assert Path(f"/proc/{server_pid(data)}").owner() == "nobody"
    assert (data / "postgres.lock").owner() == "nobody"


def test_an_unwritable_data_directory_is_refused_with_its_path(empty: Path) -> None:
    empty.write_text("a file stands in its place")
    with pytest.raises(EmbeddedFailed, match=f"^{empty}: File exists"):
        made(empty)
    empty.unlink()
    if not ROOT:
        empty.mkdir(mode=0o500)
        with pytest.raises(EmbeddedFailed, match=f"^{empty}/.*: Permission denied"):
            made(empty)
        empty.rmdir()


@only_root
def test_a_full_disk_is_told_with_its_path_and_leaves_nothing_half_made(empty: Path) -> None:
    empty.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=755", "none", empty], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount")
    try:
        with pytest.raises(EmbeddedFailed, match=rf"(?s){empty}.*No space left on device"):
            made(empty)
        assert not embedded.status(empty).major
        assert sorted(path.name for path in empty.iterdir()) == ["postgres.lock", "postgres.users"]
    finally:
        subprocess.run(["umount", empty], check=True)


def test_a_directory_that_is_no_cluster_is_left_alone(empty: Path) -> None:
    (empty / "postgres").mkdir(parents=True)
    precious = empty / "postgres" / "precious.txt"
    precious.touch()
    for act in (made, embedded.destroy, embedded.status):
        with pytest.raises(EmbeddedFailed, match="is not a PostgreSQL cluster"):
            act(empty)
    assert precious.exists()
    precious.unlink()


def test_a_link_to_a_missing_disk_is_refused(empty: Path) -> None:
    empty.mkdir()
    (empty / "postgres").symlink_to("/nonexistent/disk/postgres")
    with pytest.raises(EmbeddedFailed, match="/nonexistent/disk/postgres, which is missing"):
        made(empty)
    (empty / "postgres").unlink()


def test_a_server_that_cannot_start_is_told_with_the_end_of_its_log(data: Path) -> None:
    cluster = made(data)
    with (cluster.directory / "postgresql.auto.conf").open("a") as conf:
        conf.write("nonsense = 1\n")
    with pytest.raises(EmbeddedFailed, match=r"(?s)startup\.log:.*unrecognized configuration parameter \"nonsense\""):
        made(data)
    assert not embedded.status(data).used


def test_a_server_that_takes_too_long_is_told_and_left_to_finish(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(data)
    monkeypatch.setattr(postmaster, "PATIENCE_S", 0.0)
    with pytest.raises(EmbeddedFailed, match="is still not ready"):
        made(data)
    monkeypatch.undo()
    with embedded.running(data, durable=False) as cluster:
        assert ask(cluster.url(), "SELECT 1") == [(1,)]


def test_without_postgresql_or_postgis_it_says_what_to_install(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_installed", lambda: iter([]))
    with pytest.raises(EmbeddedFailed) as refused:
        made(empty)
    assert str(refused.value).splitlines() == [
        "PostgreSQL 15 or newer is not installed",
        "Install it with one of:",
        "  apt-get install postgresql postgresql-15-postgis-3",
        "  brew install postgresql@17 postgis",
        "  dnf install postgresql-server postgis",
    ]
    monkeypatch.undo()
    monkeypatch.setattr(programs.Programs, "has_postgis", False)
    with pytest.raises(EmbeddedFailed, match="PostGIS is not installed for the PostgreSQL"):
        made(empty)


def test_stop_ends_a_server_left_behind_and_refuses_one_in_use(data: Path) -> None:
    assert not embedded.stop(data)
    with commands(data) as [process]:
        line(process)
        for act in (embedded.stop, embedded.destroy):
            with pytest.raises(EmbeddedFailed, match="in use by another command"):
                act(data)
        process.kill()
        process.wait()
    assert embedded.stop(data)
    assert not embedded.stop(data)


def test_status_and_destroy_of_nothing_make_nothing(empty: Path) -> None:
    assert embedded.status(empty).major is None
    embedded.destroy(empty)
    assert not empty.exists()
