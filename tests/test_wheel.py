"""The wheel holds everything that the program needs on a machine without the checkout."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel_file(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_ships_sql_sources_templates_bundle_and_translations(wheel_file):
    names = set(zipfile.ZipFile(wheel_file).namelist())
    assert {f"geoplatform/_sql/{file.name}" for file in (ROOT / "sql").glob("*.sql")} <= names
    assert {
        "loaders/_sources/land.geojson.gz",
        "geoplatform/web/templates/commune.html",
        "geoplatform/web/static/bundle/map.js",
        "geoplatform/web/translations/en/LC_MESSAGES/messages.mo",
    } <= names
    assert not [name for name in names if "node_modules" in name or name.startswith(("tests/", "data/", "sql/"))]


def test_the_wheel_installs_a_schema_without_the_checkout(wheel_file, cluster, tmp_path):
    import psycopg

    venv.create(tmp_path / "venv", system_site_packages=False, with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    site = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    zipfile.ZipFile(wheel_file).extractall(site)
    (site / "locked.pth").write_text(str(next(Path(p) for p in sys.path if p.endswith("site-packages"))) + "\n")
    with psycopg.connect(cluster.url(database="postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE from_wheel")
    script = f"""
import geoplatform.store.schema as s, loaders.land as l
assert 'site-packages' in s.__file__ and 'venv' in s.__file__, s.__file__
assert len(s.files()) > 10 and all('_sql' in str(f) for f in s.files())
assert s.install({cluster.url(database="from_wheel")!r}) and len(l.read()) > 100
"""
    done = subprocess.run([str(python), "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
