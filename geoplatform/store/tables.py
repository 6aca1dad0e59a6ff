"""The published views mirrored for SQLAlchemy and GeoAlchemy2: what queries read.

Never creates anything: `sql/` owns the definitions, and tests/sql/test_mirror.py holds both together. `kept` mirrors the tables.
"""

from __future__ import annotations

from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL
from sqlalchemy.types import UserDefinedType

metadata = MetaData()


class Xml(UserDefinedType[str]):
    """An XML document, which SQLAlchemy has no type for; as text on this side."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Its name in SQL."""
        return "xml"

    def bind_expression(self, bindvalue: Any) -> Any:
        """A text is parsed."""
        return func.xml(bindvalue)


def geometry(kind: str, srid: int, name: str = "geom") -> Column[object]:
    """A column of geometries of one kind; `sql/` makes the indexes."""
    return Column(name, Geometry(kind, srid=srid, spatial_index=False))


def moment(name: str) -> Column[object]:
    """A column that tells when, with its time zone."""
    return Column(name, DateTime(timezone=True))


vintages = Table(
    "vintages",
    metadata,
    Column("id", Integer),
    Column("year", SmallInteger),
    Column("effective_on", Date),
    *(Column(name, Text) for name in ("title", "state", "publisher", "attribution", "licence", "edition")),
    Column("precision_m", REAL),
    moment("activated_at"),
    Column("communes", Integer),
    Column("communes_without_geometry", Integer),
    Column("report", JSONB),
    Column("reattribution", JSONB),
    schema="published",
)

vintage_findings = Table(
    "vintage_findings",
    metadata,
    Column("vintage_id", Integer),
    Column("ordinal", Integer),
    Column("kind", Text),
    Column("codes", ARRAY(Text)),
    Column("area_km2", Double),
    Column("detail", Text),
    geometry("GEOMETRY", 4326),
    schema="published",
)

former_communes = Table(
    "former_communes",
    metadata,
    Column("code", Text),
    Column("name", Text),
    Column("until_on", Date),
    Column("how", Text),
    Column("successors", ARRAY(Text)),
    schema="published",
)

territories = Table(
    "territories",
    metadata,
    Column("code", Text),
    Column("name", Text),
    Column("legal_srid", Integer),
    Column("communes", Integer),
    Column("communes_without_geometry", Integer),
    Column("area_km2", Double),
    Column("vintage", SmallInteger),
    geometry("MULTIPOLYGON", 4326),
    schema="published",
)

regions = Table(
    "regions",
    metadata,
    Column("fid", BigInteger),
    Column("code", Text),
    Column("name", Text),
    Column("vintage", SmallInteger),
    geometry("MULTIPOLYGON", 4326),
    schema="published",
)

departments = Table(
    "departments",
    metadata,
    Column("fid", BigInteger),
    Column("code", Text),
    Column("name", Text),
    Column("region_code", Text),
    Column("vintage", SmallInteger),
    geometry("MULTIPOLYGON", 4326),
    schema="published",
)

epci = Table(
    "epci",
    metadata,
    Column("fid", BigInteger),
    Column("code", Text),
    Column("name", Text),
    Column("kind", Text),
    Column("vintage", SmallInteger),
    geometry("MULTIPOLYGON", 4326),
    schema="published",
)


def _communes(name: str, before: tuple[Column[Any], ...] = (), after: tuple[Column[Any], ...] = ()) -> Table:
    return Table(
        name,
        metadata,
        *before,
        Column("fid", BigInteger),
        *(Column(text, Text) for text in ("code", "name", "department_code", "department_name")),
        *(Column(text, Text) for text in ("region_code", "region_name", "epci_code", "epci_name", "territory_code")),
        Column("postal_codes", ARRAY(Text)),
        Column("population", Integer),
        Column("area_km2", Double),
        Column("geometry_source", Text),
        Column("vintage", SmallInteger),
        *after,
        geometry("MULTIPOLYGON", 4326),
        schema="published",
    )


communes = _communes("communes")
commune_editions = _communes("commune_editions", (Column("vintage_id", Integer),), (Column("search_key", Text),))

categories = Table(
    "categories",
    metadata,
    *(Column(name, Text) for name in ("code", "kind", "label_fr", "label_en", "osm_tag", "schema_org")),
    schema="published",
)


def _places(name: str, *before: Column[Any]) -> Table:
    return Table(
        name,
        metadata,
        *before,
        Column("id", Uuid),
        Column("fid", BigInteger),
        *(Column(text, Text) for text in ("kind", "category", "name", "description", "address", "phone", "website")),
        *(Column(text, Text) for text in ("opening_hours", "stage")),
        *(Column(day, Date) for day in ("starts_on", "ends_on")),
        *(Column(text, Text) for text in ("licence", "source", "source_name", "verdict", "method")),
        *(
            Column(text, Text)
            for text in ("commune_code", "commune_name", "department_code", "region_code", "epci_code")
        ),
        Column("distance_m", REAL),
        Column("vintage", SmallInteger),
        Column("commune_code_at_entry", Text),
        Column("version", Integer),
        Column("created_on", Date),
        Column("modified_on", Date),
        geometry("POINT", 4326),
        geometry("POINT", 3857, "geom_3857"),
        Column("quadkey", BigInteger),
        schema="published",
    )


