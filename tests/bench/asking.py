"""How a server is asked: wrk for its answers a second, one connection for what they hold. From `tiles` and `features`."""

from __future__ import annotations

import gzip
import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import peers
from tests.bench.bench import Database
from tests.bench.peers import Unavailable

LASTING_S = 3
#: A list whose answers take seconds each is asked once at most, and no longer than this.
LONGEST_S = 60
_GZIP = {"Accept-Encoding": "gzip"}

#: Asks for the lines of a file in turn: path, perhaps an ETag. Made once, so that wrk is faster than what it measures.
#: With `whole`, it stops when the time is over and every line was answered.
_ASK = """
local ffi = require("ffi")
ffi.cdef("int getpid(void); int kill(int, int);")
local requests, sent, answered, ending, whole = {}, 0, 0, 0, false
function init(args)
    for line in io.lines(args[1]) do
        local path, etag = line:match("^(%S+) ?(.*)$")
        local headers = {["Accept-Encoding"] = "gzip"}
        if etag ~= "" then headers["If-None-Match"] = etag end
        requests[#requests + 1] = wrk.format("GET", path, headers)
    end
    ending = os.time() + tonumber(args[2])
    if args[3] == "whole" then
        response = function()
            answered = answered + 1
            if answered >= #requests and os.time() >= ending then ffi.C.kill(ffi.C.getpid(), 2) end
        end
    end
end
function request()
    sent = sent % #requests + 1
    return requests[sent]
end
"""
_TOLD = """
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format('\\n{"answers": %d, "microseconds": %d, "p99": %d, "refused": %d, "broken": %d}\\n',
        summary.requests, summary.duration, latency:percentile(99), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk saw: answers a second, and the seconds that 99 of 100 stayed below."""

    per_second: float
    p99_s: float


@dataclass(frozen=True)
class Answer:
    """One answer; `body` unpacked, `packed` as it came."""

    status: int
    etag: str
    packed: bytes

    @property
    def body(self) -> bytes:
        return gzip.decompress(self.packed) if self.packed[:2] == b"\x1f\x8b" else self.packed


def wrk(
    folder: Path,
    port: int,
    lines: Sequence[str],
    *,
    clients: int,
    whole: bool = False,
    post: tuple[str, str] | None = None,
) -> Load:
    """So many connections of wrk, for some seconds. RuntimeError if a single request failed.

    `post`: a script that sends something instead, and its argument.
    """
    script, told = folder / "ask.lua", folder / "asked.txt"
    script.write_text((post[0] if post else _ASK) + _TOLD)
    told.write_text("".join(f"{line}\n" for line in lines))
    command = [str(peers.program("wrk", "wrk")), "-t", "1", "-c", str(clients), "--timeout", f"{LONGEST_S}s"]
    command += ["-d", f"{LONGEST_S if whole else LASTING_S}s", "-s", str(script), f"http://127.0.0.1:{port}", "--"]
    command += [post[1]] if post else [str(told), str(LASTING_S), "whole" if whole else "timed"]
    done = subprocess.run(command, env=peers.environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"wrk failed: {(done.stderr or done.stdout)[-400:]}")
    saw = json.loads(done.stdout.strip().splitlines()[-1])
    if saw["refused"] or saw["broken"] or not saw["answers"]:
        raise RuntimeError(f"{saw['refused']} requests were refused, {saw['broken']} broken off, of {saw['answers']}")
    return Load(saw["answers"] / saw["microseconds"] * 1e6, saw["p99"] / 1e6)


def got(port: int, paths: list[str], headers: dict[str, str] | None = None) -> list[Answer]:
    """Each path asked once, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_S)
    answers = []
    for path in paths:
        connection.request("GET", path, headers=_GZIP | (headers or {}))
        response = connection.getresponse()
        answers.append(Answer(response.status, response.headers.get("ETag", ""), response.read()))
    connection.close()
    return answers


@contextmanager
def left_out_if_unavailable(name: str) -> Iterator[None]:
    try:
        yield
    except Unavailable as reason:
        print(f"  {name} is left out: {reason}", file=sys.stderr)


@contextmanager
def hushed(database: Database) -> Iterator[None]:
    """Statements that a server leaves running when it ends are ended too: the next one shall have the machine to itself."""
    try:
        yield
    finally:
        with database.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
                " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND application_name <> 'geoplatform'"
            )
