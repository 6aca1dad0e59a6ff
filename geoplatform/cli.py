"""The one command. `loaders` and `exports` add their groups through entry points, so the core never imports them.

Exit codes: 0 done, 1 data refused or something out of reach, 2 misuse.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import logging
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from importlib.metadata import entry_points
from itertools import islice
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from geoplatform import __version__, access, embedded
from geoplatform.companion import beside
from geoplatform.config import Settings
from geoplatform.errors import GeoplatformError, Misuse
from geoplatform.model import MAX_ZOOM
from geoplatform.progress import progress_for
from geoplatform.session import ADMIN, LOADER, OWNER, WEB, Session
from geoplatform.store import looks, readers, vintages
from geoplatform.store import tiles as tile_store
from geoplatform.store.tiles import Layer
from geoplatform.tiles import TileCache, Tiles, pyramid

ENTRY_POINTS = "geoplatform.commands"
_MOST_WARMED = 2_000_000
_POOL = 2
T = TypeVar("T")


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
    ctx.obj = ctx.with_resource(Session(Settings.from_environment(), progress_for(sys.stderr), _prepare))


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
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that serve.  [default: 2]")
@click.option("--cuts/--no-cuts", default=True, help="Run `geoplatform worker` beside, for downloads made on demand.")
@click.pass_obj
def serve(
    session: Session, host: str | None = None, port: int | None = None, workers: int | None = None, cuts: bool = True
) -> None:
    """Serve the map, the tiles and the API over HTTP (granian)."""
    from granian import Granian
    from granian.constants import Interfaces

    settings = session.settings
    session.store(WEB).require_schema()
    os.environ.update(session.web_environment())
    address, number = host or settings.host, port or settings.port
    session.progress.line(f"geoplatform: serving http://{address}:{number}  (Ctrl-C stops)")
    server = Granian(
        "geoplatform.web:serve",
        factory=True,
        interface=Interfaces.RSGI,
        websockets=False,
        address=address,
        port=number,
        workers=workers or settings.workers,
        log_enabled=False,
        respawn_failed_workers=True,
        workers_kill_timeout=3,
    )
    has_worker = cuts and bool(entry_points(group=ENTRY_POINTS, name="worker"))
    with beside("worker") if has_worker else nullcontext():
        server.serve()


@main.group()
def db() -> None:
    """The database: install, look, let read, stop."""


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
    if session.settings.tile_folder == session.settings.data_dir / "tiles":  # another folder may hold what is not ours
        shutil.rmtree(session.settings.tile_folder, ignore_errors=True)


@db.command("reader")
@click.argument("name")
@click.option("--drop", is_flag=True, help="Remove this login instead.")
@click.pass_obj
def db_reader(session: Session, name: str, drop: bool) -> None:
    """Make a read-only login for QGIS or psql, and print how to connect: its password is shown this once."""
    session.store(OWNER).require_schema()
    url = session.url(ADMIN)
    if drop:
        readers.drop(url, name)
        click.echo(f"the login {name} is gone")
        return
    _keep_looks(session)
    for fact, value in readers.create(url, name, secrets.token_urlsafe(24)).items():
        click.echo(f"{fact:<9} {value}")
    if session.settings.database_url is None:
        click.echo(
            "The host is a folder: the embedded database listens on no network, runs while a geoplatform command does "
            "(`geoplatform serve`),\nand only programs of the OS user who owns that folder reach it. "
            "For other machines, set GEOPLATFORM_DATABASE_URL to a server.",
            err=True,
        )


def _prepare(session: Session) -> None:
    """Have the database hold looks, if it holds none: it is new, or who made it was stopped before it came to that."""
    with session.store(WEB).reading() as connection:
        if looks.is_kept(connection):
            return
    _keep_looks(session)


def _keep_looks(session: Session) -> None:
    """Have the database hold the looks that QGIS finds there, as this program draws them."""
    from geoplatform.web import create_app
    from geoplatform.web.qgis import layers

    app = create_app(dataclasses.replace(session.settings, tile_folder=None), session.store(WEB))
    with session.store(OWNER).transaction() as connection:
        looks.keep(connection, layers.styles_of_views(app))


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


@vintages_group.command("report")
@click.argument("number", type=int)
@click.option(
    "--findings", is_flag=True, help="What the checks found on the map, as GeoJSON, instead of what they said."
)
@click.pass_obj
def vintages_report(session: Session, number: int, findings: bool) -> None:
    """Write the report of a vintage's load (JSON), of a staged one too: to look at what a check refuses."""
    with session.store(LOADER).reading() as connection:
        report = vintages.staged_report(connection, number)
        if findings:
            click.echo(vintages.staged_findings_geojson(connection, number))
        else:
            click.echo(json.dumps(report, ensure_ascii=False, indent=1))


@vintages_group.command("drop")
@click.argument("number", type=int)
@click.pass_obj
def vintages_drop(session: Session, number: int) -> None:
    """Remove a staged or retired vintage with its limits and placements; never the active one."""
    store = session.store(LOADER)
    with store.alone(), store.transaction() as connection:
        vintages.drop(connection, number)
    click.echo(f"vintage number {number} is gone")


