"""The real nginx before geoplatform, with the configuration we give: kept tiles from their folder, all else passed on."""

from __future__ import annotations

import gzip
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.clients, pytest.mark.france]


def get(url: str, **headers: str):
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


@contextmanager
def nginx_before(url: str, locations: str, prefix: Path) -> Iterator[str]:
    """Address of a running nginx with these locations, which passes on all else."""
    prefix.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (prefix / "nginx.conf").write_text(f"""
        user root; daemon off; pid {prefix}/pid; error_log {prefix}/error.log; events {{}}
        http {{
            access_log off; client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy; fastcgi_temp_path {prefix}/f;
            uwsgi_temp_path {prefix}/u; scgi_temp_path {prefix}/s;
            server {{ listen 127.0.0.1:{port};
                {locations}
                location / {{ proxy_pass {url}; proxy_set_header Host $http_host; }}
            }}
        }}
    """)
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([program, "-p", prefix, "-c", prefix / "nginx.conf", "-e", prefix / "error.log"])
    try:
        deadline = time.monotonic() + 20
        while True:
            assert process.poll() is None, (prefix / "error.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def nginx(served, tmp_path_factory):
    """Address of a running nginx, and the folder of the tiles it serves."""
    get(f"{served.url}/tiles/departments/5/16/11.mvt")
    (folder,) = (Path(served.environment["GEOPLATFORM_DATA"]) / "tiles").iterdir()
    given = (ROOT / "deploy/nginx/tiles.conf").read_text()
    given = given.replace("FOLDER", str(folder)).replace("UPSTREAM", served.url.removeprefix("http://"))
    with nginx_before(served.url, given, tmp_path_factory.mktemp("nginx")) as url:
        yield url, folder


def test_nginx_and_we_give_the_same_bytes_under_the_same_etag(nginx, served):
    url, folder = nginx
    for suffix in ("mvt", "geojson"):
        path = f"/tiles/departments/6/32/22.{suffix}"
        cold = get(url + path, Accept_Encoding="gzip")  # not kept yet: passed on, and kept
        assert (folder / f"departments/6/32/22.{suffix}.gz").exists()
        ours = get(served.url + path, Accept_Encoding="gzip")
        theirs = get(url + path, Accept_Encoding="gzip")
        assert cold[0] == ours[0] == theirs[0] == 200
        assert cold[2] == ours[2] == theirs[2]
        for name in ("ETag", "Content-Type", "Content-Encoding", "Cache-Control", "Vary", "Access-Control-Allow-Origin",
                     "X-Content-Type-Options"):  # fmt: skip
            assert cold[1][name] == ours[1][name] == theirs[1][name], name
        assert theirs[1]["Last-Modified"] is None
        assert theirs[1]["Content-Security-Policy"] is None  # so it was nginx, which sends fewer headers
        assert get(url + path, If_None_Match=ours[1]["ETag"])[0] == 304
        assert get(url + path)[2] == gzip.decompress(ours[2])


def test_what_nginx_cannot_know_is_passed_on(nginx):
    url, _ = nginx
    path = "/tiles/places/0/0/0.geojson"
    get(url + path)
    assert get(url + path + "?kind=project")[2] != get(url + path)[2]
    assert get(url + path + "?kind=shop")[0] == 400
    assert get(url + "/tiles/communes/3/0/0.mvt")[0] == 204
    assert get(url + "/tiles/communes/23/0/0.mvt")[0] == 404
    assert get(url + "/tiles/places.json")[0] == 200
