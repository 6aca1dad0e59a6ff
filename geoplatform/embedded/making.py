"""A new cluster with its empty database, there whole or not at all."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from geoplatform.embedded.account import give, run, write
from geoplatform.embedded.failures import require
from geoplatform.embedded.programs import Programs, programs_for
from geoplatform.embedded.site import MAKING, Site
from geoplatform.embedded.tuning import ADMIN, SETTINGS_FILE

DATABASE = "geoplatform"

_log = logging.getLogger(__name__)


def make(site: Site, durable: bool) -> None:
    """Make the cluster and its database beside its place, then rename. EmbeddedFailed if a program fails."""
    programs = programs_for(site.directory)
    for remnant in site.half_made():
        shutil.rmtree(remnant, ignore_errors=True)
    _log.info("making a PostgreSQL %s cluster in %s", programs.major, site.directory)
    making = Path(tempfile.mkdtemp(prefix=MAKING, dir=site.home))
    try:
        give(making, site.account)
        _initialise(site, programs, making, durable)
        with (making / "postgresql.conf").open("a") as conf:
            conf.write(f"\ninclude '{SETTINGS_FILE}'\n")
        write(making / SETTINGS_FILE, "", site.account)
        single = [programs.path("postgres"), "--single", "-D", str(making), "-c", "exit_on_error=on", "postgres"]
        created = run(site.account, single, given=f"CREATE DATABASE {DATABASE}\n")
        require(created, "create the database", site.directory)
        making.rename(site.directory)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _initialise(site: Site, programs: Programs, making: Path, durable: bool) -> None:
    """initdb, in the first of the locales that this machine has and that sort by code point."""
    locales = [
        ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
        ["--locale=C.UTF-8"],
        ["--locale=C", "--locale-provider=icu", "--icu-locale=und"],
    ]
    for locale in locales if programs.major >= 17 else locales[1:]:
        command = [programs.path("initdb"), "-D", str(making), "-U", ADMIN, "-E", "UTF8", *locale]
        command += ["--auth-local=peer", "--auth-host=reject", "--data-checksums"]
        done = run(site.account, command if durable else [*command, "--no-sync"])
        if done.returncode == 0 or "locale" not in done.stderr:
            break
    require(done, "make the cluster", site.directory)
