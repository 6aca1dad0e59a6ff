"""A Flask application that streams, as `test_gateway.py` has granian serve it behind our gateway."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, request

from geoplatform.web.gateway import Gateway, Part

CHUNK = bytes(range(256)) * 256
LARGEST = 1 << 16

told: dict[str, int] = {"sent": 0, "closed": 0}
app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = LARGEST


@app.get("/stream/<int:chunks>")
def stream(chunks: int) -> Response:
    def made() -> Iterator[bytes]:
        try:
            for _ in range(chunks):
                told["sent"] += 1
                yield CHUNK
        finally:
            told["closed"] += 1

    told.update(sent=0, closed=0)
    return Response(made(), headers={"Content-Length": request.args["length"]} if "length" in request.args else None)


@app.get("/file/<int:begin>/<int:end>")
def file(begin: int, end: int) -> Response:
    response = Response(headers={"Content-Length": str(end - begin)}, direct_passthrough=True)
    response.response = Part(Path(request.args["path"]), begin, end)
    return response


@app.get("/breaks/<int:after>")
def breaks(after: int) -> Response:
    def made() -> Iterator[bytes]:
        for _ in range(after):
            yield CHUNK
        raise RuntimeError("in the middle")

    return Response(made())


@app.get("/state")
def state() -> dict[str, int]:
    return {
        **told,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "threads": threading.active_count(),
        "files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
    }


@app.route("/echo", methods=["GET", "POST"])
def echo() -> dict[str, object]:
    return {
        "body": request.get_data().decode("latin-1"),
        "path": request.path,
        "query": request.query_string.decode(),
        "host": request.host,
        "forwarded": request.headers.get("X-Forwarded-For"),
        "cookies": request.cookies.to_dict(),
        "address": request.remote_addr,
    }


@app.get("/écho/<name>")
def accented(name: str) -> dict[str, str]:
    return {"name": name}


class Application:
    """What granian runs."""

    def __init__(self) -> None:
        self._gateway = Gateway(app, 4, LARGEST)

    async def __rsgi__(self, scope, proto) -> None:
        await self._gateway(scope, proto)


application = Application()
