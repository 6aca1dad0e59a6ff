"""Citizens who use the API over a drawn map of two communes (A: 97401, B: 97402), each as a browser of theirs would."""

from __future__ import annotations

import email
import re
from dataclasses import dataclass, field
from email import policy
from pathlib import Path
from typing import Any

import pytest

from geoplatform.config import Settings
from geoplatform.errors import BadBody
from geoplatform.refusals import SENTENCES
from geoplatform.web import create_app
from tests import grid
from tests.conftest import MANY, Database

DRAWING = "AB"
WORDS = "2026-11-01"


def spot(across: float = 0.5, down: float = 0.5) -> list[float]:
    """Coordinates in commune A, where both are below 1."""
    point = grid.at(DRAWING, across, down)
    return [point.lon, point.lat]


def feature(name: str = "Jardin des Cocotiers", at: list[float] | None = None, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": at or spot()},
        "properties": {"kind": "association", "category": "shared_garden", "name": name} | properties,
    }


def require_codes(problem: dict[str, Any]) -> None:
    """Whatever is refused has a code with a sentence in both languages."""
    for one in problem.get("errors", [problem]):
        assert one["code"] in SENTENCES, one
        assert one["detail"], one
    assert problem["code"] in SENTENCES or problem["code"] == BadBody.code


@dataclass
class Citizen:
    """Somebody with a browser: keeps the cookie, and sends the token of the page with whatever changes something."""

    town: Town
    email: str
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.browser = self.town.app.test_client()

    def ask(self, method: str, path: str, body: Any = None, **named: Any) -> Any:
        headers = self.headers | named.pop("headers", {})
        if body is not None:
            named["json"] = body
        answer = self.browser.open(f"/api/v1{path}", method=method, headers=headers, **named)
        if answer.mimetype == "application/problem+json":
            require_codes(answer.json)
        return answer

    def page(self, path: str, method: str = "GET", **named: Any) -> Any:
        return self.browser.open(path, method=method, **named)

    def get(self, path: str, **named: Any) -> Any:
        return self.ask("GET", path, **named)

    def post(self, path: str, body: Any = None, **named: Any) -> Any:
        return self.ask("POST", path, body, **named)

    def put(self, path: str, body: Any = None, **named: Any) -> Any:
        return self.ask("PUT", path, body, **named)

    def patch(self, path: str, body: Any = None, **named: Any) -> Any:
        return self.ask("PATCH", path, body, **named)

    def delete(self, path: str, **named: Any) -> Any:
        return self.ask("DELETE", path, **named)

    def sign_in(self) -> dict[str, Any]:
        assert self.post("/session/links", {"email": self.email}).status_code == 202
        answer = self.post("/session", {"link": self.town.link_to(self.email)})
        assert answer.status_code == 201, answer.text
        self.headers["X-CSRF-Token"] = answer.json["csrf_token"]
        return answer.json

    def agree(self, purpose: str = "publication", *, given: bool = True) -> None:
        answer = self.put(f"/me/consents/{purpose}", {"given": given, "version": WORDS} if given else {"given": given})
        assert answer.status_code == 200, answer.text

    def add(self, name: str = "Jardin des Cocotiers", at: list[float] | None = None, **properties: Any) -> str:
        """Identifier of a new place."""
        answer = self.post("/places?distinct=true", feature(name, at, **properties))
        assert answer.status_code in (201, 202), answer.text
        return answer.get_json(force=True)["id"]

    @property
    def id(self) -> str:
        return self.get("/me").json["id"]


@dataclass
class Town:
    """The application, its database, and the folder into which it mails."""

    app: Any
    database: Database
    folder: Path

    def letters(self, to: str | None = None) -> list[email.message.EmailMessage]:
        """What was mailed, the earliest first."""
        files = sorted((self.folder / "outbox").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        found = [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
        return [one for one in found if to is None or one["To"].casefold() == to.casefold()]

    def link_to(self, to: str) -> str:
        """The secret of the last link that was mailed to an address."""
        return re.search(r"/session/([\w-]+)", self.letters(to)[-1].get_content())[1]

    def stranger(self) -> Citizen:
        return Citizen(self, "nobody@example.org")

    def citizen(self, name: str, *consents: str) -> Citizen:
        """Somebody who has signed in, and agreed."""
        made = Citizen(self, f"{name}@example.org")
        made.sign_in()
        for purpose in consents:
            made.agree(purpose)
        return made

    def contributor(self, name: str) -> Citizen:
        return self.citizen(name, "publication")

    def referent(self, name: str, scope: str = "all", code: str = "") -> Citizen:
        made = self.contributor(name)
        self.run(
            "INSERT INTO people.role (citizen_id, scope, code, granted_at) VALUES (%s, %s, %s, now())",
            made.id,
            scope,
            code,
        )
        return made

    def trust(self, *citizens: Citizen) -> None:
        """Have nobody look at what they add: they are no newcomers."""
        for one in citizens:
            self.run("UPDATE people.citizen SET accepted = 100 WHERE id = %s", one.id)

    def run(self, statement: str, *values: object) -> None:
        with self.database.connect() as connection:
            connection.execute(statement, values)

    def rows(self, query: str, *values: object) -> list[tuple]:
        return self.database.rows(query, *values)


@pytest.fixture
def town(database, draw, tmp_path) -> Town:
    draw(DRAWING)
    return founded(database, tmp_path)


def founded(database: Database, folder: Path, **settings: Any) -> Town:
    given = {"submit_rate": MANY, "read_rate": MANY, "tile_rate": MANY, "mail_rate": MANY, **settings}
    app = create_app(Settings(data_dir=folder, tile_folder=None, **given), database.store("geoplatform_web"))
    app.testing = False
    return Town(app, database, folder)
