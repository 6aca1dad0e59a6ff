"""Everybody × everything × one's own and somebody else's: who may is written here once, and nobody else does anything."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.conftest import activate, cloned
from tests.web.citizens.conftest import DRAWING, WORDS, feature, founded, spot

#: Who asks. "ana" keeps the place and is the one it is about; the others have to do with it only what their name says.
EVERYBODY = (
    "nobody",
    "ana",
    "ana's reader",
    "ana's writer",
    "stranger",
    "suspended",
    "referent",
    "referent elsewhere",
    "operator",
    "program",
    "expired",
)
CITIZENS = {"ana", "stranger", "referent", "referent elsewhere", "operator"}
#: Who may do it, by operation of the description, and what it says.
MAY = {
    "POST /places": (CITIZENS | {"program"}, lambda m: feature(f"Lieu {next(m.numbers)}", spot(0.7, 0.7))),
    "PUT /places/{place_id}": ({"ana", "referent", "program"}, lambda m: feature("Remplacé")),
    "PATCH /places/{place_id}": ({"ana", "referent", "program"}, lambda m: {"properties": {"name": "Changé"}}),
    "DELETE /places/{place_id}": ({"ana", "program"}, None),
    "POST /places/{place_id}/versions/{version}/restore": ({"ana", "referent"}, None),
    "PUT /places/{place_id}/appreciation": (CITIZENS, None),
    "DELETE /places/{place_id}/appreciation": (CITIZENS, None),
    "PUT /places/{place_id}/confirmation": (CITIZENS, None),
    "POST /places/{place_id}/participations": (CITIZENS, lambda m: {"role": "membre"}),
    "GET /places/{place_id}/participations": ({"ana", "ana's reader"}, None),
    "GET /places/{place_id}/invitations": ({"ana", "ana's reader"}, None),
    "POST /places/{place_id}/invitations": (
        {"ana"},
        lambda m: {"email": f"x{next(m.numbers)}@example.org", "purpose": "keeping"},
    ),
    "DELETE /places/{place_id}/invitations/{invitation}": ({"ana"}, None),
    "DELETE /places/{place_id}/keeping": ({"ana"}, None),
    "PUT /participations/{participation}": ({"ana"}, None),
    "PATCH /participations/{participation}": (set(), lambda m: {"public": True}),  # whose it is: asked below
    "DELETE /participations/{participation}": ({"ana"}, None),
    "POST /places/{place_id}/suggestions": (
        CITIZENS - {"ana"},
        lambda m: {"properties": {"name": "Proposé"}},
    ),
    "POST /places/{place_id}/claims": (CITIZENS - {"ana"}, lambda m: {"note": "à moi"}),
    "POST /places/{place_id}/reports": ({"nobody", "expired", *CITIZENS} - {"expired"}, lambda m: {"reason": "closed"}),
    "GET /moderation/queue": (CITIZENS, None),
    "POST /moderation/matters/{matter}/decisions": ({"referent"}, lambda m: {"accept": False, "reason": "mistaken"}),
    "GET /me/places/{place_id}": ({"ana", "ana's reader"}, None),
    "DELETE /me/matters/{matter}": (set(), None),  # the report is nobody's
    "POST /me/matters/{matter}/appeals": (set(), lambda m: {"note": "non"}),  # nothing is decided
    "DELETE /me/follows/{follow}": ({"ana"}, None),
    "DELETE /me/tokens/{token}": ({"ana"}, None),
    "DELETE /me/sessions/{session}": ({"ana"}, None),
    "POST /me/invitations/{invitation}": (set(), lambda m: {"accept": True}),  # it is to somebody else
    "POST /me/tokens": (CITIZENS | {"suspended"}, lambda m: {"label": "x", "scopes": ["read"]}),
    "PUT /me/consents/{purpose}": (CITIZENS, lambda m: {"given": True, "version": WORDS}),
    "PATCH /me": (CITIZENS, lambda m: {"language": "fr"}),
    "POST /me/email": (
        CITIZENS,
        lambda m: {"email": f"neu{next(m.numbers)}@example.org"},
    ),
    "PUT /me/email": (set(), lambda m: {"code": "x"}),  # it was mailed to nobody
    "POST /me/follows": (CITIZENS, lambda m: {"kind": "merchant"}),
    "PUT /me/licence": ({"ana"}, lambda m: {"places": [m.place], "licence": "ODbL-1.0"}),
    "GET /operator/state": ({"operator"}, None),
    "GET /operator/roles": ({"operator"}, None),
    "POST /operator/roles": ({"operator"}, lambda m: {"email": "bob@example.org", "scope": "commune", "code": "97402"}),
    "DELETE /operator/roles/{role}": ({"operator"}, None),
    "POST /me/leaving": (set(), lambda m: {"otherwise": "delete", "confirm": False}),  # never here
    "POST /me/archive": (set(), lambda m: {}),  # of another media type
}
#: What no token may do, whatever its scopes: take over the account, or shut its owner out. A token ends itself (test_accounts.py).
SIGNED_IN = {
    "DELETE /me/tokens/{token}",
    "DELETE /me/sessions/{session}",
    "POST /me/tokens",
    "POST /me/email",
    "GET /moderation/queue",
}
#: What everybody who is somebody reads of himself, and nobody else at all.
OWN = (
    "/me", "/me/consents", "/me/tokens", "/me/sessions", "/me/sign-ins", "/me/places", "/me/archive", "/me/leaving", "/me/ledger",
    "/me/follows", "/me/matters", "/me/appreciations", "/me/participations", "/me/invitations",
    "/places/{place_id}/relation",
)  # fmt: skip
OPEN = {
    "GET /places/{place_id}", "GET /places/{place_id}/versions", "GET /places/{place_id}/community", "GET /places/duplicates",
    "GET /communes/{code}/places", "GET /placement", "POST /session/links", "POST /session", "GET /session", "GET /moderation/log",
    "GET /addresses", "GET /receipts/{receipt}", "GET /openapi.json", "DELETE /session",
}  # fmt: skip
TABLES = (
    "geoplatform.place", "geoplatform.placement", "geoplatform.place_version", "people.citizen", "people.keeper", "people.author",
    "people.appreciation", "people.participation", "people.invitation", "people.matter", "people.decision", "people.role",
    "people.consent", "people.token", "people.session", "people.follow", "people.contact", "geoplatform.confirmation",
)  # fmt: skip


class Match:
    """A town in which everybody asks for everything of the same kind of place."""

    def __init__(self, town):
        self.town = town
        self.numbers = itertools.count()
        self.ana, self.bob = town.citizen("ana", "publication"), town.contributor("bob")
        self.who = {
            "nobody": town.stranger(), "ana": self.ana, "stranger": town.contributor("stranger"),
            "suspended": town.contributor("suspended"), "referent": town.referent("ref", "commune", "97401"),
            "referent elsewhere": town.referent("far", "commune", "97402"), "ana's reader": town.stranger(),
            "operator": town.referent("op", "operator", ""), "program": town.stranger(), "expired": town.stranger(),
            "ana's writer": town.stranger(),
        }  # fmt: skip
        town.trust(self.ana, self.bob, *(self.who[name] for name in CITIZENS))
        for name, scopes in (("ana's reader", ["read"]), ("ana's writer", ["read", "contribute"])):
            token = self.ana.post("/me/tokens", {"label": name, "scopes": scopes}).json["secret"]
            self.who[name].headers["Authorization"] = f"Bearer {token}"
        self.who["program"].headers["Authorization"] = "Bearer tests"
        self.who["expired"].headers["Authorization"] = "Bearer gp_expired"
        town.run("UPDATE people.citizen SET state = 'suspended' WHERE id = %s", self.who["suspended"].id)

    def objects(self) -> dict[str, str]:
        """A place of Ana's with all that hangs on it, and things of hers."""
        place = self.place = self.ana.add(f"Jardin {next(self.numbers)}")
        self.ana.patch(f"/places/{place}", {"properties": {"name": f"Jardin {next(self.numbers)}"}})
        self.town.run(
            "INSERT INTO people.keeper (place_id, citizen_id, since) VALUES (%s, %s, now())", place, self.bob.id
        )
        part = self.bob.post(f"/places/{place}/participations", {}).json["id"]
        self.town.run("UPDATE people.participation SET state = 'requested', since = NULL WHERE id = %s", part)
        self.ana.post(f"/places/{place}/invitations", {"email": "carol@example.org", "purpose": "keeping"})
        self.town.run("DELETE FROM people.follow")
        self.town.run("DELETE FROM people.token WHERE label = 'x'")
        return {
            "place_id": place,
            "version": "1",
            "participation": part,
            "invitation": self.ana.get(f"/places/{place}/invitations").json["invitations"][0]["id"],
            "matter": self.town.stranger().post(f"/places/{place}/reports", {"reason": "closed"}).json["id"],
            "follow": self.ana.post("/me/follows", {"commune_code": "97401"}).json["id"],
            "token": self.ana.post("/me/tokens", {"label": "x", "scopes": ["read"]}).json["id"],
            "session": self._session(),
            "purpose": "credit",
            "role": self._role(),
        }

    def _session(self) -> str:
        """Another session of Ana's."""
        self.town.run("DELETE FROM people.session WHERE agent = 'phone'")
        self.town.run("""INSERT INTO people.session (id, secret_sha256, citizen_id, agent, begun_at, expires_at)
                         VALUES (gen_random_uuid(), sha256(gen_random_uuid()::text::bytea), %s, 'phone', now(),
                                 now() + interval '1 day')""",
                      self.ana.id)  # fmt: skip
        return str(self.town.rows("SELECT id FROM people.session WHERE agent = 'phone'")[0][0])

    def _role(self) -> str:
        """Of Bob, who decides somewhere else."""
        self.town.run("DELETE FROM people.role WHERE citizen_id = %s", self.bob.id)
        self.town.run(
            """INSERT INTO people.role (citizen_id, scope, code, granted_at) VALUES (%s, 'commune', '97402', now())""",
            self.bob.id,
        )
        return str(self.town.rows("SELECT id FROM people.role WHERE citizen_id = %s", self.bob.id)[0][0])

    def state(self) -> list:
        parts = " UNION ALL ".join(
            f"SELECT '{table}', md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} AS t" for table in TABLES
        )
        return self.town.rows(parts)


