"""Job `pages`: the page of a large commune in a real Chromium that has kept nothing, and what Lighthouse says of the main pages.

`python -m tests.bench.pages URL` measures a server that runs already. Nothing is throttled; Lighthouse imagines its telephone and
its network.
"""

from __future__ import annotations

import datetime as dt
import json
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import shapely
from playwright.sync_api import Browser, sync_playwright

from geoplatform.store import communes, places
from geoplatform.store.engine import Store
from loaders import synthetic
from tests.bench import peers
from tests.bench.asking import got
from tests.bench.bench import Bench
from tests.bench.figure import Figure
from tests.chromium import FLAGS, program
from tests.lighthouse import audited

COMMUNE = "97411"
_PLACES = 10_000
_TIMES = 5
_SEED = 974
_SCREENS: dict[str, dict[str, Any]] = {
    "phone 360 px": {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True},
    "desktop 1,350 px": {"viewport": {"width": 1350, "height": 940}},
}  # fmt: skip
_GOAL_KB, _GOAL_SCORE = 400, 95
#: What web.dev calls good: first and largest contentful paint.
_GOOD_FIRST_S, _GOOD_LARGEST_S = 1.8, 2.5
#: Bounds of our own, so that a figure beyond them is seen.
_BOUND_MAP_S, _BOUND_REQUESTS = 5.0, 30
_MAP_DATA = "/tiles/"
_WATCH = """
window.__seen = {lcp: 0, idle: 0};
new PerformanceObserver((list) => { for (const one of list.getEntries()) __seen.lcp = one.startTime; })
    .observe({type: 'largest-contentful-paint', buffered: true});
new MutationObserver(() => { if (document.documentElement?.dataset.map && !__seen.idle) __seen.idle = performance.now(); })
    .observe(document, {subtree: true, attributeFilter: ['data-map']});
"""


@dataclass(frozen=True)
class Visit:
    """What one visit took: seconds from its beginning; kB of bodies and headers as they came, map data apart; requests."""

    first_paint_s: float
    largest_paint_s: float
    map_idle_s: float
    page_kb: float
    map_kb: float
    requests: int
    paths: tuple[str, ...]


def figures(bench: Bench) -> Iterator[Figure]:
    """Medians of five visits to the commune of Saint-Denis with 10,000 places, and Lighthouse's scores."""
    with bench.database(bench.france) as database:
        with database.store() as store:
            settle(store)
        with database.connect() as connection:
            connection.execute("VACUUM ANALYZE")
        with peers.ours(database, bench.folder / "pages", str(bench.folder / "pages-tiles")) as server:
            yield from measured(f"http://127.0.0.1:{server.port}")


def settle(store: Store) -> None:
    """Ten thousand places inside the limits of Saint-Denis, and no other."""
    with store.transaction() as connection:
        limits = shapely.from_geojson(communes.geometry_json(connection, COMMUNE, None))
        shapely.prepare(limits)
        middle = limits.point_on_surface()
        made = synthetic.places(
            10 * _PLACES,
            _SEED,
            np.array([[middle.x, middle.y]]),
            np.array([0.1]),
            np.array([1]),
            np.array([limits.bounds]),
            places.all_categories(connection),
        )
        at = list(places.BULK).index("geom")
        inside = [row for row in made if limits.contains(shapely.from_wkb(row[at]))][:_PLACES]
        assert len(inside) == _PLACES
        places.load_bulk(connection, inside, "bench", dt.datetime.now(dt.UTC))


def measured(url: str) -> Iterator[Figure]:
    """The figures of a server on which the commune is settled."""
    path = f"/communes/{COMMUNE}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=FLAGS)
        for screen, options in _SCREENS.items():
            visit(browser, url + path, options)  # the server makes tiles that it keeps
            visits = [visit(browser, url + path, options) for _ in range(_TIMES)]
            yield from _of_visits(f"{path} with {_PLACES:,} places, {screen}", visits)
        browser.close()
    page_paths = list(dict.fromkeys(one for one in visits[-1].paths if not one.startswith(_MAP_DATA)))
    packed = sum(len(answer.packed) for answer in got(urlsplit(url).port or 80, page_paths)) / 1000
    yield Figure("pages", f"{path}, all but map data, gzip", packed, "the goal", _GOAL_KB, "kB")
    for address in ("/", path, _a_place(url)):
        told = audited(url + address)
        for name, score in told["scores"].items():
            yield Figure("pages", f"{address[:15]}: Lighthouse, {name}", score, "the goal", _GOAL_SCORE, "points")


def _a_place(url: str) -> str:
    """Path of the page of one of the commune's places."""
    with urlopen(f"{url}/ogc/collections/places/items?f=json&limit=1&commune_code={COMMUNE}", timeout=60) as answer:
        return f"/places/{json.load(answer)['features'][0]['id']}"


def visit(browser: Browser, url: str, options: dict[str, Any]) -> Visit:
    """One visit with an empty cache, until the map is drawn."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.add_init_script(_WATCH)
    finished: list[tuple[str, float]] = []
    page.on("requestfinished", lambda request: finished.append((request.url, _kb(request.sizes()))))
    page.goto(url)
    page.wait_for_selector("html[data-map=idle]", state="attached", timeout=60_000)
    page.wait_for_load_state("networkidle")
    seen = page.evaluate("__seen")
    first = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    context.close()
    sizes = [(urlsplit(one), kb) for one, kb in finished if one.startswith("http")]
    tiles = sum(kb for address, kb in sizes if address.path.startswith(_MAP_DATA))
    return Visit(
        first / 1000,
        seen["lcp"] / 1000,
        seen["idle"] / 1000,
        sum(kb for _, kb in sizes) - tiles,
        tiles,
        len(sizes),
        tuple(address.path + (f"?{address.query}" if address.query else "") for address, _ in sizes),
    )


def _kb(sizes: dict[str, int]) -> float:
    return (sizes["responseBodySize"] + sizes["responseHeadersSize"]) / 1000


def _of_visits(what: str, visits: list[Visit]) -> Iterator[Figure]:
    def median(name: str) -> float:
        return float(statistics.median(getattr(one, name) for one in visits))

    yield Figure("pages", f"{what}: first contentful paint", median("first_paint_s"), "good", _GOOD_FIRST_S, "s")
    yield Figure("pages", f"{what}: largest contentful paint", median("largest_paint_s"), "good", _GOOD_LARGEST_S, "s")
    yield Figure("pages", f"{what}: map idle", median("map_idle_s"), "a bound", _BOUND_MAP_S, "s")
    yield Figure("pages", f"{what}: all but map data", median("page_kb"), "the goal", _GOAL_KB, "kB")
    whole = median("page_kb") + median("map_kb")
    yield Figure("pages", f"{what}: with map data", whole, "all but map data", median("page_kb"), "kB")
    yield Figure("pages", f"{what}: requests", median("requests"), "a bound", _BOUND_REQUESTS, "requests")


if __name__ == "__main__":
    from tests.bench.figure import show

    show(measured(sys.argv[1]))
