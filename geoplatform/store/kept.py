"""The private tables mirrored for SQLAlchemy and GeoAlchemy2, for the loaders' sake; as `tables` mirrors the published views."""

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
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL, TSVECTOR
from sqlalchemy.types import UserDefinedType

from geoplatform.store.tables import FILE, RELEASE, Xml, geometry, metadata, moment


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction number, which SQLAlchemy has no type for."""

    def get_col_spec(self, **_: object) -> str:
        """Its name in SQL."""
        return "xid8"


class Snapshot(UserDefinedType[str]):
    """Which transactions had ended at a moment, which SQLAlchemy has no type for either."""

    def get_col_spec(self, **_: object) -> str:
        """Its name in PostgreSQL."""
        return "pg_snapshot"


layer_style = Table(
    "layer_style",
    metadata,
    Column("id", Integer, primary_key=True),
    *(Column(text, Text, nullable=False) for text in ("layer", "name")),
    *(Column(xml, Xml, nullable=False) for xml in ("qml", "sld")),
    Column("is_default", Boolean, nullable=False),
    Column("kept_at", DateTime(timezone=True), nullable=False),
    schema="geoplatform",
)

street = Table(
    "street",
    metadata,
    Column("id", Integer, primary_key=True),
    *(Column(text, Text, nullable=False) for text in ("ban_id", "name")),
    Column("postal_code", Text),
    *(Column(text, Text, nullable=False) for text in ("insee_code", "commune_code", "commune_name")),
    Column("former_name", Text),
    Column("key", Text, nullable=False),
    Column("words", TSVECTOR, nullable=False),
    Column("geom", Geometry("POINT", srid=4326, spatial_index=False), nullable=False),
    schema="geoplatform",
)

address = Table(
    "address",
    metadata,
    *(Column(number, Integer, primary_key=True) for number in ("street_id", "number")),
    Column("suffix", Text, primary_key=True),
    Column("ban_id", Text, nullable=False),
    Column("geom", Geometry("POINT", srid=4326, spatial_index=False), nullable=False),
    schema="geoplatform",
)

place = Table(
    "place",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("fid", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("category", Text),
    Column("name", Text, nullable=False),
    *(Column(text, Text) for text in ("description", "address", "phone", "website", "opening_hours")),
    *(Column(text, Text, nullable=False) for text in ("licence", "visibility", "status")),
    Column("stage", Text),
    *(Column(day, Date) for day in ("starts_on", "ends_on")),
    Column("source", Text, nullable=False),
    Column("source_name", Text),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("modified_at", DateTime(timezone=True), nullable=False),
    Column("commune_code_at_entry", Text),
    Column("geom", Geometry("POINT", srid=4326, spatial_index=False), nullable=False),
    geometry("POINT", 4326, "shown_geom"),
    geometry("POINT", 3857, "shown_geom_3857"),
    Column("shown_quadkey", BigInteger),
    schema="geoplatform",
)

place_version = Table(
    "place_version",
    metadata,
    Column("place_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    *(Column(moment, DateTime(timezone=True), nullable=False) for moment in ("valid_from", "valid_to")),
    Column("kind", Text, nullable=False),
    Column("category", Text),
    Column("name", Text, nullable=False),
    *(Column(text, Text) for text in ("description", "address", "phone", "website", "opening_hours", "stage")),
    *(Column(day, Date) for day in ("starts_on", "ends_on")),
    *(Column(text, Text, nullable=False) for text in ("licence", "visibility", "status")),
    Column("commune_code", Text),
    *(Column(flag, Boolean, nullable=False) for flag in ("is_redacted", "is_foreign")),
    Column("geom", Geometry("POINT", srid=4326, spatial_index=False), nullable=False),
    schema="geoplatform",
)

place_cell = Table(
    "place_cell",
    metadata,
    Column("zoom", SmallInteger, primary_key=True),
    Column("cell", BigInteger, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("places", Integer, nullable=False),
    Column("items", Integer, nullable=False),
    Column("sum_x", BigInteger, nullable=False),
    Column("sum_y", BigInteger, nullable=False),
    schema="geoplatform",
)

place_cell_delta = Table(
    "place_cell_delta",
    metadata,
    Column("quadkey", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("places", SmallInteger, nullable=False),
    Column("items", SmallInteger, nullable=False),
    Column("x", BigInteger, nullable=False),
    Column("y", BigInteger, nullable=False),
    schema="geoplatform",
)

tile_touch = Table(
    "tile_touch",
    metadata,
    Column("seq", BigInteger, primary_key=True),
    Column("transaction_id", Xid8, nullable=False),
    Column("touched_at", DateTime(timezone=True), nullable=False),
    Column("layer", Text, nullable=False),
    Column("quadkey", BigInteger),
    schema="geoplatform",
)

revision_step = Table(
    "revision_step",
    metadata,
    Column("data", Text, nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("items", BigInteger, nullable=False),
    Column("transaction_number", BigInteger, nullable=False),
    Column("stepped_at", DateTime(timezone=True), nullable=False),
    schema="geoplatform",
)

placement = Table(
    "placement",
    metadata,
    Column("place_id", Uuid, primary_key=True),
    Column("vintage_id", Integer, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("commune_code", Text),
    Column("distance_m", REAL),
    schema="geoplatform",
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("secret_sha256", LargeBinary, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    moment("expires_at"),
    moment("revoked_at"),
    schema="geoplatform",
)


def _unit(name: str, *columns: Column[Any]) -> Table:
    """A territorial unit above the commune: keyed by vintage and code."""
    return Table(
        name,
        metadata,
        Column("vintage_id", Integer, primary_key=True),
        Column("code", Text, primary_key=True),
        Column("name", Text, nullable=False),
        *columns,
        schema="geoplatform",
    )


region = _unit("region", geometry("MULTIPOLYGON", 4326))
department = _unit("department", Column("region_code", Text), geometry("MULTIPOLYGON", 4326))
epci_of_vintage = _unit("epci", Column("kind", Text), geometry("MULTIPOLYGON", 4326))
commune = _unit(
    "commune",
    Column("territory_code", Text, nullable=False),
    *(Column(name, Text) for name in ("department_code", "region_code", "epci_code")),
    Column("postal_codes", ARRAY(Text), nullable=False),
    Column("population", Integer),
    Column("geometry_source", Text, nullable=False),
    Column("area_km2", Double),
    geometry("MULTIPOLYGON", 4326),
)

commune_name = Table(
    "commune_name",
    metadata,
    Column("vintage_id", Integer, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("search_key", Text, nullable=False),
    schema="geoplatform",
)

territory_edition = Table(
    "territory_edition",
    metadata,
    Column("vintage_id", Integer, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("communes", Integer, nullable=False),
    Column("communes_without_geometry", Integer, nullable=False),
    Column("area_km2", Double),
    geometry("MULTIPOLYGON", 4326),
    schema="geoplatform",
)

zoom_span = Table(
    "zoom_span",
    metadata,
    Column("from_zoom", SmallInteger, primary_key=True),
    Column("tolerance_m", Double, nullable=False),
    Column("communes", Text, nullable=False),
    Column("cell_bits", SmallInteger, nullable=False),
    Column("places", Text, nullable=False),
    Column("finished", ARRAY(Text), nullable=False),
    schema="geoplatform",
)

zoom_policy = Table(
    "zoom_policy",
    metadata,
    Column("zoom", Integer),
    Column("tolerance_m", Double),
    Column("communes", Text),
    Column("places", Text),
    Column("level", Integer),
    Column("finished", ARRAY(Text)),
    schema="geoplatform",
)

drawing = Table(
    "drawing",
    metadata,
    Column("vintage_id", Integer, primary_key=True),
    Column("level", Text, primary_key=True),
    Column("from_zoom", SmallInteger, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("name", Text),
    Column("department_code", Text),
    Column("population", Integer),
    Column("geom", Geometry("MULTIPOLYGON", srid=3857, spatial_index=False), nullable=False),
    schema="geoplatform",
)

finished_tile = Table(
    "finished_tile",
    metadata,
    Column("vintage_id", Integer, primary_key=True),
    Column("layer", Text, primary_key=True),
    Column("z", SmallInteger, primary_key=True),
    Column("x", Integer, primary_key=True),
    Column("y", Integer, primary_key=True),
    Column("packed", LargeBinary, nullable=False),
    schema="geoplatform",
)

vintage_finding = Table(
    "vintage_finding",
    metadata,
    Column("vintage_id", Integer, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("codes", ARRAY(Text), nullable=False),
    Column("area_km2", Double),
    Column("detail", Text),
    Column("geom", Geometry("GEOMETRY", srid=4326, spatial_index=False), nullable=False),
    schema="geoplatform",
)

movement = Table(
    "movement",
    metadata,
    Column("ordinal", Integer, primary_key=True),
    Column("mod", SmallInteger, nullable=False),
    Column("effective_on", Date, nullable=False),
    *(
        Column(f"{what}_{when}", Text, nullable=when == "after" and what != "kind")
        for when in ("before", "after")
        for what in ("kind", "code", "name")
    ),
    schema="geoplatform",
)

former_commune = Table(
    "former_commune",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("until_on", Date),
    Column("how", Text, nullable=False),
    Column("successors", ARRAY(Text), nullable=False),
    schema="geoplatform",
)

installation = Table(
    "installation",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("sql_sha256", Text, nullable=False),
    Column("installed_at", DateTime(timezone=True), nullable=False),
    schema="geoplatform",
)

category = Table(
    "category",
    metadata,
    Column("code", Text, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("kind", "label_fr", "label_en")),
    Column("osm_tag", Text),
    Column("schema_org", Text, nullable=False),
    schema="geoplatform",
)

place_reference = Table(
    "place_reference",
    metadata,
    Column("authority", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("place_id", Uuid, nullable=False),
    schema="geoplatform",
)

confirmation = Table(
    "confirmation",
    metadata,
    Column("place_id", Uuid, primary_key=True),
    Column("confirmed_on", Date, nullable=False),
    schema="geoplatform",
)

arrival = Table(
    "arrival",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("category", Text),
    Column("name", Text, nullable=False),
    *(Column(text, Text) for text in ("description", "address", "phone", "website", "opening_hours")),
    *(Column(text, Text, nullable=False) for text in ("licence", "source")),
    Column("source_name", Text),
    Column("geom", Geometry("POINT", srid=4326, spatial_index=False), nullable=False),
    schema="geoplatform",
)

change = Table(
    "change",
    metadata,
    Column("seq", BigInteger, primary_key=True),
    Column("transaction_id", Xid8, nullable=False),
    Column("operation", Text, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("actor", Text),
    Column("is_told", Boolean, nullable=False),
    *(Column(text, Text) for text in ("commune_code_before", "commune_code_after")),
    geometry("POINT", 4326, "geom_before"),
    geometry("POINT", 4326, "geom_after"),
    schema="geoplatform",
)

territory = Table(
    "territory",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("legal_srid", Integer, nullable=False),
    schema="geoplatform",
)

vintage = Table(
    "vintage",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("year", SmallInteger, nullable=False),
    Column("effective_on", Date, nullable=False),
    *(
        Column(name, Text, nullable=False)
        for name in ("title", "state", "publisher", "attribution", "licence", "edition")
    ),
    Column("source_file", Text, nullable=False),
    Column("source_sha256", Text, nullable=False),
    Column("precision_m", REAL, nullable=False),
    Column("report", JSONB, nullable=False),
    Column("drawn_zooms", ARRAY(SmallInteger), nullable=False),
    Column("reattribution", JSONB),
    Column("is_placed", Boolean, nullable=False),
    Column("staged_at", DateTime(timezone=True), nullable=False),
    moment("activated_at"),
    moment("retired_at"),
    schema="geoplatform",
)

land = Table(
    "land",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("country", Text, nullable=False),
    Column("is_france", Boolean, nullable=False),
    Column("geom", Geometry("POLYGON", srid=4326, spatial_index=False), nullable=False),
    schema="geoplatform",
)

release = Table(
    "release",
    metadata,
    Column("id", Integer, primary_key=True),
    *(Column(name, Text, nullable=name.startswith("scope")) for name in RELEASE),
    Column("vintage", SmallInteger, nullable=False),
    Column("change_seq", BigInteger, nullable=False),
    Column("program_version", Text, nullable=False),
    Column("cut_at", DateTime(timezone=True), nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    schema="geoplatform",
)

release_file = Table(
    "release_file",
    metadata,
    Column("release_id", Integer, primary_key=True),
    Column("ordinal", SmallInteger, nullable=False),
    Column("name", Text, primary_key=True),
    *(Column(name, Text, nullable=name == "licence") for name in FILE[1:]),
    Column("rows", BigInteger),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    schema="geoplatform",
)

fetch_count = Table(
    "fetch_count",
    metadata,
    Column("release_id", Integer, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("fetched_on", Date, primary_key=True),
    Column("fetches", BigInteger, nullable=False),
    schema="geoplatform",
)

diff = Table(
    "diff",
    metadata,
    Column("dataset", Text, nullable=False),
    Column("chain", Text, primary_key=True),
    Column("licence", Text, nullable=False),
    Column("seq", Integer, primary_key=True),
    Column("from_sha256", Text),
    Column("to_sha256", Text, nullable=False),
    Column("from_rows", BigInteger),
    Column("to_rows", BigInteger, nullable=False),
    *(Column(name, Text) for name in ("prev", "sha256")),
    Column("bytes", BigInteger),
    *(Column(name, BigInteger, nullable=False) for name in ("created", "modified", "deleted")),
    *(Column(name, DateTime(timezone=True), nullable=False) for name in ("cut_at", "published_at")),
    Column("state", Text, nullable=False, server_default="kept"),
    schema="geoplatform",
)

cut = Table(
    "cut",
    metadata,
    Column("id", Integer, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("level", "code", "name", "state")),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("began_in", Snapshot),
    Column("step", Text),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("release", Text),
    Column("problem", Text),
    schema="geoplatform",
)

erasure = Table(
    "erasure",
    metadata,
    Column("seq", BigInteger, nullable=False),
    Column("place_id", Uuid, primary_key=True),
    Column("licence", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("release_id", Integer, primary_key=True),
    Column("replaced_by", Integer),
    Column("erased_on", Date, nullable=False),
    schema="geoplatform",
)
