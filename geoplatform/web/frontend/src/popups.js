// What a click on the map says. Built with DOM nodes, never with HTML text: names come from citizens.

import {Popup} from 'maplibre-gl';

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function link(text, address) {
  const made = element('a', 'popup-link', text);
  made.href = address;
  return made;
}

function open(map, lngLat, parts, offset) {
  const content = element('div', 'popup');
  content.append(...parts);
  return new Popup({maxWidth: '17rem', offset}).setLngLat(lngLat).setDOMContent(content).addTo(map);
}

/** Popup of a place: name, kind and category, licence, and the way to its page. */
export function openPlace(map, lngLat, place, {texts, categories, root}) {
  const kind = texts.kinds[place.kind] ?? place.kind;
  const category = categories?.[place.category];
  const parts = [element('p', 'popup-title', place.name), element('p', 'popup-text', [kind, category].filter(Boolean).join(' · '))];
  if (place.source === 'synthetic') parts.push(element('p', 'badge badge-demo', texts.demo));
  if (place.licence) parts.push(element('p', 'popup-small', `${texts.licence} ${texts.licences?.[place.licence] ?? place.licence}`));
  parts.push(link(texts.seePlace, `${root}/places/${encodeURIComponent(place.id)}`));
  return open(map, lngLat, parts, 16);
}

/** Popup of a commune: name and code, and the way to its page. */
export function openCommune(map, lngLat, commune, {texts, root, highlight}) {
  const parts = [element('p', 'popup-title', commune.name), element('p', 'popup-text', `${texts.insee} ${commune.code}`)];
  if (commune.code !== highlight) parts.push(link(texts.seeCommune, `${root}/communes/${encodeURIComponent(commune.code)}`));
  return open(map, lngLat, parts, 4);
}
