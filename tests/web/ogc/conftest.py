"""Places that the tests of /ogc ask for."""

from __future__ import annotations

import secrets
import uuid

import pytest

from geoplatform.store import tokens
from tests.conftest import NOW, activate, cloned
from tests.web.ogc.planting import DRAWING, Atlas, application, plant, plant_others


@pytest.fixture
def planted(database, draw, client):
    """Nine places, three in each commune, in random order of their identifiers."""
    draw(DRAWING)
    return plant(database, client)


@pytest.fixture(scope="session")
def atlas(cluster, template):
    """The drawn map with nine places, and one of each rarer sort. Shared: do not write into it."""
    with cloned(cluster, template) as database:
        activate(database, DRAWING)
        client = application(database)
        yield Atlas(database, client, plant(database, client), plant_others(database, client))


@pytest.fixture
def key(database):
    """What a client sends who has an operator's key."""
    secret = "gp_" + secrets.token_urlsafe(8)
    with database.store("geoplatform_owner").transaction() as connection:
        tokens.issue(connection, uuid.uuid4(), secret, "editor", NOW, None)
    return {"Authorization": f"Bearer {secret}"}
