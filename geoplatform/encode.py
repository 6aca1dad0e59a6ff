"""How a commune or place is spelled: one mapping for the web and for every dump."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from geoplatform.model import Address, Commune, Place

#: Columns of a place in flat files, in order. `longitude` and `latitude` are apart, never one "lon,lat" column,
#: which data.gouv.fr's reader takes for lat,lon.
PLACE_COLUMNS = (
    "id", "kind", "category", "name", "description", "address", "phone", "website", "opening_hours", "stage", "starts_on",
    "ends_on", "licence", "source", "source_name", "longitude", "latitude", "verdict", "commune_code", "commune_name", "distance_m",
    "vintage", "version", "created_on", "modified_on",
)  # fmt: skip
#: As regular expressions: how a cell begins that a spreadsheet runs, and what begins so and is none.
FORMULA_START = r"^[=+\-@\t\r]"
TELEPHONE = r"\+[0-9 ().-]+"


def place_row(place: Place) -> dict[str, Any]:
    """A place as one flat row with the names of `PLACE_COLUMNS`; None where something is unknown."""
    lon, lat = place.position.rounded() if place.position else (None, None)
    return {
        "id": str(place.id),
        "kind": str(place.kind),
        "category": place.category,
        "name": place.name,
        "description": place.description,
        "address": place.address,
        "phone": place.phone,
        "website": place.website,
        "opening_hours": place.opening_hours,
        "stage": place.stage,
        "starts_on": place.starts_on and place.starts_on.isoformat(),
        "ends_on": place.ends_on and place.ends_on.isoformat(),
        "licence": str(place.licence),
        "source": str(place.source),
        "source_name": place.source_name,
        "longitude": lon,
        "latitude": lat,
        "verdict": place.placement.verdict,
        "commune_code": place.placement.commune_code,
        "commune_name": place.placement.commune_name,
        "distance_m": None if place.placement.distance_m is None else round(place.placement.distance_m, 1),
        "vintage": place.placement.vintage,
        "version": place.version,
        "created_on": place.created_on.isoformat(),
        "modified_on": place.modified_on.isoformat(),
    }


def place_feature(place: Place) -> dict[str, Any]:
    """A place as a GeoJSON Feature (RFC 7946 §3.2). Every property is there, null included."""
    row = place_row(place)
    identifier, lon, lat = row.pop("id"), row.pop("longitude"), row.pop("latitude")
    row["method"] = place.placement.method
    geometry = None if lon is None else {"type": "Point", "coordinates": [lon, lat]}
    return {"type": "Feature", "id": identifier, "geometry": geometry, "properties": row}


def commune_row(commune: Commune) -> dict[str, Any]:
    """A commune as one flat row, without its geometry."""
    return {
        "code": commune.code,
        "name": commune.name,
        "department_code": commune.department_code,
        "department_name": commune.department_name,
        "region_code": commune.region_code,
        "region_name": commune.region_name,
        "epci_code": commune.epci_code,
        "epci_name": commune.epci_name,
        "territory_code": commune.territory_code,
        "postal_codes": list(commune.postal_codes),
        "population": commune.population,
        "area_km2": None if commune.area_km2 is None else round(commune.area_km2, 3),
        "geometry_source": commune.geometry_source,
        "vintage": commune.vintage,
    }


def commune_feature(commune: Commune, geometry_json: str | None) -> str:
    """A commune as GeoJSON text; its geometry comes as text from the store and is not parsed again."""
    head: dict[str, Any] = {"type": "Feature", "id": commune.code}
    if commune.bbox is not None:
        head["bbox"] = [
            round(value, 7) for value in (commune.bbox.west, commune.bbox.south, commune.bbox.east, commune.bbox.north)
        ]
    head["properties"] = commune_row(commune)
    return dumps(head)[:-1] + ',"geometry":' + (geometry_json or "null") + "}"


def address_feature(address: Address) -> dict[str, Any]:
    """An address as a GeoJSON Feature. Its properties have the names of the BAN's own search; every one is there, null included."""
    number = None if address.number is None else f"{address.number} {address.suffix}".strip()
    written = (number, address.street, address.postal_code, address.commune_name)
    told = {
        "id": address.id,
        "type": "street" if number is None else "housenumber",
        "label": " ".join(part for part in written if part),
        "housenumber": number,
        "street": address.street,
        "postcode": address.postal_code,
        "citycode": address.commune_code,
        "city": address.commune_name,
        "oldcity": address.former_name,
    }
    point = {"type": "Point", "coordinates": list(address.position.rounded())}
    return {"type": "Feature", "geometry": point, "properties": told}


def places_head(commune: Commune, attribution: str | None) -> dict[str, Any]:
    """What a file of a commune's places says of itself."""
    return {
        "name": f"places-{commune.code}",
        "commune": {"code": commune.code, "name": commune.name},
        "vintage": commune.vintage,
        "attribution": attribution,
        "licence": "each feature names its own in properties.licence (SPDX)",
    }


def places_geojson(places: Iterable[Place], head: dict[str, Any]) -> Iterator[str]:
    """A FeatureCollection in pieces, one feature at a time. `head`: further members, such as an attribution."""
    yield dumps({"type": "FeatureCollection", **head})[:-1] + ',"features":['
    for number, place in enumerate(places):
        yield (",\n" if number else "\n") + dumps(place_feature(place))
    yield "\n]}\n"


def places_csv(places: Iterable[Place]) -> Iterator[str]:
    """RFC 4180 lines: comma, CRLF, a header, ISO dates, dot decimals; cells a spreadsheet would run are defused."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(PLACE_COLUMNS)
    for place in places:
        row = place_row(place)
        writer.writerow([inert(row[column]) for column in PLACE_COLUMNS])
        if buffer.tell() > 16_384:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def dumps(value: object) -> str:
    """Compact JSON in UTF-8; NaN and infinity, which JSON does not have, raise ValueError."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def inert(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and re.match(FORMULA_START, value) and not re.fullmatch(TELEPHONE, value):
        return "'" + value
    return value
