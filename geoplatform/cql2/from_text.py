"""From CQL2 text to a tree, by precedence climbing. The rules: OGC 21-065r2, annex B.

More is read than the standard's grammar has (a property alone as a condition, BETWEEN over strings and dates, an expression
wherever a value stands): `checking` says what of it has a meaning.
"""

from __future__ import annotations

from collections.abc import Callable

from geoplatform.cql2 import instants, wkt
from geoplatform.cql2.numbers import number
from geoplatform.cql2.tokens import Cursor, Token
from geoplatform.cql2.tree import (
    ARRAYS,
    COMPARISONS,
    CONSTRUCTORS,
    RESERVED,
    WRITTEN_AS_FUNCTIONS,
    Array,
    Budget,
    Interval,
    Limits,
    Literal,
    Name,
    Node,
    Operation,
    Type,
    operation,
    require_depth,
    require_size,
)
from geoplatform.errors import BadFilter

_SUMS, _PRODUCTS = ("+", "-"), ("*", "/", "%", "div")
_LIMITS = Limits()


def parse_text(text: str, limits: Limits = _LIMITS) -> Node:
    """The tree of a CQL2 text. BadFilter names the first character at which it makes no sense, or what is too much of it."""
    require_size(text, limits)
    budget = Budget(limits)
    root = _Parser(text, budget).whole()
    require_depth(root, budget)
    return root


