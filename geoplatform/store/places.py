"""Places: submitted one by one, loaded in bulk, read as the public sees them. From the web and the loaders."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from geoalchemy2 import functions as geo
from psycopg import errors as pg
from psycopg.rows import namedtuple_row
from sqlalchemy import ColumnElement, Connection, Select, Table, exc, func, select, text

from geoplatform.errors import BadParameter, BadPlace, DuplicatePlace, NoVintage
from geoplatform.model import (
    Category,
    Kind,
    Licence,
    LonLat,
    Method,
    Place,
    Placement,
    Source,
    Stage,
    Submission,
    Verdict,
    Visibility,
)
from geoplatform.refusals import Refusal
from geoplatform.store.engine import driver
from geoplatform.store.tables import (
    categories,
    exportable_place_editions,
    exportable_places,
    place_confirmations,
    places,
)

#: Columns of a bulk row, in order; the position travels as EWKB.
BULK = {
    "id": "uuid",
    "kind": "text",
    "category": "text",
    "name": "text",
    "description": "text",
    "address": "text",
    "phone": "text",
    "website": "text",
    "opening_hours": "text",
    "licence": "text",
    "source": "text",
    "source_name": "text",
    "geom": "bytea",
}
_STREAMED_AT_ONCE = 1000

_CONTENT_NAMES = (
    "id", "kind", "category", "name", "description", "address", "phone", "website", "opening_hours", "stage", "starts_on",
    "ends_on", "licence", "visibility", "lon", "lat",
)  # fmt: skip
_CONTENT = ", ".join(f":{name}" for name in _CONTENT_NAMES)
_SENT = ", ".join(f"%({name})s" for name in _CONTENT_NAMES)
_SUBMIT = f"SELECT * FROM citizens.submit_place(%(key)s, {_SENT}, %(now)s, %(matter_id)s)"  # noqa: S608
_IS_PLACE = f"SELECT citizens.is_place(%(key)s, %(now)s, {_SENT})"
_MODIFY = text(f"SELECT citizens.modify_place(:key, {_CONTENT}, :now, :expected)")


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission: whether the place is new; if so where it lies, the quadkey at which tiles show it, if they do,
    whether a referent looks at it before anybody sees it, and whether a program's key brought it."""

    is_new: bool
    quadkey: int | None = None
    is_held: bool = False
    is_program: bool = False
    placement: Placement | None = None


def submit(
    connection: psycopg.Connection[Any], submission: Submission, key: bytes, now: dt.datetime, matter_id: uuid.UUID
) -> Submitted:
    """Whether the place is new; it is not when this very submission was stored before (a retry).

    `key`: SHA-256 of the caller's secret. `matter_id`: under which a referent finds it, if one is to look at it.
    The place, its verdict and its line in the change log are one statement. NotAuthorised, NotAllowed; BadPlace for a category
    that its kind does not have; DuplicatePlace if another place has that identifier; NoVintage before the first boundaries are
    active.
    """
    values = _values(submission, key, now) | {"matter_id": matter_id}
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        with _explained(submission):
            stored: Any = cursor.execute(_SUBMIT, values).fetchone()
        if stored is not None:
            return Submitted(True, stored.shown_quadkey, stored.status == "held", stored.is_program, _placement(stored))
        is_retry = cursor.execute(_IS_PLACE, values).fetchone()
    if not (is_retry and is_retry[0]):
        raise DuplicatePlace(Refusal("identifier_taken", identifier=str(submission.id)))
    return Submitted(False)


def entered(submission: Submission, made: Submitted, now: dt.datetime) -> Place:
    """A place that this submission just made, as the public sees it: one that is public, with its position."""
    if not made.is_new or made.is_held or made.placement is None or submission.visibility is not Visibility.PUBLIC:
        raise ValueError("only the database knows what the public sees of it")
    day = now.astimezone(dt.UTC).date()
    return Place(
        id=submission.id,
        kind=submission.kind,
        category=submission.category,
        name=submission.name,
        description=submission.description,
        address=submission.address,
        phone=submission.phone,
        website=submission.website,
        opening_hours=submission.opening_hours,
        stage=submission.stage,
        starts_on=submission.starts_on,
        ends_on=submission.ends_on,
        licence=submission.licence,
        source=submission.source,
        source_name=None,
        position=submission.position,
        placement=made.placement,
        version=1,
        created_on=day,
        modified_on=day,
    )


def _values(submission: Submission, key: bytes, now: dt.datetime) -> dict[str, Any]:
    return {
        "id": submission.id,
        "kind": submission.kind.value,
        "category": submission.category,
        "name": submission.name,
        "description": submission.description,
        "address": submission.address,
        "phone": submission.phone,
        "website": submission.website,
        "opening_hours": submission.opening_hours,
        "stage": submission.stage,
        "starts_on": submission.starts_on,
        "ends_on": submission.ends_on,
        "licence": submission.licence.value,
        "visibility": submission.visibility.value,
        "lon": submission.position.lon,
        "lat": submission.position.lat,
        "key": key,
        "now": now,
    }


