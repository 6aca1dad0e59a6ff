"""Lighthouse, as a test and a bench ask it (`make .setup/readers` installs it): its imagined telephone, one page at a time."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.chromium import FLAGS, program

_ROOT = Path(__file__).parents[1]
_AUDIT = _ROOT / "tests/clients/lighthouse/audit.js"
#: Where not one point may lack without a reason that is told.
QUALITIES = ("accessibility", "best-practices", "seo")


def audited(address: str, cookie: str = "") -> dict[str, Any]:
    """`scores` by category in percent, what is `lacking` in each, `speed` in ms. AssertionError without a page."""
    node = subprocess.run(
        ["sh", "deploy/setup/node.sh", ".venv"], cwd=_ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    path = {"PATH": f"{node}:{os.environ['PATH']}"}
    command = [f"{node}/node", str(_AUDIT), program(), json.dumps(FLAGS), address, *([cookie] if cookie else [])]
    done = subprocess.run(command, env=os.environ | path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (told["failed"], told["address"]) == (None, address)
    return told
