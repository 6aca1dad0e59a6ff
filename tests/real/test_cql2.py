"""The examples of the CQL2 standard in both its forms, and its data (OGC 21-065r2, its repository)."""

from __future__ import annotations

import json

import pyogrio
import pytest
import shapely
from geoalchemy2 import Geometry
from sqlalchemy import Boolean, Column, Date, DateTime, Double, Integer, MetaData, Table, Text, func, select

from geoplatform.cql2 import Property, Type, check, parse_json, parse_text, to_json, to_text
from geoplatform.store.filtering import condition
from tests.conftest import REAL, cloned

pytestmark = pytest.mark.real
CQL2 = REAL / "peer" / "cql2"
TEXTS = sorted((CQL2 / "examples" / "text").glob("*.txt"))
COUNTRIES, PLACES = "ne_110m_admin_0_countries", "ne_110m_populated_places_simple"
COLUMNS = {
    COUNTRIES: {"NAME": Type.STRING, "NAME_EL": Type.STRING, "CONTINENT": Type.STRING, "POP_EST": Type.NUMBER},
    PLACES: {
        "name": Type.STRING,
        "pop_other": Type.INTEGER,
        "pop_max": Type.INTEGER,
        "date": Type.DATE,
        "start": Type.TIMESTAMP,
        "end": Type.TIMESTAMP,
        "boolean": Type.BOOLEAN,
    },
}
_SQL = {
    Type.STRING: Text, Type.NUMBER: Double, Type.INTEGER: Integer, Type.DATE: Date, Type.TIMESTAMP: DateTime(timezone=True),
    Type.BOOLEAN: Boolean,
}  # fmt: skip


def test_there_are_all_of_them():
    assert (len(TEXTS), len(list((CQL2 / "examples" / "json").glob("*.json")))) == (120, 109)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_text_and_json_agree(path):
    said = (CQL2 / "examples" / "json" / f"{path.stem.split('-alt')[0]}.json").read_bytes()
    tree = parse_text(path.read_text())
    assert parse_json(said) == tree
    assert to_json(tree) == json.loads(said)
    assert parse_text(to_text(tree)) == tree


@pytest.fixture(scope="module")
def count(cluster, template):
    """How many features of a layer a filter takes, in PostGIS."""
    with cloned(cluster, template) as database:
        tables = {layer: _loaded(database, layer) for layer in COLUMNS}
        store = database.store("geoplatform_admin")

        def counted(layer: str, text: str) -> int:
            table = tables[layer]
            known = {name: Property(name, kind) for name, kind in {**COLUMNS[layer], "geom": Type.GEOMETRY}.items()}
            asked = condition(check(parse_text(text), known), dict(table.c))
            with store.reading() as connection:
                return connection.execute(select(func.count()).select_from(table).where(asked)).scalar_one()

        yield counted


def _loaded(database, layer: str) -> Table:
    columns = COLUMNS[layer]
    table = Table(
        layer,
        MetaData(),
        *(Column(name, _SQL[kind]) for name, kind in columns.items()),
        Column("geom", Geometry(srid=4326)),
    )
    meta, _, shapes, values = pyogrio.raw.read(CQL2 / "ne110m4cql2.gpkg", layer=layer, columns=list(columns))
    found = dict(zip(meta["fields"], values, strict=True))
    with database.store("geoplatform_admin").transaction() as connection:
        table.metadata.create_all(connection)
        rows = [
            {name: _value(found[name][number], kind) for name, kind in columns.items()}
            | {"geom": shapely.from_wkb(shapes[number]).wkt}
            for number in range(len(shapes))
        ]
        connection.execute(table.insert(), rows)
    return table


def _value(value, kind: Type):
    if kind is Type.STRING:
        return value
    if kind.is_temporal:
        return None if str(value) == "NaT" else f"{value}Z"[: 10 if kind is Type.DATE else None]
    if value != value:
        return None
    return bool(value) if kind is Type.BOOLEAN else float(value) if kind is Type.NUMBER else int(value)


