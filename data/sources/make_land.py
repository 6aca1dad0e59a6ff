"""Makes land.geojson.gz out of Natural Earth, as packaged for npm in world-atlas 2.0.2 (countries-10m.json).

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python data/sources/make_land.py package/countries-10m.json data/sources/land.geojson.gz

Near France (3 degrees around any of its territories) the 1:10m outline is kept; elsewhere it is simplified to 0.05 degree.
"""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import shapely

# ISO 3166-1 numeric codes, as world-atlas identifies countries: France and its collectivities.
FRENCH = {"250", "258", "540", "666", "663", "652", "876", "260"}
FRENCH_NAMES = {"Clipperton I."}
NEAR_DEGREES, FAR_TOLERANCE = 3.0, 0.05


def countries(topology):
    scale, shift = (np.array(topology["transform"][key]) for key in ("scale", "translate"))
    arcs = [np.cumsum(np.array(arc), axis=0) * scale + shift for arc in topology["arcs"]]

    def ring(numbers):
        parts = [arcs[n] if n >= 0 else arcs[~n][::-1] for n in numbers]
        return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])

    for item in topology["objects"]["countries"]["geometries"]:
        polygons = {"Polygon": [item.get("arcs")], "MultiPolygon": item.get("arcs")}.get(item["type"], [])
        rings = [[r for r in map(ring, polygon) if len(r) > 3] for polygon in polygons]  # quantisation leaves some of 3 points
        shape = shapely.union_all([shapely.make_valid(shapely.Polygon(r[0], r[1:])) for r in rings if r])
        yield item["properties"]["name"], item.get("id") in FRENCH or item["properties"]["name"] in FRENCH_NAMES, shape


def main(source, target):
    every = list(countries(json.loads(Path(source).read_text())))
    near = shapely.union_all([s.buffer(NEAR_DEGREES, quad_segs=2) for _, french, s in every if french])
    features = []
    for name, french, shape in sorted(every, key=lambda row: row[0]):
        close, far = shape.intersection(near), shape.difference(near)
        kept = shapely.union_all([close, shapely.make_valid(far.simplify(FAR_TOLERANCE))])
        kept = shapely.set_precision(kept, 1e-4)
        polygons = [g for g in shapely.get_parts(kept) if g.geom_type == "Polygon" and g.area > 1e-6]
        if polygons:
            geometry = json.loads(shapely.to_geojson(shapely.MultiPolygon(polygons).normalize()))
            features.append({"type": "Feature", "properties": {"name": name, "is_france": french}, "geometry": geometry})
    text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, separators=(",", ":"))
    Path(target).write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