places = _places("places")
place_editions = _places("place_editions", Column("vintage_id", Integer))
place_items = _places("place_items")
_JOINED = ("verdict", "method", "commune_code", "commune_name", "department_code", "region_code", "epci_code", "distance_m",
           "vintage", "geom_3857")  # fmt: skip
place_item_rows = Table(
    "place_item_rows",
    metadata,
    *(Column(column.name, column.type) for column in place_items.c if column.name not in _JOINED),
    schema="published",
)
exportable_places = _places("exportable_places")
exportable_place_editions = _places("exportable_place_editions", Column("vintage_id", Integer))

place_versions = Table(
    "place_versions",
    metadata,
    Column("place_id", Uuid),
    Column("version", Integer),
    *(Column(text, Text) for text in ("kind", "category", "name", "description", "address", "phone", "website")),
    *(Column(text, Text) for text in ("opening_hours", "stage")),
    *(Column(day, Date) for day in ("starts_on", "ends_on")),
    Column("licence", Text),
    Column("is_item", Boolean),
    Column("commune_code", Text),
    *(Column(day, Date) for day in ("from_on", "until_on")),
    geometry("POINT", 4326),
    schema="published",
)

place_confirmations = Table(
    "place_confirmations",
    metadata,
    Column("place_id", Uuid),
    Column("confirmed_on", Date),
    schema="published",
)

consent_texts = Table(
    "consent_texts",
    metadata,
    Column("purpose", Text),
    Column("version", Date),
    *(Column(text, Text) for text in ("text_fr", "text_en")),
    schema="published",
)

settings = Table("settings", metadata, Column("name", Text), Column("value", Integer), schema="published")

decisions = Table(
    "decisions",
    metadata,
    Column("seq", BigInteger),
    Column("decided_on", Date),
    *(Column(text, Text) for text in ("commune_code", "matter", "reported", "outcome", "action", "reason")),
    Column("place_id", Uuid),
    schema="published",
)

changes = Table(
    "changes",
    metadata,
    Column("seq", BigInteger),
    Column("operation", Text),
    Column("place_id", Uuid),
    Column("version", Integer),
    Column("occurred_on", Date),
    Column("commune_code_before", Text),
    Column("commune_code_after", Text),
    schema="published",
)

layer_styles = Table(
    "layer_styles",
    metadata,
    Column("id", Integer),
    *(Column(f"f_{part}", Text) for part in ("table_catalog", "table_schema", "table_name", "geometry_column")),
    Column("stylename", Text),
    *(Column(xml, Xml) for xml in ("styleqml", "stylesld")),
    Column("useasdefault", Boolean),
    *(Column(text, Text) for text in ("description", "owner")),
    Column("ui", Xml),
    Column("update_time", DateTime),
    schema="published",
)

RELEASE = ("dataset", "name", "collection", "scope", "scope_code", "scope_name")
FILE = ("name", "format", "media_type", "licence")

releases = Table(
    "releases",
    metadata,
    Column("id", Integer),
    *(Column(name, Text) for name in RELEASE),
    Column("vintage", SmallInteger),
    Column("change_seq", BigInteger),
    Column("program_version", Text),
    moment("cut_at"),
    moment("published_at"),
    Column("state", Text),
    schema="published",
)

release_files = Table(
    "release_files",
    metadata,
    Column("release_id", Integer),
    Column("ordinal", SmallInteger),
    *(Column(name, Text) for name in FILE),
    Column("rows", BigInteger),
    Column("bytes", BigInteger),
    Column("sha256", Text),
    schema="published",
)

diffs = Table(
    "diffs",
    metadata,
    *(Column(name, Text) for name in ("dataset", "chain", "licence")),
    Column("seq", Integer),
    *(Column(name, Text) for name in ("from_sha256", "to_sha256")),
    *(Column(name, BigInteger) for name in ("from_rows", "to_rows")),
    *(Column(name, Text) for name in ("prev", "sha256")),
    *(Column(name, BigInteger) for name in ("bytes", "created", "modified", "deleted")),
    moment("cut_at"),
    moment("published_at"),
    Column("state", Text),
    schema="published",
)

cuts = Table(
    "cuts",
    metadata,
    Column("id", Integer),
    *(Column(name, Text) for name in ("level", "code", "name", "state")),
    *(moment(name) for name in ("requested_at", "started_at", "ended_at")),
    Column("step", Text),
    Column("done", BigInteger),
    Column("total", BigInteger),
    Column("release", Text),
    Column("problem", Text),
    Column("ahead", BigInteger),
    Column("is_attended", Boolean),
    schema="published",
)

erasures = Table(
    "erasures",
    metadata,
    Column("seq", BigInteger),
    Column("place_id", Uuid),
    *(Column(name, Text) for name in ("licence", "reason")),
    Column("erased_on", Date),
    *(Column(name, Text) for name in ("dataset", "release", "replaced_by")),
    schema="published",
)
