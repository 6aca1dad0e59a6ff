"""Flask's application, and any other of WSGI, behind granian's own protocol (RSGI). From `web.server`.

WSGI on granian is not told that a client went away; its own protocol tells, but its streams know no pressure back: a slow
client's answer would gather in memory. So what is streamed is a file to granian, in truth a pipe (web.pipe). What is a file
in truth (`Part`) granian sends alone, and no thread of ours waits for its reader.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoplatform.store.engine import Cancellation
from geoplatform.web import pipe

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment
    from granian.rsgi import HTTPProtocol, Scope  # type: ignore[attr-defined]

log = logging.getLogger(__name__)

#: Where the environment holds what ends the query of a client that went away.
CANCELLATION = "geoplatform.cancellation"
#: Answers whose length is told and no larger than this are gathered and sent at once.
_AT_ONCE = 1 << 20
_PIECE = 1 << 16
#: A query that takes less is over before it could be cancelled.
_PATIENCE_S = 0.1
_Headers = list[tuple[str, str]]


class Part:
    """Bytes of a file from `begin` up to, not including, `end`: an answer of WSGI, which the gateway leaves to granian."""

    def __init__(self, path: Path, begin: int, end: int) -> None:
        self.path, self.begin, self.end = path, begin, end

    def __iter__(self) -> Iterator[bytes]:
        """For any other server of WSGI, and for what is sent at once."""
        with self.path.open("rb") as file:
            file.seek(self.begin)
            while piece := file.read(min(_PIECE, self.end - file.tell())):
                yield piece


class Gateway:
    """A WSGI application with so many threads; bodies of requests larger than `largest` bytes are cut off one byte later."""

    def __init__(self, app: WSGIApplication, threads: int, largest: int) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(threads, "wsgi")
        self._largest = largest

    async def __call__(self, scope: Scope, proto: HTTPProtocol, told: dict[str, Any] | None = None) -> None:
        """Answer one request. `told`: what the environment holds beside."""
        body = await _body(scope, proto, self._largest)
        if body is None:
            return  # it left before it had said all
        client = _Client(scope, proto)
        environ = {
            **environ_of(scope),
            "CONTENT_LENGTH": scope.headers.get("content-length") or str(len(body)),
            "wsgi.input": io.BytesIO(body),
            CANCELLATION: client.cancellation,
            **(told or {}),
        }
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, self._answer, environ, client)
        if not await attended(proto, work):
            await loop.run_in_executor(None, client.leave)
        await work

    def _answer(self, environ: WSGIEnvironment, client: _Client) -> None:
        chunks: Iterable[bytes] = ()
        written: list[bytes] = []
        try:
            chunks = self._app(environ, client.start(written))
            client.send(environ["REQUEST_METHOD"], written, chunks)
        except pipe.Gone:
            log.info("nobody reads the answer any more: %s %s", environ["REQUEST_METHOD"], environ["PATH_INFO"])
        except Exception:
            log.exception(
                "an answer ended half-way, or was none: %s %s", environ["REQUEST_METHOD"], environ["PATH_INFO"]
            )
            client.fail()
        finally:
            if hasattr(chunks, "close"):
                chunks.close()


async def attended(proto: HTTPProtocol, work: asyncio.Future[Any]) -> bool:
    """Whether the work was done before the client went away; waits for the one or the other."""
    await asyncio.wait((work,), timeout=_PATIENCE_S)
    if work.done():
        return True
    gone = asyncio.ensure_future(_gone(proto))
    await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
    gone.cancel()
    return work.done()


async def _gone(proto: HTTPProtocol) -> None:
    await proto.client_disconnect()


def environ_of(scope: Scope) -> WSGIEnvironment:
    """The environment of PEP 3333, but for the body, which comes in no pieces. A header with an underscore in its name could pass
    for another: left out."""
    name, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_NAME": name.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": address_of(scope),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if scope.authority:
        environ["HTTP_HOST"] = scope.authority
    for header, value in scope.headers.items():
        if "_" not in header and header != "transfer-encoding":
            key = header.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            between = "; " if key == "HTTP_COOKIE" else ","
            environ[key] = f"{environ[key]}{between}{value}" if key in environ else value
    return environ


def address_of(scope: Scope) -> str:
    """The address of whoever connected, without its port."""
    return scope.client.rpartition(":")[0].strip("[]")


async def _body(scope: Scope, proto: HTTPProtocol, largest: int) -> bytes | None:
    """What the client says, and of what is too much one byte more than may be; None if it went away in the middle."""
    length = scope.headers.get("content-length")
    if length is None and "transfer-encoding" not in scope.headers:
        return b""
    body: bytes = b""
    async for piece in proto:
        body += piece
        if len(body) > largest:
            return body[: largest + 1]
    return None if length is not None and length.isdecimal() and len(body) < int(length) else body


class _Client:
    """Whoever asked, for the thread that answers."""

    def __init__(self, scope: Scope, proto: HTTPProtocol) -> None:
        self._proto = proto
        self._address = address_of(scope), int(scope.client.rpartition(":")[2])
        self._status = 0
        self._headers: _Headers = []
        self._answered = False
        self._left = threading.Event()
        self.cancellation = Cancellation()

    def leave(self) -> None:
        """It went away: whatever is done for it may end."""
        self._left.set()
        self.cancellation.cancel()

    def start(self, written: list[bytes]) -> Callable[..., Callable[[bytes], object]]:
        """PEP 3333's start_response; what is written by its callable goes before the rest."""

        def start_response(status: str, headers: _Headers, exc_info: Any = None) -> Callable[[bytes], object]:
            if exc_info and self._answered:
                raise exc_info[1].with_traceback(exc_info[2])
            self._status, self._headers = int(status[:3]), list(headers)
            return written.append

        return start_response

    def send(self, method: str, written: list[bytes], chunks: Iterable[bytes]) -> None:
        """The answer: at once where its length is told and small, else as a file, or piece by piece as they come."""
        length = next((value for name, value in self._headers if name.lower() == "content-length"), "")
        if method == "HEAD" or self._status in (204, 304):
            self._answered = True
            self._proto.response_empty(self._status, self._headers)
        elif length.isdecimal() and int(length) <= _AT_ONCE:
            body = b"".join((*written, *chunks))
            self._answered = True
            self._proto.response_bytes(self._status, self._headers, body)
        elif isinstance(chunks, Part):
            self._answered = True
            self._proto.response_file_range(self._status, self._headers, str(chunks.path), chunks.begin, chunks.end)
        else:
            rest = iter(chunks)
            first = next(rest, b"")  # before the status is told: what fails at once is an error, not half an answer
            self._stream(_joined(written, first, rest))

    def fail(self) -> None:
        """An error that the application did not answer; where it had begun to, the stream has ended already."""
        if not self._answered:
            self._answered = True
            self._proto.response_empty(500, [("Content-Length", "0"), ("Cache-Control", "no-store")])

    def _stream(self, chunks: Iterator[bytes]) -> None:
        self._answered = True
        with pipe.read_by(
            lambda path: self._proto.response_file(self._status, self._headers, path), self._left
        ) as write:
            try:
                for chunk in chunks:
                    write(chunk)
            except Exception:
                pipe.hang_up(*self._address)
                raise


def _joined(written: list[bytes], first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield from written
    yield first
    yield from chunks
