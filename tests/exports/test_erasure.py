"""What is taken back leaves the releases that hold it: looked for in every file, told to mirrors and to whom it was about."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from exports.changes import chain
from exports.erasure import applying as erasure
from exports.erasure import remaking
from exports.formats import FORMATS
from exports.publishing import Wanted, alone, publish
from geoplatform.cli import main
from geoplatform.errors import ExportFailed
from geoplatform.model import Licence
from geoplatform.progress import Progress
from geoplatform.store import releases
from geoplatform.store.releases import Release
from tests import grid
from tests.exports.conftest import EXPORTER, NOW, Press
from tests.exports.test_changes import change, changes_of
from tests.exports.test_publish import unpacked
from tests.web.ogc.planting import DRAWING, application, plant_each

ATOM, TOMBSTONE = "{http://www.w3.org/2005/Atom}", "{http://purl.org/atompub/tombstones/1.0}"
LINES = "places-odbl-1.0.geojsonl.gz"
SMALL = Wanted(("places",), ("parquet", "geojsonseq", "csv"))


@dataclass
class Withdrawn:
    """Three places of the ODbL that were published: one deleted, one no longer shown but at the commune, one of another licence."""

    deleted: str
    hidden: str
    relicensed: str

    @property
    def names(self) -> set[str]:
        return {self.deleted, self.hidden, self.relicensed}


def take_back(press: Press) -> Withdrawn:
    ids = [number for (number,) in press.database.rows(
        """SELECT id::text FROM geoplatform.place WHERE licence = 'ODbL-1.0' AND status = 'published' AND visibility = 'public'
           ORDER BY id LIMIT 3""")]  # fmt: skip
    change(
        press,
        f"UPDATE geoplatform.place SET status = 'deleted' WHERE id = '{ids[0]}'",
        f"UPDATE geoplatform.place SET visibility = 'commune' WHERE id = '{ids[1]}'",
        f"UPDATE geoplatform.place SET licence = 'CC-BY-SA-4.0' WHERE id = '{ids[2]}'",
    )
    return Withdrawn(*ids)


def erase(press: Press) -> list[tuple[str, str]]:
    return erasure.erase(press.database.store(EXPORTER), press.folder, Progress(io.StringIO()), workers=2, now=NOW)


def kept(press: Press, dataset: str = "places") -> dict[str, Release]:
    with press.database.store(EXPORTER).reading() as connection:
        return {one.name: one for one in releases.every(connection, with_files=True) if one.dataset == dataset}


def lines(press: Press, release: str, name: str = LINES) -> list[bytes]:
    return gzip.decompress(press.file("places", name, release).read_bytes()).splitlines()


def remains_of(press: Press, release: str) -> str:
    return next(name for name in kept(press) if press.manifest("places", name)["remains_of"] == release)


def test_what_was_taken_back_leaves_every_file_and_the_rest_stays_as_it_was(press):
    press.publish()
    before = lines(press, "2026-11-29")
    untouched = press.file("places", "places-cc0-1.0.parquet").read_bytes()
    gone = take_back(press)
    press.publish(now=NOW.replace(day=30))
    assert erase(press) == [("places", "2026-11-29")]
    rest = remains_of(press, "2026-11-29")
    assert set(kept(press)) == {"2026-11-30", rest}
    assert kept(press)["2026-11-30"].state == "current"
    assert not (press.folder / "places" / "2026-11-29").exists()
    for path in press.folder.joinpath("places", rest).iterdir():
        for content in unpacked(path):
            # What has another licence now is in that licence's files of the latest release, and nowhere here.
            found = {name for name in gone.names if name.encode() in content}
            assert not found, f"{path.name} holds {found}"
    assert lines(press, rest) == [line for line in before if json.loads(line)["id"] not in gone.names]
    assert press.file("places", "places-cc0-1.0.parquet", rest).read_bytes() == untouched
    told = {file.name: file for file in kept(press)[rest].files}
    for form in FORMATS.values():
        assert (f"places-odbl-1.0{form.ending}" in told) == (not form.needs_tiles)
    assert told["places-odbl-1.0.csv"].rows == len(before) - 3
    assert erase(press) == []


def test_the_latest_release_is_made_anew_and_its_chain_goes_on(press):
    press.publish(SMALL)
    change(press, "UPDATE geoplatform.place SET description = 'neu' WHERE licence = 'ODbL-1.0'")
    changes_of(press)  # number 1 holds what is taken back next
    gone = take_back(press)
    assert erase(press) == [("places", "2026-11-29")]
    latest = next(one for one in kept(press).values() if one.state == "current")
    assert not gone.names & {json.loads(line)["id"] for line in lines(press, latest.name)} - {gone.hidden}
    state = next(one for one in press.manifest("places", latest.name)["states"] if one["chain"] == "places-odbl-1.0")
    assert state["seq"] == 2
    place = chain.folder_of(press.folder, "places", "places-odbl-1.0")
    assert not (place / chain.file_name(1)).exists()
    entries = [json.loads(line) for line in gzip.decompress((place / chain.file_name(2)).read_bytes()).splitlines()]
    assert {one["id"] for one in entries if one.get("op") == "delete"} == {gone.deleted, gone.relicensed}


def test_what_came_and_went_between_two_releases_leaves_the_diffs(press):
    press.publish(SMALL)
    client = application(press.database)
    plant_each(
        press.database, client, [{"name": "Kurz", "position": grid.at(DRAWING, 0.3, 0.3), "licence": Licence.CC0}]
    )
    changes_of(press)
    change(press, "UPDATE geoplatform.place SET status = 'deleted' WHERE name = 'Kurz'")
    changes_of(press)
    place = chain.folder_of(press.folder, "places", "places-cc0-1.0")
    assert b"Kurz" in gzip.decompress((place / chain.file_name(1)).read_bytes())
    assert erase(press) == []
    assert not (place / chain.file_name(1)).exists()
    assert b"Kurz" not in gzip.decompress((place / chain.file_name(2)).read_bytes())
    states = dict(press.database.rows("SELECT seq, state FROM published.diffs WHERE chain = 'places-cc0-1.0'"))
    assert states == {0: "withdrawn", 1: "withdrawn", 2: "kept"}
    # A new release stands at the last state, so that there is one from which the chain can be followed.
    (latest,) = (one.name for one in kept(press).values() if one.state == "current")
    assert set(kept(press)) == {"2026-11-29", latest}
    assert {one["chain"]: one["seq"] for one in press.manifest("places", latest)["states"]}["places-cc0-1.0"] == 2


def test_what_comes_while_it_is_looked_for_is_not_taken_for_gone(press, monkeypatch):
    press.publish(SMALL)
    take_back(press)
    client = application(press.database)

    def late(*given: object, **named: object) -> list[str]:
        spot = grid.at(DRAWING, 0.3, 0.3)
        plant_each(press.database, client, [{"name": "Neu", "position": spot, "licence": Licence.CC0}])
        return publish(*given, **named)

    monkeypatch.setattr(erasure, "publish", late)
    assert erase(press) == [("places", "2026-11-29")]
    states = dict(press.database.rows("SELECT seq, state FROM published.diffs WHERE chain = 'places-cc0-1.0'"))
    assert states == {0: "kept", 1: "kept"}
    newest = chain.folder_of(press.folder, "places", "places-cc0-1.0") / chain.file_name(1)
    assert b"Neu" in gzip.decompress(newest.read_bytes())


def test_a_latest_release_that_cannot_be_made_anew_stays_and_is_told(press, monkeypatch):
    press.publish(SMALL)
    take_back(press)

    def full(*_: object, **__: object) -> None:
        raise ExportFailed("places-odbl-1.0.csv: No space left on device; nothing was published", file="x")

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "publish", full)
        with pytest.raises(ExportFailed, match=r"places/2026-11-29: .*No space left"):
            erase(press)
    assert set(kept(press)) == {"2026-11-29"}
    assert erase(press) == [("places", "2026-11-29")]


@pytest.mark.parametrize(
    "damage", ["cut", "gone", "more", "no-manifest-facts", "no-manifest", "a-column-less", "no-table"]
)
def test_a_damaged_release_is_withdrawn_and_nothing_stands_there(press, damage):
    press.publish(SMALL)
    take_back(press)
    press.publish(SMALL, now=NOW.replace(day=30))
    if damage == "cut":
        whole = press.file("places", LINES).read_bytes()
        press.file("places", LINES).write_bytes(whole[: len(whole) // 2])
    elif damage == "gone":
        press.file("places", LINES).unlink()
    elif damage == "more":
        press.file("places", LINES).write_bytes(
            gzip.compress(b"".join(one + b"\n" for one in [*lines(press, "2026-11-29"), b"{}"]))
        )
    elif damage == "no-manifest":
        press.file("places", "manifest.json").unlink()
    elif damage == "no-table":  # the other files tell what it holds
        press.file("places", "places-odbl-1.0.parquet").write_bytes(b"PAR1")
    elif damage == "a-column-less":
        table = press.file("places", "places-odbl-1.0.parquet")
        pq.write_table(pq.read_table(table).drop_columns(["address"]), table)
    else:
        press.file("places", "manifest.json").write_text("{}")
    assert erase(press) == [("places", "2026-11-29")]
    assert set(kept(press)) == {"2026-11-30"}


def test_cuts_of_scopes_lose_it_too(press):
    code = press.database.rows(
        """SELECT commune_code FROM published.places WHERE licence = 'ODbL-1.0' AND geom IS NOT NULL AND commune_code IS NOT NULL
           ORDER BY id LIMIT 1"""
    )[0][0]
    scoped = Wanted(SMALL.datasets, SMALL.formats, (("commune", code),))
    name = f"places-commune-{code}"
    press.publish(scoped)
    change(press, f"""UPDATE geoplatform.place SET licence = 'display-only' WHERE id IN
                      (SELECT id FROM published.places WHERE commune_code = '{code}')""")  # fmt: skip
    assert erase(press) == [(name, "2026-11-29")]
    assert len(kept(press, name)) == 2
    assert all(not file.rows for one in kept(press, name).values() for file in one.files)
    # Who reads what was taken back is not told where it was.
    client = web(press)
    told = client.get("/exports/revocations")
    assert told.json["revocations"]
    assert {(one["dataset"], one["release"]) for one in told.json["revocations"]} == {(None, None)}
    place = told.json["revocations"][0]["place_id"]
    receipt = client.get(f"/exports/revocations/{place}", headers={"Accept": "application/json"})
    assert receipt.json == {"place_id": place, "files": [], "releases_of_parts": 1}
    shown = client.get(f"/exports/revocations/{place}", headers={"Accept": "text/html"})
    assert "Extraits par territoire" in shown.text
    assert code not in told.text + receipt.text + shown.text


@pytest.mark.parametrize("form", [name for name in FORMATS if not FORMATS[name].needs_tiles])
def test_every_format_can_be_looked_into(press, form):
    press.publish(Wanted(("places",), (form,)))
    assert erase(press) == []
    gone = take_back(press)
    assert erase(press) == [("places", "2026-11-29")]
    (only,) = kept(press).values()
    assert only.state == "current"
    reasons = dict(press.database.rows("SELECT place_id::text, reason FROM published.erasures"))
    assert reasons == {gone.deleted: "withdrawn", gone.hidden: "position", gone.relicensed: "withdrawn"}


def test_tiles_alone_cannot_be_looked_into_and_go_with_the_next_change(press):
    press.database.settle()
    press.publish(Wanted(("places",), ("pmtiles",)))
    assert erase(press) == []
    place = press.database.rows("SELECT id::text FROM published.places WHERE licence = 'ODbL-1.0' LIMIT 1")[0][0]
    change(
        press,
        f"""INSERT INTO geoplatform.change (operation, place_id, version, occurred_at)
            VALUES ('delete', '{place}', 2, now())""",
        f"UPDATE geoplatform.place SET status = 'deleted' WHERE id = '{place}'",
    )
    press.database.settle()
    assert erase(press) == [("places", "2026-11-29")]
    assert [one.state for one in kept(press).values()] == ["current"]


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_done(press):
    press.publish(SMALL)
    press.publish(SMALL, now=NOW.replace(day=30))
    for ending in ("parquet", "csv", "geojsonl.gz"):
        press.file("places", f"places-odbl-1.0.{ending}").write_bytes(b"PAR1")
    take_back(press)
    with pytest.raises(ExportFailed, match=r"places/2026-11-29: .*places-odbl-1.0"):
        erase(press)
    assert "2026-11-30" not in kept(press)
    assert "2026-11-29" in kept(press)


def test_a_release_without_what_it_is_made_anew_from_is_only_withdrawn(press):
    press.publish(Wanted(("places",), ("csv",)))
    take_back(press)
    press.publish(Wanted(("places",), ("csv",)), now=NOW.replace(day=30))
    assert erase(press) == [("places", "2026-11-29")]
    assert set(kept(press)) == {"2026-11-30"}


def test_what_remains_is_written_whole_or_the_release_stays(press, monkeypatch):
    press.publish(SMALL)
    gone = take_back(press)
    press.publish(SMALL, now=NOW.replace(day=30))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "places-odbl-1.0.csv")

    with monkeypatch.context() as patch:
        patch.setattr(remaking, "_sifted", full)
        with pytest.raises(ExportFailed, match=r"places/2026-11-29: .*No space left"):
            erase(press)
    assert "2026-11-29" in kept(press)
    assert not list(press.folder.glob("*-erasure"))
    assert erase(press) == [("places", "2026-11-29")]
    assert not gone.names & {json.loads(line)["id"] for line in lines(press, remains_of(press, "2026-11-29"))}


def test_files_of_other_columns_are_not_made_anew_but_withdrawn(press, monkeypatch):
    press.publish(SMALL)
    take_back(press)
    press.publish(SMALL, now=NOW.replace(day=30))
    shutil.copy(press.file("places", "places-cc0-1.0.geojsonl.gz"), press.file("places", LINES))
    told = io.StringIO()
    done = erasure.erase(press.database.store(EXPORTER), press.folder, Progress(told), workers=2, now=NOW)
    assert done == [("places", "2026-11-29")]
    assert "do not hold the same rows" in told.getvalue()
    assert set(kept(press)) == {"2026-11-30"}


def test_a_dataset_that_another_run_is_at_is_left_to_the_next_time(press):
    press.publish(SMALL)
    take_back(press)
    press.publish(SMALL, now=NOW.replace(day=30))
    with alone(press.folder, ("places",)):
        assert erase(press) == []
    assert "2026-11-29" in kept(press)
    assert erase(press) == [("places", "2026-11-29")]


def test_what_remains_keeps_its_place_among_the_releases(press):
    press.publish(SMALL)
    press.publish(SMALL, now=NOW.replace(day=30))
    take_back(press)
    press.publish(SMALL, now=NOW.replace(month=12, day=1))
    assert len(erase(press)) == 2
    names = list(kept(press))
    assert names[0] == "2026-12-01"
    assert [press.manifest("places", name)["remains_of"] for name in names] == [None, "2026-11-30", "2026-11-29"]


def test_a_second_erasure_leads_from_the_first_release_to_what_stands_there_last(press):
    press.publish(SMALL)
    take_back(press)
    press.publish(SMALL, now=NOW.replace(day=30))
    erase(press)
    first = remains_of(press, "2026-11-29")
    take_back(press)
    assert len(erase(press)) == 2
    last = remains_of(press, first)
    client = web(press)
    for name in ("2026-11-29", first):
        answer = client.get(f"/exports/places/{name}/{LINES}")
        assert (answer.status_code, answer.json["instead"]) == (410, f"https://carte.example/exports/places/{last}")


def web(press: Press):
    return application(press.database, export_folder=press.folder, public_url="https://carte.example")


def test_mirrors_and_the_person_are_told(press):
    press.publish(SMALL)
    sums = {file.name: file.sha256 for file in kept(press)["2026-11-29"].files}
    gone = take_back(press)
    press.publish(SMALL, now=NOW.replace(day=30))
    client = web(press)
    assert client.get("/exports/revocations").json == {"revocations": [], "last": 0, "next": None}
    assert ET.fromstring(client.get("/exports/revocations.atom").data).findall(f"{TOMBSTONE}deleted-entry") == []
    assert client.get(f"/exports/revocations/{gone.deleted}").status_code == 404
    erase(press)
    rest = remains_of(press, "2026-11-29")

    page = client.get("/exports/revocations?limit=2").json
    assert [one["seq"] for one in page["revocations"]] == [1, 2]
    following = client.get(page["next"].removeprefix("https://carte.example")).json
    assert (following["last"], following["next"]) == (3, None)
    told = {one["place_id"]: one for one in page["revocations"] + following["revocations"]}
    assert {name: one["reason"] for name, one in told.items()} == {
        gone.deleted: "withdrawn", gone.hidden: "position", gone.relicensed: "withdrawn",
    }  # fmt: skip
    assert {(one["dataset"], one["release"], one["replaced_by"], one["licence"]) for one in told.values()} == {
        ("places", "2026-11-29", rest, "ODbL-1.0")
    }
    feed = ET.fromstring(client.get("/exports/revocations.atom").data)
    assert {one.get("ref") for one in feed.iter(f"{TOMBSTONE}deleted-entry")} == {
        f"urn:uuid:{name}" for name in gone.names
    }

    receipt = client.get(
        told[gone.deleted]["receipt_url"].removeprefix("https://carte.example"), headers={"Accept": "application/json"}
    )
    assert {one["file"]: one["sha256"] for one in receipt.json["files"]} == {
        name: sha256 for name, sha256 in sums.items() if "odbl" in name
    }
    now = {file.name: file.sha256 for file in kept(press)[rest].files}
    assert all(one["replaced_sha256"] == now[one["file"]] != one["sha256"] for one in receipt.json["files"])
    shown = client.get(f"/exports/revocations/{gone.deleted}", headers={"Accept": "text/html"}).text
    assert sums[LINES] in shown
    assert now[LINES] in shown
    assert f'href="/exports/places/{rest}"' in shown
    assert "places-cc0" not in shown
    client.set_cookie("lang", "en")
    hidden = client.get(f"/exports/revocations/{gone.hidden}", headers={"Accept": "text/html"}).text
    assert "shown at commune level only now" in hidden


@pytest.mark.parametrize("ending", ["", "/" + LINES, "/manifest.json"])
def test_a_release_that_was_withdrawn_is_gone_and_leads_on(press, ending):
    press.publish(SMALL)
    take_back(press)
    press.publish(SMALL, now=NOW.replace(day=30))
    erase(press)
    rest = remains_of(press, "2026-11-29")
    client = web(press)
    answer = client.get(f"/exports/places/2026-11-29{ending}")
    assert (answer.status_code, answer.json["instead"]) == (410, f"https://carte.example/exports/places/{rest}")
    page = client.get(f"/exports/places/2026-11-29{ending}", headers={"Accept": "text/html"})
    assert page.status_code == 410
    assert f'href="https://carte.example/exports/places/{rest}"' in page.text
    assert client.get(f"/exports/places/{rest}/{LINES}").status_code == 200


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=" + "9" * 40, "limit=0", "limit=1001"])
def test_bad_pages_are_refused(released, query):
    answer = application(released.database).get(f"/exports/revocations?{query}")
    assert (answer.status_code, answer.json["parameter"]) == (400, query.partition("=")[0])


def test_the_command_erases_and_publish_does_too(press, monkeypatch):
    monkeypatch.setenv("GEOPLATFORM_DATABASE_URL", press.database.url())
    press.publish(SMALL)
    first = take_back(press)
    done = CliRunner().invoke(main, ["erase", "--to", str(press.folder)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "in 1 of 1 releases" in done.output
    assert "2026-11-29" not in kept(press)
    second = take_back(press)
    arguments = [
        "publish",
        "--dataset",
        "places",
        "--format",
        "parquet",
        "--format",
        "geojsonseq",
        "--to",
        str(press.folder),
    ]
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    told = {name for (name,) in press.database.rows("SELECT place_id::text FROM published.erasures")}
    assert told == first.names | second.names


def test_nothing_published_is_nothing_to_look_into(press):
    assert erase(press) == []
    assert not Path(press.folder).exists()
