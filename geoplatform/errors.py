"""The nouns of what can go wrong. Leaf module: everyone raises these, each front door
(command line, web) translates them once. No HTTP inside.

Every error carries its facts as attributes, so that a front door can name the value and the
place without parsing a sentence. Where the sentence is a `Refusal`, it carries its code too.
"""

from __future__ import annotations

from geoplatform.refusals import SENTENCES, Refusal


class GeoplatformError(Exception):
    """Base of every error we foresee. `facts` holds the values the message speaks of; `code` is the reason's, else of the class."""

    code = "failed"

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts
        if isinstance(message, Refusal):
            self._remember(message)

    def _remember(self, reason: Refusal) -> None:
        self.code = reason.code
        self.facts = reason.facts | self.facts


class Misuse(GeoplatformError):
    """The program was asked something it cannot mean: a bad setting, a bad option."""


class BadParameter(GeoplatformError):
    """One value given by a client is wrong. Facts: `parameter`, `value`, perhaps `allowed`."""

    code = "bad_value"

    def __init__(self, parameter: str, value: object, reason: str, **facts: object) -> None:
        super().__init__(f"{parameter}: {reason}", parameter=parameter, value=value, **facts)
        if isinstance(reason, Refusal):
            self._remember(reason)
        self.parameter = parameter
        self.value = value
        self.reason = reason


class BadPoint(BadParameter):
    """Not a position on Earth in degrees, longitude first."""


class BadTile(BadParameter):
    """z/x/y outside the tile pyramid."""


class BadCursor(BadParameter):
    """Not a place in the order of this query's features."""


class BadFilter(BadParameter):
    """A filter (CQL2) means nothing here. Facts: `place`, a character of its text or a path into its JSON; `value` is cut short."""

    def __init__(self, place: str, value: object, reason: str) -> None:
        shown = value if value is None or isinstance(value, bool) else str(value)[:80]
        super().__init__("filter", shown, f"{place}: {reason}" if place else reason, place=place)
        self.place = place


class UnknownVintage(BadParameter):
    """No vintage of this year or day is kept. Facts: `allowed`, the years that are."""


class BadBody(GeoplatformError):
    """What was submitted breaks its rules. `problems` lists every field at fault, not the first."""

    code = "bad_members"

    def __init__(self, problems: list[BadParameter]) -> None:
        named = "; ".join(str(problem) for problem in problems)
        super().__init__(named, problems=[str(problem) for problem in problems])
        self.problems = problems


class BadPlace(BadBody):
    """A submitted place breaks its rules."""


class Unfit(BadParameter):
    """A value has the right form, and cannot be taken: it names nothing, or contradicts another."""


class BadMediaType(BadParameter):
    """The body comes in a format we do not read."""


class Unknown(GeoplatformError):
    """Something was asked by an identifier that names nothing here. `noun`: what; `unknown_<noun>` may be a code."""

    code = "unknown"

    def __init__(self, noun: str, identifier: object) -> None:
        code, shown = f"unknown_{noun}", str(identifier)
        told = Refusal(code, identifier=shown) if code in SENTENCES else f"no {noun} is known as {identifier}"
        super().__init__(told, noun=noun, identifier=identifier)


class UnknownCommune(Unknown):
    """No commune of the vintage bears this INSEE code."""

    def __init__(self, code: object) -> None:
        super().__init__("commune", code)


class UnknownPlace(Unknown):
    """No public place bears this identifier."""

    def __init__(self, identifier: object) -> None:
        super().__init__("place", identifier)


class UnknownLayer(Unknown):
    """No tile layer bears this name."""

    def __init__(self, name: object) -> None:
        super().__init__("tile layer", name)


class UnknownCollection(Unknown):
    """No collection of features bears this name."""

    def __init__(self, name: object) -> None:
        super().__init__("collection", name)


class UnknownFeature(Unknown):
    """The collection holds no feature of this identifier."""

    def __init__(self, identifier: object) -> None:
        super().__init__("feature", identifier)


class NoVintage(GeoplatformError):
    """No set of commune boundaries is active (or staged, where one is named)."""

    code = "no_boundaries"


class DuplicatePlace(GeoplatformError):
    """Another place already bears this client-made identifier, with another content."""

    code = "conflict"


class NotAuthorised(GeoplatformError):
    """The request carries no token, or one that is unknown, expired or revoked."""

    code = "not_authorised"


class NotAllowed(GeoplatformError):
    """Who it is is known, and may not do this."""

    code = "not_allowed"


class Conflict(GeoplatformError):
    """It cannot be done in the state that this is in. Facts: perhaps `candidates`."""

    code = "conflict"


class TooMany(GeoplatformError):
    """Somebody asks more often than they may."""

    code = "too_many"


class MailFailed(GeoplatformError):
    """A message could not be handed to the mail server, or written."""

    code = "mail_failed"


class Outdated(GeoplatformError):
    """Somebody changed it since it was read. Facts: `version`, the one that was expected."""

    code = "outdated"


class BadSource(GeoplatformError):
    """An official file is not what it should be. Facts: `file`, perhaps `row` and `field`."""


class NoMap(BadSource):
    """A source that is whole, but holds nothing with a place on the map: a table, or other JSON."""


class FetchFailed(GeoplatformError):
    """A source could not be obtained. Facts: `source` and what was tried."""

    code = "provider_silent"


class GateFailed(GeoplatformError):
    """A vintage did not pass the checks that stand before its activation. Facts: `gates`."""


class ExportFailed(GeoplatformError):
    """A release could not be written; nothing of it was published. Facts: `file`."""


class Withdrawn(GeoplatformError):
    """It was published once, and was taken back. Facts: `what`, perhaps `instead`."""

    code = "withdrawn"


class Underway(Misuse):
    """Another run is publishing the same dataset. Facts: `dataset`."""


class FileAstray(GeoplatformError):
    """A file of a release is not on disk as it was published. Facts: `file` and what was found."""

    code = "file_astray"


class StoreUnavailable(GeoplatformError):
    """The database does not answer, or is not the one we need."""

    code = "store_away"


class StoreBusy(GeoplatformError):
    """The database answers, but not in the time a request may take."""

    code = "busy"


class SchemaMismatch(GeoplatformError):
    """The database holds another version of the schema than this program."""

    code = "store_away"


class EmbeddedFailed(GeoplatformError):
    """The private PostgreSQL cluster cannot be made, started or stopped."""
