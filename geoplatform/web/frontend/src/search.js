// Fields that suggest (WAI-ARIA 1.2, "editable combobox with list autocomplete"). The search of a commune is a plain GET form beside;
// without suggestions it still works.

const WAIT_MS = 150;
const SHORTEST = 2;

/** Turns the form into a combobox of communes. Its texts and the address of the suggestions are in its data- attributes. */
export function enhanceSearch(form) {
  enhanceCombobox(form, form.querySelector('input[name=q]'), {
    ...communes(form.dataset.endpoint), choose: ({url}) => window.location.assign(url),
  });
}

/** How communes are found and told. */
const communes = (endpoint) => ({
  find: async (q, signal) => (await askJson(`${endpoint}?${new URLSearchParams({q, limit: 8})}`, signal)).communes,
  key: ({url}) => url,
  words: (commune) => [
    commune.name,
    [commune.postal_codes?.slice(0, 3).join(', '), commune.department_name ?? commune.department_code, commune.code].filter(Boolean).join(' · '),
  ],
});

/** Turns a field that takes a commune's INSEE code into a combobox of communes: choosing one fills its code in. */
export function enhanceCommune(box) {
  const input = box.querySelector('input');
  enhanceCombobox(box, input, {
    ...communes(box.dataset.endpoint),
    choose: ({code, name}) => {
      input.value = code;
      box.querySelector('[data-status]').textContent = name;
    },
    staysPut: true,
  });
}

/** What a program of ours answers. An error for any but 2xx. */
export async function askJson(address, signal) {
  const answer = await fetch(address, {signal, headers: {accept: 'application/json'}});
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

/**
 * Turns a text field into a combobox. `box` holds it, the list and the live region, and its texts in data- attributes. `find` gives
 * what may be meant by some words, `key` what tells one of them from another, `words` its two texts; `choose` does what choosing one
 * means. Enter sends the form where nothing is chosen, unless `staysPut`.
 */
export function enhanceCombobox(box, input, {find, key, words, choose, staysPut = false}) {
  const list = box.querySelector('[data-suggestions]');
  const status = box.querySelector('[data-status]');
  const {textOne, textMany, textNone, textFailed} = box.dataset;
  let found = [];
  let asked = null;
  let timer = 0;
  let active = -1;

  list.setAttribute('role', 'listbox');
  for (const [name, value] of Object.entries({
    role: 'combobox', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': list.id,
  })) input.setAttribute(name, value);

  const options = () => list.children;
  const isOpen = () => !list.hidden;

  function close() {
    list.hidden = true;
    activate(-1);
    input.setAttribute('aria-expanded', 'false');
  }

  function open() {
    if (!options().length) return;
    list.hidden = false;
    input.setAttribute('aria-expanded', 'true');
  }

  function activate(index) {
    options()[active]?.setAttribute('aria-selected', 'false');
    active = index;
    const option = options()[active];
    if (!option) return input.removeAttribute('aria-activedescendant');
    option.setAttribute('aria-selected', 'true');
    option.scrollIntoView({block: 'nearest'});
    input.setAttribute('aria-activedescendant', option.id);
  }

  // The option that the arrows chose stays chosen where a later answer lists it again.
  function show(those) {
    const chosen = active < 0 ? null : key(found[active]);
    found = those;
    list.replaceChildren(...found.map((one, index) => optionFor(words(one), `${list.id}-${index}`)));
    active = -1;
    activate(chosen === null ? -1 : found.findIndex((one) => key(one) === chosen));
    if (found.length && document.activeElement === input) open();
    else close();
  }

  async function suggest() {
    const q = input.value.trim();
    asked?.abort();
    if (q.length < SHORTEST) {
      show([]);
      status.textContent = '';
      return;
    }
    const request = (asked = new AbortController());
    try {
      const those = await find(q, request.signal);
      if (request.signal.aborted) return;
      show(those);
      status.textContent = !found.length ? textNone : found.length === 1 ? textOne : textMany.replace('{n}', found.length);
    } catch {
      if (request.signal.aborted) return;
      show([]);
      status.textContent = textFailed;
    }
  }

  function move(step) {
    if (!isOpen()) open();
    const count = options().length;
    if (!count) return;
    // -1 is the text field itself: the arrows go through it.
    activate(((active + 1 + step + count + 1) % (count + 1)) - 1);
  }

  function take(index) {
    const one = found[index];
    clearTimeout(timer);
    asked?.abort(); // a later answer would open the list again
    show([]);
    status.textContent = '';
    choose(one);
  }

  const keys = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => (isOpen() && active >= 0 ? take(active) : staysPut),
    Escape: () => {
      if (isOpen()) close();
      else input.value = '';
    },
    Tab: () => { close(); return false; },
  };

  input.addEventListener('keydown', (event) => {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey || !keys[event.key]) return;
    if (keys[event.key]() !== false) event.preventDefault();
  });
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, WAIT_MS);
  });
  input.addEventListener('focus', open);
  input.addEventListener('blur', close);
  list.addEventListener('pointerdown', (event) => event.preventDefault()); // keeps the focus in the field
  list.addEventListener('click', (event) => {
    const option = event.target.closest('[role=option]');
    if (option) take([...options()].indexOf(option));
  });
}

function optionFor([name, rest], id) {
  const option = document.createElement('li');
  option.id = id;
  option.setAttribute('role', 'option');
  option.setAttribute('aria-selected', 'false');
  const strong = document.createElement('strong');
  strong.textContent = name;
  const where = document.createElement('span');
  where.textContent = rest;
  option.append(strong, ' ', where);
  return option;
}
