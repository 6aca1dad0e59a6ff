// The page of a cut on demand: asks how far it has come, moves the bar, says each step once, and leads to the files.

const EVERY_MS = 1000;

export function followCut(section) {
  const texts = JSON.parse(section.dataset.texts);
  const bar = section.querySelector('progress');
  const told = section.querySelector('[data-told]');
  const say = (words) => {
    if (told.textContent.trim() !== words) told.textContent = words;
  };
  const ask = async () => {
    try {
      const answer = await fetch(section.dataset.cut, {headers: {Accept: 'application/json'}, cache: 'no-store'});
      if (!answer.ok) throw new Error(String(answer.status));
      const cut = await answer.json();
      if (cut.state === 'done') return location.replace(section.dataset.files);
      if (cut.state === 'failed') return location.reload();
      if (cut.percent === null) bar.removeAttribute('value');
      else bar.value = cut.percent;
      say(words(cut, texts));
    } catch {
      say(texts.lost);
    }
    setTimeout(ask, EVERY_MS);
  };
  setTimeout(ask, EVERY_MS);
}

function words(cut, texts) {
  if (cut.state === 'waiting') return cut.ahead > 1 ? texts.ahead.replace('{n}', cut.ahead) : texts.waiting;
  if (cut.step === 'write') {
    return cut.total ? texts.write.replace('{done}', cut.done).replace('{total}', cut.total) : texts.writing;
  }
  return cut.step === 'publish' || cut.step === 'retention' ? texts.publish : texts.cut;
}
