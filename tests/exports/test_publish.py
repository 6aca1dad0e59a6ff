"""A release is published whole or not at all, whatever ends the work; the same data give the same bytes."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from exports.datasets import NAMES
from exports.formats import FORMATS
from exports.publishing import Wanted
from geoplatform.errors import ExportFailed, NoVintage, Underway, Unknown
from tests.conftest import NOW as PLANTED
from tests.conftest import ROOT
from tests.exports.conftest import EXPORTER, NOW, RELEASE, Press

PAPERS = {"LICENSE", "ATTRIBUTION.md", "datapackage.json", "SHA256SUMS", "manifest.json"}
QUICK = Wanted(formats=("csv", "geojson"))
RECEIPTS = ".unfinished-*/files/*/.*.json"


def current(press: Press) -> dict[str, str]:
    return dict(press.database.rows("SELECT dataset, name FROM published.releases WHERE state = 'current'"))


def data(press: Press, release: str = RELEASE) -> dict[str, bytes]:
    """The bytes of every data file of a release."""
    paths = [path for path in press.folder.glob(f"*/{release}/*") if path.name not in PAPERS]
    return {f"{path.parts[-3]}/{path.name}": path.read_bytes() for path in paths}


def test_the_same_data_give_the_same_bytes_in_another_folder_and_hour(press, tmp_path):
    press.publish()
    other = Press(press.database, tmp_path / "elsewhere")
    time.sleep(1.1)  # formats count time in seconds
    other.publish(now=NOW + dt.timedelta(days=1))
    mine, theirs = data(press), data(other, "2026-11-30")
    assert len(mine) == (3 + 4) * 9 + 3 + 2  # tiles of places, communes and departments
    assert [name for name in mine if mine[name] != theirs[name]] == []
    assert set(mine) == set(theirs)


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_may_be_the_only_one(press, form):
    press.publish(Wanted(datasets=("places", "communes"), formats=(form,)))
    for dataset, count in (("places", 19), ("communes", 3)):
        files = [file for file in press.manifest(dataset)["files"] if file["format"] == form]
        assert sum(file["rows"] for file in files) == count - 2 * (FORMATS[form].needs_geometry and dataset == "places")
        assert {file["name"] for file in files} <= {path.name for path in (press.folder / dataset / RELEASE).iterdir()}


def test_a_second_release_of_a_day_is_numbered_and_the_first_stays(press):
    press.publish(QUICK)
    press.publish(QUICK)
    assert set(current(press).values()) == {"2026-11-29-2"}
    states = press.database.rows("SELECT name, state FROM published.releases WHERE dataset = 'places' ORDER BY id")
    assert states == [(RELEASE, "earlier"), ("2026-11-29-2", "current")]
    assert press.file("places", "manifest.json").exists()
    assert press.file("places", "manifest.json", "2026-11-29-2").exists()


def test_a_licence_once_published_keeps_its_files_when_its_last_place_goes(press):
    press.publish(QUICK)
    with press.database.connect() as connection:
        connection.execute("UPDATE geoplatform.place SET status = 'deleted' WHERE licence = 'CC0-1.0'")
    press.publish(QUICK)
    assert press.file("places", "places-cc0-1.0.csv", "2026-11-29-2").read_bytes().count(b"\r\n") == 1
    assert press.ids("CC0-1.0") == set()


def test_scopes_hold_what_lies_in_them(press):
    wanted = Wanted(formats=("csv",), scopes=(("commune", "97401"), ("department", "974"), ("epci", "200000001")))
    names = press.publish(wanted)
    assert names[:3] == ["places-commune-97401", "places-department-974", "places-epci-200000001"]
    assert "communes-department-974" in names
    assert "epci-department-974" not in names
    lines = press.file("places-commune-97401", "places-commune-97401-odbl-1.0.csv").read_text().splitlines()
    expected = press.database.rows(
        "SELECT count(*) FROM published.place_items WHERE commune_code = '97401' AND licence = 'ODbL-1.0'"
    )
    assert len(lines) - 1 == expected[0][0] > 0
    assert press.manifest("places-commune-97401")["scope"] == {"level": "commune", "code": "97401", "name": "Commune A"}
    assert "Commune A" in press.manifest("places-commune-97401")["title"]


def test_an_unknown_scope_is_named_and_nothing_is_written(press):
    with pytest.raises(Unknown, match="commune is known as 99999"):
        press.publish(Wanted(scopes=(("commune", "99999"),)))
    assert current(press) == {}


def test_before_a_first_vintage_it_is_said_what_comes_first(database, tmp_path):
    with pytest.raises(NoVintage, match="load communes"):
        Press(database, tmp_path / "exports").publish()


def test_canaries_are_in_no_file(press):
    """What is private, and what may not leave, planted wherever the database keeps it."""
    with press.database.connect() as connection:
        connection.execute(
            """UPDATE geoplatform.place
               SET name = 'canary-display', description = 'canary@display.example', licence = 'display-only'
               WHERE id = (SELECT id FROM geoplatform.place WHERE licence = 'ODbL-1.0' AND visibility = 'public' LIMIT 1)"""
        )
        for status in ("held", "withheld", "hidden", "deleted"):
            connection.execute(
                """UPDATE geoplatform.place SET name = 'canary-' || %(status)s, phone = '+262 692 00 00 01', status = %(status)s
                   WHERE id = (SELECT id FROM geoplatform.place WHERE status = 'published' AND visibility = 'public'
                               AND licence = 'ODbL-1.0' ORDER BY id LIMIT 1)""",
                {"status": status},
            )
        connection.execute("UPDATE geoplatform.place SET address = 'canary-12-rue' WHERE visibility = 'commune'")
        connection.execute("UPDATE geoplatform.change SET actor = 'canary-actor 203.0.113.77 canary@mail.example'")
        hidden = connection.execute(
            """SELECT round(ST_X(geom)::numeric, 6)::text, round(ST_Y(geom)::numeric, 6)::text
               FROM geoplatform.place WHERE visibility = 'commune'"""
        ).fetchall()
    press.publish()
    for path in press.folder.rglob("*"):
        if path.is_file():
            for content in unpacked(path):
                for canary in (b"canary", b"203.0.113.77", b"692 00 00 01", b"geoplatform_", str(ROOT).encode()):
                    assert canary not in content, f"{canary!r} in {path.name}"
                assert PLANTED.isoformat()[11:19].encode() not in content, f"an hour in {path.name}"
                for lon, lat in hidden:
                    assert not (lon.encode() in content and lat.encode() in content), path.name


def unpacked(path):
    """A file's bytes, and those that are packed in it."""
    import gzip
    import zipfile

    import pyarrow.parquet as pq
    from pmtiles.reader import MmapSource, Reader, all_tiles

    yield path.read_bytes()
    if path.suffix == ".gz":
        yield gzip.decompress(path.read_bytes())
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    if path.suffix == ".pmtiles":
        with path.open("rb") as file:
            source = MmapSource(file)
            yield repr(Reader(source).metadata()).encode()
            yield from (gzip.decompress(tile) for _, tile in all_tiles(source))
    if path.suffix == ".parquet":
        yield repr(pq.read_table(path).to_pylist()).encode()


