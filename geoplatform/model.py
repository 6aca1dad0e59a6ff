"""The words of the domain as frozen, self-validating types. Leaf module: knows no database and no HTTP.

Positions are WGS 84 degrees, longitude first (RFC 7946 §3.1.1, EPSG:4326 in lon/lat order as in OGC CRS84).
"""

from __future__ import annotations

import datetime as dt
import math
import re
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from geoplatform.errors import BadParameter, BadPlace, BadPoint, BadTile, UnknownCommune
from geoplatform.reading import Reading
from geoplatform.refusals import Refusal

#: INSEE code of a commune: five signs, `2A`/`2B` for Corsica (INSEE, Code officiel géographique).
COMMUNE_CODE = re.compile(r"(?:\d{2}|2[AB])\d{3}", re.ASCII)
POSTAL_CODE = re.compile(r"\d{5}", re.ASCII)
MAX_ZOOM = 22


class Kind(StrEnum):
    """What a place is (product vocabulary)."""

    MERCHANT = "merchant"
    SERVICE = "service"
    ASSOCIATION = "association"
    PROJECT = "project"


class Licence(StrEnum):
    """SPDX identifier a contribution carries, or `display-only`: on the map, in no export, no bulk API."""

    CC_BY_NC_SA = "CC-BY-NC-SA-4.0"
    ODBL = "ODbL-1.0"
    ETALAB = "etalab-2.0"
    CC_BY_SA = "CC-BY-SA-4.0"
    CC0 = "CC0-1.0"
    DISPLAY_ONLY = "display-only"

    @property
    def url(self) -> str | None:
        """Address of the licence's text, or None for `display-only`."""
        return _LICENCE_URLS.get(self)


_LICENCE_URLS = {
    Licence.CC_BY_NC_SA: "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    Licence.ODBL: "https://opendatacommons.org/licenses/odbl/1-0/",
    Licence.ETALAB: "https://www.etalab.gouv.fr/licence-ouverte-open-licence",
    Licence.CC_BY_SA: "https://creativecommons.org/licenses/by-sa/4.0/",
    Licence.CC0: "https://creativecommons.org/publicdomain/zero/1.0/",
}

#: The promise: what a citizen adds is never used commercially unless they say so.
DEFAULT_LICENCE = Licence.CC_BY_NC_SA


class Source(StrEnum):
    """Who stands behind a place: a citizen, a public register, or a generator of demonstration data."""

    CITIZEN = "citizen"
    REGISTER = "register"
    SYNTHETIC = "synthetic"


class Visibility(StrEnum):
    """How precisely the public sees a place. `commune`: only which commune it is in, never the point."""

    PUBLIC = "public"
    COMMUNE = "commune"
    PRIVATE = "private"


class Stage(StrEnum):
    """How far a project has come."""

    IDEA = "idea"
    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


class Scope(StrEnum):
    """What a citizen's token may do."""

    READ = "read"
    CONTRIBUTE = "contribute"
    MODERATE = "moderate"


class Purpose(StrEnum):
    """What a citizen is asked to agree to."""

    PUBLICATION = "publication"
    CREDIT = "credit"
    DIGEST = "digest"


class Verdict(StrEnum):
    """Where a point lies, as far as the vintage can tell (docs/adr/0004-placement.md)."""

    INSIDE = "inside"
    BORDER = "border"
    GAP = "gap"
    SEA = "sea"
    ABROAD = "abroad"


class Method(StrEnum):
    """How a verdict was reached."""

    COVER = "cover"
    EDGE = "edge"
    NEAREST = "nearest"
    NONE = "none"


