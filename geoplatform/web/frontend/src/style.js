// The MapLibre style, made from the colours of the page (page.css) so that light and dark have one source.
// No `glyphs`: MapLibre 6 then draws every letter itself with the fonts of the system, and asks nobody.

import {BASEMAP} from './basemap.js';

/** Zoom from which the tiles carry places one by one, unless there are very many; below it those that are near form one. */
export const CLUSTERS_END = 14;
/** Deepest tiles of places: so far down, those that are very many still part. Limits need no more than `maxTileZoom`. */
const PLACES_DEEPEST = 18;
/** Zoom from which communes are drawn instead of departments. */
export const COMMUNES_START = 8;

const PLAIN = ['system-ui'];
const BOLD = ['Page Bold', 'system-ui']; // no such font: MapLibre only reads the weight out of the first name

/** Colours of the page as it is shown now. */
export function readTokens() {
  const css = getComputedStyle(document.documentElement);
  const token = (name) => css.getPropertyValue(`--${name}`).trim();
  return {
    water: token('map-water'), land: token('map-land'), line: token('map-line'), department: token('map-department'),
    name: token('map-name'), halo: token('map-halo'), limit: token('map-limit'), cluster: token('map-cluster'),
    clusterText: token('map-cluster-text'), merchant: token('kind-merchant'), service: token('kind-service'),
    association: token('kind-association'), project: token('kind-project'), basemap: Number(token('map-basemap')),
  };
}

const EMPTY = {type: 'FeatureCollection', features: []};
const grow = (...stops) => ['interpolate', ['linear'], ['zoom'], ...stops];

const mark = {
  'icon-image': ['concat', ['get', 'kind'], ['case', ['==', ['get', 'source'], 'synthetic'], '-demo', '']],
  'icon-allow-overlap': true,
  'icon-size': grow(6, 0.5, 10, 0.75, 14, 1),
};

/** Style of the map. `listed`: the page shows all places of its commune one by one, so no clusters near it. `archives`: files of tiles
 * (PMTiles) that layers are drawn from in place of the server's, by name of the layer. */
export function makeStyle(config) {
  const style = makeWhole(config);
  if (config.alone) return {...style, layers: style.layers.filter(({source}) => source !== 'places')}; // what tiles cannot tell
  if (!config.data.features && (!config.archives || config.archives.places)) return style;
  return {...style, layers: style.layers.filter(({source}) => source !== 'places' && source !== 'listed')}; // the page shows its own features
}

/** Source of the operator's basemap: an address elsewhere, or a path of this site. */
const rasterOf = ({tiles, maxzoom, attribution}) => ({
  type: 'raster', tiles: [tiles.startsWith('/') ? window.location.origin + tiles : tiles], tileSize: 256, maxzoom, attribution,
});

