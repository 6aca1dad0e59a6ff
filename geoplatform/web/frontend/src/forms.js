// Forms that ask something of the API: `data-api` is the path, `data-method` the method. Fields are members of the JSON that is
// sent; with `data-feature` they are properties of a GeoJSON feature (`patch`: of a part of one), `lon` and `lat` its point. What the
// API refuses it says in the language of the page, and it is shown beside the field. Then: `data-then` is where to go ({id} is the answer's), `data-show` the member of the answer that is shown.

const csrf = document.querySelector('meta[name="csrf-token"]')?.content;

/** What a field says: true or false, a number, a text; null where it is empty. */
function valueOf(field) {
  if (field.type === 'checkbox') return field.checked;
  const text = field.value.trim();
  if (text === '') return null;
  return field.type === 'number' ? Number(text) : text;
}

function read(form, keepsEmpty, submitter) {
  const said = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled) continue;
    if (field.closest('[hidden]')) {
      if (keepsEmpty) said[field.name] = null; // what has no meaning any more does not stay
      continue;
    }
    if (field.type === 'radio' && !field.checked) continue;
    if (field.type === 'submit' && field !== submitter) continue;
    if (field.name === submitter?.dataset.without) continue;
    if ('list' in field.dataset) {
      if (field.checked) (said[field.name] ??= []).push(field.value);
      continue;
    }
    const value = field.dataset.value === 'true' || field.dataset.value === 'false' ? field.dataset.value === 'true' : valueOf(field);
    if (value === null && !keepsEmpty) continue;
    const [member, key] = field.name.split('.');
    if (key) (said[member] ??= {})[key] = value; // a member of a member
    else said[member] = value;
  }
  return said;
}

function body(form, method, submitter) {
  const said = read(form, method === 'PATCH' && 'feature' in form.dataset, submitter);
  if (!('feature' in form.dataset)) return said;
  const {lon, lat, ...properties} = said;
  const feature = form.dataset.feature === 'patch' ? {properties} : {type: 'Feature', properties};
  if (typeof lon === 'number' && typeof lat === 'number') feature.geometry = {type: 'Point', coordinates: [lon, lat]};
  return feature;
}

/** Fields of a point, by what the API calls what is wrong with it. */
const POINT = {geometry: 'lon', coordinates: 'lon', longitude: 'lon', latitude: 'lat'};

/** The field that a parameter of a problem is about: the first of several of a name; none where it cannot be seen. */
function fieldOf(form, parameter) {
  const last = parameter.split('.').pop();
  const field = [parameter, last, POINT[last]].map((name) => name && form.elements.namedItem(name)).find(Boolean);
  const one = field instanceof RadioNodeList ? field[0] : field;
  return one && one.type !== 'hidden' && one.type !== 'submit' && !one.closest('[hidden]') ? one : undefined;
}

const descriptions = (part) => (part.getAttribute('aria-describedby') ?? '').split(' ').filter(Boolean);

function describe(part, ids) {
  if (ids.length) part.setAttribute('aria-describedby', ids.join(' '));
  else part.removeAttribute('aria-describedby');
}

/** Says what is wrong beside a field, to eyes and to screen readers. */
function mark(field, detail) {
  const holds = ['radio', 'checkbox'].includes(field.type);
  const part = (holds && field.closest('[role="radiogroup"], fieldset')) || field; // a choice is wrong as a whole
  const note = document.createElement('p');
  note.className = 'field-error';
  note.id = `${field.id || field.name}-error`;
  note.textContent = detail;
  if (part === field || part.getAttribute('role') === 'radiogroup') part.setAttribute('aria-invalid', 'true');
  describe(part, [...descriptions(part), note.id]);
  part.dataset.wrong = note.id;
  if (part === field) (field.closest('.field') ?? field.parentElement).append(note);
  else part.append(note);
  field.closest('details')?.setAttribute('open', '');
}

