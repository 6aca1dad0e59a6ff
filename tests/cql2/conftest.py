"""A table to ask, with something of each type, each oddity of values, and each kind of geometry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from geoalchemy2 import Geometry
from sqlalchemy import Boolean, Column, Date, DateTime, Double, Integer, MetaData, Table, Text, Uuid, select

from geoplatform.cql2 import Property, Type, check, parse_text
from geoplatform.cql2.tree import Node
from geoplatform.references import CRS84, Reference
from geoplatform.store.engine import Store
from geoplatform.store.filtering import condition
from tests.conftest import Database, cloned

ASKED = Table(
    "asked", MetaData(),
    Column("id", Integer), Column("kind", Text), Column("name", Text), Column("code", Text), Column("population", Integer),
    Column("area", Double), Column("open", Boolean), Column("day", Date), Column("made_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)), Column("uid", Uuid), Column("geom", Geometry(srid=4326)),
)  # fmt: skip
_TYPES = {
    "id": Type.INTEGER, "kind": Type.STRING, "name": Type.STRING, "code": Type.STRING, "population": Type.INTEGER,
    "area": Type.NUMBER, "open": Type.BOOLEAN, "day": Type.DATE, "made_at": Type.TIMESTAMP, "ended_at": Type.TIMESTAMP,
    "uid": Type.STRING, "geom": Type.GEOMETRY,
}  # fmt: skip
PROPERTIES = {name: Property(name, kind) for name, kind in _TYPES.items()}
_ROWS = r"""
    (1, 'merchant', 'O''Brien', '97414', 10, 0.5, true, '2026-01-01', '2026-01-01 00:00Z', '2026-06-01 00:00Z',
        '00000000-0000-4000-8000-000000000001', 'POINT(55.5 -21)'),
    (2, 'service', 'STRASSE 50%', '2A004', 2147483647, 1.7976931348623157e308, false, '2026-01-01', '2026-01-01 23:59:59.999999Z',
        NULL, '00000000-0000-4000-8000-000000000002', 'POINT(179.5 -17)'),
    (3, 'service', 'Straße', '01001', -7, 5e-324, NULL, '2026-12-31', '2026-12-31 12:00Z', '2027-01-01 00:00Z',
        NULL, 'POINT(-179.5 -17)'),
    (4, 'project', 'Débárquér', '01002', 0, 0, true, '2025-12-31', '2025-12-31 23:59:59Z', '2026-01-01 00:00Z',
        NULL, 'POLYGON((55 -22,56 -22,56 -20,55 -20,55 -22))'),
    (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (6, 'association', 'back\slash_ ＼％ ΟΔΟΣ', '75056', 3, -2.5, false, '0001-01-01', '0001-01-01 00:00Z',
        '9999-12-31 23:59:59Z', NULL, 'LINESTRING(55 -21,57 -21)'),
    (7, '', ' ', '', -2147483648, 0.1, true, '9999-12-31', '9999-12-31 23:59:59.999999Z', NULL, NULL, 'POINT(0 0)')
"""


@dataclass(frozen=True)
class Asked:
    """The table, asked as the web asks."""

    store: Store
    database: Database

    def of(self, tree: Node, crs: Reference = CRS84) -> list[int]:
        """Numbers of the rows that a filter takes."""
        asked = select(ASKED.c.id).where(condition(check(tree, PROPERTIES, crs), dict(ASKED.c))).order_by(ASKED.c.id)
        with self.store.reading() as connection:
            return list(connection.execute(asked).scalars())

    def __call__(self, text: str, crs: Reference = CRS84) -> list[int]:
        return self.of(parse_text(text), crs)


@pytest.fixture(scope="module")
def asked(cluster, template) -> Iterator[Asked]:
    with cloned(cluster, template) as database:
        with database.connect() as connection:
            connection.execute(
                """CREATE TABLE asked (id integer, kind text, name text, code text COLLATE "C", population integer, area float8,
                   open boolean, day date, made_at timestamptz, ended_at timestamptz, uid uuid, geom geometry(Geometry, 4326))"""
            )
            connection.execute(f"INSERT INTO asked VALUES {_ROWS}")
            connection.execute("GRANT SELECT ON asked TO geoplatform_web")
        yield Asked(database.store("geoplatform_web"), database)
