"""Land of the world by country, coarse, from the file kept in `data/sources`: tells abroad from sea."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import shapely
from sqlalchemy import Connection

from geoplatform.errors import BadSource
from geoplatform.store import land

_PACKAGED = Path(__file__).parent / "_sources"
_CHECKOUT = Path(__file__).parents[1] / "data" / "sources"
FILE = "land.geojson.gz"


def read() -> list[tuple[str, bool, Any]]:
    """(country, is French, polygon) for every polygon. BadSource if the file is not the one we ship."""
    path = (_PACKAGED if _PACKAGED.is_dir() else _CHECKOUT) / FILE
    try:
        features = json.loads(gzip.decompress(path.read_bytes()))["features"]
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise BadSource(f"{path} cannot be read: {error}", file=str(path)) from error
    return [
        (feature["properties"]["name"], feature["properties"]["is_france"], polygon)
        for feature in features
        for polygon in shapely.get_parts(shapely.from_geojson(json.dumps(feature["geometry"])))
    ]


def foreign(rows: list[tuple[str, bool, Any]]) -> Any:
    """All land that is not French, as one geometry."""
    return shapely.MultiPolygon([polygon for _, french, polygon in rows if not french])


def load(connection: Connection, rows: list[tuple[str, bool, Any]]) -> int:
    """Number of pieces stored, in place of what was there."""
    return land.replace(connection, ((name, french, shapely.to_wkb(polygon)) for name, french, polygon in rows))