#: What a filter takes, and what GDAL asks SQLite for the same.
ATTRIBUTES = [
    (COUNTRIES, "NAME='Luxembourg'", "NAME='Luxembourg'", 1),
    (COUNTRIES, "NAME>='Luxembourg'", "NAME>='Luxembourg'", 84),
    (COUNTRIES, "NAME<'Luxembourg'", "NAME<'Luxembourg'", 93),
    (COUNTRIES, "NOT NAME='Luxembourg'", "NAME<>'Luxembourg'", 176),
    (COUNTRIES, "POP_EST>=37589262", "POP_EST>=37589262", 39),
    (COUNTRIES, "POP_EST<37589262 AND NAME>'Luxembourg'", "POP_EST<37589262 AND NAME>'Luxembourg'", 64),
    (COUNTRIES, "NAME LIKE 'B_r%' OR POP_EST=37589262", "NAME LIKE 'B_r%' OR POP_EST=37589262", 3),
    (COUNTRIES, "POP_EST NOT BETWEEN 1000000 AND 3000000", "POP_EST NOT BETWEEN 1000000 AND 3000000", 155),
    (COUNTRIES, "ACCENTI(NAME)=ACCENTI('Cote d''Ivoire')", "NAME='Côte d''Ivoire'", 1),
    (COUNTRIES, "CASEI(NAME_EL)=CASEI('ΙΣΛΑΝΔΊΑ')", "NAME='Iceland'", 1),
    (PLACES, "name='København'", "name='København'", 1),
    (PLACES, "name IS NOT NULL", "name IS NOT NULL", 243),
    (PLACES, "name IN ('Kiev','København','foo')", "name IN ('Kiev','København','foo')", 2),
    (PLACES, "pop_other>1038288", "pop_other>1038288", 122),
    (PLACES, "pop_max % 2 = 1", "pop_max % 2 = 1", 31),
    (PLACES, "pop_other * 2 > pop_max", "pop_other * 2 > pop_max", 189),
    (PLACES, "pop_max div 1000 > 20000", "pop_max / 1000 > 20000", 1),
    (PLACES, "boolean=true", "boolean=1", 2),
    (PLACES, "date=DATE('2022-04-16')", "date='2022-04-16'", 1),
    (PLACES, "T_AFTER(date,DATE('2022-04-16'))", "date>'2022-04-16'", 1),
    (PLACES, "T_DISJOINT(date,DATE('2022-04-16'))", "date<>'2022-04-16'", 2),
    (PLACES, "start<=TIMESTAMP('2022-04-16T10:13:19Z')", "start<='2022-04-16T10:13:19Z'", 2),
    (
        PLACES,
        "T_DURING(INTERVAL(start,\"end\"),INTERVAL('2021-01-01','2022-12-31'))",
        "start>'2021-01-01' AND \"end\"<'2023-01-01'",
        2,
    ),
]


@pytest.mark.parametrize(("layer", "text", "where", "expected"), ATTRIBUTES, ids=[row[1] for row in ATTRIBUTES])
def test_a_filter_takes_as_many_features_as_gdal(count, layer, text, where, expected):
    sql = f'SELECT count(*) AS n FROM "{layer}" WHERE {where}'
    (told,) = pyogrio.raw.read(CQL2 / "ne110m4cql2.gpkg", sql=sql)[3]
    assert count(layer, text) == told[0] == expected


BOX, LINE = "BBOX(0,40,10,50)", "LINESTRING(0 40,10 50)"
#: … and how many shapely finds.
SHAPES = [
    ("s_intersects", COUNTRIES, BOX, 8),
    ("s_disjoint", COUNTRIES, BOX, 169),
    ("s_intersects", COUNTRIES, "BBOX(150,-90,-150,90)", 10),
    ("s_within", COUNTRIES, "BBOX(-180,-90,0,90)", 44),
    ("s_overlaps", COUNTRIES, "BBOX(-180,-90,0,90)", 11),
    ("s_crosses", COUNTRIES, LINE, 4),
    ("s_contains", COUNTRIES, "POINT(7.02 49.92)", 1),
    ("s_intersects", PLACES, BOX, 7),
    ("s_within", PLACES, "BBOX(150,-90,-150,90)", 12),
    ("s_equals", PLACES, "POINT(9.5166695 47.1337238)", 1),
]


@pytest.mark.parametrize(("op", "layer", "geometry", "expected"), SHAPES, ids=[f"{row[0]} {row[2]}" for row in SHAPES])
def test_a_filter_takes_as_many_features_as_shapely(count, op, layer, geometry, expected):
    shapes = shapely.from_wkb(pyogrio.raw.read(CQL2 / "ne110m4cql2.gpkg", layer=layer, columns=[])[2])
    assert count(layer, f"{op}(geom,{geometry})") == expected
    against = shapely.from_wkt(geometry) if not geometry.startswith("BBOX") else _boxes(geometry)
    assert int(getattr(shapely, op[2:])(shapes, against).sum()) == expected


def _boxes(text: str) -> shapely.Geometry:
    west, south, east, north = (float(number) for number in text[5:-1].split(","))
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.MultiPolygon([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])