function makeWhole({base, archives, only, alone, tokens, vintage, highlight, listed, maxTileZoom, attribution, data, basemap}) {
  const start = archives?.communes ? 0 : COMMUNES_START; // a file of communes is shown as far out as it goes
  const asked = (layer) => {
    const wanted = new URLSearchParams(layer === 'places' ? only ?? {} : vintage ? {vintage} : {}).toString();
    return wanted && `?${wanted}`;
  };
  const archive = (layer) => `pmtiles://${new URL(archives[layer], base).href}`;
  const tiles = (layer, minzoom, maxzoom, more) => (archives?.[layer] ? {type: 'vector', url: archive(layer), ...more} : {
    type: 'vector', tiles: [`${base}/tiles/${layer}/{z}/{x}/{y}.mvt${asked(layer)}`], minzoom, maxzoom, ...more,
  });
  const points = (name) => ({type: 'geojson', data: data[name] ?? EMPTY});
  const isCluster = ['>', ['coalesce', ['get', 'point_count'], 1], 1];
  const shownClusters = listed ? ['all', isCluster, ['any', ['<', ['zoom'], 9], ['>=', ['zoom'], CLUSTERS_END]]] : isCluster;
  const isHighlight = ['==', ['get', 'code'], highlight ?? ''];
  const nameText = (size) => ({
    'text-field': ['get', 'name'], 'text-font': PLAIN, 'text-size': size, 'text-max-width': 7, 'text-padding': 4,
    'text-variable-anchor': ['center', 'bottom', 'top', 'left', 'right'], 'text-radial-offset': 0.9, // makes room for the marks
    'symbol-sort-key': ['-', ['get', 'weight']],
  });
  const namePaint = {'text-color': tokens.name, 'text-halo-color': tokens.halo, 'text-halo-width': 1.4};

  return {
    version: 8,
    sources: {
      departments: tiles('departments', 0, COMMUNES_START, {attribution}),
      communes: tiles('communes', COMMUNES_START, maxTileZoom),
      places: tiles('places', 0, Math.max(maxTileZoom, PLACES_DEEPEST), {promoteId: {places: 'id'}}),
      'department-names': points('department-names'),
      'commune-names': points('commune-names'),
      listed: points('listed'),
      chosen: points('chosen'),
      features: points('features'),
      ...(data.basemap && {[BASEMAP]: rasterOf(basemap)}),
    },
    layers: [
      {id: 'background', type: 'background', paint: {'background-color': tokens.water}},
      {id: 'departments-fill', type: 'fill', source: 'departments', 'source-layer': 'departments',
        paint: {'fill-color': tokens.land, 'fill-antialias': false}},
      {id: 'communes-fill', type: 'fill', source: 'communes', 'source-layer': 'communes', minzoom: start,
        paint: {'fill-color': tokens.land, 'fill-antialias': false}},
      // Above the land, which so shows where no tile comes; dimmed where the page is dark.
      ...(data.basemap ? [{id: BASEMAP, type: 'raster', source: BASEMAP, paint: {'raster-brightness-max': tokens.basemap}}] : []),
      {id: 'highlight-fill', type: 'fill', source: 'communes', 'source-layer': 'communes', minzoom: start,
        filter: isHighlight, paint: {'fill-color': tokens.limit, 'fill-opacity': 0.12, 'fill-antialias': false}},
      {id: 'communes-line', type: 'line', source: 'communes', 'source-layer': 'communes', minzoom: start,
        layout: {'line-join': 'round'},
        paint: {'line-color': tokens.line, 'line-width': grow(8, 0.4, 11, 1, 15, 1.6)}},
      {id: 'departments-line', type: 'line', source: 'departments', 'source-layer': 'departments', maxzoom: 9,
        layout: {'line-join': 'round'},
        paint: {'line-color': tokens.department, 'line-width': grow(3, 0.5, 8, 1.5), 'line-opacity': grow(8, 1, 9, 0)}},
      {id: 'highlight-line', type: 'line', source: 'communes', 'source-layer': 'communes', minzoom: start,
        filter: isHighlight, layout: {'line-join': 'round'},
        paint: {'line-color': tokens.limit, 'line-width': grow(8, 1.5, 12, 3, 16, 4.5)}},

      {id: 'features-fill', type: 'fill', source: 'features', filter: ['==', ['geometry-type'], 'Polygon'],
        paint: {'fill-color': tokens.limit, 'fill-opacity': 0.18}},
      {id: 'features-line', type: 'line', source: 'features', filter: ['==', ['geometry-type'], 'Polygon'],
        layout: {'line-join': 'round'}, paint: {'line-color': tokens.limit, 'line-width': 1.5}},

      {id: 'department-names', type: 'symbol', source: 'department-names', minzoom: 6, maxzoom: 9,
        layout: nameText(grow(6, 11, 9, 15)), paint: namePaint},
      {id: 'commune-names', type: 'symbol', source: 'commune-names', minzoom: 9,
        layout: {...nameText(grow(9, 11, 13, 15)), 'text-font': ['case', isHighlight, ['literal', BOLD], ['literal', PLAIN]]},
        paint: namePaint},

      {id: 'places-clusters', type: 'circle', source: 'places', 'source-layer': 'places', filter: shownClusters,
        paint: {
          'circle-color': tokens.cluster, 'circle-stroke-color': tokens.halo, 'circle-stroke-width': 2,
          'circle-radius': ['interpolate', ['linear'], ['log10', ['coalesce', ['get', 'point_count'], 1]], 0, 10, 1, 13, 2, 17, 3, 22, 4, 28],
        }},
      {id: 'places-cluster-counts', type: 'symbol', source: 'places', 'source-layer': 'places', filter: shownClusters,
        layout: {
          'text-field': ['number-format', ['get', 'point_count'], {locale: document.documentElement.lang || 'fr', 'max-fraction-digits': 0}],
          'text-font': BOLD, 'text-size': 12, 'text-allow-overlap': true,
        },
        paint: {'text-color': tokens.clusterText}},
      {id: 'places-points', type: 'symbol', source: 'places', 'source-layer': 'places', ...(listed && {minzoom: CLUSTERS_END}),
        filter: ['!', isCluster], layout: mark},
      {id: 'listed-points', type: 'symbol', source: 'listed', minzoom: alone ? 0 : 9, maxzoom: alone ? 24 : CLUSTERS_END, layout: mark},
      {id: 'places-names', type: 'symbol', source: 'places', 'source-layer': 'places', minzoom: 15, filter: ['!', isCluster],
        layout: {
          'text-field': ['get', 'name'], 'text-font': PLAIN, 'text-size': 12, 'text-max-width': 9,
          'text-variable-anchor': ['top', 'left', 'right', 'bottom'], 'text-radial-offset': 1.6,
        },
        paint: namePaint},
      {id: 'features-points', type: 'circle', source: 'features', filter: ['==', ['geometry-type'], 'Point'],
        paint: {'circle-radius': 6, 'circle-color': tokens.limit, 'circle-stroke-color': tokens.halo, 'circle-stroke-width': 2}},
      {id: 'chosen', type: 'circle', source: 'chosen',
        paint: {
          'circle-radius': 17, 'circle-opacity': 0, 'circle-stroke-color': tokens.limit, 'circle-stroke-width': 4,
          'circle-pitch-alignment': 'map',
        }},
    ],
  };
}
