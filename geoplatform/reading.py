"""Reads what somebody says in JSON, member by member, and gathers what is wrong with it. From the model and the web."""

from __future__ import annotations

import datetime as dt
import unicodedata
import uuid
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from geoplatform import hours
from geoplatform.errors import BadParameter
from geoplatform.refusals import Refusal

E = TypeVar("E", bound=StrEnum)

_FIRST_YEAR, _LAST_YEAR = 1000, 2999


class Reading:
    """Reads members one by one. `problems`: what is wrong with them, each named with `prefix` before it.

    What is absent or null is None, and wrong only where it is required.
    """

    def __init__(self, properties: dict[str, Any], prefix: str = "") -> None:
        self.properties = properties
        self.prefix = prefix
        self.problems: list[BadParameter] = []
        self.asked: set[str] = set()

    def refuse(self, name: str, value: object, code: str, **facts: object) -> None:
        """Note that this value cannot be taken; `code` and `facts` as of a `Refusal`."""
        self.problems.append(BadParameter(f"{self.prefix}{name}", value, Refusal(code, **facts)))

    def text(self, name: str, longest: int, *, required: bool = False, lines: bool = False) -> str | None:
        """A text of at most so many signs, stripped; of several lines if it may be. An empty one counts as absent."""
        self.asked.add(name)
        value = self.properties.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            if required:
                self.refuse(name, value, "required")
            return None
        if not isinstance(value, str):
            self.refuse(name, value, "not_text")
            return None
        value = value.strip()
        if len(value) > longest:
            self.refuse(name, value[:40] + "…", "too_long", length=len(value), limit=longest)
            return None
        bad = next((sign for sign in value if _forbidden(sign, lines)), None)
        if bad is not None:
            self.refuse(name, value[:40], "control_character", character=f"U+{ord(bad):04X}")
            return None
        if not any(unicodedata.category(sign)[0] in "LNSP" for sign in value):
            self.refuse(name, value[:40], "invisible")
            return None
        return value

    def name(self, name: str, longest: int, *, required: bool = False) -> str | None:
        """A text of one line none of whose words looks like another one by letters of another script."""
        value = self.text(name, longest, required=required)
        word = next((word for word in value.split() if mixes_scripts(word)), None) if value else None
        if word is not None:
            self.refuse(name, word[:40], "mixed_scripts")
        return value

    def opening_hours(self, name: str, longest: int) -> str | None:
        """Opening hours as OpenStreetMap writes them."""
        value = self.text(name, longest)
        if value is not None and not hours.is_valid(value):
            self.refuse(name, value, "not_opening_hours")
        return value

    def day(self, name: str) -> dt.date | None:
        """A day as YYYY-MM-DD."""
        self.asked.add(name)
        value = self.properties.get(name)
        if value is None:
            return None
        try:
            day = dt.date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-11-29") else None
        except ValueError:
            day = None
        if day is None or not _FIRST_YEAR <= day.year <= _LAST_YEAR:
            shown = str(value)[:40]
            self.refuse(name, shown, "not_a_day_between", least=_FIRST_YEAR, most=_LAST_YEAR)
            return None
        return day

    def choice(self, name: str, choices: type[E], *, required: bool = False) -> E | None:
        """One of these words."""
        self.asked.add(name)
        value = self.properties.get(name)
        if value is None and not required:
            return None
        allowed = [str(choice) for choice in choices]
        if value not in allowed:
            self.refuse(name, value, "not_one_of", allowed=allowed)
            return None
        return choices(value)

    def choices(self, name: str, choices: type[E]) -> list[E]:
        """Some of these words, at least one; none if they are wrong."""
        self.asked.add(name)
        value = self.properties.get(name)
        allowed = [str(choice) for choice in choices]
        if not isinstance(value, list) or not value or any(one not in allowed for one in value):
            self.refuse(name, value, "not_some_of", allowed=allowed)
            return []
        return [choice for choice in choices if choice in value]

    def identifiers(self, name: str, most: int) -> list[uuid.UUID]:
        """Some UUIDs, one at least and at most so many; none if they are wrong."""
        self.asked.add(name)
        value = self.properties.get(name)
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            self.refuse(name, None, "not_identifiers", limit=most)
            return []
        try:
            return [uuid.UUID(one) for one in value]
        except (ValueError, AttributeError, TypeError):
            self.refuse(name, None, "not_places")
            return []

    def flag(self, name: str, *, required: bool = False) -> bool | None:
        """true or false."""
        self.asked.add(name)
        value = self.properties.get(name)
        if not isinstance(value, bool) and (required or value is not None):
            self.refuse(name, value, "not_a_flag")
            return None
        return value

    def whole(self, name: str, least: int, most: int) -> int | None:
        """A whole number from `least` to `most`."""
        self.asked.add(name)
        value = self.properties.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.refuse(name, str(value)[:40], "not_a_whole_number", least=least, most=most)
            return None
        return value

    def email(self, name: str) -> str | None:
        """An e-mail address, as it is written down; required."""
        value = self.text(name, 254, required=True)
        if value is None:
            return None
        try:
            return validate_email(value, check_deliverability=False, allow_smtputf8=False).ascii_email or value
        except EmailNotValidError as error:
            self.refuse(name, value, "not_an_email", why=str(error))
            return None

    def website(self, name: str, longest: int) -> str | None:
        """An http or https address."""
        value = self.text(name, longest)
        if value is None:
            return None
        address = web_address(value)
        if address is None:
            self.refuse(name, value, "not_a_url")
        return address

    def identifier(self, value: object, otherwise: uuid.UUID) -> uuid.UUID:
        """This UUID, or `otherwise` where it is None."""
        if value is None:
            return otherwise
        try:
            return uuid.UUID(value if isinstance(value, str) else "")
        except ValueError:
            self.problems.append(BadParameter("id", value, Refusal("not_a_uuid")))
            return otherwise

    def refuse_others(self, noun: str = "a place") -> None:
        """Note every member that nobody asked for."""
        for name in sorted(set(self.properties) - self.asked, key=str):
            self.refuse(name, self.properties[name], "unknown_member", noun=noun)


def web_address(text: str) -> str | None:
    """The text as an absolute http(s) URL with its scheme in small letters; None if it is none."""
    if any(sign.isspace() for sign in text):
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    return parts.scheme + text[len(parts.scheme) :] if usable else None


def mixes_scripts(word: str) -> bool:
    """Whether a word has Latin letters and ones of Cyrillic, Greek or another alphabet: somebody imitates a name."""
    scripts = {unicodedata.name(sign, "").split(" ")[0] for sign in word if sign.isalpha()}
    return "LATIN" in scripts and bool(scripts & _ALIKE)


_ALIKE = {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET", "OSAGE"}


def _forbidden(sign: str, lines: bool) -> bool:
    code = ord(sign)
    if sign in "\n\r\t":
        return not lines
    if 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:  # they make a text read otherwise than it is
        return True
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF)
