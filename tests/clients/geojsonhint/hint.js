// What geojsonhint finds in files, as JSON: by file, what is wrong and where.

import {readFileSync} from 'node:fs';
import {hint} from '@mapbox/geojsonhint';

const found = Object.fromEntries(process.argv.slice(2).map((path) => [path, hint(readFileSync(path, 'utf8'))]));
console.log(JSON.stringify(found));
