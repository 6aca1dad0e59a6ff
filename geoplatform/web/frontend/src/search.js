// The search of a commune: a plain GET form that becomes a combobox with suggestions
// (WAI-ARIA 1.2, "editable combobox with list autocomplete"). Without suggestions the form still works.

const WAIT_MS = 150;
const SHORTEST = 2;

/** Turns the form into a combobox. Its texts and the address of the suggestions are in its data- attributes. */
export function enhanceSearch(form) {
  const input = form.querySelector('input[name=q]');
  const list = form.querySelector('[data-suggestions]');
  const status = form.querySelector('[data-status]');
  const {endpoint, textOne, textMany, textNone, textFailed} = form.dataset;
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
  function show(communes) {
    const chosen = options()[active]?.dataset.url;
    list.replaceChildren(...communes.map((commune, index) => optionFor(commune, `${list.id}-${index}`)));
    active = -1;
    activate(communes.findIndex(({url}) => url === chosen));
    if (communes.length && document.activeElement === input) open();
    else close();
    const many = communes.length === 1 ? textOne : textMany.replace('{n}', communes.length);
    status.textContent = communes.length ? many : textNone;
  }

  async function suggest() {
    const q = input.value.trim();
    asked?.abort();
    if (q.length < SHORTEST) {
      list.replaceChildren();
      status.textContent = '';
      return close();
    }
    const request = (asked = new AbortController());
    try {
      const address = `${endpoint}?${new URLSearchParams({q, limit: 8})}`;
      const answer = await fetch(address, {signal: request.signal, headers: {accept: 'application/json'}});
      if (!answer.ok) throw new Error(`${answer.status}`);
      const {communes} = await answer.json();
      if (!request.signal.aborted) show(communes);
    } catch {
      if (request.signal.aborted) return;
      list.replaceChildren();
      close();
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

  const go = (option) => window.location.assign(option.dataset.url);

  const keys = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => (isOpen() && active >= 0 ? go(options()[active]) : false),
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
    if (option) go(option);
  });
}

function optionFor(commune, id) {
  const option = document.createElement('li');
  option.id = id;
  option.dataset.url = commune.url;
  option.setAttribute('role', 'option');
  option.setAttribute('aria-selected', 'false');
  const name = document.createElement('strong');
  name.textContent = commune.name;
  const where = document.createElement('span');
  const department = commune.department_name ?? commune.department_code;
  where.textContent = [commune.postal_codes?.slice(0, 3).join(', '), department, commune.code].filter(Boolean).join(' · ');
  option.append(name, ' ', where);
  return option;
}
