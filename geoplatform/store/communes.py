"""Communes: found by name, code or postal code, read with their polygon, in the active vintage or an earlier one.

From the web. `vintage` is the number of a public vintage; None is the active one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from geoalchemy2 import functions as geo
from sqlalchemy import Connection, Select, String, func, literal, or_, select, text

from geoplatform.errors import Unknown, UnknownCommune
from geoplatform.model import COMMUNE_CODE, POSTAL_CODE, BBox, Commune, FormerCommune, LonLat, Succession
from geoplatform.store.tables import commune_editions, communes, former_communes, territories

_LONGEST_QUERY = 100
_PLAIN = [column.name for column in communes.c if column.name not in ("geom", "fid")]


def get(connection: Connection, code: str, vintage: int | None = None) -> Commune:
    """The commune with its bounding box and a point on its surface. UnknownCommune if there is none of this code."""
    table, query = _from(vintage)
    row = connection.execute(_with_extent(table, query).where(table.c.code == code)).one_or_none()
    if row is None:
        raise UnknownCommune(code)
    return _commune(row)


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A code that is no longer in force, with those of its successors that the active vintage has: one at least."""

    former: FormerCommune
    heirs: tuple[Commune, ...]


def succession(connection: Connection, code: str) -> Succeeded:
    """What became of a code that is no longer in force.

    UnknownCommune if it never was one, no list of movements is loaded, or none of its successors is there.
    """
    row = connection.execute(select(former_communes).where(former_communes.c.code == code)).one_or_none()
    heirs = some(connection, row.successors) if row else []
    if row is None or not heirs:
        raise UnknownCommune(code)
    former = FormerCommune(row.code, row.name, row.until_on, Succession(row.how), tuple(row.successors))
    return Succeeded(former, tuple(heirs))


def sought(connection: Connection, code: str, vintage: int | None = None) -> Commune | Succeeded:
    """As `get`; today, a code that is no longer in force leads to who has its land."""
    try:
        return get(connection, code, vintage)
    except UnknownCommune:
        if vintage is not None:
            raise
        return succession(connection, code)


def geometry_json(connection: Connection, code: str, vintage: int | None = None) -> str | None:
    """The commune's limits as GeoJSON text (EPSG:4326, RFC 7946 winding, 7 decimals), None where there are none."""
    table, query = _from(vintage)
    shape = func.ST_AsGeoJSON(func.ST_ForcePolygonCCW(table.c.geom), 7)
    return connection.execute(query.add_columns(shape).where(table.c.code == code)).scalar()


def find(connection: Connection, words: str, limit: int, vintage: int) -> list[Commune]:
    """Communes that the words may mean, the likeliest first; none for words without letters or digits.

    A postal code or INSEE code is matched whole, the postal code first: it is the one that people know. A name is
    matched by its beginning, then anywhere in it, without accents, case, hyphens or article. Among equals the more
    populous comes first.
    """
    words = words.strip()[:_LONGEST_QUERY]
    if not re.search(r"\w", words):
        return []
    table, query = _from(vintage)
    query = query.add_columns(*_plain(table))
    populous = table.c.population.desc().nulls_last()
    code = words.upper()
    if COMMUNE_CODE.fullmatch(code) or POSTAL_CODE.fullmatch(words):
        by_post = table.c.postal_codes.contains([words])
        matches = query.where(or_(table.c.code == code, by_post)).order_by(~by_post, populous)
        return [_commune(row) for row in connection.execute(matches.limit(limit))]
    key = connection.execute(select(func.geoplatform.search_key(literal(words, String)))).scalar()
    if not key:
        return []
    name = table.c.search_key
    starts = name.startswith(key, autoescape=True)
    matches = query.where(name.contains(key, autoescape=True)).order_by(name != key, ~starts, populous, table.c.code)
    return [_commune(row) for row in connection.execute(matches.limit(limit))]


def some(connection: Connection, codes: Sequence[str], vintage: int | None = None) -> list[Commune]:
    """Those of the named communes that exist, in the order asked."""
    table, query = _from(vintage)
    rows = connection.execute(query.add_columns(*_plain(table)).where(table.c.code.in_(codes)))
    found = {row.code: row for row in rows}
    return [_commune(found[code]) for code in codes if code in found]


def codes(connection: Connection) -> list[str]:
    """Codes of all communes in force, in order."""
    return list(connection.execute(select(communes.c.code).order_by(communes.c.code)).scalars())


def neighbours(connection: Connection, code: str, vintage: int | None = None, limit: int = 30) -> list[Commune]:
    """Communes that share a limit with this one, by name."""
    table, query = _from(vintage)
    here = query.add_columns(table.c.geom).where(table.c.code == code).scalar_subquery()
    matches = (
        query.add_columns(*_plain(table))
        .where(func.ST_DWithin(table.c.geom, here, 1e-6), table.c.code != code)
        .order_by(func.geoplatform.search_key(table.c.name), table.c.code)
        .limit(limit)
    )
    return [_commune(row) for row in connection.execute(matches)]