@pytest.fixture(scope="module")
def match(cluster, template, tmp_path_factory):
    """One town for all the questions: each asks of a place of its own."""
    with cloned(cluster, template) as database:
        activate(database, DRAWING)
        yield Match(founded(database, tmp_path_factory.mktemp("match")))


def test_every_operation_is_somebodys(match):
    told = json.loads(match.town.stranger().get("/openapi.json").data)
    operations = {f"{method.upper()} {path}" for path, one in told["paths"].items() for method in one}
    assert operations == set(MAY) | {f"GET {path}" for path in OWN} | OPEN


@pytest.mark.parametrize("operation", MAY)
def test_who_may_does_it_and_nobody_else_changes_anything(match, operation):
    allowed, says = MAY[operation]
    if "ana" in allowed and operation not in SIGNED_IN:
        allowed = {*allowed, "ana's writer"}
    method, _, path = operation.partition(" ")
    at, before = path.format(**match.objects()), match.state()
    for name in EVERYBODY:
        if operation == "POST /places":
            at = "/places?distinct=true"
        answer = match.who[name].ask(method, at, says(match) if says else None)
        if name in allowed:
            assert answer.status_code < 300, (name, answer.text)
            at, before = path.format(**match.objects()), match.state()
        else:
            assert 400 <= answer.status_code < 500, (name, answer.status_code)
            assert match.state() == before, name
            if name in ("nobody", "expired"):
                assert answer.status_code == 401, (name, answer.text)


@pytest.mark.parametrize("path", OWN)
def test_what_is_ones_own_is_shown_to_nobody_else(match, path):
    at = path.format(**match.objects())
    secrets = ("ana@example.org",)
    for name in EVERYBODY:
        answer = match.who[name].get(at)
        if name in ("nobody", "expired"):
            assert answer.status_code == 401
        elif name == "program":
            assert answer.status_code == 403
        else:
            assert answer.status_code == 200, (name, answer.text)
            assert answer.headers["Cache-Control"] == "no-store"
            if not name.startswith("ana"):
                assert not [secret for secret in secrets if secret in answer.data.decode("latin-1")]


def test_a_participation_is_changed_by_whose_it_is_alone(match):
    part = match.objects()["participation"]
    for name in EVERYBODY:
        assert match.who[name].patch(f"/participations/{part}", {"public": True}).status_code in (401, 403, 404)
    assert match.bob.patch(f"/participations/{part}", {"public": True}).status_code == 204
