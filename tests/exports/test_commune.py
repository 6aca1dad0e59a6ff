"""Files of one commune: read back by a library we did not write, and never half-written."""

from __future__ import annotations

import pyogrio
import pytest

from exports import commune as files
from geoplatform.errors import NoVintage, UnknownCommune
from geoplatform.store import places
from tests.conftest import NOW
from tests.loaders.test_places import synthetic_rows


@pytest.fixture
def store(database, draw):
    draw("AB")
    with database.store("geoplatform_loader").transaction() as connection:
        places.load_bulk(connection, synthetic_rows(database, 200, 9), "synthetic", NOW)
    return database.store("geoplatform_web")


def test_gdal_reads_back_every_place_with_its_position(store, database, tmp_path):
    for form in files.FORMATS:
        count = files.write(store, "97401", form, tmp_path / f"places.{form}")
        info = pyogrio.read_info(tmp_path / f"places.{form}")
        assert info["features"] == count > 50
    info, _, geometry, fields = pyogrio.raw.read(tmp_path / "places.geojson")
    columns = dict(zip(info["fields"], fields, strict=True))
    assert len(geometry) == count
    assert set(columns["commune_code"]) == {"97401"}
    assert "display-only" not in set(columns["licence"])


def test_the_same_data_give_the_same_bytes(store, tmp_path):
    for form in files.FORMATS:
        files.write(store, "97401", form, tmp_path / "first")
        files.write(store, "97401", form, tmp_path / "second")
        assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_unknown_commune_leaves_an_earlier_file_as_it_was(store, tmp_path):
    target = tmp_path / "places.csv"
    target.write_text("before")
    with pytest.raises(UnknownCommune):
        files.write(store, "97499", "csv", target)
    assert target.read_text() == "before"


def test_a_writer_that_dies_leaves_no_half_file(store, tmp_path, monkeypatch):
    target = tmp_path / "places.csv"
    target.write_text("before")

    def dying(rows):
        yield "half"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.encode, "places_csv", dying)
    with pytest.raises(OSError, match="No space left"):
        files.write(store, "97401", "csv", target)
    assert [path.name for path in tmp_path.iterdir()] == ["places.csv"]
    assert target.read_text() == "before"


def test_an_earlier_vintage_is_written_with_its_own_verdicts(store, draw, database, tmp_path):
    before = files.write(store, "97402", "csv", tmp_path / "before.csv")
    draw("AA", year=2026)
    assert files.write(store, "97402", "csv", tmp_path / "then.csv", 2025) == before > 0
    assert (tmp_path / "then.csv").read_bytes() == (tmp_path / "before.csv").read_bytes()
    with pytest.raises(UnknownCommune):
        files.write(store, "97402", "csv", tmp_path / "now.csv")
    with pytest.raises(NoVintage, match="no vintage of 2019 is kept here; there are 2026, 2025"):
        files.write(store, "97402", "csv", tmp_path / "never.csv", 2019)
