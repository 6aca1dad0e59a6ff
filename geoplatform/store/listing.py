"""The places of a commune as its page lists them: some of them, page by page. From the web."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from geoalchemy2 import functions as geo
from sqlalchemy import ColumnElement, Connection, String, Table, case, func, literal, or_, select

from geoplatform import hours
from geoplatform.model import BBox, Kind, Place
from geoplatform.store.places import lying_in, public_rows, read
from geoplatform.store.tables import categories, place_confirmations, place_editions, places


@dataclass(frozen=True, slots=True)
class Only:
    """Which places of a commune are wanted; None is any.

    `words` stand in the name, description, address or what its category is called, whatever their accents, case and hyphens;
    `box`: in degrees (EPSG:4326); `known_since`: written or confirmed on that day or later; `open_at`: open at that moment, for all
    that is known.
    """

    kind: str | None = None
    category: str | None = None
    words: str | None = None
    box: BBox | None = None
    known_since: dt.date | None = None
    open_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """Some places, by kind then name, and how many there are in all."""

    places: list[Place]
    total: int


def counts_of_commune(connection: Connection, code: str, vintage: int | None = None) -> dict[str, int]:
    """Number of places of a commune by kind. `vintage`: number of an earlier one, which then places them."""
    table, here = lying_in(code, vintage, places, place_editions)
    query = select(table.c.kind, func.count()).where(*here).group_by(table.c.kind)
    return {row[0]: row[1] for row in connection.execute(query)}


def of_commune(
    connection: Connection,
    code: str,
    only: Only,
    at_once: int,
    page: int = 1,
    vintage: int | None = None,
    total: int | None = None,
) -> Listed:
    """A page, counted from 1, of `at_once` places of a commune; of those that are wanted. `vintage`: as above; `total`: how many
    are wanted, where that is known."""
    table, here = lying_in(code, vintage, places, place_editions)
    wanted = [*here, *_conditions(table, only)]
    query = public_rows(table).order_by(*_order(table))
    first = (page - 1) * at_once
    if only.open_at is not None or only.words is not None:  # what takes long is asked of each place once
        found = _matching(connection, table, wanted, only.open_at and only.open_at.astimezone(hours.zone_of(code)))
        rows = connection.execute(query.where(*here, table.c.id.in_(found[first : first + at_once])))
        return Listed([read(row) for row in rows], len(found))
    rows = connection.execute(query.where(*wanted).limit(at_once).offset(first))
    listed = [read(row) for row in rows]
    if total is not None:
        return Listed(listed, total)
    if len(listed) < at_once and (listed or page == 1):
        return Listed(listed, first + len(listed))
    total = connection.execute(select(func.count()).select_from(_with_confirmations(table)).where(*wanted)).scalar_one()
    return Listed(listed, total)


def _order(table: Table) -> list[ColumnElement[Any]]:
    """By kind as pages show them, then name."""
    turns = case({kind.value: turn for turn, kind in enumerate(Kind)}, value=table.c.kind)
    return [turns, table.c.name, table.c.fid]


def _conditions(table: Table, only: Only) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if only.kind is not None:
        conditions.append(table.c.kind == only.kind)
    if only.category is not None:
        conditions.append(table.c.category == only.category)
    if only.words is not None:
        said = _says(only.words, table.c.name, table.c.description, table.c.address)
        called = select(categories.c.code).where(_says(only.words, categories.c.label_fr, categories.c.label_en))
        conditions.append(or_(said, table.c.category.in_(called)))
    if only.box is not None:
        box = only.box
        conditions.append(
            geo.ST_Intersects(table.c.geom, func.ST_MakeEnvelope(box.west, box.south, box.east, box.north, 4326))
        )
    if only.known_since is not None:
        known = func.greatest(table.c.modified_on, place_confirmations.c.confirmed_on)
        conditions.append(known >= only.known_since)
    return conditions


def _says(words: str, *texts: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether words stand in one of some texts, as names are compared."""
    key = func.geoplatform.search_key
    return func.strpos(key(func.concat_ws(" ", *texts)), key(literal(words, String))) > 0


def _matching(
    connection: Connection, table: Table, wanted: list[ColumnElement[bool]], open_at: dt.datetime | None
) -> list[Any]:
    """Identifiers of the wanted places in the order of the list; of those open at a moment, by their clocks, if it is given."""
    query = select(table.c.id, table.c.opening_hours).select_from(_with_confirmations(table)).where(*wanted)
    if open_at is not None:
        query = query.where(table.c.opening_hours.is_not(None))
    rows = connection.execute(query.order_by(*_order(table)))
    return [row.id for row in rows if open_at is None or _is_open(row.opening_hours, open_at)]


def _is_open(text: str, local: dt.datetime) -> bool:
    said = hours.at(text, local)
    return said is not None and said.is_open is True


def _with_confirmations(table: Table) -> Any:
    return table.outerjoin(place_confirmations, place_confirmations.c.place_id == table.c.id)