class VintageState(StrEnum):
    """Life of a boundary set."""

    STAGED = "staged"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class LonLat:
    """A position: degrees, EPSG:4326, longitude first. BadPoint if not finite or out of range."""

    lon: float
    lat: float

    def __post_init__(self) -> None:
        for name, value, limit in (("longitude", self.lon, 180), ("latitude", self.lat, 90)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise BadPoint(name, value, Refusal("not_a_number"))
            if isinstance(value, float) and not math.isfinite(value):
                raise BadPoint(name, str(value), Refusal("not_finite"))
            if abs(value) > limit:
                swapped = name == "latitude" and abs(value) <= 180 and abs(self.lon) <= 90
                code, shown = "swapped" if swapped else "beyond_range", str(value)[:24]
                raise BadPoint(name, shown, Refusal(code, given=shown, least=-limit, most=limit))
        # A tenth of a millimetre is the finest we keep: denormal numbers make PostgreSQL's arithmetic fail.
        object.__setattr__(self, "lon", round(float(self.lon), 9))
        object.__setattr__(self, "lat", round(float(self.lat), 9))

    @classmethod
    def from_geojson(cls, geometry: object) -> LonLat:
        """Position of a GeoJSON Point (RFC 7946 §3.1.2); a third coordinate is dropped. BadPoint otherwise."""
        if not isinstance(geometry, dict) or geometry.get("type") != "Point":
            raise BadPoint("geometry", geometry, Refusal("not_a_point"))
        coordinates = geometry.get("coordinates")
        if not isinstance(coordinates, list) or not 2 <= len(coordinates) <= 3:
            raise BadPoint("geometry.coordinates", coordinates, Refusal("not_a_position"))
        return cls(coordinates[0], coordinates[1])

    def rounded(self, decimals: int = 7) -> tuple[float, float]:
        """(lon, lat) with so many decimals; seven are about 1 cm."""
        return round(self.lon, decimals), round(self.lat, decimals)


@dataclass(frozen=True, slots=True)
class BBox:
    """West, south, east, north in degrees; west > east crosses the antimeridian (RFC 7946 §5.2)."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class TileAddress:
    """Zoom, column, row of a tile in the WebMercatorQuad pyramid. BadTile names the number at fault."""

    z: int
    x: int
    y: int

    def __post_init__(self) -> None:
        if not 0 <= self.z <= MAX_ZOOM:
            raise BadTile("z", self.z, f"{self.z} is outside 0..{MAX_ZOOM}")
        side = 1 << self.z
        for name, value in (("x", self.x), ("y", self.y)):
            if not 0 <= value < side:
                raise BadTile(name, value, f"{value} is outside 0..{side - 1} at zoom {self.z}")


def commune_code(text: str) -> str:
    """The INSEE code in upper case. UnknownCommune if it cannot be one."""
    code = text.strip().upper()
    if not COMMUNE_CODE.fullmatch(code):
        raise UnknownCommune(text[:40])
    return code


@dataclass(frozen=True, slots=True)
class Vintage:
    """A dated set of official boundaries. `precision_m`: 95 % of its limits lie this close to the official line."""

    id: int
    year: int
    effective_on: dt.date
    title: str
    state: VintageState
    publisher: str
    attribution: str
    licence: str
    edition: str
    precision_m: float
    communes: int = 0
    communes_without_geometry: int = 0
    activated_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Commune:
    """A commune of one vintage, without its polygon. Area in km² (geodesic), None without geometry."""

    code: str
    name: str
    vintage: int
    department_code: str
    department_name: str | None
    region_code: str
    region_name: str | None
    epci_code: str | None
    epci_name: str | None
    territory_code: str
    postal_codes: tuple[str, ...]
    population: int | None
    area_km2: float | None
    geometry_source: str
    bbox: BBox | None = None
    centre: LonLat | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """An official address, or a street as a whole: it has no number then. `position` of a street: where its middle number is.

    `id`: of the Base Adresse Nationale. `suffix`: bis, ter, a …; empty for most. `former_name`: of the former commune, if told.
    """

    id: str
    number: int | None
    suffix: str
    street: str
    postal_code: str | None
    commune_code: str
    commune_name: str
    former_name: str | None
    position: LonLat


@dataclass(frozen=True, slots=True)
class Movement:
    """On that day land passed from one code (also) to another (INSEE, v_mvt_commune). Kinds: COM, COMA, COMD, ARM.

    `mod`: 10 rename; 20, 21 creation; 30 suppression; 31 to 35 mergers; 41, 50 change of code; 70 to 72 of status.
    `code_after` is None where a code ended and nobody tells into what.
    """

    mod: int
    effective_on: dt.date
    kind_before: str
    code_before: str
    name_before: str
    kind_after: str
    code_after: str | None
    name_after: str | None


class Succession(StrEnum):
    """How a commune's code went out of force."""

    MERGED = "merged"
    MOVED = "moved"
    SPLIT = "split"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class FormerCommune:
    """A code that is no longer in force since `until_on` and the codes that hold its land today."""

    code: str
    name: str
    until_on: dt.date | None
    how: Succession
    successors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """Verdict on a point; None for a place shown at commune level. `distance_m`: to the nearest limit if under 1 km."""

    verdict: Verdict | None
    method: Method | None
    commune_code: str | None
    commune_name: str | None
    vintage: int
    distance_m: float | None


@dataclass(frozen=True, slots=True)
class Category:
    """A category of places with its labels and its counterparts in OpenStreetMap and schema.org."""

    code: str
    kind: Kind
    label_fr: str
    label_en: str
    osm_tag: str | None
    schema_org: str


@dataclass(frozen=True, slots=True)
class Place:
    """A place as the public may see it."""

    id: uuid.UUID
    kind: Kind
    category: str | None
    name: str
    description: str | None
    address: str | None
    phone: str | None
    website: str | None
    opening_hours: str | None
    stage: Stage | None
    starts_on: dt.date | None
    ends_on: dt.date | None
    licence: Licence
    source: Source
    source_name: str | None
    position: LonLat | None
    placement: Placement
    version: int
    created_on: dt.date
    modified_on: dt.date
    confirmed_on: dt.date | None = None

    @property
    def known_on(self) -> dt.date:
        """The last day on which somebody wrote, or said, that it is as it is."""
        return max(self.modified_on, self.confirmed_on or self.modified_on)


_NAME_MAX, _TEXT_MAX, _SHORT_MAX = 200, 4000, 500


@dataclass(frozen=True, slots=True)
class Submission:
    """What somebody submits as a new place, already checked. Made by `Submission.from_feature`."""

    id: uuid.UUID
    kind: Kind
    name: str
    position: LonLat
    category: str | None = None
    description: str | None = None
    address: str | None = None
    phone: str | None = None
    website: str | None = None
    opening_hours: str | None = None
    stage: Stage | None = None
    starts_on: dt.date | None = None
    ends_on: dt.date | None = None
    licence: Licence = DEFAULT_LICENCE
    visibility: Visibility = Visibility.PUBLIC
    source: Source = field(default=Source.CITIZEN)

    @classmethod
    def from_feature(
        cls, feature: object, new_id: uuid.UUID, licence: Licence = DEFAULT_LICENCE, *, may_be_private: bool = False
    ) -> Submission:
        """The submission a GeoJSON Feature (RFC 7946 §3.2) describes.

        `new_id` serves unless the feature brings a UUID of its own (which makes a retry harmless); `licence`, unless it
        names one; `may_be_private`, if somebody will be able to see the place again.
        BadPlace lists every field at fault: wrong type, unknown kind or licence, text too long,
        a website that is not http(s), a property nobody knows, a position that is none.
        """
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise BadPlace([BadParameter("type", _kind_of(feature), Refusal("not_a_feature"))])
        properties = feature.get("properties")
        if not isinstance(properties, dict):
            raise BadPlace([BadParameter("properties", properties, Refusal("not_an_object"))])
        reading = Reading(properties, "properties.")
        values: dict[str, Any] = {
            "kind": reading.choice("kind", Kind, required=True),
            "name": reading.name("name", _NAME_MAX, required=True),
            "category": reading.text("category", 60),
            "description": reading.text("description", _TEXT_MAX, lines=True),
            "address": reading.text("address", _SHORT_MAX, lines=True),
            "phone": reading.text("phone", 40),
            "website": reading.website("website", _SHORT_MAX),
            "opening_hours": reading.opening_hours("opening_hours", _SHORT_MAX),
            "stage": reading.choice("stage", Stage),
            "starts_on": reading.day("starts_on"),
            "ends_on": reading.day("ends_on"),
            "licence": reading.choice("licence", Licence) or licence,
            "visibility": reading.choice("visibility", Visibility) or Visibility.PUBLIC,
            "id": reading.identifier(feature.get("id"), new_id),
        }
        try:
            values["position"] = LonLat.from_geojson(feature.get("geometry"))
        except BadPoint as wrong:
            reading.problems.append(wrong)
        if values["kind"] not in (None, Kind.PROJECT):
            for name in ("stage", "starts_on", "ends_on"):
                if values[name] is not None:
                    reading.refuse(name, str(values[name]), "projects_only")
        if values["starts_on"] and values["ends_on"] and values["ends_on"] < values["starts_on"]:
            reading.refuse("ends_on", str(values["ends_on"]), "ends_before", first=str(values["starts_on"]))
        if values["visibility"] is Visibility.PRIVATE and not may_be_private:
            reading.refuse("visibility", "private", "needs_account")
        reading.refuse_others()
        if reading.problems:
            raise BadPlace(reading.problems)
        return cls(**values)


def _kind_of(value: object) -> object:
    return value.get("type") if isinstance(value, dict) else type(value).__name__


def new_place_id(day: dt.date, noise: bytes) -> uuid.UUID:
    """A UUIDv7 (RFC 9562 §5.7) that tells the day and not the moment: identifiers are public, the second is not.

    `noise`: ten random bytes.
    """
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    value = int(midnight.timestamp() * 1000) << 80 | int.from_bytes(noise[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)
