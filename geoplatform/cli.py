"""The one command. `loaders` and `exports` add their groups through entry points, so the core never imports them.

Exit codes: 0 done, 1 data refused or something out of reach, 2 misuse.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import secrets
import signal
import sys
import uuid
from importlib.metadata import entry_points

import click
from rich.console import Console
from rich.table import Table

from geoplatform import __version__, embedded
from geoplatform.config import Settings
from geoplatform.errors import GeoplatformError, Misuse
from geoplatform.progress import progress_for
from geoplatform.session import LOADER, OWNER, WEB, Session
from geoplatform.store import tokens, vintages

ENTRY_POINTS = "geoplatform.commands"


class OneCommand(click.Group):
    """A group that also finds the commands other packages bring, and turns our errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of our commands and of those brought by entry points."""
        return sorted({*super().list_commands(ctx), *(point.name for point in entry_points(group=ENTRY_POINTS))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, loaded when it is asked for."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        found = entry_points(group=ENTRY_POINTS, name=cmd_name)
        return next((point.load() for point in found), None)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; an error of ours ends it with one clear line."""
        try:
            return super().invoke(ctx)
        except Misuse as error:
            click.echo(f"geoplatform: {error}", err=True)
            ctx.exit(2)
        except GeoplatformError as error:
            click.echo(f"geoplatform: {error}", err=True)
            ctx.exit(1)


