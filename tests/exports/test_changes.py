"""Diffs lead from one state of a released file to the next, byte for byte, and each is bound to the one before."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import json
import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.changes import applying, chain
from exports.changes.publishing import publish_changes
from exports.datasets import Dataset
from exports.publishing import Wanted
from exports.slices import Slice
from geoplatform.errors import BadSource
from geoplatform.progress import Progress
from geoplatform.store.diffs import Diff
from tests.exports.conftest import EXPORTER, NOW, Press

SEQUENCES = Wanted(formats=("geojsonseq", "geojson"), datasets=("places", "communes"))
SECOND = "2026-11-29-2"


def changes_of(press: Press) -> list[str]:
    return publish_changes(press.database.store(EXPORTER), press.folder, Progress(io.StringIO()), workers=2, now=NOW)


def diff_file(press: Press, name: str, seq: int, dataset: str = "places"):
    return chain.folder_of(press.folder, dataset, name) / chain.file_name(seq)


def entries(path) -> tuple[dict, list[dict]]:
    head, *lines = map(json.loads, gzip.decompress(path.read_bytes()).splitlines())
    return head, lines


def change(press: Press, *statements: str) -> None:
    with press.database.connect() as connection:
        for statement in statements:
            connection.execute(statement)


def turn(press: Press) -> None:
    """One place goes, one is renamed, one moves, one has another licence."""
    names = [name for (name,) in press.database.rows(
        """SELECT name FROM geoplatform.place WHERE licence = 'ODbL-1.0' AND status = 'published' AND visibility = 'public'
           ORDER BY id""")]  # fmt: skip
    gone, renamed, moved, relicensed = (name.replace("'", "''") for name in names[:4])
    change(
        press,
        f"UPDATE geoplatform.place SET status = 'deleted' WHERE name = '{gone}'",
        f"UPDATE geoplatform.place SET description = 'neu', version = version + 1 WHERE name = '{renamed}'",
        f"UPDATE geoplatform.place SET geom = ST_Translate(geom, 0.001, 0.001) WHERE name = '{moved}'",
        f"UPDATE geoplatform.place SET licence = 'CC0-1.0' WHERE name = '{relicensed}'",
    )


@pytest.mark.parametrize("ending", [".geojsonl.gz", ".geojson"])
def test_a_release_and_the_diffs_after_it_are_the_next_release_byte_for_byte(press, tmp_path, ending):
    press.publish(SEQUENCES)
    turn(press)
    assert set(changes_of(press)) == {"places-odbl-1.0", "places-cc0-1.0"}
    change(press, "UPDATE geoplatform.place SET name = 'Zwei' WHERE name = 'NULL'",
           "UPDATE geoplatform.place SET description = 'noch eins' WHERE licence = 'ODbL-1.0'")  # fmt: skip
    press.publish(SEQUENCES)
    for state in press.manifest("places", SECOND)["states"]:
        name = state["chain"]
        out = tmp_path / (name + ending)
        diffs = [diff_file(press, name, seq) for seq in range(1, state["seq"] + 1)]
        if diffs:
            count = applying.apply(press.file("places", out.name), diffs, out)
            assert out.read_bytes() == press.file("places", out.name, SECOND).read_bytes(), name
            assert count == state["rows"]
        else:
            assert press.file("places", out.name).read_bytes() == press.file("places", out.name, SECOND).read_bytes()
    seqs = {state["chain"]: state["seq"] for state in press.manifest("places", SECOND)["states"]}
    assert seqs["places-odbl-1.0"] == 2
    assert sum(seqs.values()) >= 4


def test_a_state_is_told_by_the_hash_of_its_lines_and_each_diff_by_the_one_before(press):
    press.publish(SEQUENCES)
    first = gzip.decompress(press.file("places", "places-odbl-1.0.geojsonl.gz").read_bytes())
    turn(press)
    changes_of(press)
    change(press, "UPDATE geoplatform.place SET description = 'noch eins' WHERE licence = 'ODbL-1.0'")
    changes_of(press)
    one, lines = entries(diff_file(press, "places-odbl-1.0", 1))
    two, _ = entries(diff_file(press, "places-odbl-1.0", 2))
    assert one["from"]["sha256"] == hashlib.sha256(first).hexdigest()
    assert one["prev"] is None
    assert two["prev"] == hashlib.sha256(diff_file(press, "places-odbl-1.0", 1).read_bytes()).hexdigest()
    assert two["from"] == {**one["to"]}
    assert sorted(line["op"] for line in lines) == ["delete", "delete", "modify", "modify"]
    assert [line["op"] for line in entries(diff_file(press, "places-cc0-1.0", 1))[1]] == ["create"]
    rows = press.database.rows(
        "SELECT seq, prev, sha256 FROM published.diffs WHERE chain = 'places-odbl-1.0' ORDER BY seq"
    )
    assert rows == [(0, None, None), (1, None, two["prev"]),
                    (2, two["prev"], hashlib.sha256(diff_file(press, "places-odbl-1.0", 2).read_bytes()).hexdigest())]  # fmt: skip


def test_a_place_that_moves_is_deleted_here_and_created_there(press):
    communes = Wanted(formats=("geojsonseq",), scopes=(("commune", "97401"), ("commune", "97402")))
    press.publish(communes)
    (place,) = press.database.rows(
        "SELECT id, licence FROM published.place_items WHERE commune_code = '97401' AND geom IS NOT NULL ORDER BY id LIMIT 1"
    )
    change(press, f"""UPDATE geoplatform.placement SET commune_code = '97402' WHERE place_id = '{place[0]}'""")
    changes_of(press)
    stem = place[1].lower()
    here = entries(diff_file(press, f"places-commune-97401-{stem}", 1, "places-commune-97401"))[1]
    assert here == [{"op": "delete", "id": str(place[0])}]
    name = f"places-commune-97402-{stem}"
    there = press.database.rows(
        "SELECT seq, from_rows, to_rows FROM published.diffs WHERE chain = %s ORDER BY seq", name
    )
    assert there[-1][2] >= 1


def test_nothing_that_changed_is_no_new_number(press):
    press.publish(SEQUENCES)
    assert changes_of(press) == []
    press.publish(SEQUENCES)
    assert {state["seq"] for state in press.manifest("places", SECOND)["states"]} == {0}


def test_a_state_that_is_lost_or_damaged_begins_the_chain_anew(press):
    press.publish(SEQUENCES)
    folder = chain.folder_of(press.folder, "places", "places-odbl-1.0")
    (folder / ".0.arrow").write_bytes(b"no longer")
    turn(press)
    press.publish(SEQUENCES)
    rows = press.database.rows(
        "SELECT seq, sha256, from_sha256 FROM published.diffs WHERE chain = 'places-odbl-1.0' ORDER BY seq"
    )
    assert rows == [(0, None, None), (1, None, None)]
    assert not diff_file(press, "places-odbl-1.0", 1).exists()
    assert [path.name for path in folder.iterdir()] == [".1.arrow"]


def test_changes_between_releases_begin_no_chain_whose_beginning_nobody_has(press):
    """Neither for a licence that is new, nor where the last state is lost: that is for the next release."""
    press.publish(SEQUENCES)
    place = "id = (SELECT id FROM geoplatform.place WHERE licence = 'ODbL-1.0' AND status = 'published' LIMIT 1)"
    change(press, f"UPDATE geoplatform.place SET licence = 'CC-BY-SA-4.0' WHERE {place}")
    (chain.folder_of(press.folder, "places", "places-cc0-1.0") / ".0.arrow").unlink()
    assert press.database.rows("SELECT count(*) FROM published.diffs WHERE licence = 'CC-BY-SA-4.0'") == [(0,)]
    assert changes_of(press) == ["places-odbl-1.0"]
    press.publish(SEQUENCES)
    states = {one["chain"]: one["seq"] for one in press.manifest("places", SECOND)["states"]}
    assert (states["places-cc-by-sa-4.0"], states["places-cc0-1.0"], states["places-odbl-1.0"]) == (0, 1, 1)


def test_what_a_killed_run_left_is_overwritten(press):
    press.publish(SEQUENCES)
    turn(press)
    folder = chain.folder_of(press.folder, "places", "places-odbl-1.0")
    (folder / "1.jsonl.gz").write_bytes(b"half")
    (folder / ".1.arrow").write_bytes(b"half")
    changes_of(press)
    assert entries(folder / "1.jsonl.gz")[0]["seq"] == 1
    changes_of(press)
    assert press.database.rows("SELECT max(seq) FROM published.diffs WHERE chain = 'places-odbl-1.0'") == [(1,)]


def test_diffs_end_after_their_days(press):
    from exports.retention import Retention

    press.publish(SEQUENCES)
    turn(press)
    changes_of(press)
    press.publish(SEQUENCES, now=NOW + dt.timedelta(days=91), keep=Retention())
    assert not diff_file(press, "places-odbl-1.0", 1).exists()
    states = press.database.rows("SELECT state FROM published.diffs WHERE chain = 'places-odbl-1.0' ORDER BY seq")
    assert states == [("withdrawn",), ("withdrawn",)]


@pytest.fixture
def two(press, tmp_path):
    """A file and the two diffs after it."""
    press.publish(SEQUENCES)
    turn(press)
    changes_of(press)
    change(press, "UPDATE geoplatform.place SET description = 'noch eins' WHERE licence = 'ODbL-1.0'")
    changes_of(press)
    name = "places-odbl-1.0"
    return press.file("places", f"{name}.geojsonl.gz"), [diff_file(press, name, seq) for seq in (1, 2)]


def test_a_diff_that_does_not_fit_is_named_and_nothing_is_written(two, tmp_path):
    base, (one, other) = two
    out = tmp_path / "out.geojsonl.gz"
    short = tmp_path / "short.jsonl.gz"
    short.write_bytes(one.read_bytes()[:-20])
    forged = tmp_path / "forged.jsonl.gz"
    forged.write_bytes(gzip.compress(gzip.decompress(one.read_bytes()).replace(b"neu", b"alt")))
    strange = tmp_path / "strange.jsonl.gz"
    strange.write_bytes(gzip.compress(b'{"type":"x"}\n'))
    for diffs, message in (
        ([other], "2.jsonl.gz begins with the state"),
        ([other, one], "1.jsonl.gz .number 1 of places-odbl-1.0. does not follow 2.jsonl.gz"),
        ([forged, other], "2.jsonl.gz .* does not follow forged.jsonl.gz"),
        ([forged], "forged.jsonl.gz leads to"),
        ([short], "short.jsonl.gz"),
        ([strange], "strange.jsonl.gz"),
        ([base], "geojsonl.gz"),
    ):
        with pytest.raises(BadSource, match=message):
            applying.apply(base, diffs, out)
        assert list(tmp_path.glob("out*")) == []


def test_the_command_line_applies_without_a_database(two, tmp_path):
    from click.testing import CliRunner

    from geoplatform.cli import main

    base, diffs = two
    out = tmp_path / "out.geojsonl"
    done = CliRunner().invoke(main, ["apply-diff", str(base), *map(str, diffs), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert hashlib.sha256(out.read_bytes()).hexdigest() == entries(diffs[1])[0]["to"]["sha256"]
    refused = CliRunner().invoke(main, ["apply-diff", str(base), str(diffs[1]), "-o", str(out)])
    assert (refused.exit_code, "begins with the state" in refused.output) == (1, True)


def stored(path, features: list[bytes]) -> Slice:
    """A slice of features, in batches of some."""
    schema = pa.schema([("feature", pa.string())])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        for start in range(0, len(features), 3):
            batch = pa.array([one.decode() for one in features[start : start + 3]], pa.string())
            stream.write_batch(pa.RecordBatch.from_arrays([batch], schema=schema))
    return Slice(Dataset("places", "Point", None, ()), "ODbL-1.0", (path,), len(features), 0, "2026-11-29")


rows = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), unique_by=lambda row: row[0], max_size=13)


@settings(max_examples=150, deadline=None)
@given(before=rows, after=rows, seed=st.integers(0, 99))
def test_whatever_came_went_changed_or_stands_elsewhere_the_diff_leads_there(tmp_path_factory, before, after, seed):
    folder = tmp_path_factory.mktemp("states")
    random.Random(seed).shuffle(after)
    spelled = [
        [b'{"type":"Feature","id":"%d","geometry":null,"properties":{"n":%d}}' % row for row in side]
        for side in (before, after)
    ]
    old, new = stored(folder / "old.arrow", spelled[0]), stored(folder / "new.arrow", spelled[1])
    tip = chain.link(old, None, folder, folder / "first", NOW)
    assert isinstance(tip, Diff)
    link = chain.link(new, tip, folder / "first", folder / "second", NOW)
    if spelled[0] == spelled[1]:
        assert link is None
        return
    base, out = folder / "base.geojsonl", folder / "out.geojsonl"
    base.write_bytes(b"".join(line + b"\n" for line in spelled[0]))
    applying.apply(base, [folder / "second" / chain.file_name(1)], out)
    assert out.read_bytes() == b"".join(line + b"\n" for line in spelled[1])
    was, now = dict(before), dict(after)
    assert (link.created, link.deleted) == (len(now.keys() - was.keys()), len(was.keys() - now.keys()))