@main.group("tiles")
def tiles_group() -> None:
    """Tiles that are kept on disk."""


class _Zooms(click.ParamType[range]):
    name = "zooms"

    def convert(self, value: str, _: click.Parameter | None, __: click.Context | None) -> range:
        """`5-12` or `7` as the zooms it names."""
        low, _dash, high = value.partition("-")
        if not (low.isdecimal() and (high or low).isdecimal() and int(low) <= int(high or low) <= MAX_ZOOM):
            self.fail(f"{value!r} is not one zoom or two, like 5-12, from 0 to {MAX_ZOOM}")
        return range(int(low), int(high or low) + 1)


class _Box(click.ParamType[tuple[float, float, float, float]]):
    name = "box"

    def convert(
        self, value: Any, _: click.Parameter | None, __: click.Context | None
    ) -> tuple[float, float, float, float]:
        """Four degrees: west, south, east, north. West may be greater than east, across the antimeridian."""
        try:
            west, south, east, north = map(float, value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not west,south,east,north in degrees")
        if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
            self.fail(f"{value!r} is no box on Earth: west,south,east,north in degrees")
        return west, south, east, north


@tiles_group.command("warm")
@click.option(
    "--layer",
    "layers",
    multiple=True,
    type=click.Choice([layer.value for layer in Layer]),
    help="Layer to make (repeat for several).  [default: all of them]",
)
@click.option("--zoom", "zooms", type=_Zooms(), default="0-9", show_default=True, help="Zooms to make, like 5-12.")
@click.option("--commune", help="Only the tiles of this commune's box (INSEE code).")
@click.option("--department", help="Only those of this department's box.")
@click.option("--bbox", type=_Box(), help="Only those of this box: west,south,east,north in degrees.")
@click.pass_obj
def tiles_warm(
    session: Session,
    layers: tuple[str, ...],
    zooms: range,
    commune: str | None,
    department: str | None,
    bbox: tuple[float, float, float, float] | None,
) -> None:
    """Make the vector tiles of a zone before anybody asks: of all French territories, or of one commune, department or box."""
    if sum(asked is not None for asked in (commune, department, bbox)) > 1:
        raise Misuse("--commune, --department and --bbox exclude each other")
    folder = session.settings.tile_folder
    if folder is None:
        raise Misuse("GEOPLATFORM_TILES=off: no tile is kept")
    store = session.store(WEB)
    if bbox:
        boxes = [bbox]
    else:
        with store.reading() as connection:
            boxes = tile_store.zones(connection, commune, department)
    if not boxes:
        raise Misuse(f"there is nothing to draw of {commune or department or 'any territory'} in the vintage in force")
    count = sum(pyramid.count_covering(box, z) for box in boxes for z in zooms) * len(layers or Layer)
    if count > _MOST_WARMED:
        raise Misuse(
            f"that would be {count:,} tiles, and {_MOST_WARMED:,} are the most: fewer zooms, or a smaller zone"
        )
    kept = Tiles(store, folder)
    wanted = (
        (Layer(layer), tile)
        for z in zooms
        for box in boxes
        for tile in pyramid.covering(box, z)
        for layer in layers or Layer
    )
    size = shown = 0
    with session.progress.step("warm") as step, ThreadPoolExecutor(_POOL) as pool:
        for some in batched(step.track(wanted, count), _POOL * 16):
            for tile in pool.map(lambda one: kept.get(one[0], one[1], "mvt"), some):
                size, shown = size + len(tile.body), shown + bool(tile.body)
        step.outcome = f"{count} tiles, {shown} of them not empty, {size / 1e6:.1f} MB"


def _kept_tiles(session: Session) -> TileCache:
    kept = Tiles(session.store(WEB), session.settings.tile_folder).cache
    if kept is None:
        raise Misuse("no tile is kept: GEOPLATFORM_TILES is off, or its folder cannot be used")
    return kept


@tiles_group.command("folder")
@click.pass_obj
def tiles_folder(session: Session) -> None:
    """Print the folder in which this database's tiles are kept: a web server may serve them from there."""
    kept = _kept_tiles(session)
    click.echo(kept.root)


@tiles_group.command("forget")
@click.pass_obj
def tiles_forget(session: Session) -> None:
    """Remove every kept tile; they are made anew when they are asked for."""
    kept = _kept_tiles(session)
    tiles, size = kept.size()
    kept.forget(tuple(Layer), wait=True)
    click.echo(f"{tiles} tiles removed, {size / 1e6:.1f} MB")


def batched(items: Iterable[T], count: int) -> Iterator[list[T]]:
    """Lists of so many items, the last one shorter."""
    remaining = iter(items)
    while some := list(islice(remaining, count)):
        yield some


for command in access.COMMANDS:
    main.add_command(command)

if __name__ == "__main__":
    main()
