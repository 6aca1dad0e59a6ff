"""Every write is counted, in what is committed and nothing else; and the number of places that lists show is kept."""

from __future__ import annotations

import random

import psycopg
import pytest

from geoplatform.store.revisions import Revisions
from tests.web.ogc.planting import DRAWING, plant

REVISION = "SELECT revision, items FROM published.revision('places')"
COUNT = "SELECT (SELECT count(*) FROM published.place_items), (SELECT count(*) FROM published.place_item_rows)"


@pytest.fixture
def planted(database, draw, client):
    draw(DRAWING)
    return plant(database, client)


def test_the_kept_number_of_places_is_that_of_the_views_after_any_writes(database, planted):
    dice = random.Random(974)
    changes = [
        "UPDATE geoplatform.place SET status = 'hidden' WHERE fid % {} = 0",
        "UPDATE geoplatform.place SET status = 'published' WHERE fid % {} = 1",
        "UPDATE geoplatform.place SET licence = 'display-only' WHERE fid % {} = 0",
        "UPDATE geoplatform.place SET licence = 'CC0-1.0' WHERE fid % {} = 1",
        "UPDATE geoplatform.place SET visibility = 'commune' WHERE fid % {} = 0",
        "UPDATE geoplatform.place SET visibility = 'private' WHERE fid % {} = 1",
        "UPDATE geoplatform.place SET description = 'x' WHERE fid % {} = 0",
        "SELECT geoplatform.fold_revision()",
        "DELETE FROM geoplatform.place WHERE fid = {}",
    ]
    seen = set()
    for _ in range(40):
        with database.connect() as connection:
            connection.execute(dice.choice(changes).format(dice.randint(1, 4)))
        ((revision, items),) = database.rows(REVISION)
        assert database.rows(COUNT) == [(items, items)]
        seen.add(revision)
    assert len(seen) > 20
    with database.connect() as connection:
        connection.execute("TRUNCATE geoplatform.place CASCADE")
    assert database.rows(REVISION)[0][1] == 0


def test_a_late_commit_changes_the_revision(database, planted):
    with psycopg.connect(database.url()) as late:
        late.execute("UPDATE geoplatform.place SET name = 'tard' WHERE fid = 1")
        before = database.rows(REVISION)
        with database.connect() as other:
            other.execute("UPDATE geoplatform.place SET name = 'tôt' WHERE fid = 2")
        between = database.rows(REVISION)
        late.commit()
        assert len({str(before), str(between), str(database.rows(REVISION))}) == 3


def test_what_is_rolled_back_or_only_read_changes_nothing(database, planted):
    before = database.rows(REVISION)
    with psycopg.connect(database.url()) as connection:
        connection.execute("UPDATE geoplatform.place SET name = 'rien'")
        connection.rollback()
    database.rows(COUNT)
    assert database.rows(REVISION) == before


def test_another_vintage_is_another_revision_of_limits_and_places(database, draw):
    draw("AB")
    before = [database.rows("SELECT revision FROM published.revision(%s)", data) for data in ("limits", "places")]
    draw("AA", year=2026)
    after = [database.rows("SELECT revision FROM published.revision(%s)", data) for data in ("limits", "places")]
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_one_process_sees_at_once_what_another_of_this_machine_wrote(database, planted, tmp_path):
    store = database.store("geoplatform_web")
    mine, other = Revisions(store, tmp_path), Revisions(store, tmp_path)
    before = mine.of("places")
    with database.connect() as connection:
        connection.execute("UPDATE geoplatform.place SET name = 'neuf' WHERE fid = 1")
    other.wrote()
    assert mine.of("places") != before


def test_a_folder_that_cannot_be_used_leaves_the_revisions_of_one_process(database, planted, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    revisions = Revisions(database.store("geoplatform_web"), tmp_path / "file" / "below")
    assert revisions.of("places").items == 9
    assert "seen a moment later" in caplog.text
