"""Places as their keepers see them, hidden parts included, and earlier versions brought back. From the web; to SQL."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import Connection

from geoplatform.model import Licence, Submission
from geoplatform.store.citizens.calls import call, rows
from geoplatform.store.places import Submitted

#: Properties of a place that its keeper may write.
WRITABLE = (
    "kind", "category", "name", "description", "address", "phone", "website", "opening_hours", "stage", "starts_on", "ends_on",
    "licence", "visibility",
)  # fmt: skip
#: A geometry that stands for "where it is".
SOMEWHERE = {"type": "Point", "coordinates": [0, 0]}
_DECIMALS = 7


def own(
    connection: Connection, key: bytes, now: dt.datetime, place_id: uuid.UUID | None = None
) -> list[dict[str, Any]]:
    """The places that the caller keeps, or the one of this identifier, as GeoJSON features; the latest changed first.

    Beside what the public sees: `status`, `visibility`, `is_contributor` and the position whatever its visibility.
    """
    return [_feature(row) for row in rows(connection, "own_places", key, now, wanted=place_id)]


def entered(submission: Submission, made: Submitted, now: dt.datetime) -> dict[str, Any]:
    """A place that the caller just made, as `own` will show it."""
    lies, day = made.placement, now.astimezone(dt.UTC).date()
    if lies is None:
        raise ValueError("it was there before")
    row = {"id": submission.id, "lon": submission.position.lon, "lat": submission.position.lat}
    row |= {name: getattr(submission, name) for name in WRITABLE}
    return _feature(row | {
        "status": "held" if made.is_held else "published", "commune_code": lies.commune_code, "commune_name": lies.commune_name,
        "verdict": lies.verdict, "method": lies.method, "distance_m": lies.distance_m, "version": 1, "created_on": day,
        "modified_on": day, "is_contributor": True,
    })  # fmt: skip


def merged(there: dict[str, Any], patch: Any) -> Any:
    """A place's feature after a merge patch (RFC 7396) of its properties; its geometry is the patch's, None to keep it.

    The patch itself if it is none: whoever reads the feature says what is wrong with it.
    """
    if not isinstance(patch, dict) or not isinstance(patch.get("properties", {}), dict):
        return patch
    old = {name: there["properties"].get(name) for name in WRITABLE}
    properties = {name: value for name, value in (old | patch.get("properties", {})).items() if value is not None}
    return {"type": "Feature", "geometry": patch.get("geometry"), "properties": properties}


def restore(
    connection: Connection, key: bytes, now: dt.datetime, place_id: uuid.UUID, version: int, expected: int | None
) -> None:
    """Bring an earlier version back as a new one; of a deleted place, its keeper. Unknown, NotAllowed, Outdated."""
    call(connection, "restore_version", key, now, of_place=place_id, of_version=version, expected=expected)


def _feature(row: dict[str, Any]) -> dict[str, Any]:
    given = dict(row)
    identifier, lon, lat = str(given.pop("id")), given.pop("lon"), given.pop("lat")
    properties = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in given.items()}
    geometry = {"type": "Point", "coordinates": [round(lon, _DECIMALS), round(lat, _DECIMALS)]}
    return {"type": "Feature", "id": identifier, "geometry": geometry, "properties": properties}


def relicense(
    connection: Connection, key: bytes, now: dt.datetime, place_ids: list[uuid.UUID], licence: Licence
) -> int:
    """Put places that the caller keeps under another licence, all or none: how many had another one. Unknown, NotAllowed."""
    return int(call(connection, "relicense", key, now, wanted=place_ids, new_licence=licence.value))
