// The search of an address beside the map: choosing one says where the place is (pointing.js), and what its address is if nobody has.

import {askJson, enhanceCombobox} from './search.js';

const MOST = 8;

/** Shows the field and has it suggest. The commune is where one looks first; where it has no such address, all that there are. */
export function enhanceAddresses(box) {
  const input = box.querySelector('input');
  const {address} = input.form.elements;
  const {endpoint, commune} = box.dataset;
  let filled = '';

  const ask = async (asked, signal) => (await askJson(`${endpoint}?${new URLSearchParams(asked)}`, signal)).features;
  const find = async (q, signal) => {
    const here = commune ? await ask({q, limit: MOST, commune}, signal) : [];
    return here.length ? here : ask({q, limit: MOST}, signal);
  };

  box.hidden = false;
  enhanceCombobox(box, input, {
    find,
    key: ({properties: {id, label}}) => `${id} ${label}`,
    words: ({properties: {housenumber, street, postcode, city, oldcity}}) => [
      [housenumber, street].filter(Boolean).join(' '), [[postcode, city].filter(Boolean).join(' '), oldcity].filter(Boolean).join(' · '),
    ],
    choose: ({geometry, properties: {label}}) => {
      input.value = label;
      if (['', filled].includes(address.value.trim())) {
        address.value = filled = label;
        address.closest('details')?.setAttribute('open', ''); // what is filled in is seen before it is sent
      }
      box.dispatchEvent(new CustomEvent('located', {bubbles: true, detail: geometry.coordinates}));
    },
    staysPut: true,
  });
}
