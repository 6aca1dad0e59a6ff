"""Places that the tests of /ogc ask for."""

from __future__ import annotations

import pytest

from tests.conftest import activate, cloned
from tests.web.ogc.planting import DRAWING, Atlas, application, issue, plant, plant_others


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


@pytest.fixture(scope="module")
def garden(cluster, template):
    """A database that the tests of one file write into, an application over it, and a key."""
    with cloned(cluster, template) as database:
        activate(database, DRAWING)
        client = application(database)
        plant(database, client)
        yield database, client, issue(database)


@pytest.fixture
def key(database):
    """What a client sends who has an operator's key."""
    return issue(database)
