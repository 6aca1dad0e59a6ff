"""What a browser calls itself, in words that its owner recognises. To the pages that list sessions."""

from __future__ import annotations

import re

from flask_babel import gettext as _
from ua_parser import parse

#: What is left out of a browser's name: where it runs is said by the system's.
_ASIDE = re.compile(r"\b(Mobile|iOS|WebView|UI/WKWebView)\b")
_SYSTEMS = {"Mac OS X": "macOS"}


def in_words(agent: str) -> str:
    """`Firefox sur Android`; the browser or the system alone where the other is not told; empty where neither is."""
    found = parse(agent)
    browser = " ".join(_ASIDE.sub("", found.user_agent.family).split()) if found.user_agent else ""
    system = _SYSTEMS.get(found.os.family, found.os.family) if found.os else ""
    if browser and system:
        return str(_("%(browser)s sur %(system)s", browser=browser, system=system))
    return browser or system
