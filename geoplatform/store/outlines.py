"""Limits as lines to draw on paper: paths of SVG, scaled to a frame by PostGIS. From the web.

Plate carrée with the longitudes shrunk by the cosine of the middle latitude: over a commune or an island nobody sees the difference
from a conformal projection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from geoplatform.model import BBox, LonLat

_METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of paper and the part of the Earth that is on it.

    `width`, `height` in the paper's unit, y downwards; `scale`: units of paper for one degree of latitude; `west`, `north`: of its
    upper left corner, in degrees; `shrink`: cosine of its middle latitude.
    """

    width: float
    height: float
    scale: float
    west: float
    north: float
    shrink: float

    @classmethod
    def around(cls, box: BBox, width: float, height: float, margin: float) -> Frame:
        """The frame in which a box stands in the middle, with at least this margin around it."""
        middle = (box.south + box.north) / 2
        shrink = max(math.cos(math.radians(middle)), 0.01)
        across, down = max((box.east - box.west) * shrink, 1e-6), max(box.north - box.south, 1e-6)
        scale = min((width - 2 * margin) / across, (height - 2 * margin) / down)
        west = (box.west + box.east) / 2 - width / scale / shrink / 2
        return cls(width, height, scale, west, middle + height / scale / 2, shrink)

    @property
    def east(self) -> float:
        """Degrees of its right edge."""
        return self.west + self.width / self.scale / self.shrink

    @property
    def south(self) -> float:
        """Degrees of its lower edge."""
        return self.north - self.height / self.scale

    @property
    def metres(self) -> float:
        """Metres on the ground for one unit of paper."""
        return _METRES_A_DEGREE / self.scale

    def at(self, position: LonLat) -> tuple[float, float]:
        """Where a position is on the paper: across, down."""
        return (position.lon - self.west) * self.scale * self.shrink, (self.north - position.lat) * self.scale

    def holds(self, position: LonLat) -> bool:
        """Whether a position is on the paper."""
        across, down = self.at(position)
        return 0 <= across <= self.width and 0 <= down <= self.height


@dataclass(frozen=True, slots=True)
class Outline:
    """Something with limits: `path` is the `d` of an SVG path in the frame's units; `label`: where its name may stand; `covers`:
    how much of the paper, in square units."""

    code: str
    name: str
    path: str
    label: tuple[float, float]
    covers: float


@dataclass(frozen=True, slots=True)
class Inset:
    """A territory by itself: its box in degrees, and its path in a square of `SIDE` units."""

    code: str
    name: str
    box: BBox
    path: str
    frame: Frame


SIDE = 100.0

# ST_AsSVG turns y around; relative moves are the shorter ones.
_OF_FRAME = text("""
    WITH frame AS (SELECT ST_MakeEnvelope(:west, :south, :east, :north, 4326) AS box),
    shown AS (
        SELECT c.code, c.name,
               ST_TransScale(ST_ClipByBox2D(c.geom, ST_Expand(f.box, :beyond)), -:west, -:north, :across, :down) AS geom
        FROM frame AS f JOIN published.communes AS c ON c.geom && f.box
    ), drawn AS (
        SELECT s.code, s.name, ST_SimplifyPreserveTopology(s.geom, :fine) AS geom,
               ST_ClipByBox2D(s.geom, ST_MakeEnvelope(0, -:height, :width, 0)) AS visible
        FROM shown AS s WHERE NOT ST_IsEmpty(s.geom)
    )
    SELECT d.code, d.name, ST_AsSVG(d.geom, 1, 2) AS path, ST_X(l.spot) AS across, -ST_Y(l.spot) AS down,
           ST_Area(d.visible) AS covers
    FROM drawn AS d CROSS JOIN LATERAL (SELECT ST_PointOnSurface(d.visible) AS spot) AS l
    ORDER BY d.code
""")

_TERRITORIES = text("""
    SELECT t.code, t.name, ST_XMin(t.geom) AS west, ST_YMin(t.geom) AS south, ST_XMax(t.geom) AS east, ST_YMax(t.geom) AS north
    FROM published.territories AS t WHERE t.geom IS NOT NULL ORDER BY t.code <> 'FXX', t.code
""")
_PATH = text("""
    SELECT ST_AsSVG(ST_Simplify(ST_TransScale(t.geom, -:west, -:north, :across, :down), :fine, true), 1, 1)
    FROM published.territories AS t WHERE t.code = :code
""")


def communes_in(connection: Connection, frame: Frame, fine: float) -> list[Outline]:
    """The communes of the active vintage that a frame shows, drawn a little beyond it, to so many units of paper."""
    values = _scaling(frame) | {
        "south": frame.south, "east": frame.east, "width": frame.width, "height": frame.height, "fine": fine,
        "beyond": 4 / frame.scale,
    }  # fmt: skip
    rows = connection.execute(_OF_FRAME, values)
    return [Outline(r.code, r.name, r.path, (r.across or 0.0, r.down or 0.0), r.covers or 0.0) for r in rows if r.path]


def territories(connection: Connection) -> list[Inset]:
    """The territories of which the active vintage holds limits: the metropole, then those overseas by code."""
    return [_inset(connection, row) for row in connection.execute(_TERRITORIES).all()]


def _inset(connection: Connection, row: Any) -> Inset:
    box = BBox(row.west, row.south, row.east, row.north)
    frame = Frame.around(box, SIDE, SIDE, 4)
    path = connection.execute(_PATH, _scaling(frame) | {"code": row.code, "fine": 0.6}).scalar_one()
    return Inset(row.code, row.name, box, path, frame)


def _scaling(frame: Frame) -> dict[str, Any]:
    """What moves degrees to units of paper (y upwards, at most 0)."""
    return {"west": frame.west, "north": frame.north, "across": frame.scale * frame.shrink, "down": frame.scale}
