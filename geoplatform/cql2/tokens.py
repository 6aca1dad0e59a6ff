"""The words of a CQL2 text, one after another, and where each stands."""

from __future__ import annotations

import re
from dataclasses import dataclass

from geoplatform.cql2.tree import RESERVED, Budget
from geoplatform.errors import BadFilter

_NAME = r"(?:[^\W\d]|[_:])[\w.:\u0300-\u036f\u203f\u2040]*"
_TOKEN = re.compile(
    rf"""
      (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<name>{_NAME})
    | (?P<string>'(?:[^'\\]|''|\\'?+)*+')
    | (?P<quoted>"(?:[^"]|"")*+")
    | (?P<sign><>|<=|>=|[=<>+\-*/%^(),])
    """,
    re.VERBOSE,
)
_SPACE = re.compile(r"\s*")
_PLAIN = re.compile(_NAME)
_QUOTE = re.compile(r"''|\\'")
_ELSEWHERE = {
    "!": "'!' is no sign of CQL2; write <> for what differs",
    ";": "';' is no sign of CQL2; a filter is one expression",
    "|": "'|' is no sign of CQL2; write OR",
    "&": "'&' is no sign of CQL2; write AND",
    "[": "'[' is no sign of CQL2; lists stand in parentheses",
    "'": "this string has no end; a quote within is doubled: 'O''Brien' (and \\' is a quote within, too)",
    '"': "this name has no end",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One word. `word` is what it says: a name in lower case unless quoted, a string without its quotes."""

    kind: str  # number, name, string, quoted, sign or end
    word: str
    raw: str
    at: str

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords or signs."""
        return self.kind in ("name", "sign") and self.word in words

    @property
    def shown(self) -> str:
        """It, for a message."""
        return "the end" if self.kind == "end" else repr(self.raw[:40])


def tokens(text: str) -> list[Token]:
    """Every word, and a last one of kind `end`. BadFilter names the first sign that begins no word."""
    found: list[Token] = []
    place = _Places(text)
    position = 0
    while True:
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        if position == len(text):
            return [*found, Token("end", "", "", place(position))]
        match = _TOKEN.match(text, position)
        if not match:
            sign = text[position]
            raise BadFilter(place(position), sign, _ELSEWHERE.get(sign, f"{sign!r} is no sign of CQL2"))
        kind, raw = str(match.lastgroup), match[0]
        found.append(Token(kind, _meant(kind, raw), raw, place(position)))
        position = match.end()
        if kind == "number" and _PLAIN.match(text, position):
            raise BadFilter(place(position), raw, f"a letter follows the number {raw[:40]}")


def spelled_name(name: str) -> str:
    """The name of a property as it stands in a text: in double quotes where it must."""
    if _PLAIN.fullmatch(name) and name.lower() not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def is_plain(name: str) -> bool:
    """Whether it needs no quotes, whatever it means."""
    return bool(_PLAIN.fullmatch(name))


def _meant(kind: str, raw: str) -> str:
    if kind == "string":
        return _QUOTE.sub("'", raw[1:-1])
    if kind == "quoted":
        return raw[1:-1].replace('""', '"')
    return raw.lower() if kind == "name" else raw


class Cursor:
    """Where one reads in a text: the word at hand is `now`. Counts what is read in `budget`."""

    def __init__(self, text: str, budget: Budget) -> None:
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0
        self.budget = budget

    @property
    def now(self) -> Token:
        """The word at hand."""
        return self._tokens[self._next]

    @property
    def then(self) -> Token:
        """The word after it."""
        return self._tokens[min(self._next + 1, len(self._tokens) - 1)]

    def take(self) -> Token:
        """The word at hand, and steps over it."""
        token = self.now
        self._next += token.kind != "end"
        return token

    def taken(self, *words: str) -> bool:
        """Whether one of these was at hand; if so steps over it."""
        found = self.now.is_word(*words)
        self._next += found
        return found

    def need(self, word: str, why: str = "") -> Token:
        """Steps over this word. BadFilter if another one is there."""
        if not self.now.is_word(word):
            raise self.wrong(f"{word.upper()!r} is missing before {self.now.shown}{why}")
        return self.take()

    def opened(self) -> None:
        """Steps over a parenthesis of an expression: the only way deeper, so the only thing to count."""
        self.need("(")
        self._depth += 1
        self.budget.depth(self._depth, self.now.at)

    def closed(self) -> None:
        """Steps over the parenthesis that ends it."""
        self.need(")")
        self._depth -= 1

    def wrong(self, reason: str) -> BadFilter:
        """The error of the word at hand."""
        return BadFilter(self.now.at, self.now.raw, reason)


class _Places:
    """Where an offset lies, as a person counts: by character, and by line if there are several."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._many = "\n" in text

    def __call__(self, offset: int) -> str:
        if not self._many:
            return f"character {offset + 1}"
        before = self._text[:offset]
        return f"line {before.count(chr(10)) + 1}, character {offset - before.rfind(chr(10))}"
