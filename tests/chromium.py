"""The Chromium of this machine, as tests and benches start it."""

from __future__ import annotations

import shutil

_NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)  # fmt: skip
FLAGS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


def program() -> str:
    """Its path. AssertionError where there is none."""
    found = next((path for path in map(shutil.which, _NAMES) if path), None)
    assert found, "no Chromium: sh deploy/setup/system.sh test installs it"
    return found
