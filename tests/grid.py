"""Maps drawn in ASCII: one letter a commune, one character a cell; `.` is no commune.

    AAB
    A.B

North is up. A cell is `CELL` degrees wide; the lower left corner lies at `ORIGIN`, in the sea south of La Réunion. The
letter `A` becomes commune 97401, `B` 97402, and so on.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import shapely

from geoplatform.model import LonLat
from loaders.boundaries import BoundarySet, Communes, Edition, Unit

CELL = 0.1
ORIGIN = (55.0, -22.0)


def code_of(letter: str) -> str:
    return f"974{ord(letter) - ord('A') + 1:02d}"


def at(drawing: str, column: float, row: float) -> LonLat:
    """Position in cells from the lower left corner: (0.5, 0.5) is the middle of the lower left cell."""
    return LonLat(round(ORIGIN[0] + column * CELL, 9), round(ORIGIN[1] + row * CELL, 9))


def shapes_of(drawing: str) -> dict[str, shapely.Geometry]:
    """Polygon of each letter. Corners are computed once per grid line, so that neighbours share them to the bit."""
    rows = [line.strip() for line in drawing.strip().splitlines()][::-1]
    cells: dict[str, list[shapely.Geometry]] = {}
    for y, line in enumerate(rows):
        for x, letter in enumerate(line):
            if letter != ".":
                low, high = at(drawing, x, y), at(drawing, x + 1, y + 1)
                cells.setdefault(letter, []).append(shapely.box(low.lon, low.lat, high.lon, high.lat))
    return {letter: shapely.union_all(parts) for letter, parts in sorted(cells.items())}


def boundaries(
    drawing: str,
    *,
    year: int = 2025,
    precision_m: float = 150.0,
    edition: str = "grid",
    expected: int | None = None,
    listed: frozenset[str] | None = None,
    **changes: Any,
) -> BoundarySet:
    """The drawing as a boundary set of department 974, region 04. `changes`: columns of its communes to put instead."""
    shapes = shapes_of(drawing)
    count = len(shapes)
    columns: dict[str, Any] = {
        "codes": [code_of(letter) for letter in shapes],
        "names": [f"Commune {letter}" for letter in shapes],
        "department_codes": ["974"] * count,
        "region_codes": ["04"] * count,
        "epci_codes": ["200000001"] * count,
        "postal_codes": [[f"9740{n % 10}"] for n in range(count)],
        "populations": [1000 * (n + 1) for n in range(count)],
        "shapes": np.array(list(shapes.values()), dtype=object),
    }
    communes = Communes(**{**columns, **changes})
    return BoundarySet(
        edition=Edition(
            year=year,
            effective_on=dt.date(year, 1, 1),
            title=f"Drawing {year}",
            publisher="tests",
            attribution="tests",
            licence="CC0-1.0",
            edition=edition,
            source_file="grid",
            source_sha256=f"{abs(hash((drawing, year, edition))):064x}"[-64:],
            precision_m=precision_m,
        ),
        communes=lambda: iter([communes]),
        count=len(communes.codes),
        expected=len(communes.codes) if expected is None else expected,
        listed=listed,
        regions=[Unit("04", "La Réunion")],
        departments=[Unit("974", "La Réunion", "04")],
        epci=[Unit("200000001", "Territoire de la Côte", kind="CA")],
    )
