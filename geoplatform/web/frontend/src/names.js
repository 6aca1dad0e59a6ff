// Names of the communes and departments in view. A vector tile holds a polygon in pieces, and a label on each
// piece would say the name several times; so each territory gets one label, on its largest piece in view.

const LAYERS = [
  {source: 'departments', names: 'department-names', from: 6, to: 9},
  {source: 'communes', names: 'commune-names', from: 9, to: 24},
];

/** Keeps the labels in step with what the map shows. `data` remembers them for a change of theme. */
export function keepNames(map, data) {
  const refresh = () => {
    for (const {source, names, from, to} of LAYERS) {
      if (map.getZoom() < from - 0.5 || map.getZoom() >= to || !map.getSource(source)) continue;
      const labels = labelsOf(map.querySourceFeatures(source, {sourceLayer: source}), map.getBounds());
      const said = JSON.stringify(labels);
      if (said === data[`${names}-said`]) continue;
      data[`${names}-said`] = said;
      data[names] = {type: 'FeatureCollection', features: labels};
      map.getSource(names)?.setData(data[names]);
    }
  };
  map.on('idle', refresh);
}

function labelsOf(features, bounds) {
  const view = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  const best = new Map();
  for (const {geometry, properties} of features) {
    if (!properties.code || !properties.name) continue;
    for (const polygon of polygonsOf(geometry)) {
      const ring = clip(polygon[0], view);
      const piece = ring.length > 2 ? measure(ring) : null;
      if (piece && piece.area > (best.get(properties.code)?.area ?? 0)) best.set(properties.code, {...piece, properties});
    }
  }
  return [...best.values()]
    .sort((one, other) => one.properties.code.localeCompare(other.properties.code))
    .map(({at, properties}) => ({
      type: 'Feature',
      geometry: {type: 'Point', coordinates: at},
      properties: {code: properties.code, name: properties.name, weight: properties.population ?? 0},
    }));
}

function polygonsOf(geometry) {
  if (geometry.type === 'Polygon') return [geometry.coordinates];
  return geometry.type === 'MultiPolygon' ? geometry.coordinates : [];
}

/** The ring inside the view (Sutherland–Hodgman), so that a large commune is named where one looks. */
function clip(ring, [west, south, east, north]) {
  const sides = [[0, west, 1], [0, east, -1], [1, south, 1], [1, north, -1]];
  let points = ring;
  for (const [axis, limit, sign] of sides) {
    const inside = (point) => sign * (point[axis] - limit) >= 0;
    const crossing = (from, to) => {
      const part = (limit - from[axis]) / (to[axis] - from[axis]);
      return [from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1])];
    };
    points = points.flatMap((point, index) => {
      const before = points.at(index - 1);
      if (inside(point)) return inside(before) ? [point] : [crossing(before, point), point];
      return inside(before) ? [crossing(before, point)] : [];
    });
  }
  return points;
}

/** Area (square degrees, to compare only) and a point well inside: the middle of the widest run at mid-height. */
function measure(ring) {
  let twice = 0;
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    twice += ring[j][0] * ring[i][1] - ring[i][0] * ring[j][1];
    low = Math.min(low, ring[i][1]);
    high = Math.max(high, ring[i][1]);
  }
  const level = (low + high) / 2;
  const cuts = [];
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [[ax, ay], [bx, by]] = [ring[j], ring[i]];
    if (ay > level !== by > level) cuts.push(ax + ((level - ay) / (by - ay)) * (bx - ax));
  }
  cuts.sort((a, b) => a - b);
  let widest = [0, 0];
  for (let i = 0; i + 1 < cuts.length; i += 2) {
    if (cuts[i + 1] - cuts[i] > widest[1] - widest[0]) widest = [cuts[i], cuts[i + 1]];
  }
  const lon = (widest[0] + widest[1]) / 2;
  return {area: Math.abs(twice) / 2, at: [round(lon), round(level)]};
}

const round = (degrees) => Math.round(degrees * 1e5) / 1e5;
