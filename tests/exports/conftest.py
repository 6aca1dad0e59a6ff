"""A database with places of several licences and oddities, and releases cut from it."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from exports.publishing import Wanted, publish
from exports.retention import Retention
from geoplatform import embedded
from geoplatform.model import Licence, Visibility
from geoplatform.progress import Progress
from geoplatform.store import looks
from geoplatform.web.qgis.layers import styles_of_views
from tests import grid
from tests.conftest import Database, activate, cloned, grown
from tests.web.ogc.planting import DRAWING, application, plant, plant_each, plant_others

NOW = dt.datetime(2026, 11, 29, 6, 0, tzinfo=dt.UTC)
RELEASE = "2026-11-29"
EXPORTER = "geoplatform_exporter"
#: What a name may be, and what a spreadsheet, a reader of lines or an old table would do with it.
ODD_NAMES = (
    'Le « Bon » "Coin", été; 100 %\\',
    "=HYPERLINK(1)",
    "@SOMME(A1)",
    "مقهى السلام",
    "Crêpes 🥞 𝒞𝒶𝒻é",
    "<b>&amp;</b>",
    "NULL",
)


@dataclass
class Press:
    """Publishes out of one database into one folder."""

    database: Database
    folder: Path

    def publish(self, wanted: Wanted | None = None, now: dt.datetime = NOW, keep: Retention | None = None) -> list[str]:
        store = self.database.store(EXPORTER)
        return publish(store, self.folder, wanted or Wanted(), Progress(io.StringIO()), workers=2, now=now, keep=keep)

    def file(self, dataset: str, name: str, release: str = RELEASE) -> Path:
        return self.folder / dataset / release / name

    def manifest(self, dataset: str, release: str = RELEASE) -> dict:
        return json.loads(self.file(dataset, "manifest.json", release).read_text())

    def rows(self, dataset: str, name: str) -> int:
        """How many the manifest says a file has."""
        return next(file["rows"] for file in self.manifest(dataset)["files"] if file["name"] == name)

    def ids(self, licence: str) -> set[str]:
        """Of the places that files of this licence must hold, asked of the private tables."""
        return {
            str(number)
            for (number,) in self.database.rows(
                """SELECT id FROM geoplatform.place WHERE licence = %s AND status = 'published'
                   AND visibility IN ('public', 'commune')""",
                licence,
            )
        }


def sow(database: Database) -> None:
    """The drawn map of nine places, one at sea, one without a point, one for display only, some of odd names and licences."""
    activate(database, DRAWING)
    client = application(database)
    with database.store("geoplatform_owner").transaction() as connection:
        looks.keep(connection, styles_of_views(client.application))
    plant(database, client)
    plant_others(database, client)
    spots = [(0.2 + 0.35 * number, 0.3 + 0.3 * number) for number in range(len(ODD_NAMES))]
    licences = [Licence.CC_BY_NC_SA, Licence.CC0]
    plant_each(database, client, [
        {
            "name": name, "position": grid.at(DRAWING, column, row), "licence": licences[number % 2],
            "description": f"Première ligne\nseconde, de {name}", "phone": "+262 262 12 34 56",
        }
        for number, (name, (column, row)) in enumerate(zip(ODD_NAMES, spots, strict=True))
    ])  # fmt: skip
    plant_each(
        database,
        client,
        [
            {
                "name": "Tu",
                "position": grid.at(DRAWING, 0.5, 0.5),
                "visibility": Visibility.COMMUNE,
                "licence": Licence.CC0,
            }
        ],
    )


def sown(cluster: embedded.Cluster, template: str) -> AbstractContextManager[Database]:
    """A database of one's own that is sown."""
    return cloned(cluster, grown(cluster, template, "template_sown", sow))


@pytest.fixture
def press(cluster, template, tmp_path) -> Iterator[Press]:
    """A database of one's own to publish from, and to write into."""
    with sown(cluster, template) as database:
        yield Press(database, tmp_path / "exports")


@pytest.fixture(scope="session")
def released(cluster, template, tmp_path_factory) -> Iterator[Press]:
    """One release of every dataset in every format. Shared: to be looked at."""
    with sown(cluster, template) as database:
        press = Press(database, tmp_path_factory.mktemp("released"))
        database.settle()
        press.publish()
        yield press
