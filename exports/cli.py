"""`geoplatform export …`: the store into files."""

from __future__ import annotations

from pathlib import Path

import click

from exports.commune import FORMATS, write
from geoplatform.errors import Misuse
from geoplatform.session import WEB, Session


@click.group()
def export() -> None:
    """Write data into files."""


@export.command("commune")
@click.argument("code")
@click.option("--format", "form", type=click.Choice(FORMATS), default="geojson", show_default=True)
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
            count = write(session.store(WEB), code, form, target, year)
        except OSError as error:
            raise Misuse(f"{target} cannot be written: {error.strerror}") from error
        step.outcome = f"{count} places of {code} in {target}"
