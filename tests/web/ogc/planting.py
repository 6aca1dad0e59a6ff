"""Places on a drawn map, and how lists of features are asked: for the tests of /ogc."""

from __future__ import annotations

import json
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

from flask.testing import FlaskClient

from geoplatform.config import Settings
from geoplatform.model import Kind, Licence, Submission, Visibility
from geoplatform.store import tokens
from geoplatform.web import create_app
from tests import grid
from tests.conftest import MANY, NOW, Database, entered

DRAWING = "AAB\nA.B\nCCB"
ITEMS = "/ogc/collections/{}/items"
EVERY = ("communes", "departments", "regions", "epci", "territories", "places")
LIMITS = EVERY[:-1]


@dataclass(frozen=True)
class Atlas:
    """A planted map and a client of an application over it. `rarer`: places at sea, without a point, for display only."""

    database: Database
    client: FlaskClient
    places: list[Submission]
    rarer: list[Submission]


def application(database, store=None, **settings):
    """A client of a web application over a database, with settings of its own."""
    rates = {"submit_rate": MANY, "read_rate": MANY, "tile_rate": MANY}
    app = create_app(
        Settings(data_dir=Path("data"), **{**rates, **settings}), store or database.store("geoplatform_web")
    )
    app.testing = False
    return app.test_client()


def issue(database):
    """What a client sends who has a new key of the operator's."""
    secret = "gp_" + secrets.token_urlsafe(8)
    with database.store("geoplatform_owner").transaction() as connection:
        tokens.issue(connection, uuid.uuid4(), secret, "editor", NOW, None)
    return {"Authorization": f"Bearer {secret}"}


def plant(database, client):
    """Nine places, three in each commune, in random order of their identifiers."""
    kinds = list(Kind)
    spots = [(0.5, 0.2), (1.2, 0.4), (1.7, 0.8), (2.5, 0.3), (2.5, 1.5), (2.2, 2.6), (0.3, 1.5), (0.6, 2.2), (1.4, 2.7)]
    return plant_each(database, client, [
        {
            "kind": kinds[number % 4], "name": f"Lieu n° {number} « l'été »", "position": grid.at(DRAWING, column, row),
            "description": "\"deux\nlignes\" \\ 😀" if number == 3 else None,
        }
        for number, (column, row) in enumerate(spots)
    ])  # fmt: skip


def plant_others(database, client):
    """A place at sea, one that is shown at commune level, and one that may only be displayed."""
    return plant_each(database, client, [
        {"name": "Ponton", "position": grid.at(DRAWING, -1.5, 1.5)},
        {"name": "Chez moi", "position": grid.at(DRAWING, 0.4, 0.6), "visibility": Visibility.COMMUNE, "address": "12 rue"},
        {"name": "À voir seulement", "position": grid.at(DRAWING, 0.45, 0.65), "licence": Licence.DISPLAY_ONLY},
    ])  # fmt: skip


def plant_each(database, client, wanted):
    """Places of these facts, through the function that the web calls."""
    store, made = database.store("geoplatform_web"), []
    for facts in wanted:
        submission = Submission(**{"id": uuid.uuid4(), "kind": Kind.ASSOCIATION, "licence": Licence.ODBL, **facts})
        store.writing(lambda connection, one=submission: entered(connection, one))
        made.append(submission)
    client.application.extensions["geoplatform"][5].wrote()
    return made


def feature(column, row, **properties):
    """A place to be sent, at a position of the drawing."""
    spot = grid.at(DRAWING, column, row)
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [spot.lon, spot.lat]},
        "properties": {"kind": "association", "category": "music", "name": "Chorale", **properties},
    }


def told(client, path, /, status=200, headers=None, **query):
    """The answer to GET of a path below /ogc, read. `bbox_crs` and the like stand for the names with a hyphen."""
    hyphened = ("bbox_crs", "filter_lang", "filter_crs")
    query = {key.replace("_", "-") if key in hyphened else key: value for key, value in query.items()}
    answer = client.get(f"/ogc{path}", query_string=query, headers=headers or {})
    assert answer.status_code == status, answer.text
    return json.loads(answer.data)


def listed(client, name, /, status=200, headers=None, **query):
    """A page of a collection's features."""
    return told(client, f"/collections/{name}/items", status, headers, **query)


def pages(client, name, /, **query):
    """All pages, one after the other."""
    found = [listed(client, name, **query)]
    while following := [link["href"] for link in found[-1]["links"] if link["rel"] == "next"]:
        answer = client.get(following[0])
        assert answer.status_code == 200, answer.text
        found.append(json.loads(answer.data))
    return found


def every(client, name, /, **query):
    """All features, page after page, and how many pages there were."""
    found = pages(client, name, **query)
    return [feature for page in found for feature in page["features"]], len(found)


def links_of(document, rel):
    """The links of a relation."""
    return [link for link in document["links"] if link["rel"] == rel]
