"""Official files as they were published: the COG of 2026, GEOFLA 2015, and Manche through its mergers of 2015 to 2018."""

from __future__ import annotations

import datetime as dt
import io

import numpy as np
import pytest

from geoplatform.model import Succession
from geoplatform.progress import Progress
from geoplatform.store import communes as stored
from geoplatform.store import history, places, vintages
from geoplatform.succession import former_communes, heirs
from loaders import run, synthetic
from loaders.boundaries import Communes
from loaders.cog import lists, overlay
from loaders.sources.official import Told, boundary_set
from tests.conftest import NOW, REAL

pytestmark = pytest.mark.real
LOADER = "geoplatform_loader"
MANCHE = {2014: ("2014_geofla", 601), 2016: ("2016-10_precis", 516), 2018: ("2018_simplif25pct", 476)}


@pytest.fixture(scope="module")
def cog() -> lists.CogList:
    return lists.read([REAL / "cog" / "2026"])


def test_the_lists_of_2026(cog):
    assert (len(cog.communes), len(cog.regions), len(cog.departments)) == (34963, 18, 101)
    assert cog.communes["97407"].name == "Le Port"
    assert {"97502", "97701", "97801", "98611", "98735", "98818"} <= cog.communes.keys()
    assert len(cog.epci) == 1255
    assert cog.epci_of["01304"] == "200029999"
    assert cog.populations["97407"] > 30_000


def test_every_code_that_ever_was_has_a_living_successor(cog):
    found = {one.code: one for one in former_communes(cog.movements, cog.communes.keys(), dt.date(2026, 1, 1))}
    assert len(found) > 4000
    assert not [one for one in found.values() if one.how is Succession.GONE]
    assert found["49144"].successors == ("44180",)  # by way of 44225, the same day
    assert found["20004"].successors == ("2A004",)
    assert found["50602"].successors == ("50129",)
    assert not found.keys() & cog.communes.keys()


def test_splits_of_2024(cog):
    fates = heirs(cog.movements, dt.date(2023, 1, 1), dt.date(2024, 1, 1))
    assert fates["85084"] == {"85084", "85165", "85212"}
    assert fates["60054"] == {"60054", "60694"}


def test_the_list_of_2025_without_collectivities_is_judged_without_them(cog):
    before = lists.read([REAL / "cog" / "2025" / "communes.csv"])
    assert (before.year, len(before.communes)) == (2025, 34875)
    assert {code[:3] for code in cog.communes.keys() - before.communes.keys()} == {
        "975", "977", "978", "986", "987", "988",
    }  # fmt: skip


def read(path, scratch, **told):
    with boundary_set(path, scratch, Told(**told)) as found:
        return Communes.joined(list(found.communes())), found


def test_geofla_2015_shapefile_in_lambert_93(tmp_path):
    communes, found = read(REAL / "communes" / "shp-geofla-2015" / "COMMUNE.shp", tmp_path, year=2015)
    assert len(communes.codes) == len(set(communes.codes)) > 100
    assert found.edition.edition.startswith("geofla")
    assert any("EPSG:2154" in note for note in found.notes)
    west, south, east, north = np.array([shape.bounds for shape in communes.shapes]).T
    assert -5.2 < west.min() < east.max() < 9
    assert 41 < south.min() < north.max() < 51.5


def test_martinique_with_its_fields_named(tmp_path):
    fields = {"code": "INSEE_COM", "name": "LIBGEO", "population": "POP"}
    path = REAL / "communes" / "gpkg-martinique" / "mtq.gpkg"
    communes, _ = read(path, tmp_path, year=2016, fields=fields, layer="polygons")
    assert len(communes.codes) == 34
    assert {code[:3] for code in communes.codes} == {"972"}


def test_lists_complete_a_bare_file(tmp_path, cog):
    path = REAL / "communes" / "france-geojson" / "2018_simplif25pct" / "communes-974-la-reunion.geojson"
    with boundary_set(path, tmp_path, Told(year=2026)) as bare:
        whole = overlay.completed(bare, cog)
        communes = Communes.joined(list(whole.communes()))
    port = communes.codes.index("97407")
    assert (communes.names[port], communes.department_codes[port], communes.region_codes[port]) == (
        "Le Port",
        "974",
        "04",
    )
    assert communes.epci_codes[port]
    assert communes.populations[port] > 30_000


def test_manche_loses_a_fifth_of_its_communes_and_its_places_follow(database, client, tmp_path, cog):
    store = database.store(LOADER)
    with store.transaction() as connection:
        history.store_movements(connection, cog.movements)
    numbers = {}
    for year, (folder, count) in MANCHE.items():
        path = REAL / "communes" / "france-geojson" / folder / "communes-50-manche.geojson"
        day = dt.date(2016, 10, 1) if year == 2016 else dt.date(year, 1, 1)
        with boundary_set(path, tmp_path, Told(year=year, effective_on=day)) as boundaries:
            quiet = Progress(io.StringIO())
            numbers[year], report = run.load(store, boundaries, quiet, foreign_land=None, now=NOW, commit=True)
        assert report.counts["communes"] == count
        if year == 2014:
            _demonstration(store)
    for year in (2016, 2018):
        with store.reading() as connection:
            counts = vintages.documents(connection, numbers[year])[1]["counts"]
        assert sum(counts.values()) == 5000
        assert counts["allowed"] > 200
        assert counts["unexpected"] <= 5  # of an edition generalised to 150 m
    assert client.get("/communes/50602?f=geojson").headers["Location"] == "/communes/50129?f=geojson"  # Tourlaville
    then = client.get("/communes/50602?vintage=2014&f=geojson")
    assert then.json["properties"]["name"] == "Tourlaville"
    done = vintages.activate(store, numbers[2014], NOW)
    assert done.placed == 0
    assert client.get("/communes/50602?f=geojson").status_code == 200


def _demonstration(store):
    with store.transaction() as connection:
        table = np.array(stored.centres(connection, None), dtype=float)
        boxes = np.array(stored.territory_boxes(connection, None), dtype=float)
        made = synthetic.places(
            5000, 50, table[:, :2], table[:, 2], table[:, 3], boxes, places.all_categories(connection)
        )
        assert places.load_bulk(connection, made, "synthetic", NOW) == 5000
