"""Addresses of the Base Adresse Nationale: kept by the loaders, a department or some communes at a time; found by the web."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from geoplatform.model import Address, LonLat
from geoplatform.store.engine import driver

#: Columns of what arrives, in the order in which the loader gives them.
_ARRIVED = {
    "ban_id": "text", "street_ban_id": "text", "number": "integer", "suffix": "text", "street": "text", "postal_code": "text",
    "insee_code": "text", "commune_code": "text", "commune_name": "text", "former_name": "text", "lon": "double precision",
    "lat": "double precision",
}  # fmt: skip
_STREET = "street_ban_id, street, postal_code, insee_code, commune_code, commune_name, former_name"
_COPY = f"COPY arrived_address ({', '.join(_ARRIVED)}) FROM STDIN"


@dataclass(frozen=True, slots=True)
class Replaced:
    """What became of the addresses that arrived: stored, repeated (the same number of the same street); removed: those before."""

    streets: int
    stored: int
    repeated: int
    removed: int
    communes: int


def replace(connection: Connection, rows: Iterable[tuple[Any, ...]], department: str | None) -> Replaced:
    """Put the addresses in the place of those of a department, or of the communes that they are of.

    A row: identifier, that of its street, number, suffix (lower case), street, postal code, INSEE code, that of the commune, its
    name, that of the former commune, longitude and latitude (EPSG:4326). Nothing is None; suffix, postal code and former name
    may be empty.
    """
    columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in _ARRIVED.items())
    connection.execute(text(f"CREATE TEMPORARY TABLE arrived_address ({columns}) ON COMMIT DROP"))
    with driver(connection).cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)
    connection.execute(text("ANALYZE arrived_address"))
    counted = connection.execute(text("SELECT count(*), count(DISTINCT commune_code) FROM arrived_address")).one()
    removed = _remove(connection, department)
    streets = connection.execute(text(_STORE_STREETS)).rowcount
    connection.execute(text("SELECT geoplatform.analyse_addresses()"))  # else each address looks through its commune
    stored = connection.execute(text(_STORE_ADDRESSES)).rowcount
    connection.execute(text("SELECT geoplatform.analyse_addresses()"))
    return Replaced(streets, stored, counted[0] - stored, removed, counted[1])


def _remove(connection: Connection, department: str | None) -> int:
    """How many there were of the department, else of the communes that what arrived is of."""
    wanted = "SELECT DISTINCT insee_code FROM arrived_address"
    there = "s.insee_code LIKE :department || '%'" if department else f"s.insee_code IN ({wanted})"
    named = {"department": department} if department else {}
    gone = f"DELETE FROM geoplatform.address AS a USING geoplatform.street AS s WHERE s.id = a.street_id AND {there}"  # noqa: S608 - ours
    removed = connection.execute(text(gone), named).rowcount
    connection.execute(text(f"DELETE FROM geoplatform.street AS s WHERE {there}"), named)  # noqa: S608 - ours
    return removed


_POINT = "ST_SetSRID(ST_MakePoint(lon, lat), 4326)"
_STORE_STREETS = f"""
    INSERT INTO geoplatform.street (ban_id, name, postal_code, insee_code, commune_code, commune_name, former_name, geom)
    SELECT street_ban_id, street, nullif(postal_code, ''), insee_code, commune_code, commune_name, nullif(former_name, ''),
           (array_agg({_POINT} ORDER BY number, suffix))[(count(*) + 1) / 2]
    FROM arrived_address GROUP BY {_STREET} ORDER BY {_STREET}
"""  # noqa: S608 - our own columns
_STORE_ADDRESSES = f"""
    INSERT INTO geoplatform.address (street_id, number, suffix, ban_id, geom)
    SELECT s.id, a.number, a.suffix, a.ban_id, {_POINT}
    FROM arrived_address AS a
    JOIN geoplatform.street AS s
      ON (s.ban_id, s.name, s.insee_code, s.commune_name) = (a.street_ban_id, a.street, a.insee_code, a.commune_name)
     AND (coalesce(s.postal_code, ''), coalesce(s.former_name, '')) = (a.postal_code, a.former_name)
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - our own point


def find(connection: Connection, words: str, limit: int, commune: str | None) -> list[Address]:
    """Addresses that the words may mean, the likeliest first; of one commune (INSEE code) if one is given. None for words without
    letters or digits. What a street is found by stands with `published.find_addresses`.
    """
    asked = {"words": words, "commune": commune, "limit": limit}
    rows = connection.execute(text("SELECT * FROM published.find_addresses(:words, :commune, :limit)"), asked)
    return [
        Address(
            id=row.ban_id,
            number=row.number,
            suffix=row.suffix or "",
            street=row.street,
            postal_code=row.postal_code,
            commune_code=row.commune_code,
            commune_name=row.commune_name,
            former_name=row.former_name,
            position=LonLat(row.lon, row.lat),
        )
        for row in rows
    ]


def are_kept(connection: Connection, commune: str | None) -> bool:
    """Whether any address can be found, of a commune (INSEE code) if one is given."""
    there = text("SELECT published.has_addresses(:commune)")
    return bool(connection.execute(there, {"commune": commune}).scalar_one())
