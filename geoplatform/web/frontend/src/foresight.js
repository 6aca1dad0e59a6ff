// What others will see of a place, while it is being described. Where somebody else sees less, less is shown.

const labelOf = (field) => {
  const label = field?.closest('label');
  return (label?.querySelector('strong') ?? label?.querySelector('span') ?? label)?.textContent ?? '';
};

/** Shows the card and keeps it as its form says. */
export function enhancePreview(section) {
  const form = section.closest('form');
  const parts = Object.fromEntries([...section.querySelectorAll('[data-of]')].map((part) => [part.dataset.of, part]));
  const nameless = parts.name.textContent;
  const verdict = form.querySelector('[data-verdict]');

  function show() {
    const {elements} = form;
    const chosen = (name) => form.querySelector(`[name=${name}]:checked`);
    const isWhole = elements.visibility.value === 'public';
    const category = elements.category.selectedOptions[0];
    const said = {
      name: elements.name.value.trim() || nameless,
      kind: labelOf(chosen('kind')).trim(),
      category: category?.value ? `· ${category.textContent.trim()}` : '',
      commune: verdict.dataset.commune ? `· ${verdict.dataset.commune}` : '',
      description: elements.description.value.trim(),
      address: isWhole ? elements.address.value.trim() : '',
      opening_hours: elements.opening_hours.value.trim(),
      phone: elements.phone.value.trim(),
      website: elements.website.value.trim(),
      licence: labelOf(chosen('licence')),
      visibility: labelOf(chosen('visibility')),
    };
    for (const [name, part] of Object.entries(parts)) {
      part.textContent = said[name];
      const term = part.previousElementSibling;
      part.hidden = !said[name];
      if (term?.tagName === 'DT') term.hidden = !said[name];
    }
  }

  section.hidden = false;
  form.addEventListener('input', show);
  form.addEventListener('change', show);
  form.addEventListener('placed', show); // the point has another commune (pointing.js)
  show();
}
