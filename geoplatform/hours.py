"""Opening hours as OpenStreetMap writes them: whether a text is that, and what it says of a moment. Leaf module.

Public holidays are those of the whole Republic: the day on which an overseas territory remembers abolition is not among them.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

import opening_hours

_MAINLAND = ZoneInfo("Europe/Paris")
#: IANA time zone by the first three digits of an INSEE code (987: that of Tahiti).
_OVERSEAS = {
    "971": "America/Guadeloupe",
    "972": "America/Martinique",
    "973": "America/Cayenne",
    "974": "Indian/Reunion",
    "975": "America/Miquelon",
    "976": "Indian/Mayotte",
    "977": "America/St_Barthelemy",
    "978": "America/Marigot",
    "984": "Indian/Kerguelen",
    "986": "Pacific/Wallis",
    "987": "Pacific/Tahiti",
    "988": "Pacific/Noumea",
}
_DAYS = "(?:Mo|Tu|We|Th|Fr|Sa|Su)"
_SPAN = r"\d\d:\d\d-\d\d:\d\d"
_PLAIN = re.compile(rf"({_DAYS}(?:[-,]{_DAYS})*) ({_SPAN}(?:, ?{_SPAN})*)", re.ASCII)
#: A change farther away than this is none.
_FAR_DAYS = 366


@dataclass(frozen=True, slots=True)
class Opening:
    """What opening hours say of a moment. `is_open` is None where they leave it to a sentence; `until`: when that changes, by the
    clocks there (naive); `comment`: what they add in words."""

    is_open: bool | None
    until: dt.datetime | None
    comment: str


def is_valid(text: str) -> bool:
    """Whether a text is in OpenStreetMap's syntax."""
    return opening_hours.validate(text)


def for_schema_org(text: str) -> list[str] | None:
    """Opening hours as schema.org has them, one text for days and hours each; None where they say more than it can."""
    told = []
    for rule in filter(None, (part.strip() for part in text.split(";"))):
        matched = _PLAIN.fullmatch(rule)
        if matched is None:
            return None
        told += [f"{matched[1]} {span}" for span in re.split(", ?", matched[2])]
    return told or None


def zone_of(commune_code: str | None) -> ZoneInfo:
    """The time zone of a commune, by its INSEE code."""
    name = _OVERSEAS.get((commune_code or "")[:3])
    return ZoneInfo(name) if name else _MAINLAND


def at(text: str, local: dt.datetime) -> Opening | None:
    """What opening hours say of a moment in the time zone of their place; None for a text that is not in the syntax."""
    read = _read(text)
    if read is None:
        return None
    naive = local.replace(tzinfo=None)
    state, comment = read.state(naive)
    until = read.next_change(naive)
    if state == opening_hours.State.UNKNOWN or (comment and until is None):  # "sur rendez-vous"
        return Opening(None, until, comment)
    return Opening(state == opening_hours.State.OPEN, until, comment)


@lru_cache(maxsize=4096)
def _read(text: str) -> opening_hours.OpeningHours | None:
    if not is_valid(text):
        return None
    return opening_hours.OpeningHours(text, country="FR", max_interval_days=_FAR_DAYS)