@click.group(cls=OneCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Geospatial data platform of a citizen network rooted in each French commune.

    Without GEOPLATFORM_DATABASE_URL everything is kept in an embedded PostgreSQL in ./data/postgres
    (GEOPLATFORM_DATA names another folder).
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that the cluster stops
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    ctx.obj = ctx.with_resource(Session(Settings.from_environment(), progress_for(sys.stderr)))


@main.command()
@click.option("--no-serve", is_flag=True, help="Prepare everything, but do not serve.")
@click.pass_context
def up(ctx: click.Context, no_serve: bool) -> None:
    """Do everything: database, communes of France, town halls, then serve the map.

    What is already there is kept: the second time takes seconds.
    """
    session: Session = ctx.obj
    session.progress.line("geoplatform: preparing the store")
    session.store(LOADER)
    load = main.get_command(ctx, "load")
    if not isinstance(load, click.Group):
        raise Misuse("the package `loaders` is not installed: nothing can be loaded")
    ctx.invoke(load.commands["france"])
    if not no_serve:
        ctx.invoke(serve)


@main.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on.  [default: 8000]")
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes.  [default: 2]")
@click.pass_obj
def serve(session: Session, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve the map, the tiles and the API over HTTP (granian)."""
    from granian import Granian
    from granian.constants import Interfaces

    settings = session.settings
    session.store(WEB).require_schema()
    os.environ.update(session.web_environment())
    address, number = host or settings.host, port or settings.port
    session.progress.line(f"geoplatform: serving http://{address}:{number}  (Ctrl-C stops)")
    Granian(
        "geoplatform.web:serve",
        factory=True,
        interface=Interfaces.WSGI,
        address=address,
        port=number,
        workers=workers or settings.workers,
        blocking_threads=8,
        log_enabled=False,
        respawn_failed_workers=True,
        workers_kill_timeout=3,
    ).serve()


@main.group()
def db() -> None:
    """The database: install, look, stop."""


@db.command("install")
@click.pass_obj
def db_install(session: Session) -> None:
    """Install the schema where it is missing."""
    session.store(OWNER).require_schema()
    click.echo("the schema is there")


@db.command("status")
@click.pass_obj
def db_status(session: Session) -> None:
    """Say whether the embedded cluster runs, and where."""
    found = embedded.status(session.settings.data_dir)
    if found.major is None:
        click.echo(f"no cluster in {found.directory}")
        return
    state = f"running, process {found.pid}" if found.pid else "stopped"
    used = ", in use" if found.used else ""
    click.echo(f"PostgreSQL {found.major} in {found.directory}: {state}{used}")


@db.command("stop")
@click.pass_obj
def db_stop(session: Session) -> None:
    """Stop the embedded cluster if something left it running."""
    click.echo("stopped" if embedded.stop(session.settings.data_dir) else "it was not running")


@db.command("destroy")
@click.option("--yes", is_flag=True, help="Really do it.")
@click.pass_obj
def db_destroy(session: Session, yes: bool) -> None:
    """Remove the embedded cluster with everything in it."""
    if not yes:
        raise Misuse("this removes every place and every boundary: add --yes if you mean it")
    embedded.destroy(session.settings.data_dir)


@main.group("vintages")
def vintages_group() -> None:
    """Sets of official boundaries."""


@vintages_group.command("list")
@click.pass_obj
def vintages_list(session: Session) -> None:
    """List every vintage with its state."""
    with session.store(LOADER).reading() as connection:
        rows = vintages.every(connection)
    table = Table("number", "year", "state", "communes", "precision (m)", "edition")
    for vintage in rows:
        columns = (
            vintage.id,
            vintage.year,
            vintage.state,
            vintage.communes,
            round(vintage.precision_m),
            vintage.edition,
        )
        table.add_row(*map(str, columns))
    Console().print(table)


@vintages_group.command("activate")
@click.argument("number", type=int)
@click.option(
    "--waive", "waived", multiple=True, metavar="GATE", help="Accept that this check fails (repeat for several)."
)
@click.pass_obj
def vintages_activate(session: Session, number: int, waived: tuple[str, ...]) -> None:
    """Make a staged or retired vintage the active one; going back is the same command."""
    store = session.store(LOADER)
    with session.progress.step("activate") as step, store.alone():
        done = vintages.activate(store, number, dt.datetime.now(dt.UTC), frozenset(waived))
        step.outcome = f"vintage number {number}, {done.told()}"


@vintages_group.command("drop")
@click.argument("number", type=int)
@click.pass_obj
def vintages_drop(session: Session, number: int) -> None:
    """Remove a staged or retired vintage with its limits and placements; never the active one."""
    store = session.store(LOADER)
    with store.alone(), store.transaction() as connection:
        vintages.drop(connection, number)
    click.echo(f"vintage number {number} is gone")


def _label(_: click.Context, __: click.Parameter, value: str) -> str:
    if not 1 <= len(value.strip()) <= 100:
        raise click.BadParameter("is not a text of 1 to 100 signs")
    return value.strip()


@main.group("token")
def token_group() -> None:
    """Keys for programs that submit places."""


@token_group.command("create")
@click.option("--label", required=True, callback=_label, help="Who or what will use it; stands in the change log.")
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires; never without this.")
@click.pass_obj
def token_create(session: Session, label: str, days: int | None) -> None:
    """Make a key and print it: it is shown this once and kept nowhere."""
    secret = "gp_" + secrets.token_urlsafe(32)
    now = dt.datetime.now(dt.UTC)
    expires_at = now + dt.timedelta(days=days) if days else None
    with session.store(OWNER).transaction() as connection:
        tokens.issue(connection, uuid.uuid4(), secret, label, now, expires_at)
    click.echo(secret)


@token_group.command("list")
@click.pass_obj
def token_list(session: Session) -> None:
    """List keys by label; the secrets are not kept."""
    with session.store(OWNER).reading() as connection:
        for row in tokens.every(connection):
            state = "revoked" if row.revoked_at else f"expires {row.expires_at:%Y-%m-%d}" if row.expires_at else "valid"
            click.echo(f"{row.id}  {row.label}  {state}")


@token_group.command("revoke")
@click.argument("identifier", type=click.UUID)
@click.pass_obj
def token_revoke(session: Session, identifier: uuid.UUID) -> None:
    """Make a key useless from now on."""
    with session.store(OWNER).transaction() as connection:
        tokens.revoke(connection, identifier, dt.datetime.now(dt.UTC))


if __name__ == "__main__":
    main()
