"""Arrow and PostgreSQL spell places alike, and a cut from two sides gives the rows of one."""

from __future__ import annotations

import pyarrow as pa
import pytest

from exports import spelling
from geoplatform.store import cutting
from geoplatform.store.cutting import WHOLE, Part
from tests.exports.conftest import EXPORTER

#: Numbers that are rounded across a half, spelled with exponents, or end in zeros.
ODD_NUMBERS = (
    0.0,
    -0.0,
    1e-9,
    -4e-8,
    5e-8,
    0.00001,
    0.1,
    45.0,
    -60.25,
    2.123456749999999,
    2.12345675,
    2.1234567500000003,
    48.99999995,
)
ODD_TEXTS = ('"', "\\", "\\\"", "a\nb\r\tc", "\b\f", "\x01\x1f\x7f", "é🥞‮", "</script>", "{}},")  # fmt: skip


@pytest.fixture
def odd(press):
    """Places whose texts and positions are hard to spell."""
    with press.database.connect() as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM geoplatform.place ORDER BY fid")]
        for number, identifier in enumerate(ids):
            told = ODD_TEXTS[number % len(ODD_TEXTS)]
            x, y = (ODD_NUMBERS[(number + shift) % len(ODD_NUMBERS)] for shift in (0, 5))
            connection.execute(
                "UPDATE geoplatform.place SET name = %s, description = %s, geom = ST_Point(%s, %s, 4326) WHERE id = %s",
                [told, told + "x", x, y, identifier],
            )
        for number, identifier in enumerate(ids):
            metres = (0.05, 0.15, 0.25, 12.0, 99.949997, 999.95, 0.0, 123.45)[number % 8]
            connection.execute(
                "UPDATE geoplatform.placement SET distance_m = %s WHERE place_id = %s AND distance_m IS NOT NULL",
                [metres, identifier],
            )
    return press.database


def read(database, *parts, features=True):
    collection = cutting.filed("places")
    store = database.store(EXPORTER)
    found = []
    with cutting.moment(store) as moment:
        for part in parts:
            with cutting.rows(store, moment, collection, None, part, features=features, values=True) as reader:
                found += list(reader)
    return pa.Table.from_batches(found)


def test_both_spell_every_place_alike(odd):
    table = read(odd, WHOLE)
    assert table.num_rows > len(ODD_NUMBERS)
    for batch in table.to_batches():
        assert spelling.features(batch, cutting.filed("places")).to_pylist() == batch.column("feature").to_pylist()


def test_a_cut_from_two_sides_gives_the_same_rows_in_the_same_order(odd):
    whole = read(odd, WHOLE)
    spots = odd.rows("SELECT shown_geom::text FROM geoplatform.place WHERE shown_geom IS NOT NULL ORDER BY shown_geom")
    for (spot,) in (spots[0], spots[len(spots) // 2], spots[-1]):
        assert read(odd, Part(beyond=spot), Part(first=spot)).equals(whole)


def test_few_places_are_cut_from_one_side_and_many_from_two(odd):
    store, places = odd.store(EXPORTER), cutting.filed("places")
    assert cutting.parts(store, places, None) == [WHOLE]
    assert cutting.parts(store, cutting.filed("communes"), None) == [WHOLE]
    with odd.connect() as connection:
        connection.execute("UPDATE pg_class SET reltuples = 100000 WHERE oid = 'geoplatform.place'::regclass")
        positions = {row[0] for row in connection.execute("SELECT shown_geom::text FROM geoplatform.place")}
    for _ in range(500):  # one block in a hundred is looked at, and here there is one
        first, *others = cutting.parts(store, places, None)
        if others:
            break
    assert first.beyond in positions
    assert others == [Part(first=first.beyond)]


def test_a_position_that_is_none_is_refused():
    with pytest.raises(ValueError, match="hexadecimal"):
        cutting._position("0101'; SELECT 1")
