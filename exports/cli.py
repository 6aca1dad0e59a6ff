"""`geoplatform export …`: the store into files."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from exports import commune
from exports.changes.applying import apply
from exports.changes.publishing import publish_changes
from exports.datasets import NAMES
from exports.erasure.applying import erase as erase_from_releases
from exports.formats import FORMATS
from exports.publishing import Wanted
from exports.publishing import publish as publish_release
from exports.retention import Retention
from geoplatform.errors import Misuse
from geoplatform.session import EXPORTER, WEB, Session
from geoplatform.store.cutting import LEVELS

F = TypeVar("F", bound=Callable[..., Any])
#: A worker lets the server beside it go first.
_POLITENESS = 10

_TO = click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where.  [default: the folder that is served]",
)


def _at_once(name: str) -> Callable[[F], F]:
    """The option of how many processes write files."""
    return click.option(
        name,
        type=click.IntRange(1, 64),
        default=os.cpu_count() or 1,
        help="Files written at once.  [default: one a core]",
    )


@click.group()
def export() -> None:
    """Write data into files."""


@export.command("commune")
@click.argument("code")
@click.option("--format", "form", type=click.Choice(commune.FORMATS), default="geojson", show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write.  [default: places-CODE.FORMAT]",
)
@click.option("--vintage", "year", type=int, metavar="YEAR", help="The commune as it was in an earlier vintage.")
@click.pass_obj
def export_commune(session: Session, code: str, form: str, output: Path | None, year: int | None) -> None:
    """Write the places of one commune."""
    target = output or Path(f"places-{code}-{year}.{form}" if year else f"places-{code}.{form}")
    if not target.parent.is_dir():
        raise Misuse(f"{target.parent} is not a folder")
    with session.progress.step("export") as step:
        try:
            count = commune.write(session.store(WEB), code, form, target, year)
        except OSError as error:
            raise Misuse(f"{target} cannot be written: {error.strerror}") from error
        step.outcome = f"{count} places of {code} in {target}"


@click.command()
@click.option("--dataset", "datasets", type=click.Choice(NAMES), multiple=True, help="Only these.  [default: all]")
@click.option(
    "--format", "formats", type=click.Choice(list(FORMATS)), multiple=True, help="Only these.  [default: all]"
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="LEVEL:CODE",
    help="A part of France: region:11, department:974, epci:249740077, commune:97414.  [default: all of France]",
)
@_TO
@_at_once("--workers")
@click.option(
    "--keep-days", type=click.IntRange(0), default=7, show_default=True, help="Keep the last release of so many days."
)
@click.option(
    "--keep-months",
    type=click.IntRange(0),
    default=12,
    show_default=True,
    help="Keep the last release of so many months.",
)
@click.option(
    "--keep-changes", type=click.IntRange(0), default=90, show_default=True, help="Keep changes for so many days."
)
@click.pass_obj
def publish(
    session: Session,
    datasets: tuple[str, ...],
    formats: tuple[str, ...],
    scopes: tuple[str, ...],
    folder: Path | None,
    workers: int,
    keep_days: int,
    keep_months: int,
    keep_changes: int,
) -> None:
    """Cut a release of the open data, and publish it whole or not at all.

    Earlier releases that are no longer kept are deleted afterwards, and those that hold what was taken back are made anew
    without it.
    """
    target = _folder(session, folder)
    wanted = Wanted(
        tuple(name for name in NAMES if name in datasets) or NAMES,
        tuple(name for name in FORMATS if name in formats) or tuple(FORMATS),
        tuple(_scope(told) for told in dict.fromkeys(scopes)),
    )
    keep = Retention(keep_days, keep_months, keep_changes)
    store, progress, now = session.store(EXPORTER), session.progress, dt.datetime.now(dt.UTC)
    publish_release(store, target, wanted, progress, workers=workers, now=now, keep=keep)
    erase_from_releases(store, target, progress, workers=workers, now=now)


@click.command()
@_TO
@_at_once("--workers")
@click.pass_obj
def changes(session: Session, folder: Path | None, workers: int) -> None:
    """Publish what changed since the last release or the last changes, without a new release.

    For every dataset that has a release with lines of GeoJSON. Run it hourly, if the hour of a contribution may be known.
    """
    target = _folder(session, folder)
    publish_changes(session.store(EXPORTER), target, session.progress, workers=workers, now=dt.datetime.now(dt.UTC))


@click.command()
@_TO
@_at_once("--workers")
@click.pass_obj
def erase(session: Session, folder: Path | None, workers: int) -> None:
    """Take what was withdrawn out of the releases that hold it, and tell mirrors.

    A place that is no longer published under its licence leaves every release; so does one whose position is no longer shown.
    `geoplatform publish` does it too; run it hourly, so that a withdrawal need not wait for the next release.
    """
    target = _folder(session, folder)
    erase_from_releases(session.store(EXPORTER), target, session.progress, workers=workers, now=dt.datetime.now(dt.UTC))


@click.command("apply-diff")
@click.argument("base", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("diffs", type=click.Path(path_type=Path, dir_okay=False, exists=True), nargs=-1, required=True)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.pass_obj
def apply_diff(session: Session, base: Path, diffs: tuple[Path, ...], output: Path) -> None:
    """Lead a released file to a later state: BASE and the DIFFS after it give that release's file, byte for byte.

    From and to GeoJSON, or lines of it, packed or not; the ending tells. No database is needed.
    """
    with session.progress.step("apply") as step:
        try:
            count = apply(base, diffs, output)
        except OSError as error:
            raise Misuse(f"{error.filename or output}: {error.strerror}") from error
        step.outcome = f"{count} features in {output}"


@click.command()
@click.option("--until-empty", is_flag=True, help="End when nothing waits any more.")
@_at_once("--processes")
@click.pass_obj
def worker(session: Session, until_empty: bool, processes: int) -> None:
    """Make the cuts of communes, EPCI and departments that people ask for on the pages, until it is stopped.

    `geoplatform serve` starts one beside the server. As many as wanted may run; each makes one cut at a time.
    """
    from exports.worker import work

    folder = session.settings.export_folder
    if folder is None:
        raise Misuse("no folder to publish into: set GEOPLATFORM_EXPORTS")
    store = session.store(EXPORTER)
    store.require_schema()
    os.nice(_POLITENESS)
    work(store, *session.queue(EXPORTER), folder, processes=processes, keep=Retention(), until_empty=until_empty)


def _folder(session: Session, folder: Path | None) -> Path:
    target = folder or session.settings.export_folder
    if target is None:
        raise Misuse("no folder to publish into: name one with --to")
    return target


def _scope(told: str) -> tuple[str, str]:
    level, colon, code = told.partition(":")
    if level not in LEVELS or not colon or not code:
        raise Misuse(f"the scope {told!r} is not like department:974; levels are {', '.join(LEVELS)}", value=told)
    return level, code
