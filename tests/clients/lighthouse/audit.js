// What Lighthouse says of a page, as JSON: the score of each category in percent, what lacks in it, and the figures of its speed.
// Arguments: the browser's program, its flags as JSON, the address, perhaps a cookie.

import {launch} from 'chrome-launcher';
import lighthouse from 'lighthouse';

const SPEED = ['first-contentful-paint', 'largest-contentful-paint', 'total-blocking-time', 'cumulative-layout-shift', 'speed-index'];
const [chromePath, flags, address, cookie] = process.argv.slice(2);

const chrome = await launch({chromePath, chromeFlags: ['--headless=new', ...JSON.parse(flags)]});
try {
  const extraHeaders = cookie ? {Cookie: cookie} : undefined;
  const {lhr} = await lighthouse(address, {port: chrome.port, logLevel: 'error', extraHeaders});
  const lacking = Object.values(lhr.categories).flatMap(({id, auditRefs}) => auditRefs
    .map(({id: name, weight}) => ({category: id, weight, ...lhr.audits[name]}))
    .filter(({weight, score}) => weight > 0 && score !== null && score < 0.9)
    .map(({category, id: name, displayValue, details}) => ({category, name, told: displayValue ?? details?.items?.slice(0, 5) ?? null})));
  console.log(JSON.stringify({
    address: lhr.finalDisplayedUrl,
    failed: lhr.runtimeError?.message ?? null,
    scores: Object.fromEntries(Object.values(lhr.categories).map(({id, score}) => [id, Math.round(100 * score)])),
    speed: Object.fromEntries(SPEED.map((name) => [name, lhr.audits[name].numericValue])),
    lacking,
  }));
} finally {
  await chrome.kill();
}
