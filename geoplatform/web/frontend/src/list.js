// The list of places and the map are two views of one thing: what is chosen in one shows in the other.

/** A place of the page's list as GeoJSON, from the data- attributes of its item. */
const featureOf = ({dataset}) => ({
  type: 'Feature',
  geometry: {type: 'Point', coordinates: [Number(dataset.lon), Number(dataset.lat)]},
  properties: {
    id: dataset.place, kind: dataset.kind, category: dataset.category, name: dataset.name,
    source: dataset.source, licence: dataset.licence,
  },
});

/** Places of the page's list as GeoJSON. */
export function readListed() {
  return {type: 'FeatureCollection', features: [...document.querySelectorAll('[data-place][data-lon]')].map(featureOf)};
}

/** Marks the item of the place as current; nothing if the page does not list it. */
export function showInList(id) {
  document.querySelector('[data-place].is-current')?.classList.remove('is-current');
  if (id) document.querySelector(`[data-place="${CSS.escape(id)}"]`)?.classList.add('is-current');
}

const showButtons = () => {
  for (const button of document.querySelectorAll('[data-locate]')) button.hidden = false;
};

/** Calls `look(place)` when an item gets the focus and `visit(place)` when its button is pressed. */
export function listenToList({look, visit}) {
  const placeOf = (event) => {
    const item = event.target.closest('[data-place][data-lon]');
    return item && featureOf(item);
  };
  showButtons();
  document.addEventListener('focusin', (event) => {
    const place = placeOf(event);
    if (place && event.target.matches(':focus-visible')) look(place);
  });
  document.addEventListener('click', (event) => {
    const place = event.target.closest('[data-locate]') && placeOf(event);
    if (place) visit(place);
  });
}

/**
 * Has the list show what the map shows, while the box is ticked: `bbox` of the page's address, which stays the address of what is seen.
 * onMap: `bounds()` west, south, east, north; `moved(then)`; `listed()` is told that the list is another.
 */
export function followMap(label, onMap) {
  const box = label.querySelector('input');
  const status = document.querySelector('[data-follow-status]');
  let asked = null;

  async function show() {
    const address = new URL(window.location.href);
    address.searchParams.delete('page');
    if (box.checked) address.searchParams.set('bbox', onMap.bounds().map((degrees) => degrees.toFixed(5)).join(','));
    else address.searchParams.delete('bbox');
    address.hash = '';
    asked?.abort();
    const request = (asked = new AbortController());
    try {
      const answer = await fetch(address, {signal: request.signal, headers: {Accept: 'text/html'}});
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      if (request.signal.aborted) return;
      for (const part of ['[data-list]', '[data-total]']) document.querySelector(part).replaceWith(document.adoptNode(page.querySelector(part)));
      window.history.replaceState(null, '', address);
      keepInForm(address.searchParams.get('bbox'));
      showButtons();
      onMap.listed();
      status.textContent = status.dataset.text.replace('{n}', document.querySelector('[data-list]').dataset.count);
    } catch (reason) {
      if (!request.signal.aborted) console.warn('list:', reason);
    }
  }

  label.hidden = false;
  box.addEventListener('change', show);
  onMap.moved(() => { if (box.checked) show(); });
}

/** Other filters keep the box. */
function keepInForm(bbox) {
  const form = document.querySelector('.filters');
  const field = form.querySelector('[data-bbox-field]') ?? Object.assign(document.createElement('input'), {type: 'hidden', name: 'bbox'});
  field.dataset.bboxField = '';
  field.value = bbox ?? '';
  form.append(field);
}