class _Parser(Cursor):
    """One method a rule of the grammar; each begins at `self.now` and leaves it behind what it read."""

    def whole(self) -> Node:
        if self.now.kind == "end":
            raise self.wrong("the filter is empty")
        root = self.expression()
        if self.now.kind != "end":
            raise self.wrong(f"an operator or the end is missing before {self.now.shown}{_hint(self.now)}")
        return root

    def expression(self) -> Node:
        return self._chain("or", lambda: self._chain("and", self._negation))

    def _chain(self, op: str, part: Callable[[], Node]) -> Node:
        first = part()
        parts, at = [first], self.now.at
        while self.taken(op):
            parts.append(part())
        return Operation(op, tuple(parts), at) if len(parts) > 1 else first

    def _negation(self) -> Node:
        places = []
        while self.now.is_word("not"):
            places.append(self.take().at)
        node = self._comparison()
        for at in reversed(places):
            node = Operation("not", (node,), at)
        return node

    def _comparison(self) -> Node:
        left, at = self.sum(), self.now.at
        if self.now.is_word(*COMPARISONS):
            node: Node = Operation(self.take().word, (left, self.sum()), at)
        elif self.taken("is"):
            negated = self.taken("not")
            self.need("null")
            node = _negated(Operation("isNull", (left,), at), negated)
        else:
            negated = self.now.is_word("not") and bool(self.take())
            if self.taken("like"):
                node = Operation("like", (left, self.sum()), at)
            elif self.taken("between"):
                low = self.sum()
                self.need("and", " (BETWEEN … AND …)")
                node = Operation("between", (left, low, self.sum()), at)
            elif self.taken("in"):
                node = operation("in", (left, self._list()), at)
            elif negated:
                raise self.wrong(f"LIKE, BETWEEN or IN is missing before {self.now.shown}")
            else:
                return left
            node = _negated(node, negated)
        if self.now.is_word(*COMPARISONS, "is", "like", "between", "in"):
            raise self.wrong(f"{self.now.shown} compares what is compared already: put one of both into parentheses")
        return node

    def sum(self) -> Node:
        return self._left_to_right(_SUMS, lambda: self._left_to_right(_PRODUCTS, self._power))

    def _left_to_right(self, ops: tuple[str, ...], part: Callable[[], Node]) -> Node:
        node = part()
        while self.now.is_word(*ops):
            op = self.take()
            node = Operation(op.word, (node, part()), op.at)
        return node

    def _power(self) -> Node:
        node = self._factor()
        if not self.now.is_word("^"):
            return node
        at = self.take().at
        node = Operation("^", (node, self._factor()), at)
        if self.now.is_word("^"):
            raise self.wrong("a ^ b ^ c has two meanings: put one of both into parentheses")
        return node

    def _factor(self) -> Node:
        if not self.now.is_word("-", "+"):
            return self._operand()
        sign = self.take()
        if self.now.kind == "number":
            return self._number(sign)
        if sign.word == "+" or self.now.is_word("-", "+"):
            raise self.wrong(f"a value is missing before {self.now.shown}")
        self.budget.term(sign.at)
        return Operation("*", (Literal(-1, Type.INTEGER, sign.at), self._operand()), sign.at)

    def _operand(self) -> Node:
        token = self.now
        if token.is_word("("):
            self.opened()
            node = self.expression()
            if self.now.is_word(","):
                raise self.wrong("a list stands only behind IN and in functions of arrays (A_CONTAINS …)")
            self.closed()
            return node
        if token.kind == "number":
            return self._number(None)
        if token.kind == "name" and (
            self.then.is_word("(") or (token.word in wkt.KEYWORDS and self.then.is_word("z", "m", "zm", "empty"))
        ):
            return self._called()
        self.budget.term(token.at)
        if token.kind == "string":
            return Literal(self.take().word, Type.STRING, token.at)
        if token.is_word("true", "false"):
            return Literal(self.take().word == "true", Type.BOOLEAN, token.at)
        if token.kind == "quoted" or (token.kind == "name" and token.word not in RESERVED):
            return self._property()
        raise self.wrong(f"a value is missing before {token.shown}{_hint(token)}")

    def _property(self) -> Node:
        token = self.take()
        if token.kind == "quoted" and self.now.is_word("("):
            raise BadFilter(token.at, token.word, "the name of a function stands without quotes")
        if token.kind == "quoted" and not token.word:
            raise BadFilter(token.at, "", 'a property has a name: "" is none')
        return Name(token.word if token.kind == "quoted" else token.raw, token.at)

    def _number(self, sign: Token | None) -> Node:
        token = self.take()
        at = sign.at if sign else token.at
        self.budget.term(at)
        return number(("-" if sign and sign.word == "-" else "") + token.raw, at)

    def _called(self) -> Node:
        token = self.now
        if token.word in wkt.KEYWORDS or token.word == "bbox":
            return wkt.geometry(self)
        if token.word in RESERVED:
            raise self.wrong(f"a value is missing before {token.shown}")
        self.take()
        if token.word in CONSTRUCTORS:
            return self._temporal(token)
        op = WRITTEN_AS_FUNCTIONS.get(token.word)
        self.opened()
        args = self._args(self._operand_of_arrays if op in ARRAYS else self.expression)
        self.closed()
        return operation(op or token.raw, args, token.at)

    def _args(self, part: Callable[[], Node]) -> tuple[Node, ...]:
        if self.now.is_word(")"):
            return ()
        args = [part()]
        while self.taken(","):
            args.append(part())
        return tuple(args)

    def _operand_of_arrays(self) -> Node:
        return self._list() if self.now.is_word("(") else self.expression()

    def _list(self) -> Node:
        at = self.now.at
        self.opened()
        items = self._args(self.expression)
        self.closed()
        return Array(items, at)

    def _temporal(self, token: Token) -> Node:
        self.opened()
        if token.word == "interval":
            start = self._end_of_interval()
            self.need(",")
            node: Node = Interval(start, self._end_of_interval(), token.at)
        else:
            read = instants.date if token.word == "date" else instants.timestamp
            self.budget.term(token.at)
            node = read(self._string(), token.at)
        self.closed()
        return node

    def _end_of_interval(self) -> Node | None:
        if self.now.kind != "string":
            return self.expression()
        self.budget.term(self.now.at)
        at = self.now.at
        return instants.instant(self._string(), at)

    def _string(self) -> str:
        if self.now.kind != "string":
            raise self.wrong(f"a string in single quotes is missing before {self.now.shown}")
        return self.take().word


def _negated(node: Node, negated: bool) -> Node:
    """NOT LIKE, NOT BETWEEN, NOT IN and IS NOT NULL are the negation of a whole, as in JSON."""
    return Operation("not", (node,), node.at) if negated else node


_HINTS = {
    "null": "; NULL is asked for with IS NULL",
    "=": "; CQL2 writes = for what is equal",
    "ilike": "; for any case write CASEI(…) LIKE CASEI('…')",
}


def _hint(token: Token) -> str:
    return _HINTS.get(token.word, "")
