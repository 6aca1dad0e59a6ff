"""Pictures of pages, kept for people to look at: one folder a test below .artefacts/screenshots, which git ignores."""

from __future__ import annotations

import os
import re
from pathlib import Path

from playwright.sync_api import Page

from tests.conftest import ROOT

FOLDER = ROOT / ".artefacts" / "screenshots"


def keep(page: Page, name: str) -> Path:
    """Where the whole page, as it is now, was put as PNG under this name. A later run of the same test puts its own there."""
    module, _, test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0].partition("::")
    folder = FOLDER / Path(module).stem / _plain(test)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_plain(name)}.png"
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")  # what sticks to the screen stands at its top
    page.screenshot(path=path, full_page=True)
    return path


def _plain(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-") or "page"
