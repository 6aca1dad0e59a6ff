"""What is refused, by a code that stays, its facts, and the sentence in English. Leaf, below `errors`.

English here, for programs and the command line; `web.refusals` says the same codes in French. A refusal that a citizen's form can
meet is always told by a code; the database tells its refusals by the same codes (sql/119_caller.sql).
"""

from __future__ import annotations

#: By code. `{…}` are its facts, each of which must be given.
SENTENCES: dict[str, str] = {
    # what a member or parameter says
    "required": "is required",
    "required_day": "is required: a day as YYYY-MM-DD",
    "required_insee_code": "is required: an INSEE code",
    "required_one": "or kind or area is required",
    "too_long": "has {length} signs, {limit} are allowed",
    "not_text": "is not a text",
    "not_text_of": "is not a text of {least} to {most} signs",
    "control_character": "holds the control character {character}",
    "invisible": "holds nothing that can be seen",
    "mixed_scripts": "mixes Latin letters with those of another script that look like them",
    "not_opening_hours": "is not in the syntax of OpenStreetMap, such as Mo-Fr 09:00-18:00; PH off",
    "not_a_day": "is not a day as YYYY-MM-DD",
    "not_a_day_between": "is not a day as YYYY-MM-DD from {least} to {most}",
    "not_a_moment": "is not a moment (ISO 8601)",
    "not_a_year": "is not a year of four digits",
    "not_with": "cannot be given together with {other}",
    "not_one_of": "is not one of {allowed}",
    "not_some_of": "is not a list of some of {allowed}",
    "not_a_flag": "is neither true nor false",
    "not_confirmed": "is not true: nothing was done",
    "not_a_whole_number": "is not a whole number from {least} to {most}",
    "not_a_count": "is not a whole number from 0",
    "not_a_number": "is not a number",
    "not_finite": "is not a finite number",
    "not_degrees": "is not a finite number of degrees",
    "beyond_range": "{given} is outside {least}..{most} degrees",
    "swapped": "{given} is outside {least}..{most} degrees; longitude comes first: are the two swapped?",
    "not_an_email": "is not an e-mail address: {why}",
    "not_a_url": "is not an http or https address",
    "not_a_uuid": "is not a UUID",
    "not_a_point": 'is not a GeoJSON geometry of type "Point"',
    "not_a_position": "is not [longitude, latitude]",
    "not_a_feature": 'the body is not a GeoJSON "Feature"',
    "not_an_object": "is not an object",
    "not_a_json_object": "is not a JSON object",
    "not_a_polygon": "is no GeoJSON Polygon",
    "bad_polygon": "is no valid polygon of at most {limit} points in degrees: {why}",
    "unknown_member": "is not a property of {noun}",
    "unknown_category": "is not a category of the kind {kind}",
    "not_a_commune": "is no commune of the vintage in force",
    "projects_only": "is for projects",
    "ends_before": "is before the first day, {first}",
    "needs_account": "needs an account: nobody could see the place again",
    "not_identifiers": "is not a list of 1 to {limit} identifiers",
    "no_code_here": "has no meaning for this scope: leave it out",
    "not_a_code_of": "is no code of a {scope} in force",
    "not_places": "does not name places by their identifiers",
    "not_choices": "does not give each place one of {allowed}",
    "not_your_contribution": "is no contribution of yours",
    "other_words": "the words in force are those of {version}: read them first",
    "not_an_action_here": "is for reports that are right",
    # how a request is spelled
    "not_utf8": "is not UTF-8: byte {byte}",
    "not_json": "is not JSON: {why}",
    "not_json_at": "is not JSON: {why}, line {line} column {column}",
    "not_in_json": "holds {given}, which JSON does not have",
    "too_deep": "is nested too deeply",
    "too_large": "the body is larger than may be sent here",
    "wrong_media_type": "is not one of {allowed}",
    # an archive that is taken in
    "not_this_format": "is not a document of the format {format}, version {version}",
    "not_objects": "is not a list of objects",
    "not_a_version": "is not the number of a version",
    "not_versions": "is not a list of versions from 1 to {newest}",
    "not_earlier": "are not all from before version {newest}",
    "too_many_bytes": "has more than {limit} bytes",
    "lacks_file": "holds no {file}",
    "not_a_zip": "is not a whole zip archive: {why}",
    "impossible": "holds what cannot be: {why}",
    # who asks
    "needs_key": "this needs an operator-issued token: Authorization: Bearer …",
    "needs_session": "this needs a session, or a token: Authorization: Bearer …",
    "signed_out": "this page is for who is signed in",
    "unknown_key": "this session or token is unknown, expired or revoked",
    "used_link": "this link was used, or is too old: ask for another",
    "others_link": "this link was used, is too old, or is not for this account",
    "not_begun_here": "this sign-in was not begun here: begin anew",
    "begun_long_ago": "this sign-in was not begun here, or too long ago: begin anew",
    "not_vouched_for": "the provider did not sign you in",
    "not_vouched_for_by": "the provider did not sign you in ({why})",
    # what somebody may not do
    "needs_proof": "a session's request carries the token of its page in {header}: GET /api/v1/session",
    "other_site": "another site sent this",
    "other_scope": "this token may {scopes}, and this takes one that may {scope}",
    "suspended": "this account is suspended",
    "people_only": "this is for people: a program's key has no account",
    "no_consent": "you have not agreed that what you add is shown (consent `publication`)",
    "no_digest": "you have not agreed to be written to (consent `digest`)",
    "held_at_once": "your first contributions wait for a referent: add more once they have been looked at",
    "not_of_citizens": "{place} is no citizen's contribution: its register or loader changes it",
    "not_of_citizens_report": "{place} is no citizen's contribution: its register or loader changes it; report what is wrong",
    "suggest_instead": "you do not keep this place: suggest a change instead",
    "report_instead": "you do not keep this place: report it, and two referents decide",
    "keepers_only": "this is for those who keep the place",
    "referents_only": "this page is for referents, and for who keeps a place about which something was suggested",
    "not_kept": "you do not keep {place}",
    "operators_only": "this is for operators",
    "hidden": "a referent hid this place: appeal against it first",
    "session_only": "no token may do this: sign in",
    "too_many_tokens": "you have as many tokens as you may: revoke one first",
    "too_many_follows": "you follow as much as you may: give something up first",
    # what cannot be in the state that something is in
    "changed_since": "{place} has changed since version {version}: read it again",
    "not_this_version": "If-Match names no version of this place: read it again",
    "identifier_taken": "the identifier {identifier} belongs to another place",
    "maybe_there": "places that may be the same are there already: is it one of these? If not, send it again with ?distinct=true",
    "address_taken": "this address has an account of its own",
    "nothing_to_join": "one takes part in associations and projects: this is a {kind}",
    "nobody_keeps": "nobody keeps this place, who could say yes: claim it first, if it is yours",
    "takes_part": "you take part already, or have asked to",
    "last_keeper": "nobody else keeps this place: hand it over first, or delete it",
    "brought_up": "this was brought up already, and waits for a referent",
    "change_instead": "you keep this place: change it",
    "keeps_already": "you keep this place already",
    "appealed": "you appealed against this already",
    "invented": "this place is invented: there is nothing to confirm",
    "last_operator": "this is the last operator: name another one first",
    "of_register": "a register gives this place: what is wrong is told to whoever keeps it",
    # too often
    "too_many_links": "this address was sent several links within an hour: look for the latest, or wait",
    "too_many_invitations": "twenty invitations are open: wait for answers, or take some back",
    "too_often": "you ask more often than you may ({rate}): wait, and ask again",
    # what is not there
    "unknown_address": "there is nothing at this address",
    "unknown_method": "this address is not asked so",
    "unknown_commune": "no commune is known as {identifier}",
    "unknown_place": "no place is known as {identifier}",
    "unknown_version": "no earlier version of this place is known as {identifier}",
    "unknown_consent": "no consent is known as {identifier}",
    "unknown_session": "no session of yours is known as {identifier}",
    "unknown_token": "no token is known as {identifier}",
    "unknown_follow": "no follow of yours is known as {identifier}",
    "unknown_participation": "no participation of yours is known as {identifier}",
    "unknown_request": "no participation that waits for you is known as {identifier}",
    "unknown_invitation": "no invitation is known as {identifier}",
    "unknown_matter": "no open matter of yours is known as {identifier}",
    "unknown_decision": "no decided matter of yours is known as {identifier}",
    "unknown_task": "no matter that waits for you is known as {identifier}",
    "unknown_receipt": "no receipt is known as {identifier}",
    "unknown_feed": "no feed is known as {identifier}",
    "unknown_citizen": "no citizen is known as {identifier}",
    "unknown_role": "no role is known as {identifier}",
    "unknown_provider": "no provider is known as {identifier}",
    # what fails on our side: all that a stranger may know of it
    "no_boundaries": "no commune boundaries are loaded yet",
    "busy": "the request took longer than it may, or the server is busy: ask for less, or later",
    "provider_silent": "the provider by which you wanted to sign in does not answer: ask for a mailed link, or try again later",
    "mail_failed": "no mail can be sent at the moment: try again later",
    "file_astray": "this file cannot be read at the moment; the other files and releases are not concerned",
    "store_away": "the store is out of reach",
}  # fmt: skip


class Refusal(str):
    """The English sentence of a code, which remembers the code and its facts. KeyError for a code or a fact that is not there."""

    __slots__ = ("code", "facts")
    code: str
    facts: dict[str, object]

    def __new__(cls, code: str, **facts: object) -> Refusal:
        """Facts are texts, numbers, or lists of texts."""
        told = super().__new__(cls, filled(SENTENCES[code], facts))
        told.code, told.facts = code, facts
        return told


def filled(sentence: str, facts: dict[str, object]) -> str:
    """A sentence with its facts in it; lists with commas."""
    return sentence.format_map(
        {name: ", ".join(map(str, fact)) if isinstance(fact, list) else fact for name, fact in facts.items()}
    )
