// A layer of tiles as it is: drawn with the published style, every property of what is clicked, the zoom in words.

import {Popup} from 'maplibre-gl';

/** Ties a map that shows the published style of a layer to its page. `texts`: words of the status line. */
export function tryLayer(map, texts) {
  const status = document.getElementById('preview-status');
  const tell = () => {
    const {lng, lat} = map.getCenter();
    const z = Math.floor(map.getZoom());
    const side = 2 ** z;
    const x = Math.floor(((lng + 180) / 360) * side);
    const y = Math.floor(((1 - Math.asinh(Math.tan((lat * Math.PI) / 180)) / Math.PI) / 2) * side);
    status.textContent = `${texts.zoom} ${map.getZoom().toFixed(1)} · ${texts.tile} ${z}/${x}/${y}`;
  };
  map.on('moveend', tell);
  tell();
  map.on('click', ({point, lngLat}) => {
    const found = map.queryRenderedFeatures([[point.x - 4, point.y - 4], [point.x + 4, point.y + 4]]);
    if (!found.length) return;
    const list = document.createElement('dl');
    list.className = 'popup preview-properties';
    for (const [name, value] of Object.entries({layer: found[0].sourceLayer, id: found[0].id, ...found[0].properties})) {
      const term = document.createElement('dt');
      const told = document.createElement('dd');
      term.textContent = name;
      told.textContent = String(value);
      list.append(term, told);
    }
    new Popup({maxWidth: '20rem'}).setLngLat(lngLat).setDOMContent(list).addTo(map);
  });
}
