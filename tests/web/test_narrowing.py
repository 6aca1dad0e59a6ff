"""What a commune's page lists, by words, kind, category, hours, freshness and box, page by page; and what is new at home."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid

import pytest

from geoplatform.model import Kind
from tests import grid
from tests.web.test_communes import DRAWING, HTML, add

PAGE = "/communes/97401"
EVERY = ["Boulangerie Épi d’Or", "Chez Marthe", "Crèche des Lilas", "Jardin"]


def names(client, query="", path=PAGE):
    answer = client.get(f"{path}?{query}" if query else path, headers=HTML)
    assert answer.status_code == 200, answer.text
    return re.findall(r'data-name="([^"]*)"', answer.text)


def config(client, query=""):
    text = client.get(f"{PAGE}?{query}", headers=HTML).text
    return json.loads(re.search(r'<script type="application/json" id="map-config">(.*?)</script>', text, re.S)[1])


@pytest.fixture
def street(database, draw):
    """A street of commune A, from west to east."""
    draw(DRAWING)
    add(database, "Boulangerie Épi d’Or", category="bakery", position=grid.at(DRAWING, 0.1, 0.5), opening_hours="24/7")
    add(database, "Chez Marthe", category="bakery", position=grid.at(DRAWING, 0.3, 0.5), opening_hours="off")
    add(database, "Crèche des Lilas", kind=Kind.SERVICE, category="nursery", position=grid.at(DRAWING, 0.5, 0.5),
        address="3 rue de l'Église")  # fmt: skip
    add(database, "Jardin", kind=Kind.ASSOCIATION, category="shared_garden", position=grid.at(DRAWING, 0.7, 0.5),
        description="On y cultive des brèdes.", opening_hours='"sur rendez-vous"')  # fmt: skip
    return database


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", EVERY),
        ("q=epi", ["Boulangerie Épi d’Or"]),
        ("q=EGLISE", ["Crèche des Lilas"]),
        ("q=bredes", ["Jardin"]),
        ("q=boulangerie", ["Boulangerie Épi d’Or", "Chez Marthe"]),
        ("q=Shared+garden", ["Jardin"]),
        ("q=rien+de+tel", []),
        ("q=%27%29%3B+DROP+TABLE+place", []),
        ("q=%25", EVERY),
        ("kind=service", ["Crèche des Lilas"]),
        (
            "kind=&category=&q=&bbox=&open=&fresh=",
            EVERY,
        ),
        ("category=bakery&open=1", ["Boulangerie Épi d’Or"]),
        ("open=1", ["Boulangerie Épi d’Or"]),
        ("fresh=1", EVERY),
    ],
)
def test_the_address_says_which_places_are_listed(client, street, query, found):
    assert names(client, query) == found
    assert f'data-count="{len(found)}"' in client.get(f"{PAGE}?{query}", headers=HTML).text


def test_a_box_lists_what_is_in_it(client, street):
    here, there = grid.at(DRAWING, 0.2, 0.4), grid.at(DRAWING, 0.6, 0.6)
    box = f"{here.lon},{here.lat},{there.lon},{there.lat}"
    assert names(client, f"bbox={box}") == ["Chez Marthe", "Crèche des Lilas"]
    assert names(client, f"bbox={box}&q=marthe") == ["Chez Marthe"]
    west, south, east, north = config(client, f"bbox={box}")["view"]["bbox"]
    assert (west, south, east, north) == pytest.approx((here.lon, here.lat, there.lon, there.lat))


def test_the_map_asks_tiles_for_what_they_know_and_else_shows_the_list_alone(client, street):
    told = config(client, "kind=merchant&category=bakery")
    assert told["only"] == {"kind": "merchant", "category": "bakery"}
    assert told["alone"] is False
    for query in ("q=epi", "open=1", "fresh=1", "kind=merchant&q=x"):
        assert config(client, query)["alone"] is True


def age(database, name, days):
    with database.connect() as connection:
        query = (
            "UPDATE geoplatform.place SET modified_at = now() - make_interval(days => %s) WHERE name = %s RETURNING id"
        )
        return connection.execute(query, (days, name)).fetchone()[0]


def test_what_nothing_confirmed_for_a_year_says_so_until_somebody_does(client, street):
    old = age(street, "Jardin", 400)
    age(street, "Chez Marthe", 360)
    assert names(client, "fresh=1") == ["Boulangerie Épi d’Or", "Chez Marthe", "Crèche des Lilas"]
    page = client.get(PAGE, headers=HTML).text
    assert page.count("Rien ne le confirme depuis") == 1
    assert "plus d’un an" in client.get(f"/places/{old}", headers=HTML).text
    with street.connect() as connection:
        connection.execute("INSERT INTO geoplatform.confirmation VALUES (%s, %s)", (old, dt.date.today()))
    assert "Jardin" in names(client, "fresh=1")
    assert "Rien ne le confirme depuis" not in client.get(PAGE, headers=HTML).text
    assert "plus d’un an" not in client.get(f"/places/{old}", headers=HTML).text


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("kind=shop", "kind"),
        ("category=xyz", "category"),
        ("open=yes", "open"),
        ("fresh=2", "fresh"),
        ("bbox=1,2,3", "bbox"),
        ("bbox=1,2,3,a", "bbox"),
        ("bbox=nan,0,1,1", "bbox"),
        ("bbox=2,0,1,1", "bbox"),
        ("bbox=0,0,inf,1", "bbox"),
        ("bbox=0,-91,1,1", "bbox"),
        ("page=0", "page"),
        ("page=10001", "page"),
        ("page=99999999999999999", "page"),
        ("page=two", "page"),
    ],
)
def test_bad_parameter_names_what_is_wrong(client, street, query, parameter):
    answer = client.get(f"{PAGE}?{query}", headers={"Accept": "application/xhtml+xml"})
    assert answer.status_code == 400
    assert answer.get_json()["parameter"] == parameter


def test_many_places_are_listed_page_by_page_and_none_twice(client, database, draw):
    draw(DRAWING)
    with database.connect() as connection:
        connection.execute(
            """INSERT INTO geoplatform.place (id, kind, name, licence, source, created_at, modified_at, geom, opening_hours)
               SELECT gen_random_uuid(), 'merchant', 'Lieu ' || lpad(n::text, 3, '0'), 'CC0-1.0', 'citizen', now(), now(),
                      ST_SetSRID(ST_MakePoint(%s, %s), 4326), '24/7'
               FROM generate_series(1, 450) AS n""",
            (grid.at(DRAWING, 0.5, 0.5).lon, grid.at(DRAWING, 0.5, 0.5).lat),
        )
        connection.execute(
            """INSERT INTO geoplatform.placement SELECT p.id, v.id, 'inside', 'cover', '97401', 900
               FROM geoplatform.place AS p CROSS JOIN geoplatform.vintage AS v WHERE v.state = 'active'"""
        )
    for query in ("", "q=lieu&", "open=1&"):
        pages = [names(client, f"{query}page={number}") for number in (1, 2, 3, 4)]
        assert [len(page) for page in pages] == [200, 200, 50, 0]
        assert [name for page in pages for name in page] == [f"Lieu {n:03}" for n in range(1, 451)]
    second = client.get(f"{PAGE}?q=lieu&page=2", headers=HTML).text
    assert "Page 2 sur 3" in second
    assert 'rel="prev" href="/communes/97401?page=1&amp;q=lieu#places-title"' in second
    assert 'rel="next" href="/communes/97401?page=3&amp;q=lieu#places-title"' in second
    assert 'class="pager"' not in client.get(f"{PAGE}?q=449", headers=HTML).text


def test_a_place_says_whether_it_is_open_by_the_clocks_of_its_commune(client, database, draw):
    draw(DRAWING)
    local = dt.datetime.now(dt.UTC) + dt.timedelta(hours=4)  # La Réunion has no summer time
    begun, ends = local - dt.timedelta(minutes=30), local + dt.timedelta(minutes=90)
    place = add(database, "Épicerie", opening_hours=f"{begun:%H:%M}-{ends:%H:%M}")
    page = client.get(f"/places/{place.id}", headers=HTML).text
    assert "Ouvert en ce moment" in page
    assert ends.strftime("%H:%M") in page
    closed = add(database, "Fermé", opening_hours="off")
    assert "Fermé en ce moment" in client.get(f"/places/{closed.id}", headers=HTML).text
    said = add(database, "Sur rendez-vous", opening_hours='"sur rendez-vous"')
    assert "en ce moment" not in client.get(f"/places/{said.id}", headers=HTML).text


def test_the_home_page_tells_what_citizens_added_last(client, database, draw):
    draw(DRAWING)
    assert "Personne n’a encore ajouté de lieu" in client.get("/", headers=HTML).text
    for number in range(8):
        add(database, f"Lieu {number}", id=uuid.uuid4())
    page = client.get("/", headers=HTML).text
    found = re.findall(r">(Lieu \d)</a>", page)
    assert found == [f"Lieu {number}" for number in (7, 6, 5, 4, 3, 2)]
    assert "Limites 2025" in page


def test_the_home_page_shows_each_territory_small(client, database, draw):
    draw(DRAWING)
    page = client.get("/", headers=HTML).text
    insets = re.findall(r'class="inset" data-bbox="([^"]+)">\s*<svg viewBox="0 0 100 100".*?<path d="([^"]+)"', page)
    assert len(insets) == 1
    west, south, east, north = map(float, insets[0][0].split(","))
    assert (west, south, east, north) == pytest.approx((55.0, -22.0, 55.2, -21.9))
    assert insets[0][1].startswith("M ")
