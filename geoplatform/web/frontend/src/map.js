// Entry of the pages with a map. Reads the JSON block of the page, draws, and ties the map to the lists around it.

import 'maplibre-gl/dist/maplibre-gl.css';
import './map.css';
import {AttributionControl, Map as MapLibre, NavigationControl, ScaleControl, addProtocol, setWorkerUrl} from 'maplibre-gl';
import {Protocol} from 'pmtiles';
import {enhanceBasemap, isWanted} from './basemap.js';
import {followMap, listenToList, readListed, showInList} from './list.js';
import {putMarks} from './marks.js';
import {keepNames} from './names.js';
import {enhancePointing} from './pointing.js';
import {openCommune, openPlace} from './popups.js';
import {tryLayer} from './preview.js';
import {CLUSTERS_END, COMMUNES_START, makeStyle, readTokens} from './style.js';

const WORKER = 'map-worker.js'; // a name, not a literal inside new URL(): Vite would take it for a file to bundle
setWorkerUrl(new URL(`${WORKER}${new URL(import.meta.url).search}`, import.meta.url).href);

const calm = matchMedia('(prefers-reduced-motion: reduce)');
const dark = matchMedia('(prefers-color-scheme: dark)');
const root = document.documentElement;

function readConfig() {
  const config = JSON.parse(document.getElementById('map-config').textContent);
  const listed = readListed();
  return {
    maxTileZoom: 14, root: '', ...config,
    base: `${window.location.origin}${config.root ?? ''}`,
    listed: Boolean(config.listed) && listed.features.length > 0,
    data: {
      listed: config.listed || config.alone ? listed : undefined, chosen: config.chosen && pointAt(config.chosen), features: dataOf(config.features),
      basemap: Boolean(config.basemap) && isWanted(config.basemap),
    },
  };
}

/** Features that the page holds, or has the address of. */
const dataOf = (features) => (typeof features === 'string' ? new URL(features, window.location.origin).href : features);
const pointAt = (coordinates) => ({type: 'Feature', geometry: {type: 'Point', coordinates}, properties: {}});

const padding = (container) => Math.min(36, Math.round(container.clientWidth / 14));

function viewOf({bbox, centre, zoom}, container) {
  if (centre) return {center: centre, zoom: zoom ?? 15};
  const [west, south, east, north] = bbox;
  return {bounds: [[west, south], [east, north]], fitBoundsOptions: {padding: padding(container), maxZoom: 15}};
}

