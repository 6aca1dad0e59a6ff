"""What axe-core finds on a page: the rules of WCAG 2.2 AA and its own best practice; and whether it fits its screen."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.conftest import ROOT

_SCRIPT = ROOT / "geoplatform/web/frontend/node_modules/axe-core/axe.min.js"
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """Each rule that is broken, with the elements that break it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_SCRIPT.read_text())
    found = page.evaluate("rules => axe.run(document, rules)", _RULES)
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]


def is_narrow_enough(page: Page) -> bool:
    """Whether nothing is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