/** Says each complaint beside the field it is about; what is about none, at the end of the form. The first field is gone to. */
function complain(form, problem) {
  const status = form.querySelector('[data-result]');
  const rest = [];
  const fields = [];
  for (const {parameter, detail} of problem.errors ?? [problem]) {
    const field = parameter ? fieldOf(form, parameter) : undefined;
    if (field) {
      if (!fields.includes(field)) mark(field, detail); // one thing at a time
      fields.push(field);
    } else rest.push(detail || problem.title);
  }
  status.textContent = [form.dataset.refused, ...new Set(rest)].filter(Boolean).join(' ');
  const first = [...form.elements].find((field) => fields.includes(field));
  (first ?? status).focus();
}

function forget(form) {
  for (const note of form.querySelectorAll('.field-error')) note.remove();
  for (const part of form.querySelectorAll('[data-wrong]')) {
    part.removeAttribute('aria-invalid');
    describe(part, descriptions(part).filter((id) => id !== part.dataset.wrong));
    delete part.dataset.wrong;
  }
  form.querySelector('[data-result]').textContent = '';
}

/** Places that may be the same, each as a link; the button that follows sends it all the same. */
function propose(form, candidates) {
  const box = form.querySelector('[data-candidates]');
  const list = box.querySelector('ul');
  list.replaceChildren(...candidates.map(({id, name, distance_m: metres}) => {
    const item = document.createElement('li');
    const link = document.createElement('a');
    link.href = `${form.dataset.places}/${id}`;
    link.textContent = name;
    item.append(link, ` · ${Math.round(metres)} m`);
    return item;
  }));
  box.hidden = false;
  box.focus();
}

async function send(form, submitter) {
  const method = submitter?.dataset.method ?? form.dataset.method ?? 'POST';
  const path = submitter?.dataset.api ?? form.dataset.api;
  const headers = {Accept: 'application/json', 'Accept-Language': document.documentElement.lang};
  if (csrf) headers['X-CSRF-Token'] = csrf;
  if (form.dataset.version && method !== 'POST') headers['If-Match'] = `"${form.dataset.version}"`;
  const request = {method, headers, credentials: 'same-origin'};
  if (method !== 'DELETE' && !(submitter && 'bare' in submitter.dataset)) {
    headers['Content-Type'] = form.dataset.feature === 'whole' ? 'application/geo+json' : 'application/json';
    request.body = JSON.stringify(body(form, method, submitter));
  }
  const answer = await fetch(path, request);
  const told = (answer.headers.get('Content-Type') ?? '').includes('json') ? await answer.json() : {};
  if (!answer.ok && told.candidates && form.querySelector('[data-candidates]')) return propose(form, told.candidates);
  if (!answer.ok) return complain(form, Object.keys(told).length ? told : {title: String(answer.status)});
  const shown = form.dataset.show;
  if (shown) {
    const status = form.querySelector('[data-result]');
    status.textContent = `${form.dataset.done ?? ''} ${told[shown] ?? ''}`.trim();
    status.focus();
    return undefined;
  }
  const then = submitter?.dataset.then ?? form.dataset.then;
  window.location.assign(then ? then.replace('{id}', encodeURIComponent(told.id ?? '')) : window.location.href.split('#')[0]);
  return undefined;
}

/** Lets a form speak to the API instead of being sent. */
export function enhanceForm(form) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (form.getAttribute('aria-busy') === 'true') return;
    if (event.submitter?.dataset.sure && !window.confirm(event.submitter.dataset.sure)) return;
    forget(form);
    form.setAttribute('aria-busy', 'true');
    try {
      await send(form, event.submitter);
    } catch (reason) {
      console.warn('form:', reason);
      complain(form, {title: form.dataset.failed ?? ''});
    } finally {
      form.removeAttribute('aria-busy');
    }
  });
  for (const part of form.querySelectorAll('[data-only]')) {
    const [name, value] = part.dataset.only.split('=');
    const show = () => { part.hidden = read(form, true)[name] !== value; };
    form.addEventListener('change', show);
    show();
  }
  for (const select of form.querySelectorAll('select[data-of]')) narrow(form, select);
}

/** Offers of a list of groups only the group that another field names. */
function narrow(form, select) {
  const show = () => {
    const wanted = read(form, true)[select.dataset.of];
    for (const group of select.querySelectorAll('optgroup')) {
      group.hidden = group.disabled = group.dataset.group !== wanted;
    }
    if (select.selectedOptions[0]?.closest('optgroup')?.disabled) select.value = '';
  };
  form.addEventListener('change', show);
  show();
}
