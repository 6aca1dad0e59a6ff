"""What the citizens' API refuses: by a code, in the reader's language, and nothing without a sentence in both."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from geoplatform.refusals import SENTENCES, Refusal
from geoplatform.web.api.description import PREFIX
from geoplatform.web.problems import CODES
from geoplatform.web.refusals import FRENCH, sentence
from tests.conftest import ROOT
from tests.web.citizens.conftest import feature, founded, spot

FR, EN = {"Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5"}, {"Accept-Language": "en-GB,en;q=0.9"}
#: Where what the citizens' API refuses is raised.
ROOMS = [
    *(ROOT / "geoplatform" / name for name in ("reading.py", "model.py", "archive.py", "web/params.py")),
    *(ROOT / "geoplatform" / "store" / name for name in ("engine.py", "places.py", "tokens.py")),
    *(
        file
        for room in ("web/api", "web/pages", "store/citizens")
        for file in (ROOT / "geoplatform" / room).glob("*.py")
    ),
]
#: The argument that tells why, by what is called.
WHY = {
    "BadParameter": 2, "BadPoint": 2, "BadMediaType": 2, "Unfit": 2, "NotAuthorised": 0, "NotAllowed": 0, "Conflict": 0,
    "Outdated": 0, "TooMany": 0, "refuse": 2, "_wrong": 2,
}  # fmt: skip
#: The argument that is a noun, of which `unknown_<noun>` is the code.
NOUNS = {"Unknown": 0, "identifier": 1}
OPERATORS = "operating.py"  # the command line's


def facts_of(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def calls(files: list[Path]) -> list[tuple[str, str, ast.Call]]:
    """(where, what is called, the call) of every call."""
    found = []
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                found.append((f"{file.name}:{node.lineno}", name, node))
    return found


def literals(files: list[Path]) -> set[str]:
    trees = [ast.parse(file.read_text()) for file in files]
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def refusals_of_sql() -> list[tuple[str, set[str]]]:
    """(code, names of its facts) of every refusal of the database."""
    found = []
    for file in sorted((ROOT / "sql").glob("*.sql")):
        for line in file.read_text().splitlines():
            if "refuse(" not in line or line.startswith(("--", "CREATE")):
                continue
            told = re.search(r"refuse\((?:\d{3}|CASE .* END), '(\w+)'(?:, jsonb_build_object\((.*)\))?\);", line)
            assert told, line
            found.append((told[1], set(re.findall(r"'(\w+)', ", told[2] or ""))))
    return found


def test_every_code_has_a_sentence_in_both_languages_with_the_same_facts():
    assert {about.split(" ")[0] for about in FRENCH} == set(SENTENCES)
    for about, french in FRENCH.items():
        assert facts_of(french) <= facts_of(SENTENCES[about.split(" ")[0]]), about
        assert french[0].isupper() or french[0] in "{À", about
        assert french.rstrip()[-1] in ".…)?", about
        assert "'" not in french, f"{about}: the apostrophe is ’"


def test_no_refusal_of_the_citizens_api_is_told_without_a_code():
    seen = 0
    for where, name, call in calls([file for file in ROOMS if file.name != OPERATORS]):
        at = {**WHY, **NOUNS}.get(name)
        if at is None or len(call.args) <= at:
            continue
        why = call.args[at]
        seen += 1
        if name in NOUNS and isinstance(why, ast.Constant):
            assert f"unknown_{why.value}" in SENTENCES, where
        elif name in ("refuse", "_wrong") and isinstance(why, ast.Constant):
            assert facts_of(SENTENCES[why.value]) <= {one.arg for one in call.keywords}, where
        else:
            assert isinstance(why, ast.Name | ast.Attribute | ast.Call), f"{where}: a sentence, not a code"
    assert seen > 80
    for where, name, call in calls([*(ROOT / "geoplatform").rglob("*.py")]):
        if name == "Refusal" and isinstance(call.args[0], ast.Constant):
            given = {one.arg for one in call.keywords}
            assert None in given or facts_of(SENTENCES[call.args[0].value]) <= given, where


def test_the_database_refuses_by_codes_and_gives_their_facts():
    found = refusals_of_sql()
    assert len(found) > 50
    for code, facts in found:
        assert code in SENTENCES, code
        assert facts_of(SENTENCES[code]) <= facts, code


def test_every_code_is_told_somewhere():
    tables = [ROOT / "geoplatform" / "refusals.py", ROOT / "geoplatform" / "web" / "refusals.py"]
    told = literals([file for file in (ROOT / "geoplatform").rglob("*.py") if file not in tables])
    told |= {code for code, _ in refusals_of_sql()}
    assert [code for code in SENTENCES if not {code, code.removeprefix("unknown_")} & told] == []


def test_a_refusal_is_its_english_sentence_and_knows_its_french():
    long = Refusal("too_long", length=201, limit=200)
    assert (long, long.code, long.facts["limit"]) == ("has 201 signs, 200 are allowed", "too_long", 200)
    assert sentence(long, "fr") == "Au plus 200 signes ; il y en a 201."
    assert sentence(Refusal("required"), "fr", "properties.name") == "Dites un nom."
    assert sentence(Refusal("required"), "fr", "properties.phone") == "À remplir."
    assert sentence("is not easy", "fr") is None
    for wrong in (lambda: Refusal("nonsense"), lambda: Refusal("too_long", limit=200)):
        with pytest.raises(KeyError):
            wrong()


MEMBERS = {
    "name": ({"name": " "}, "required", "is required", "Dites un nom.", {}),
    "long": ({"name": "x" * 201}, "too_long", "has 201 signs, 200 are allowed", "Au plus 200 signes ; il y en a 201.",
             {"limit": 200, "length": 201}),
    "kind": ({"kind": "shop"}, "not_one_of", "is not one of merchant, service, association, project", "Choisissez un genre.",
             {"allowed": ["merchant", "service", "association", "project"]}),
    "website": ({"website": "javascript:x"}, "not_a_url", "is not an http or https address",
                "Ce n’est pas l’adresse d’un site : elle commence par https://.", {}),
    "category": ({"category": "bakery"}, "unknown_category", "is not a category of the kind association",
                 "Cette catégorie n’est pas de ce genre de lieu.", {"kind": "association"}),
    "colour": ({"colour": "red"}, "unknown_member", "is not a property of a place", "Ceci n’est pas attendu ici.", {}),
    "stage": ({"stage": "idea"}, "projects_only", "is for projects", "Seul un projet en a.", {}),
}  # fmt: skip


@pytest.mark.parametrize("member", MEMBERS)
def test_what_is_wrong_with_a_member_is_told_in_both_languages(town, member):
    said, code, english, french, facts = MEMBERS[member]
    ana = town.contributor("ana")
    for headers, detail, spoken in ((EN, english, "en"), (FR, french, "fr"), ({}, english, "en")):
        answer = ana.post("/places?distinct=true", feature(**{"name": "Jardin"} | said), headers=headers)
        assert (answer.status_code, answer.json["code"]) == (422, "bad_members")
        (wrong,) = answer.json["errors"]
        assert (wrong["code"], wrong["detail"]) == (code, detail)
        assert {name: wrong[name] for name in facts} == facts
        assert answer.headers["Content-Language"] == spoken
        assert {"Accept-Language", "Cookie"} <= set(answer.vary)
        assert wrong["parameter"] in answer.json["detail"]
        assert detail in answer.json["detail"]


def test_where_a_point_cannot_be_is_told_in_both_languages(town):
    ana = town.contributor("ana")
    wrong = feature(at=[-21.2, 155.4])
    told = [ana.post("/places?distinct=true", wrong, headers=spoken).json["errors"][0] for spoken in (EN, FR)]
    assert [one["code"] for one in told] == ["swapped", "swapped"]
    assert (told[1]["least"], told[1]["most"], told[1]["given"]) == (-90, 90, "155.4")
    assert [one["detail"] for one in told] == [
        "155.4 is outside -90..90 degrees; longitude comes first: are the two swapped?",
        "155.4 n’est pas entre -90 et 90 degrés. Avez-vous échangé la longitude et la latitude ?",
    ]


def situations(town):
    """(request, status, code, title in English and French) of everything else that a form can meet."""
    ana, bob, stranger = town.contributor("ana"), town.contributor("bob"), town.stranger()
    newcomer = town.citizen("nadia")
    place, shop = ana.add(), ana.add("Garage", at=spot(0.9, 0.9), kind="merchant", category="garage")
    token = ana.post("/me/tokens", {"label": "x", "scopes": ["read"]}).json["secret"]
    bearer = {"Authorization": f"Bearer {token}"}
    alike = feature(at=[spot()[0] + 0.0001, spot()[1]])
    town.trust(ana)
    sender = {"X-CSRF-Token": "wrong"}
    refused, clash = ("Bad request", "Demande incorrecte"), ("Not possible as things are", "Impossible en l’état")
    not_allowed, missing = ("Not allowed", "Pas permis"), ("Page not found", "Page introuvable")
    signed_out = ("This link or session is no longer valid", "Ce lien ou cette session ne vaut plus")
    yield lambda **h: stranger.post("/places", feature(), **h), 401, "needs_session", signed_out
    yield (
        lambda **h: stranger.get("/me", headers={"Authorization": "Bearer x"} | h["headers"]),
        401,
        "unknown_key",
        signed_out,
    )
    yield lambda **h: stranger.post("/session", {"link": "x"}, **h), 401, "used_link", signed_out
    yield lambda **h: newcomer.post("/places?distinct=true", feature(), **h), 403, "no_consent", not_allowed
    yield (
        lambda **h: ana.put(f"/places/{place}/appreciation", headers=sender | h["headers"]),
        403,
        "needs_proof",
        not_allowed,
    )
    yield (
        lambda **h: town.stranger().post("/places", feature(), headers=bearer | h["headers"]),
        403,
        "other_scope",
        not_allowed,
    )
    yield (
        lambda **h: bob.patch(f"/places/{place}", {"properties": {"name": "x"}}, **h),
        403,
        "suggest_instead",
        not_allowed,
    )
    yield lambda **h: bob.get(f"/places/{place}/participations", **h), 403, "keepers_only", not_allowed
    yield lambda **h: ana.delete(f"/places/{place}/keeping", **h), 409, "last_keeper", clash
    yield lambda **h: ana.post("/places", alike, **h), 409, "maybe_there", clash
    yield lambda **h: bob.post(f"/places/{shop}/participations", {}, **h), 409, "nothing_to_join", clash
    yield lambda **h: ana.post(f"/places/{place}/claims", {"note": "x"}, **h), 409, "keeps_already", clash
    yield (lambda **h: ana.patch(f"/places/{place}", {"properties": {"name": "x"}}, headers={"If-Match": '"7"'} | h["headers"]),
           412, "changed_since", ("Changed meanwhile", "Changé entre-temps"))  # fmt: skip
    yield lambda **h: ana.post("/me/follows", {"commune_code": "97499"}, **h), 422, "not_a_commune", refused
    yield (
        lambda **h: ana.post("/me/follows", {"kind": "project", "by_mail": "daily"}, **h),
        403,
        "no_digest",
        not_allowed,
    )
    consent = {"given": True, "version": "2001-01-01"}
    yield lambda **h: ana.put("/me/consents/credit", consent, **h), 422, "other_words", refused
    yield lambda **h: ana.delete("/me/tokens/x", **h), 404, "unknown_token", missing
    yield lambda **h: ana.delete(f"/me/sessions/{place}", **h), 404, "unknown_session", missing
    yield (
        lambda **h: stranger.get(f"/places/{'0' * 8}-0000-7000-8000-{'0' * 12}", **h),
        404,
        "unknown_place",
        ("Unknown place", "Lieu inconnu"),
    )
    yield lambda **h: stranger.get("/nowhere", **h), 404, "unknown_address", missing
    yield lambda **h: stranger.post("/me", {}, **h), 405, "unknown_method", refused
    yield (
        lambda **h: ana.post("/me/archive", data=b"x", content_type="application/zip", **h),
        422,
        "bad_members",
        refused,
    )
    yield (
        lambda **h: ana.post("/me/tokens", data=b"x", content_type="text/plain", **h),
        415,
        "wrong_media_type",
        refused,
    )
    yield (
        lambda **h: ana.post("/me/tokens", data=b"{", content_type="application/json", **h),
        400,
        "not_json_at",
        refused,
    )
    yield (
        lambda **h: ana.post("/me/tokens", {"label": "x" * 200_000}, **h),
        413,
        "too_large",
        ("Too large", "Trop gros"),
    )


def test_everything_else_that_a_form_can_meet_is_told_in_both_languages(town):
    seen = set()
    for ask, status, code, titles in situations(town):
        told = {}
        for headers, spoken, title in ((EN, "en", titles[0]), (FR, "fr", titles[1])):
            answer = ask(headers=headers)
            assert (answer.status_code, answer.json["code"]) == (status, code), answer.json
            assert (answer.json["title"], answer.headers["Content-Language"]) == (title, spoken), code
            told[spoken] = answer.json["detail"]
        assert told["fr"] != told["en"], code
        if code in SENTENCES and not facts_of(SENTENCES[code]):
            assert (told["en"], told["fr"]) == (SENTENCES[code], FRENCH[code])
        seen.add(code)
    assert len(seen) > 20


def test_failures_of_ours_and_too_many_requests_are_told_too(town, tmp_path):
    few = founded(town.database, tmp_path / "few", read_rate="1 per minute", smtp_url="smtp://127.0.0.1:9").stranger()
    (tmp_path / "few").mkdir(exist_ok=True)
    assert few.get("/me").status_code == 401
    often = [few.get("/me", headers=spoken) for spoken in (EN, FR)]
    assert [one.status_code for one in often] == [429, 429]
    assert (often[0].json["code"], often[0].json["rate"]) == ("too_often", "1 per 1 minute")
    assert often[0].json["detail"] == "you ask more often than you may (1 per 1 minute): wait, and ask again"
    assert often[1].json["detail"] == "C’est trop de demandes d’un coup : attendez un peu, puis réessayez."
    silent = [few.post("/session/links", {"email": "ana@example.org"}, headers=spoken) for spoken in (EN, FR)]
    assert [one.status_code for one in silent] == [503, 503]
    assert {one.json["code"] for one in silent} == {"mail_failed"}
    assert [one.json["detail"] for one in silent] == [SENTENCES["mail_failed"], FRENCH["mail_failed"]]


@pytest.mark.parametrize(
    ("cookie", "accepts", "spoken"),
    [
        (None, None, "en"), (None, "*", "en"), (None, "de", "en"), (None, "de,fr;q=0.5", "fr"), (None, "fr;q=0,en", "en"),
        (None, "fr-RE", "fr"), ("fr", None, "fr"), ("fr", "en", "fr"), ("en", "fr", "en"), ("xx", "fr", "fr"), ("xx", None, "en"),
    ],
)  # fmt: skip
def test_the_cookie_then_accept_language_decide_and_programs_are_told_in_english(town, cookie, accepts, spoken):
    stranger = town.stranger()
    if cookie:
        stranger.browser.set_cookie("lang", cookie)
    answer = stranger.get("/me", headers={"Accept-Language": accepts} if accepts else {})
    assert (answer.status_code, answer.headers["Content-Language"]) == (401, spoken)
    assert answer.json["detail"] == (FRENCH if spoken == "fr" else SENTENCES)["needs_session"]


def test_what_only_english_says_is_told_in_english_whole(town):
    answer = town.stranger().page("/ogc/collections/places/items?filter=nonsense(", headers=FR)
    assert (answer.status_code, answer.json["code"], answer.headers["Content-Language"]) == (400, "bad_value", "en")
    assert answer.json["title"] == "Bad request"


def test_a_page_says_what_is_wrong_in_its_own_language(town):
    ana, html = town.contributor("ana"), {"Accept": "text/html", "Accept-Language": "en"}
    answer = ana.page("/queue", headers=html)
    assert (answer.status_code, answer.headers["Content-Language"]) == (403, "fr")
    assert FRENCH["referents_only"] in answer.text
    ana.browser.set_cookie("lang", "en")
    answer = ana.page("/queue", headers=html)
    assert (answer.headers["Content-Language"], SENTENCES["referents_only"] in answer.text) == ("en", True)


def test_the_description_names_every_code(town):
    told = town.stranger().get("/openapi.json").get_json(force=True)
    problem = told["components"]["schemas"]["Problem"]
    assert "code" in problem["required"]
    assert problem["properties"]["code"]["enum"] == CODES
    assert set(SENTENCES) <= set(CODES)
    assert all(path.startswith(PREFIX) or path.startswith("/") for path in told["paths"])


AGENTS = {
    "Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0": "Firefox sur Android",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1": "Safari sur iOS",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 "
    "Edg/131.0.0.0": "Edge sur Windows",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
    "Safari/537.36": "Chrome sur macOS",
    "curl/8.9.1": "curl",
    '<script>"': "appareil inconnu",
    "": "appareil inconnu",
}  # fmt: skip


def test_a_session_is_named_as_its_owner_would(town):
    ana = town.citizen("ana")
    for agent, words in AGENTS.items():
        town.run("UPDATE people.session SET agent = %s", agent)
        text = ana.page("/me").text
        assert f">{words}</span>" in text
        assert '<script>"' not in text
        town.run("UPDATE people.session SET agent = ''")
    town.run("UPDATE people.session SET agent = %s", next(iter(AGENTS)))
    ana.browser.set_cookie("lang", "en")
    english = ana.page("/me").text
    assert ">Firefox on Android</span>" in english
    assert f'title="{next(iter(AGENTS))}"' in english


def test_what_a_browser_calls_itself_is_kept_whole(town):
    ana = town.stranger()
    ana.email = "ana@example.org"
    iphone = next(one for one in AGENTS if "iPhone" in one)
    ana.headers["User-Agent"] = iphone
    ana.sign_in()
    assert ana.get("/me/sessions").json["sessions"][0]["agent"] == iphone
