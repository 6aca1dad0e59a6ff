"""A real server on the loopback for downloads: it breaks off, changes its files, refuses, and knows ranges (RFC 9110)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 4000


class Server(ThreadingHTTPServer):
    """Gives `files` by the last part of their path, or `content` for any where there are none; at most `most` bytes of an
    answer before it hangs up. `asked`: the ranges that were asked for; `paths`: of what."""

    content, most, version, status = CONTENT, len(CONTENT), '"one"', 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []
        self.paths: list[str] = []
        self.files: dict[str, bytes] = {}

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        told = self.headers.get("Range")
        self.server.asked.append(told)
        self.server.paths.append(self.path)
        content = self.server.files.get(self.path.rpartition("/")[2]) if self.server.files else self.server.content
        status = 404 if content is None else self.server.status
        begin = int(told[6:-1]) if told and self.headers.get("If-Range") == self.server.version else 0
        rest = (content or b"")[begin:]
        self.send_response(status if status != 200 else 206 if begin else 200)
        self.send_header("ETag", self.server.version)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.close_connection = True
        try:
            self.wfile.write(rest[: self.server.most])
        except OSError:
            """The client has gone: its disk is full, say."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()
