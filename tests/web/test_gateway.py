"""Flask behind granian's own protocol, with a real granian: streams in flat memory, clients that go away, strange requests."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.web.streams import CHUNK, LARGEST

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "rsgi", "--no-ws", "--host", "127.0.0.1"]
    process = subprocess.Popen([*command, "--port", str(number), "tests.web.streams:application"], cwd=ROOT)
    try:
        until(lambda: answers(number))
        yield number
    finally:
        process.terminate()
        process.wait(20)


def answers(port: int) -> bool:
    try:
        return bool(state(port))
    except OSError:
        return False


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def asked(port: int, path: str, method: str = "GET", body=None, headers=None) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request(method, path, body, headers or {})
    return connection.getresponse()


def state(port: int) -> dict[str, int]:
    return json.loads(asked(port, "/state").read())


@pytest.mark.parametrize("length", ["", f"?length={500 * len(CHUNK)}"])
def test_a_stream_arrives_whole(port, length):
    answer = asked(port, f"/stream/500{length}")
    found = answer.read()
    assert answer.status == 200
    assert hashlib.sha256(found).digest() == hashlib.sha256(CHUNK * 500).digest()
    until(lambda: state(port)["closed"] == 1)


def test_a_stream_waits_for_its_reader_and_ends_when_he_goes(port):
    before = state(port)
    with socket.create_connection(("127.0.0.1", port)) as reader:
        reader.sendall(b"GET /stream/16000 HTTP/1.1\r\nHost: a\r\n\r\n")  # a gigabyte
        reader.recv(1 << 16)
        counts: list[int] = []

        def still() -> bool:
            counts.append(state(port)["sent"])
            return counts[-20:] == [counts[-1]] * 20

        until(still)
        halted = state(port)
        assert 0 < halted["sent"] < 1000
        assert halted["closed"] == 0
        assert halted["peak_mb"] - before["peak_mb"] < 64
    until(lambda: state(port)["closed"] == 1)
    assert state(port)["sent"] < 1000


def test_many_who_go_away_leave_no_thread_behind(port):
    for _ in range(24):  # six times as many as there are threads
        with socket.create_connection(("127.0.0.1", port)) as reader:
            reader.sendall(b"GET /stream/16000 HTTP/1.1\r\nHost: a\r\n\r\n")
            reader.recv(1)
    with socket.create_connection(("127.0.0.1", port)) as reader:
        reader.sendall(b"GET /stream/16000 HTTP/1.1\r\nHost: a\r\n\r\n")  # gone before the first byte
    assert asked(port, "/stream/3").read() == CHUNK * 3
    assert state(port)["threads"] < 20


def test_a_stream_that_fails_at_once_is_an_error_and_one_that_fails_later_is_not_taken_for_whole(port):
    assert asked(port, "/breaks/0").status == 500
    for chunks in (1, 300):
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            asked(port, f"/breaks/{chunks}").read()
    assert asked(port, "/stream/1").read() == CHUNK


def test_a_head_has_the_headers_and_none_of_the_body(port):
    answer = asked(port, f"/stream/500?length={500 * len(CHUNK)}", "HEAD")
    assert (answer.status, answer.headers["Content-Length"]) == (200, str(500 * len(CHUNK)))
    assert answer.read() == b""
    assert state(port)["sent"] == 0


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Iterator[Path]:
    """A file of 300 MB."""
    path = tmp_path_factory.mktemp("large") / "file"
    with path.open("wb") as file:
        for _ in range(4800):
            file.write(CHUNK)
    yield path
    path.unlink()


@pytest.mark.parametrize(
    ("begin", "end"), [(0, 0), (0, 7), (3, 2_000_003), (300_000_000, 314_572_800), (9, 100_000_000)]
)
def test_a_part_of_a_file_is_sent_to_the_byte(port, large, begin, end):
    answer = asked(port, f"/file/{begin}/{end}?path={large}")
    digest = hashlib.sha256()
    while piece := answer.read(1 << 20):
        digest.update(piece)
    with large.open("rb") as file:
        file.seek(begin)
        assert digest.digest() == hashlib.sha256(file.read(end - begin)).digest()
    assert answer.headers["Content-Length"] == str(end - begin)


def test_files_are_sent_in_flat_memory_and_hold_no_thread(port, large):
    before = state(port)
    size = large.stat().st_size
    path = f"/file/0/{size}?path={large}"
    readers = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    for reader in readers:  # they take a little, and rest
        reader.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        reader.recv(1 << 16)
    whole = asked(port, path)
    assert sum(len(piece) for piece in iter(lambda: whole.read(1 << 20), b"")) == size
    after = state(port)
    assert after["peak_mb"] - before["peak_mb"] < 100
    assert after["threads"] == before["threads"]
    for reader in readers:
        reader.close()
    until(lambda: state(port)["files"] <= before["files"])


def test_a_file_that_is_gone_is_not_taken_for_one(port, tmp_path):
    try:
        answer = asked(port, f"/file/0/2000000?path={tmp_path}/none")
        assert answer.status >= 400 or len(answer.read()) < 2_000_000
    except (http.client.HTTPException, ConnectionError):
        """The connection ended, which says it too."""


@pytest.mark.parametrize("size", [0, 1, LARGEST])
@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_body_comes_as_it_was_sent(port, size, is_chunked):
    body = (CHUNK * 2)[:size]
    answer = asked(port, "/echo", "POST", iter([body[:10], body[10:]]) if is_chunked and body else body)
    assert json.loads(answer.read())["body"].encode("latin-1") == body


def test_a_body_that_is_too_large_is_refused_told_or_not(port):
    assert asked(port, "/echo", "POST", bytes(LARGEST + 1)).status == 413
    assert asked(port, "/echo", "POST", iter([bytes(LARGEST), b"."])).status == 413


def test_what_a_request_says_arrives(port):
    headers = {
        "X-Forwarded-For": "192.0.2.7",
        "X_Forwarded_For": "198.51.100.9",
        "Cookie": "a=1; b=2",
        "Host": "lieux.example",
    }
    found = json.loads(asked(port, "/echo?q=%C3%A9&r=a+b", headers=headers).read())
    assert found["forwarded"] == "192.0.2.7"
    assert found["cookies"] == {"a": "1", "b": "2"}
    assert (found["host"], found["query"], found["address"]) == ("lieux.example", "q=%C3%A9&r=a+b", "127.0.0.1")
    assert json.loads(asked(port, "/%C3%A9cho/L%27Ha%C3%BF").read()) == {"name": "L'Haÿ"}
    assert asked(port, "/%FF%00").status == 404
