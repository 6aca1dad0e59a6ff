"""The map of a commune on paper: an SVG of A4, A3 or A2 with its limit, neighbours and places, for a wall."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import segno
from flask import Blueprint, render_template, request, url_for
from flask.wrappers import Response
from sqlalchemy import Connection

from geoplatform.errors import BadParameter
from geoplatform.model import BBox, Kind, Place, Source, commune_code
from geoplatform.store import communes, outlines, places
from geoplatform.store.outlines import Frame
from geoplatform.web import context
from geoplatform.web.limits import counted
from geoplatform.web.themes import THEMES

blueprint = Blueprint("poster", __name__)

#: Width of a sheet against A3, in which everything is laid out.
PAPERS = {"A4": math.sqrt(0.5), "A3": 1.0, "A2": math.sqrt(2)}
_SHORT, _LONG = 297.0, 420.0
_MARGIN, _HEAD, _FOOT = 12.0, 30.0, 30.0
_ROW, _COLUMN = 4.2, 66.0
#: More places than this have no number and no line below the map; those that are near are one circle.
_MOST_LISTED = 140
_CELL = 9.0
_FINE = 0.1
#: A box that is wider than high by this asks for a sheet on its side.
_WIDE = 1.15


@dataclass(frozen=True, slots=True)
class Dot:
    """A mark on the map, in millimetres: one place, with its number in the list, or so many."""

    across: float
    down: float
    kind: Kind
    number: int | None
    count: int = 1

    @property
    def radius(self) -> float:
        """Of the circle of several places: grows as their number does, slowly."""
        return 2.2 + 1.1 * math.log10(self.count)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list below the map: a heading (a kind), or a place with its number, None where its position is not public."""

    across: float
    down: float
    kind: Kind
    name: str | None
    number: int | None


@blueprint.get("/communes/<code>/poster.svg")
@counted("read")
def show(code: str) -> Response:
    """The poster, without places for display only. `format`: A4, A3 (usual) or A2. BadParameter where there are no limits."""
    paper = request.args.get("format", "A3")
    if paper not in PAPERS:
        raise BadParameter("format", paper[:20], "is not one of " + ", ".join(PAPERS), allowed=list(PAPERS))
    known = commune_code(code)
    vintage = context.active_vintage()
    with context.store().snapshot() as connection:
        commune = communes.get(connection, known)
        if commune.bbox is None:
            raise BadParameter("code", known, "is a commune of which this vintage has no limits, so it has no map")
        found = sorted(
            places.exportable_of_commune(connection, known), key=lambda p: (list(Kind).index(p.kind), p.name.casefold())
        )
        sheet = _sheet(connection, commune.bbox, found)
    told = {
        "counts": Counter(place.kind.value for place in found),
        "licences": Counter(place.licence for place in found).most_common(),
        "invented": sum(place.source is Source.SYNTHETIC for place in found),
        "total": len(found),
    }
    paper_shown = {"paper": paper, "zoom": PAPERS[paper], "colour": THEMES["light"], "today": context.now().date()}
    address = context.absolute(url_for("communes.page", code=known))
    body = render_template(
        "poster.svg", commune=commune, vintage=vintage, address=address, qr=_qr(address), **told, **paper_shown, **sheet
    )
    response = Response(body, mimetype="image/svg+xml")
    response.headers["Content-Disposition"] = f'inline; filename="carte-{known}-{paper}.svg"'
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.add("Cookie")
    return response


def _sheet(connection: Connection, box: BBox, found: list[Place]) -> dict[str, Any]:
    """What is on the sheet and where, in millimetres of an A3."""
    aspect = (
        (box.east - box.west) * math.cos(math.radians((box.south + box.north) / 2)) / max(box.north - box.south, 1e-9)
    )
    width, height = (_LONG, _SHORT) if aspect > _WIDE else (_SHORT, _LONG)
    is_listed = 0 < len(found) <= _MOST_LISTED
    columns = int((width - 2 * _MARGIN) // _COLUMN)
    rows = -(-(len(found) + 2 * len({place.kind for place in found})) // columns) if is_listed else 0
    map_height = height - 2 * _MARGIN - _HEAD - _FOOT - (rows * _ROW + 6 if rows else 0)
    frame = Frame.around(box, width - 2 * _MARGIN, map_height, 8)
    numbers: dict[Any, int] = {}
    if is_listed:
        for place in found:
            if place.position is not None and frame.holds(place.position):
                numbers[place.id] = len(numbers) + 1
    return {
        "width": width, "height": height, "margin": _MARGIN, "head": _HEAD, "foot": _FOOT, "frame": frame,
        "outlines": outlines.communes_in(connection, frame, _FINE), "bar": _bar(frame),
        "dots": _dots(found, frame, numbers) if is_listed else _crowds(found, frame),
        "lines": _lines(found, numbers, rows, _HEAD + _MARGIN + map_height + 8) if is_listed else [],
        "column": _COLUMN,
    }  # fmt: skip


def _dots(found: list[Place], frame: Frame, numbers: dict[Any, int]) -> list[Dot]:
    return [
        Dot(*frame.at(place.position), place.kind, numbers[place.id])
        for place in found
        if place.position is not None and place.id in numbers
    ]


def _crowds(found: list[Place], frame: Frame) -> list[Dot]:
    """Places in squares of the map: one mark each, with their number where they are several; the largest below."""
    cells: dict[tuple[int, int], list[tuple[float, float, Kind]]] = {}
    for place in found:
        if place.position is not None and frame.holds(place.position):
            across, down = frame.at(place.position)
            cells.setdefault((int(across // _CELL), int(down // _CELL)), []).append((across, down, place.kind))
    dots = []
    for inside in cells.values():
        across = sum(one[0] for one in inside) / len(inside)
        down = sum(one[1] for one in inside) / len(inside)
        dots.append(Dot(across, down, inside[0][2], None, len(inside)))
    return sorted(dots, key=lambda dot: -dot.count)


def _lines(found: list[Place], numbers: dict[Any, int], rows: int, top: float) -> list[Line]:
    """The list below the map, column by column."""
    told: list[tuple[Kind, str | None, int | None]] = []
    for kind in Kind:
        of_kind = [place for place in found if place.kind is kind]
        if of_kind:
            told += [(kind, None, None), *((kind, place.name, numbers.get(place.id)) for place in of_kind)]
    return [
        Line(_MARGIN + at // rows * _COLUMN, top + at % rows * _ROW, kind, name, number)
        for at, (kind, name, number) in enumerate(told)
    ]


def _bar(frame: Frame) -> tuple[float, float]:
    """A round length on the ground, in metres, and how long it is on paper: 25 to 60 mm."""
    for power in range(1, 6):
        for step in (1, 2, 5):
            metres = step * 10.0**power
            if 25 <= metres / frame.metres <= 63:
                return metres, metres / frame.metres
    return frame.metres * 40, 40.0


def _qr(address: str) -> tuple[str, int]:
    """The dark squares of a QR code (ISO/IEC 18004) as the path of an SVG, and how many there are to a side."""
    rows = segno.make(address, error="m", micro=False).matrix
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return path, len(rows)
