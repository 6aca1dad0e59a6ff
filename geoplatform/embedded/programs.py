"""The PostgreSQL programs of this machine, and what to install when they are missing."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from geoplatform.embedded.failures import failure

OLDEST_MAJOR = 15
KNOWN_BINDIRS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)
"""The same as in deploy/setup/system.sh."""
HOW_TO_INSTALL = """
Install it with one of:
  apt-get install postgresql postgresql-{major}-postgis-3
  brew install postgresql@{brewed} postgis
  dnf install postgresql-server postgis"""


@dataclass(frozen=True)
class Programs:
    """The server programs of one version of PostgreSQL."""

    bindir: Path
    major: int

    def path(self, name: str) -> str:
        """Path of one of them: `initdb`, `postgres`."""
        return str(self.bindir / name)

    @property
    def has_postgis(self) -> bool:
        """True if this version has the extension PostGIS."""
        told = _output([self.path("pg_config"), "--sharedir"])
        above = self.bindir.parent / "share"
        guesses = [Path(told)] if told else [above, above / "postgresql", above / "pgsql"]
        guesses.append(Path("/usr/share/postgresql") / str(self.major))
        return any((share / "extension" / "postgis.control").is_file() for share in guesses)


def programs_for(directory: Path, major: int | None = None) -> Programs:
    """Programs to run the cluster: of that major version, or of any that is new enough and has PostGIS.

    EmbeddedFailed says what is missing and how to install it; its fact `needed` is the version asked for.
    """
    found = list(_installed())
    if major is not None:
        here = ", ".join(str(programs.major) for programs in found) or "none"
        found = [programs for programs in found if programs.major == major]
        if not found:
            reason = f"{directory} was made by PostgreSQL {major}, which is not installed (found: {here})"
            raise failure(reason + _how_to_install(major), directory, needed=major)
    found = [programs for programs in found if programs.major >= OLDEST_MAJOR]
    if not found:
        reason = f"PostgreSQL {OLDEST_MAJOR} or newer is not installed"
        raise failure(reason + _how_to_install(OLDEST_MAJOR), directory)
    for programs in found:
        if programs.has_postgis:
            return programs
    reason = f"PostGIS is not installed for the PostgreSQL {found[0].major} of {found[0].bindir}"
    raise failure(reason + _how_to_install(found[0].major), directory)


def _installed() -> Iterator[Programs]:
    """Every PostgreSQL server of this machine: those of the PATH first, then the newest first."""
    for bindir in dict.fromkeys([*_path_bindirs(), *_known_bindirs()]):
        if all((bindir / name).is_file() for name in ("initdb", "postgres")):
            told = _output([str(bindir / "postgres"), "--version"])
            if version := re.search(r"\(PostgreSQL\) (\d+)", told):
                yield Programs(bindir, int(version[1]))


def _path_bindirs() -> Iterator[Path]:
    if pg_config := shutil.which("pg_config"):
        yield Path(_output([pg_config, "--bindir"]) or pg_config).resolve()
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent


def _known_bindirs() -> list[Path]:
    found = [bindir for pattern in KNOWN_BINDIRS for bindir in Path("/").glob(pattern)]
    return sorted(found, key=lambda bindir: [int(n) for n in re.findall(r"\d+", str(bindir))], reverse=True)


def _how_to_install(major: int) -> str:
    return HOW_TO_INSTALL.format(major=major, brewed=max(major, 17))


def _output(command: Sequence[str]) -> str:
    """What a program prints, or nothing if it is missing or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