function makeMap(container, config) {
  const {texts} = config;
  const map = new MapLibre({
    container,
    style: config.preview ? config.preview.styles[dark.matches ? 'dark' : 'light'] : makeStyle({...config, tokens: readTokens()}),
    ...viewOf(config.view, container),
    maxZoom: 18,
    minZoom: 1,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    rollEnabled: false,
    attributionControl: false,
    // A page must stay scrollable where the map fills the width of a phone.
    cooperativeGestures: matchMedia('(pointer: coarse)').matches,
    locale: texts.controls,
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new NavigationControl({showCompass: false}), 'top-right');
  map.addControl(new ScaleControl({maxWidth: 90}), 'bottom-left');
  map.addControl(new AttributionControl({compact: container.clientWidth < 560}), 'bottom-right');
  map.getCanvas().setAttribute('aria-describedby', 'map-help');
  return map;
}

function makeMoves(map, config) {
  const move = (options) => (calm.matches ? map.jumpTo(options) : map.flyTo({...options, duration: 900, essential: false}));
  const choose = (coordinates) => {
    config.data.chosen = coordinates ? pointAt(coordinates) : undefined;
    map.getSource('chosen')?.setData(config.data.chosen ?? {type: 'FeatureCollection', features: []});
  };
  let popup = null;
  const show = (made) => {
    popup?.remove();
    popup = made;
    return made;
  };
  return {
    move,
    choose,
    show,
    goTo: (bbox) => {
      show(null);
      map.fitBounds([[bbox[0], bbox[1]], [bbox[2], bbox[3]]], {padding: padding(map.getContainer()), animate: !calm.matches, duration: 1200});
    },
    showPlace: (lngLat, place) => {
      show(null); // its closing forgets what was chosen before
      choose(lngLat);
      showInList(place.id);
      show(openPlace(map, lngLat, place, config)).on('close', () => choose(null));
    },
  };
}

function answerClicks(map, config, moves) {
  const layersAt = (point, layers, reach = 0) => map.queryRenderedFeatures(
    [[point.x - reach, point.y - reach], [point.x + reach, point.y + reach]],
    {layers: layers.filter((layer) => map.getLayer(layer))},
  )[0];
  const onTop = (point) => layersAt(point, ['places-points', 'listed-points', 'places-clusters'], 6);
  const below = (point) => layersAt(point, map.getZoom() >= COMMUNES_START ? ['communes-fill'] : ['departments-fill']);

  map.on('click', ({point, lngLat}) => {
    const feature = onTop(point) ?? below(point);
    if (!feature) return;
    if (feature.layer.id === 'places-clusters') {
      const zoom = feature.properties.expansion_zoom ?? Math.min(map.getZoom() + 2, map.getMaxZoom());
      moves.move({center: feature.geometry.coordinates, zoom: Math.max(zoom, map.getZoom() + 0.5)});
    } else if (feature.layer.id === 'departments-fill') {
      moves.move({center: lngLat, zoom: Math.max(COMMUNES_START + 1, map.getZoom() + 2)});
    } else if (feature.layer.id === 'communes-fill') {
      moves.show(openCommune(map, lngLat, feature.properties, config));
    } else {
      moves.showPlace(feature.geometry.coordinates.slice(), feature.properties);
    }
  });
  map.on('mousemove', ({point}) => {
    map.getCanvas().classList.toggle('is-clickable', Boolean(onTop(point) ?? below(point)));
  });
}

function tieToPage(map, config, moves) {
  listenToList({
    look: ({geometry, properties}) => {
      showInList(properties.id);
      moves.choose(geometry.coordinates);
      moves.move({center: geometry.coordinates, zoom: Math.max(map.getZoom(), CLUSTERS_END + 1)});
    },
    visit: ({geometry, properties}) => {
      moves.move({center: geometry.coordinates, zoom: Math.max(map.getZoom(), 15)});
      moves.showPlace(geometry.coordinates, properties);
      map.getContainer().scrollIntoView({block: 'nearest', behavior: calm.matches ? 'auto' : 'smooth'});
    },
  });
  const follow = document.querySelector('[data-follow]');
  if (follow) {
    followMap(follow, {
      bounds: () => map.getBounds().toArray().flat(),
      moved: (then) => map.on('moveend', then),
      listed: () => config.data.listed && map.getSource('listed')?.setData((config.data.listed = readListed())),
    });
  }
  for (const group of document.querySelectorAll('[data-views]')) {
    for (const part of [group, ...group.querySelectorAll('[hidden]')]) part.hidden = false;
    group.addEventListener('click', (event) => {
      const bbox = event.target.closest('[data-bbox]')?.dataset.bbox;
      if (bbox) moves.goTo(bbox.split(',').map(Number));
    });
  }
}

/** The map as something to point at. */
const pointer = (map, moves) => ({
  mark: (coordinates) => moves.choose(coordinates),
  look: (coordinates) => moves.move({center: coordinates, zoom: Math.max(map.getZoom(), 15)}),
  clicked: (answer) => map.on('click', ({lngLat}) => answer([lngLat.lng, lngLat.lat])),
});

function start() {
  const container = document.getElementById('map');
  if (!container) return;
  const config = readConfig();
  const pointing = document.querySelector('[data-pointing]');
  const fail = (reason) => {
    root.dataset.map = 'failed';
    container.hidden = true;
    document.getElementById('map-message').hidden = false;
    console.warn('map:', reason);
    const nothing = () => {};
    if (pointing) enhancePointing(pointing, {mark: nothing, look: nothing, clicked: nothing});
  };
  if (config.archives) addProtocol('pmtiles', new Protocol().tile);
  let map;
  try {
    map = makeMap(container, config);
  } catch (reason) {
    return fail(reason); // no WebGL: the lists say the same
  }
  window.__map = map;
  map.on('error', ({error}) => console.warn('map:', error?.message ?? error));
  map.once('idle', () => { root.dataset.map = 'idle'; });
  if (config.preview) return tryLayer(map, config.preview.texts);
  map.once('style.load', () => putMarks(map, readTokens()));
  keepNames(map, config.data);
  const moves = makeMoves(map, config);
  if (pointing) enhancePointing(pointing, pointer(map, moves));
  else answerClicks(map, config, moves);
  tieToPage(map, config, moves);
  const draw = () => map.setStyle(makeStyle({...config, tokens: readTokens()}), {diff: true});
  enhanceBasemap(map, config, draw);
  dark.addEventListener('change', () => {
    putMarks(map, readTokens());
    draw();
  });
}

// A map takes long to begin: the page is painted first, which it is in the second frame.
requestAnimationFrame(() => requestAnimationFrame(start));
