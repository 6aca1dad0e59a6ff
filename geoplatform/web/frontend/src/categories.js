// The search of a category: among the options of the list that follows it, of every kind. Choosing one chooses its kind too.

import {enhanceCombobox} from './search.js';

const plain = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().replaceAll('œ', 'oe');

/** Shows the field and has it suggest. */
export function enhanceCategories(box) {
  const input = box.querySelector('input');
  const {form} = input;
  const select = form.elements.category;
  const every = [...select.querySelectorAll('optgroup')].flatMap((group) => [...group.children].map((option) => ({
    code: option.value, kind: group.dataset.group, name: option.textContent.trim(), of: group.label,
  })));
  const begins = (q) => ({name}) => plain(name).split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(q));

  box.hidden = false;
  enhanceCombobox(box, input, {
    find: async (q) => every.filter(begins(plain(q))),
    key: ({code}) => code,
    words: ({name, of}) => [name, of],
    choose: ({code, kind, name}) => {
      form.querySelector(`[name=kind][value="${kind}"]`).checked = true;
      form.dispatchEvent(new Event('change', {bubbles: true})); // the list now offers this kind
      select.value = code;
      input.value = name;
      form.dispatchEvent(new Event('change', {bubbles: true}));
    },
    staysPut: true,
  });
}
