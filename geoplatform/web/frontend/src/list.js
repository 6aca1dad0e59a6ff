// The list of places and the map are two views of one thing: what is chosen in one shows in the other.

/** Places of the page's list as GeoJSON, from the data- attributes of its items. */
export function readListed() {
  const items = [...document.querySelectorAll('[data-place][data-lon]')];
  return {
    type: 'FeatureCollection',
    features: items.map(({dataset}) => ({
      type: 'Feature',
      geometry: {type: 'Point', coordinates: [Number(dataset.lon), Number(dataset.lat)]},
      properties: {
        id: dataset.place, kind: dataset.kind, category: dataset.category, name: dataset.name,
        source: dataset.source, licence: dataset.licence,
      },
    })),
  };
}

/** Marks the item of the place as current; nothing if the page does not list it. */
export function showInList(id) {
  document.querySelector('[data-place].is-current')?.classList.remove('is-current');
  if (id) document.querySelector(`[data-place="${CSS.escape(id)}"]`)?.classList.add('is-current');
}

/** Calls `look(place)` when an item gets the focus and `visit(place)` when its button is pressed. */
export function listenToList({look, visit}) {
  const places = new Map(readListed().features.map((feature) => [feature.properties.id, feature]));
  const placeOf = (event) => places.get(event.target.closest('[data-place]')?.dataset.place);
  for (const button of document.querySelectorAll('[data-locate]')) button.hidden = false;
  document.addEventListener('focusin', (event) => {
    const place = placeOf(event);
    if (place && event.target.matches(':focus-visible')) look(place);
  });
  document.addEventListener('click', (event) => {
    const place = event.target.closest('[data-locate]') && placeOf(event);
    if (place) visit(place);
  });
}
