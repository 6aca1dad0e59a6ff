"""Communes of the active vintage: found by name, code or postal code, read with their polygon. From the web."""

from __future__ import annotations

import re
from typing import Any

from geoalchemy2 import functions as geo
from sqlalchemy import Connection, Select, String, func, literal, or_, select, text

from geoplatform.errors import UnknownCommune
from geoplatform.model import COMMUNE_CODE, POSTAL_CODE, BBox, Commune, LonLat
from geoplatform.store.tables import communes

_LONGEST_QUERY = 100
_PLAIN = [column for column in communes.c if column.name not in ("geom", "geom_3857", "search_key", "fid")]


def get(connection: Connection, code: str) -> Commune:
    """The commune with its bounding box and a point on its surface. UnknownCommune if there is none of this code."""
    query = _with_extent().where(communes.c.code == code)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownCommune(code)
    return _commune(row)


def geometry_json(connection: Connection, code: str) -> str | None:
    """The commune's limits as GeoJSON text (EPSG:4326, RFC 7946 winding, 7 decimals), None where there are none."""
    shape = func.ST_AsGeoJSON(func.ST_ForcePolygonCCW(communes.c.geom), 7)
    return connection.execute(select(shape).where(communes.c.code == code)).scalar()


def find(connection: Connection, words: str, limit: int) -> list[Commune]:
    """Communes that the words may mean, the likeliest first; none for words without letters or digits.

    A postal code or INSEE code is matched whole, the postal code first: it is the one that people know. A name is
    matched by its beginning, then anywhere in it, without accents, case, hyphens or article. Among equals the more
    populous comes first.
    """
    words = words.strip()[:_LONGEST_QUERY]
    if not re.search(r"\w", words):
        return []
    code = words.upper()
    if COMMUNE_CODE.fullmatch(code) or POSTAL_CODE.fullmatch(words):
        by_post = communes.c.postal_codes.contains([words])
        query = select(*_PLAIN).where(or_(communes.c.code == code, by_post))
        rows = connection.execute(query.order_by(~by_post, communes.c.population.desc().nulls_last()).limit(limit))
        return [_commune(row) for row in rows]
    key = connection.execute(select(func.geoplatform.search_key(literal(words, String)))).scalar()
    if not key:
        return []
    name = communes.c.search_key
    query = (
        select(*_PLAIN)
        .where(name.contains(key, autoescape=True))
        .order_by(
            name != key,
            ~name.startswith(key, autoescape=True),
            communes.c.population.desc().nulls_last(),
            communes.c.code,
        )
        .limit(limit)
    )
    return [_commune(row) for row in connection.execute(query)]


def some(connection: Connection, codes: list[str]) -> list[Commune]:
    """Those of the named communes that exist, in the order asked."""
    rows = {row.code: row for row in connection.execute(select(*_PLAIN).where(communes.c.code.in_(codes)))}
    return [_commune(rows[code]) for code in codes if code in rows]


def neighbours(connection: Connection, code: str, limit: int = 30) -> list[Commune]:
    """Communes that share a limit with this one, by name."""
    here = select(communes.c.geom).where(communes.c.code == code).scalar_subquery()
    query = (
        select(*_PLAIN)
        .where(func.ST_DWithin(communes.c.geom, here, 1e-6), communes.c.code != code)
        .order_by(communes.c.search_key, communes.c.code)
        .limit(limit)
    )
    return [_commune(row) for row in connection.execute(query)]


def covering(connection: Connection, position: LonLat) -> Any:
    """The verdict on a position (verdict, method, commune_code, distance_m) on the active vintage."""
    found = text("SELECT verdict, method, commune_code, distance_m FROM published.place_of(:lon, :lat)")
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


def _of_territory(query: Any, territory: str | None) -> Any:
    return query if territory is None else query.where(communes.c.territory_code == territory)


def _with_extent() -> Select[Any]:
    shape = communes.c.geom
    middle = geo.ST_PointOnSurface(shape)
    return select(
        *_PLAIN,
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
        **{column.name: values[column.name] for column in _PLAIN if column.name != "postal_codes"},
        postal_codes=tuple(values["postal_codes"]),
        bbox=BBox(values["west"], values["south"], values["east"], values["north"]) if known else None,
        centre=LonLat(values["lon"], values["lat"]) if known else None,
    )
