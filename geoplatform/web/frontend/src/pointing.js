// Says where a point lies while one points at it: on the map, by its coordinates, by an address, or by where the device is.

const WAIT_MS = 250;

const near = (metres) => Math.round(metres).toLocaleString(document.documentElement.lang);

function sentence(texts, {verdict, commune_code: code, commune_name: name, distance_m: metres, beyond}) {
  const where = (texts[verdict] ?? '').replace('{commune}', name ?? code ?? '');
  if (typeof metres !== 'number' || !code) return where;
  const limit = beyond ? texts.beyond.replace('{commune}', beyond.commune_name) : texts.distance;
  return `${where} ${limit.replace('{metres}', near(metres))}`;
}

/** Ties a fieldset to the map. `choose` marks a position on the map; what it returns tells of clicks there. */
export function enhancePointing(fieldset, onMap) {
  const {lon, lat} = fieldset.closest('form').elements;
  const status = fieldset.querySelector('[data-verdict]');
  const texts = JSON.parse(fieldset.querySelector('[data-texts]').textContent);
  let waiting = 0;

  const ask = async () => {
    const {value: x} = lon;
    const {value: y} = lat;
    if (x === '' || y === '') return;
    onMap.mark([Number(x), Number(y)]);
    try {
      const answer = await fetch(`${fieldset.dataset.placement}?${new URLSearchParams({lon: x, lat: y})}`);
      const told = await answer.json();
      if (!answer.ok) throw new Error(told.title);
      if (lon.value !== x || lat.value !== y) return;
      status.textContent = sentence(texts, told);
      status.dataset.commune = told.commune_name ?? '';
      status.dispatchEvent(new CustomEvent('placed', {bubbles: true}));
    } catch {
      status.textContent = texts.unknown;
    }
  };
  const set = ([x, y]) => {
    lon.value = x.toFixed(6);
    lat.value = y.toFixed(6);
    ask();
  };
  for (const field of [lon, lat]) {
    field.addEventListener('input', () => {
      clearTimeout(waiting);
      waiting = setTimeout(ask, WAIT_MS);
    });
  }
  const here = fieldset.querySelector('[data-here]');
  if (here && 'geolocation' in navigator) {
    here.hidden = false;
    here.addEventListener('click', () => navigator.geolocation.getCurrentPosition(
      ({coords}) => { set([coords.longitude, coords.latitude]); onMap.look([coords.longitude, coords.latitude]); },
      () => { status.textContent = texts.nowhere; },
    ));
  }
  fieldset.addEventListener('located', ({detail}) => { set(detail); onMap.look(detail); }); // an address was chosen (addresses.js)
  onMap.clicked(set);
  ask();
}
