"""Places as they were: versions that the public may see, without who made them. From the web."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from geoplatform.store.tables import place_versions

_TOLD = [column for column in place_versions.c if column.name not in ("is_item", "geom")]
_SELECT = select(
    *_TOLD,
    func.ST_X(place_versions.c.geom).label("lon"),
    func.ST_Y(place_versions.c.geom).label("lat"),
)
_DECIMALS = 7


def of_place(connection: Connection, place_id: uuid.UUID) -> list[dict[str, Any]]:
    """Every version, the latest first, as GeoJSON features; `from_on` and `until_on` tell on which days each was in force."""
    query = _SELECT.where(place_versions.c.place_id == place_id).order_by(place_versions.c.version.desc())
    return [_feature(row) for row in connection.execute(query)]


def of_day(connection: Connection, place_id: uuid.UUID, day: dt.date) -> dict[str, Any] | None:
    """The version that was in force when that day ended (UTC), None if the public may see none."""
    query = _SELECT.where(place_versions.c.place_id == place_id, _in_force(day))
    row = connection.execute(query.order_by(place_versions.c.version.desc()).limit(1)).one_or_none()
    return _feature(row) if row else None


def of_commune(connection: Connection, code: str, day: dt.date) -> list[dict[str, Any]]:
    """Those that lay in a commune then, and that a list may hold then and now."""
    query = _SELECT.where(place_versions.c.commune_code == code, place_versions.c.is_item, _in_force(day))
    return [_feature(row) for row in connection.execute(query.order_by(place_versions.c.place_id))]


def _in_force(day: dt.date) -> ColumnElement[bool]:
    since, until = place_versions.c.from_on, place_versions.c.until_on
    return and_(since <= day, or_(until.is_(None), until > day))


def _feature(row: Any) -> dict[str, Any]:
    properties = {name: _plain(value) for name, value in row._mapping.items() if name not in ("place_id", "lon", "lat")}
    point = None if row.lon is None else [round(row.lon, _DECIMALS), round(row.lat, _DECIMALS)]
    geometry = {"type": "Point", "coordinates": point} if point else None
    return {"type": "Feature", "id": str(row.place_id), "geometry": geometry, "properties": properties}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value