@contextmanager
def _explained(submission: Submission) -> Iterator[None]:
    """Turns what the database says of a place into our own nouns."""
    try:
        yield
    except (exc.DBAPIError, psycopg.Error) as error:
        said = error.orig if isinstance(error, exc.DBAPIError) else error
        if isinstance(said, pg.ForeignKeyViolation):
            reason = Refusal("unknown_category", kind=submission.kind.value)
            raise BadPlace([BadParameter("properties.category", submission.category, reason)]) from error
        if isinstance(said, pg.ObjectNotInPrerequisiteState):
            raise NoVintage("no boundaries are loaded yet: nothing can be placed") from error
        raise


def modify(
    connection: Connection,
    submission: Submission,
    key: bytes,
    now: dt.datetime,
    *,
    expected: int | None = None,
    keeps_position: bool = False,
    keeps_visibility: bool = True,
) -> int:
    """Give a citizen's place another content, and another position unless it keeps it; placed anew and logged. Its new version.

    Unknown if the caller sees none of this identifier, NotAllowed if it is a register's or somebody else's, Outdated if it has
    another version than `expected`, BadPlace for a category that its kind does not have.
    """
    values = _values(submission, key, now) | {"expected": expected}
    if keeps_position:
        values |= {"lon": None, "lat": None}
    if keeps_visibility:
        values["visibility"] = None
    with _explained(submission):
        return int(connection.execute(_MODIFY, values).scalar_one())