def test_a_process_killed_in_the_middle_leaves_the_latest_and_the_next_run_takes_up_what_is_done(press, tmp_path):
    press.publish(QUICK)
    before = current(press)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, press.database.url(EXPORTER), str(press.folder)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(list(press.folder.glob(RECEIPTS))) < 4:
        assert process.poll() is None, "it ended by itself"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert current(press) == before
    written = press.folder.glob(".unfinished-*/files/*/*")
    done = {path.name: path.stat().st_mtime_ns for path in written if not path.name.startswith(".")}
    kept = {path.name[1:-5] for path in press.folder.glob(RECEIPTS)}
    assert len(kept) >= 4
    press.publish(Wanted())
    assert set(current(press).values()) == {"2026-11-29-2"}
    for path in press.folder.glob("*/2026-11-29-2/*"):
        if path.name in kept:
            assert path.stat().st_mtime_ns == done[path.name], "made again"
    assert list(press.folder.glob(".unfinished-*")) == []
    assert data(press, "2026-11-29-2").items() >= data(press).items()


KILLED = f"""
import datetime as dt, io, sys
from pathlib import Path
from exports.publishing import Wanted, publish
from geoplatform.progress import Progress
from geoplatform.store.engine import Store
if __name__ == "__main__":
    now = dt.datetime.fromisoformat("{NOW.isoformat()}")
    publish(Store(sys.argv[1]), Path(sys.argv[2]), Wanted(), Progress(), workers=1, now=now)
"""


def test_what_was_cut_before_a_change_is_not_taken_up(press):
    with pytest.raises(ExportFailed):
        limited(press, 100_000)
    assert list(press.folder.glob(".unfinished-*/plan.pickle"))
    with press.database.connect() as connection:
        connection.execute("UPDATE geoplatform.place SET status = 'deleted' WHERE name = 'NULL'")
    press.publish()
    assert b"NULL" not in press.file("places", "places-cc-by-nc-sa-4.0.csv").read_bytes()