def covering(connection: Connection, position: LonLat) -> Any:
    """The verdict on a position on the active vintage (verdict, method, commune_code, commune_name, distance_m), and the commune
    beyond the nearest limit (beyond_code, beyond_name)."""
    found = text("SELECT * FROM published.place_of(:lon, :lat)")
    return connection.execute(found, {"lon": position.lon, "lat": position.lat}).one()


def centres(connection: Connection, territory: str | None) -> list[tuple[float, float, float, int]]:
    """(longitude, latitude, radius in degrees, population) of every commune with limits, perhaps of one territory."""
    middle = geo.ST_PointOnSurface(communes.c.geom)
    radius = func.sqrt(communes.c.area_km2) / 111
    query = select(geo.ST_X(middle), geo.ST_Y(middle), radius, func.coalesce(communes.c.population, 0))
    rows = connection.execute(
        _of_territory(query.where(communes.c.geom.is_not(None)), territory).order_by(communes.c.code)
    )
    return [tuple(row) for row in rows]


def territory_boxes(connection: Connection, territory: str | None) -> list[tuple[float, float, float, float]]:
    """(west, south, east, north) in degrees of each territory that has limits."""
    box = func.ST_Extent(communes.c.geom)
    query = select(func.ST_XMin(box), func.ST_YMin(box), func.ST_XMax(box), func.ST_YMax(box))
    query = _of_territory(query.where(communes.c.geom.is_not(None)), territory)
    rows = connection.execute(query.group_by(communes.c.territory_code).order_by(communes.c.territory_code))
    return [tuple(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Extent:
    """Where communes lie together. `bounds`: west, south, east, north in degrees; `legal_srid`: EPSG code of their territory.

    `code`, `name`: of the commune or department that was asked for, empty for all; `department_code`: of one of them.
    """

    code: str
    name: str
    department_code: str
    legal_srid: int
    bounds: tuple[float, float, float, float]


def extent(connection: Connection, unit: Literal["code", "department_code"] | None, code: str | None) -> Extent:
    """The extent of the commune or department of this code; without one, of the territory with most communes.

    Unknown (of a commune: UnknownCommune) if there is none of this code, or none of its communes has limits.
    """
    box = func.ST_Extent(communes.c.geom)
    bounds = [side(box) for side in (func.ST_XMin, func.ST_YMin, func.ST_XMax, func.ST_YMax)]
    named = communes.c.department_name if unit == "department_code" else communes.c.name
    query = (
        select(func.min(named), func.min(communes.c.department_code), territories.c.legal_srid, *bounds)
        .join(territories, territories.c.code == communes.c.territory_code)
        .where(communes.c.geom.is_not(None))
        .group_by(territories.c.code, territories.c.legal_srid)
        .order_by(func.count().desc())
    )
    row = connection.execute(query.where(communes.c[unit] == code) if unit else query).first()
    if row is None:
        raise UnknownCommune(code) if unit == "code" else Unknown("department", code)
    name, department, srid, *edges = row
    return Extent(code or "", name if unit else "", department, srid, (edges[0], edges[1], edges[2], edges[3]))


def _of_territory(query: Any, territory: str | None) -> Any:
    return query if territory is None else query.where(communes.c.territory_code == territory)


def _from(vintage: int | None) -> tuple[Any, Select[Any]]:
    """The table that holds the communes of a vintage and an empty selection of its rows."""
    if vintage is None:
        return communes, select()
    return commune_editions, select().where(commune_editions.c.vintage_id == vintage)


def _plain(table: Any) -> list[Any]:
    return [table.c[name] for name in _PLAIN]


def _with_extent(table: Any, query: Select[Any]) -> Select[Any]:
    shape = table.c.geom
    middle = geo.ST_PointOnSurface(shape)
    return query.add_columns(
        *_plain(table),
        *(bound(shape).label(name) for bound, name in (
            (func.ST_XMin, "west"), (func.ST_YMin, "south"), (func.ST_XMax, "east"), (func.ST_YMax, "north"),
        )),
        geo.ST_X(middle).label("lon"),
        geo.ST_Y(middle).label("lat"),
    )  # fmt: skip


def _commune(row: Any) -> Commune:
    values = row._mapping
    known = values.get("west") is not None
    return Commune(
        **{name: values[name] for name in _PLAIN if name != "postal_codes"},
        postal_codes=tuple(values["postal_codes"]),
        bbox=BBox(values["west"], values["south"], values["east"], values["north"]) if known else None,
        centre=LonLat(values["lon"], values["lat"]) if known else None,
    )