def delete(
    connection: Connection, place_id: uuid.UUID, key: bytes, now: dt.datetime, *, expected: int | None = None
) -> None:
    """Have nobody see a citizen's place any more; logged. Errors as of `modify`."""
    query = text("SELECT citizens.delete_place(:key, :id, :now, :expected)")
    connection.execute(query, {"key": key, "id": place_id, "now": now, "expected": expected})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that may be the one somebody is about to add. `likeness` of the names, 0 to 1; metres between the two."""

    id: uuid.UUID
    kind: Kind
    category: str | None
    name: str
    commune_code: str | None
    distance_m: float
    likeness: float


def near_duplicates(
    connection: Connection, name: str, position: LonLat, besides: uuid.UUID | None = None
) -> list[Candidate]:
    """Public places that may be meant by this name here, the likeliest first; not the one of the identifier `besides`."""
    rows = connection.execute(
        text("SELECT * FROM published.near_duplicates(:name, :lon, :lat, :besides)"),
        {"name": name, "lon": position.lon, "lat": position.lat, "besides": besides},
    )
    return [Candidate(*row) for row in rows]


def load_bulk(connection: Connection, rows: Iterable[tuple[Any, ...]], actor: str, now: dt.datetime) -> int:
    """Number of places stored from rows in the order of `BULK`: copied, placed on the active vintage, logged.

    All in the caller's transaction. NoVintage before the first boundaries are active.
    """
    names = ", ".join(BULK)
    arrivals = connection.execute(text("SELECT geoplatform.open_arrivals()")).scalar_one()
    with (
        driver(connection).cursor() as cursor,
        cursor.copy(f"COPY {arrivals} ({names}) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.set_types(list(BULK.values()))
        for row in rows:
            copy.write_row(row)
    try:
        accepted = connection.execute(
            text("SELECT geoplatform.accept_arrivals(:actor, :now)"), {"actor": actor, "now": now}
        )
    except exc.DBAPIError as error:
        if isinstance(error.orig, pg.ObjectNotInPrerequisiteState):
            raise NoVintage("no boundaries are active: load communes first") from error
        if isinstance(error.orig, pg.UniqueViolation):
            raise DuplicatePlace("these places were loaded before (their identifiers are taken)") from error
        raise
    return int(accepted.scalar_one())


def referenced(connection: Connection, authority: str) -> dict[str, uuid.UUID]:
    """Places a register already gave, by its own reference."""
    rows = connection.execute(
        text("SELECT reference, place_id FROM geoplatform.place_reference WHERE authority = :authority"),
        {"authority": authority},
    )
    return {row.reference: row.place_id for row in rows}


def refer(connection: Connection, authority: str, references: Iterable[tuple[str, uuid.UUID]]) -> None:
    """Remember by which reference a register calls each place."""
    with (
        driver(connection).cursor() as cursor,
        cursor.copy(
            "COPY geoplatform.place_reference (authority, reference, place_id) FROM STDIN (FORMAT binary)"
        ) as copy,
    ):
        copy.set_types(["text", "text", "uuid"])
        for reference, place_id in references:
            copy.write_row((authority, reference, place_id))


def own_polygon_covers(connection: Connection, pairs: list[tuple[uuid.UUID, str]]) -> list[tuple[str, bool | None]]:
    """For each (place, commune it should lie in) that commune's code and whether its active polygon covers the place.

    None where the commune has no polygon.
    """
    rows = connection.execute(
        text("""
            SELECT pair.code, ST_Covers(c.geom, p.geom)
            FROM unnest(CAST(:ids AS uuid[]), CAST(:codes AS text[])) AS pair (id, code)
            JOIN geoplatform.place AS p ON p.id = pair.id
            LEFT JOIN geoplatform.commune AS c ON c.vintage_id = geoplatform.active_vintage() AND c.code = pair.code
            ORDER BY pair.code
        """),
        {"ids": [place_id for place_id, _ in pairs], "codes": [code for _, code in pairs]},
    )
    return [(code, covers) for code, covers in rows]


def withdraw_synthetic(connection: Connection) -> int:
    """Number of demonstration places removed; the change log keeps that they came and went."""
    connection.execute(
        text("""
            INSERT INTO geoplatform.change
                (operation, place_id, version, occurred_at, actor, commune_code_before, geom_before)
            SELECT 'delete', p.id, p.version + 1, now(), 'demo', l.commune_code, p.geom
            FROM geoplatform.place AS p
            LEFT JOIN geoplatform.placement AS l
              ON l.place_id = p.id AND l.vintage_id = geoplatform.active_vintage()
            WHERE p.source = 'synthetic'
        """)
    )
    return connection.execute(text("DELETE FROM geoplatform.place WHERE source = 'synthetic'")).rowcount


def get(connection: Connection, place_id: uuid.UUID) -> Place | None:
    """The place as the public sees it, or None."""
    row = connection.execute(public_rows(places).where(places.c.id == place_id)).one_or_none()
    return read(row) if row else None


def exportable_of_commune(connection: Connection, code: str, vintage: int | None = None) -> Iterator[Place]:
    """Every place of a commune that a download may hold, by its identifier; streamed through a cursor of the server.

    `vintage`: number of an earlier one: its places are those that lay in the commune then, with the verdicts of then.
    """
    table, here = lying_in(code, vintage, exportable_places, exportable_place_editions)
    query = public_rows(table).where(*here).order_by(table.c.id)
    result = connection.execution_options(stream_results=True, yield_per=_STREAMED_AT_ONCE).execute(query)
    for row in result:
        yield read(row)


def lying_in(code: str, vintage: int | None, now: Table, ever: Table) -> tuple[Table, list[ColumnElement[bool]]]:
    """The view to read and the conditions on it: `now` places in the active vintage, `ever` in each one that is kept."""
    if vintage is None:
        return now, [now.c.commune_code == code]
    return ever, [ever.c.vintage_id == vintage, ever.c.commune_code == code]


def count_by_source(connection: Connection) -> dict[str, int]:
    """Number of public places by source."""
    rows = connection.execute(select(places.c.source, func.count()).group_by(places.c.source))
    return {row[0]: row[1] for row in rows}


def newest(connection: Connection, most: int) -> list[Place]:
    """The places that citizens added last, the newest first."""
    query = public_rows(places).where(places.c.source == Source.CITIZEN.value).order_by(places.c.fid.desc()).limit(most)
    return [read(row) for row in connection.execute(query)]


def all_categories(connection: Connection) -> dict[str, Category]:
    """Every category by its code."""
    rows = connection.execute(select(categories).order_by(categories.c.kind, categories.c.code))
    return {
        row.code: Category(row.code, Kind(row.kind), row.label_fr, row.label_en, row.osm_tag, row.schema_org)
        for row in rows
    }


def public_rows(table: Any) -> Select[Any]:
    """A selection of what `read` reads, from one of the views of places; with the day on which each was last confirmed."""
    columns = [column for column in table.c if column.name not in ("geom", "geom_3857", "quadkey", "vintage_id")]
    told = place_confirmations
    position = geo.ST_X(table.c.geom).label("lon"), geo.ST_Y(table.c.geom).label("lat")
    return select(*columns, *position, told.c.confirmed_on).select_from(
        table.outerjoin(told, told.c.place_id == table.c.id)
    )


def read(row: Any) -> Place:
    """The place that such a row is of."""
    return Place(
        id=row.id,
        kind=Kind(row.kind),
        category=row.category,
        name=row.name,
        description=row.description,
        address=row.address,
        phone=row.phone,
        website=row.website,
        opening_hours=row.opening_hours,
        stage=Stage(row.stage) if row.stage else None,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        licence=Licence(row.licence),
        source=Source(row.source),
        source_name=row.source_name,
        position=None if row.lon is None else LonLat(row.lon, row.lat),
        placement=_placement(row),
        version=row.version,
        created_on=row.created_on,
        modified_on=row.modified_on,
        confirmed_on=row.confirmed_on,
    )


def _placement(row: Any) -> Placement:
    return Placement(
        verdict=Verdict(row.verdict) if row.verdict else None,
        method=Method(row.method) if row.method else None,
        commune_code=row.commune_code,
        commune_name=row.commune_name,
        vintage=row.vintage,
        distance_m=row.distance_m,
    )
