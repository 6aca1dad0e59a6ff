"""The real clients, as tests ask them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture
def qgis(tmp_path):
    """What QGIS says of what it is given (qgis_open.py)."""
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}

    def ask(*arguments):
        command = [SYSTEM_PYTHON, Path(__file__).with_name("qgis_open.py"), *map(str, arguments)]
        told = subprocess.run(command, env=os.environ | home, capture_output=True, text=True, timeout=60)
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout.splitlines()[-1])

    return ask
