"""The real QGIS, offscreen: vector tiles by the XYZ address and the style that the page of tiles tells."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from geoplatform.web.themes import THEMES

pytestmark = [pytest.mark.clients, pytest.mark.france]

SYSTEM_PYTHON = "/usr/bin/python3"
REUNION = (55.15, -21.45, 55.9, -20.8)


@pytest.mark.parametrize("theme", THEMES)
def test_qgis_draws_the_vector_tiles_with_the_published_style(served, tmp_path, theme):
    picture = tmp_path / "map.png"
    command = [
        SYSTEM_PYTHON,
        Path(__file__).with_name("qgis_tiles.py"),
        served.url,
        "all",
        theme,
        *map(str, REUNION),
        picture,
    ]
    home = {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path),
    }  # no style of before
    told = subprocess.run(command, env=os.environ | home, capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(told.stdout.splitlines()[-1])
    assert (found["valid"], found["style"], found["errors"]) == (True, True, [])
    colours = THEMES[theme]
    assert found["colours"][colours["map-land"]] > 20_000
    assert found["colours"][colours["map-water"]] > 20_000
    assert found["colours"][colours["map-cluster"]] > 300
    assert picture.stat().st_size > 10_000