@pytest.mark.parametrize("most", [300, 100_000], ids=["while cutting", "while writing"])
def test_a_full_disk_is_named_with_the_file_and_nothing_is_published(press, most):
    press.publish(QUICK)
    before = current(press)
    with pytest.raises(ExportFailed, match=r"nothing was published") as failed:
        limited(press, most)
    assert failed.value.facts["file"]
    assert current(press) == before
    press.publish()
    assert set(current(press).values()) == {"2026-11-29-2"}
    assert set(current(press)) == set(NAMES)


def limited(press: Press, most: int) -> None:
    """Publish in a process whose files, and its writers', may have so many bytes at most: as on a disk that is full."""
    command = [sys.executable, "-c", LIMITED, press.database.url(EXPORTER), str(press.folder), str(most)]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True, timeout=300).stdout
    if told:
        message, file = json.loads(told)
        raise ExportFailed(message, file=file)


LIMITED = f"""
import datetime as dt, json, resource, signal, sys
from pathlib import Path
from exports.publishing import Wanted, publish
from geoplatform.errors import ExportFailed
from geoplatform.progress import Progress
from geoplatform.store.engine import Store
if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
    now = dt.datetime.fromisoformat("{NOW.isoformat()}")
    try:
        publish(Store(sys.argv[1]), Path(sys.argv[2]), Wanted(), Progress(), workers=2, now=now)
    except ExportFailed as error:
        print(json.dumps([str(error), error.facts["file"]]))
"""


def test_a_writer_that_dies_is_told_and_nothing_is_published(press, monkeypatch):
    monkeypatch.setattr("exports.publishing.made", _dying)
    with pytest.raises(ExportFailed, match="ended from outside"):
        press.publish(QUICK)
    assert current(press) == {}


def _dying(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_file_that_does_not_read_back_as_it_was_cut_is_refused(press, monkeypatch):
    monkeypatch.setattr("exports.publishing.made", _truncating)
    with pytest.raises(ExportFailed, match=r"places-.*rows are read back of"):
        press.publish(Wanted(datasets=("places",), formats=("csv",)))
    assert current(press) == {}


def _truncating(rows, name, target):
    """As `_made`, with a container that loses its last row."""
    from dataclasses import replace

    from exports import publishing

    plain = publishing.FORMATS[name]

    def losing(rows, target):
        plain.write(rows, target)
        lines = target.read_bytes().split(b"\r\n")
        target.write_bytes(b"\r\n".join([*lines[:-2], b""]))

    publishing.FORMATS[name] = replace(plain, write=losing)
    return _REAL(rows, name, target)


from exports.publishing import made as _REAL  # noqa: E402


def test_two_at_once_are_told_apart_and_those_of_other_datasets_go_on(press, monkeypatch):
    from exports import publishing

    plain, commune = publishing.cut, Wanted(("places",), ("csv",), (("commune", "97401"),))

    def meanwhile(store, of, dataset, *rest, **named):
        if dataset.name == "places":
            with pytest.raises(Underway, match="another run is publishing places into"):
                press.publish(Wanted(("places",), ("kml",)))
            assert press.publish(commune) == ["places-commune-97401"]
        return plain(store, of, dataset, *rest, **named)

    monkeypatch.setattr(publishing, "cut", meanwhile)
    press.publish(QUICK)
    assert current(press) == dict.fromkeys((*NAMES, "places-commune-97401"), RELEASE)


def test_a_place_changed_during_the_cut_is_in_the_release_as_it_was(press, monkeypatch):
    from exports import publishing

    plain = publishing.cut

    def slowly(store, of, dataset, *rest, **named):
        with press.database.connect() as connection:
            connection.execute("UPDATE geoplatform.place SET name = 'Autre nom' WHERE name = 'NULL'")
        return plain(store, of, dataset, *rest, **named)

    monkeypatch.setattr(publishing, "cut", slowly)
    press.publish(QUICK)
    content = press.file("places", "places-cc-by-nc-sa-4.0.csv").read_text()
    assert "NULL" in content
    assert "Autre nom" not in content


def test_only_the_exporter_registers_releases(press):
    import psycopg

    for role in ("geoplatform_web", "geoplatform_loader", "geoplatform_reader"):
        with press.database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT published.register_release('[]', now())")
    with press.database.connect(EXPORTER) as connection:
        for statement in (
            "SELECT * FROM geoplatform.place",
            "SELECT * FROM geoplatform.change",
            "DELETE FROM geoplatform.release",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
