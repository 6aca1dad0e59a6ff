// Opening hours in the words of the page's language. Only the plain part of the OSM syntax ("Mo-Fr 09:00-12:00,
// 14:00-17:00; Sa 09:00-12:00"); anything else stays as it was written.

const DAYS = ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'];
const DAY = `(?:${DAYS.join('|')})`;
const TIME = String.raw`\d\d:\d\d-\d\d:\d\d`;
const RULE = new RegExp(`^(${DAY}(?:[-,]${DAY})*) (${TIME}(?:, ?${TIME})*)$`);

/** Rules as [days, hours] with days in words, or null where the text is more than plain rules. */
export function readOpeningHours(text, lang) {
  const weekday = new Intl.DateTimeFormat(lang, {weekday: 'long', timeZone: 'UTC'});
  const nameOf = (day) => weekday.format(Date.UTC(2024, 0, 1 + DAYS.indexOf(day))); // 2024-01-01 was a Monday
  const rules = [];
  for (const part of text.split(';').map((piece) => piece.trim()).filter(Boolean)) {
    const match = RULE.exec(part);
    if (!match) return null;
    const days = match[1].replace(new RegExp(DAY, 'g'), nameOf).replace(/-/g, ' – ').replace(/,/g, ', ');
    rules.push([days, match[2].replace(/-/g, '–').replace(/, ?/g, ', ')]);
  }
  return rules.length ? rules : null;
}

/** Replaces the text of the element by a list of lines, if it can be read. */
export function enhanceOpeningHours(element) {
  const rules = readOpeningHours(element.textContent.trim(), document.documentElement.lang || 'fr');
  if (!rules) return;
  const list = document.createElement('ul');
  list.className = 'hours';
  for (const [days, hours] of rules) {
    const line = document.createElement('li');
    const day = document.createElement('span');
    day.textContent = days;
    line.append(day, ` ${hours}`);
    list.append(line);
  }
  element.replaceChildren(list);
}
