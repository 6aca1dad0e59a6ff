// The operator's basemap. Its provider is asked nothing before the reader turns it on, and the choice stays on this device.

const KEPT = 'basemap';
/** Name of its source and of its layer in the style. */
export const BASEMAP = 'basemap';

/** Whether the reader turned on these very tiles here: another provider is another choice. */
export function isWanted({tiles}) {
  try {
    return localStorage.getItem(KEPT) === tiles;
  } catch {
    return false; // storage is closed to us, in a frame say
  }
}

function remember(tiles, isOn) {
  try {
    if (isOn) localStorage.setItem(KEPT, tiles);
    else localStorage.removeItem(KEPT);
  } catch {
    // then it holds for this page
  }
}

/** Shows the control and has it turn `data.basemap` on and off; `draw` draws the map anew. Our own map stays where tiles do not come. */
export function enhanceBasemap(map, {basemap, data}, draw) {
  const box = document.querySelector('[data-basemap]');
  if (!basemap || !box) return;
  const button = box.querySelector('button');
  const status = box.querySelector('[role=status]');
  const show = () => {
    button.setAttribute('aria-pressed', data.basemap);
    status.textContent = '';
  };
  button.addEventListener('click', () => {
    data.basemap = !data.basemap;
    remember(basemap.tiles, data.basemap);
    show();
    draw();
  });
  const isOurs = ({sourceId}) => data.basemap && sourceId === BASEMAP;
  map.on('error', (event) => { if (isOurs(event)) status.textContent = box.dataset.textFailed; });
  map.on('sourcedata', (event) => { if (isOurs(event) && event.tile?.state === 'loaded') status.textContent = ''; });
  show();
  box.hidden = false;
}
