"""What every view may reach: the settings and the store of this application."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable
from typing import TypeVar

from flask import Flask, Response, current_app, g, make_response, render_template, request
from sqlalchemy import Connection

from geoplatform import __version__, mail
from geoplatform.config import Settings
from geoplatform.errors import Misuse, UnknownVintage
from geoplatform.mail import Mailer
from geoplatform.model import Submission, Vintage
from geoplatform.store import places, vintages
from geoplatform.store.counts import Counts
from geoplatform.store.engine import Cancellation, Store
from geoplatform.store.places import Submitted
from geoplatform.store.revisions import Revisions
from geoplatform.tiles import Tiles
from geoplatform.web import params
from geoplatform.web.counting import TileMetrics
from geoplatform.web.fetches import Fetches
from geoplatform.web.gateway import CANCELLATION

T = TypeVar("T")
_KEY = "geoplatform"
_WEB_ROLE = "geoplatform_web"
#: As many as the threads of a worker (web.server).
_THREADS = 12


def attach(app: Flask, settings: Settings, store: Store | None) -> None:
    """Give the application its settings and store, and the templates what they all use."""
    opened = store or open_store(settings)
    figures = TileMetrics()
    kept = Tiles(opened, settings.tile_folder, figures.count)
    revisions = Revisions(opened, settings.data_dir / "counters")
    app.extensions[_KEY] = (settings, opened, {}, kept, figures, revisions, Counts(opened, revisions), Fetches(opened))
    app.context_processor(lambda: {"absolute": absolute, "version": __version__, "vintage": active_vintage()})


def open_store(settings: Settings) -> Store:
    """The store as the web may see it: its own URL, or the general one with the web's role."""
    bounds = {"statement_timeout": f"{settings.statement_timeout_ms}ms", "jit": "off"}
    if settings.web_database_url:
        return Store(settings.web_database_url, pool_size=_THREADS, settings=bounds)
    if settings.database_url:
        return Store(settings.database_url, role=_WEB_ROLE, pool_size=_THREADS, settings=bounds)
    raise Misuse("no database is named: start the web with `geoplatform serve`, or set GEOPLATFORM_WEB_DATABASE_URL")


def settings() -> Settings:
    """Settings of the running application."""
    return current_app.extensions[_KEY][0]  # type: ignore[no-any-return]


def store() -> Store:
    """Store of the running application."""
    return current_app.extensions[_KEY][1]  # type: ignore[no-any-return]


def tiles() -> Tiles:
    """Tiles of the running application, kept or made."""
    return current_app.extensions[_KEY][3]  # type: ignore[no-any-return]


def cancellation() -> Cancellation | None:
    """What ends a query of this request when its client goes away, where the server can tell."""
    return request.environ.get(CANCELLATION)


def tile_metrics() -> TileMetrics:
    """What became of the tiles that were asked for."""
    return current_app.extensions[_KEY][4]  # type: ignore[no-any-return]


def revisions() -> Revisions:
    """How far the data of the running application have come."""
    return current_app.extensions[_KEY][5]  # type: ignore[no-any-return]


def counts() -> Counts:
    """Numbers of features, as the running application counted them."""
    return current_app.extensions[_KEY][6]  # type: ignore[no-any-return]


def fetches() -> Fetches:
    """How often files are fetched."""
    return current_app.extensions[_KEY][7]  # type: ignore[no-any-return]


def write(work: Callable[[Connection], T], *, shows: bool = False, repeatable: bool = False) -> T:
    """What `work` returns, once its transaction is committed; it is repeated where that may have been done already if it is
    `repeatable`.

    `shows`: pages, lists and tiles are no longer as they were.
    """
    made = store().writing(work, repeatable=repeatable)
    if shows:
        revisions().wrote()
        tiles().refresh()
    return made


def submit(submission: Submission, key: bytes, now: dt.datetime) -> Submitted:
    """What became of a submission (`store.places.submit`), once it is committed, and kept tiles know of it."""
    matter_id = uuid.uuid4()
    made = store().at_once(lambda connection: places.submit(connection, submission, key, now, matter_id))
    revisions().wrote()
    if made.is_new:
        tiles().touch(made.quadkey)
    else:  # perhaps the one who stored it came to no end
        tiles().refresh()
    return made


def now() -> dt.datetime:
    """The moment of this request, for whatever it writes."""
    return dt.datetime.now(dt.UTC)


def moment(text: str) -> dt.datetime:
    """The moment that the database tells in JSON."""
    return dt.datetime.fromisoformat(text)


def remembered(name: str, seconds: float, make: Callable[[], T]) -> T:
    """What `make` returned at most so many seconds ago in this process: for figures that may be a little old."""
    kept = current_app.extensions[_KEY][2]
    now = time.monotonic()
    if name not in kept or kept[name][0] < now:
        kept[name] = (now + seconds, make())
    return kept[name][1]  # type: ignore[no-any-return]


def active_vintage() -> Vintage | None:
    """The vintage in force, asked once per request at most."""
    if "vintage" not in g:
        with store().reading() as connection:
            g.vintage = vintages.active(connection)
    return g.vintage  # type: ignore[no-any-return]


def asked_vintage() -> Vintage | None:
    """The vintage that `vintage` (a year) or `at` (a day) names, None where neither is given.

    BadParameter for what is neither, or where no such vintage is kept; the message lists those that are.
    """
    asked = params.vintage()
    if asked is None:
        return None
    with store().reading() as connection:
        found = vintages.asked(connection, asked)
        kept = [] if found else sorted({vintage.year for vintage in vintages.public(connection)})
    if found is None:
        name = "vintage" if isinstance(asked, int) else "at"
        told = ", ".join(map(str, kept)) or "none"
        raise UnknownVintage(name, str(asked), f"no vintage of that {'year' if name == 'vintage' else 'day'} is kept here; "
                             f"there are {told}", allowed=kept)  # fmt: skip
    return found


def page(template: str, **values: object) -> Response:
    """A page; what it shows depends on the language and on what the client accepts. Call it with no connection open."""
    response = make_response(render_template(template, **values))
    response.vary.update(("Accept", "Cookie"))
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def absolute(path: str) -> str:
    """The address of a path as the public reaches it: the operator's public URL, else the host that was asked."""
    return (settings().public_url or request.host_url.rstrip("/")) + path


def own_address(path: str) -> str:
    """The address of a path as we know it ourselves, whatever host a request names: for links that are mailed."""
    here = settings()
    return (here.public_url or f"http://{here.host}:{here.port}") + path


def mailer() -> Mailer:
    """What takes messages to people."""
    return mail.mailer(settings().smtp_url, settings().data_dir / "outbox")
