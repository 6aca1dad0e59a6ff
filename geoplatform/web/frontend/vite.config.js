// Builds what the pages load into geoplatform/web/static/bundle/, under fixed names: the server adds
// `?v=` to them, a mark of what they hold (geoplatform/web/bundle.py). A page without a map loads no MapLibre.
// MapLibre is built from its sources: as it is published, the page's script and its worker each hold what both need.

import {createHash} from 'node:crypto';
import {readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {fileURLToPath} from 'node:url';
import {brotliCompressSync, gzipSync} from 'node:zlib';
import {defineConfig} from 'vite';

const require = createRequire(import.meta.url);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const MAPLIBRE = here('node_modules/maplibre-gl/src/');
const SHARED = 'map-shared.js';

function standBesideTheBundle() {
  return {
    name: 'stand-beside-the-bundle',
    generateBundle() {
      const licences = [
        ['map.js, map-shared.js, map-worker.js and map.css contain MapLibre GL JS', 'node_modules/maplibre-gl/LICENSE.txt'],
        ['map.js contains PMTiles', 'src/licence-pmtiles.txt'],
        ['map.js contains fflate', 'node_modules/fflate/LICENSE'],
      ].map(([what, file]) => `${what}.\n\n${readFileSync(here(file), 'utf8').trim()}\n`);
      this.emitFile({type: 'asset', fileName: 'icon.svg', source: readFileSync(here('src/icon.svg'), 'utf8')});
      this.emitFile({type: 'asset', fileName: 'licences.txt', source: licences.join('\n\n')});
    },
  };
}

/** Of the description of MapLibre's package its scripts need the version alone. */
function describeInShort() {
  const described = require.resolve('maplibre-gl/package.json');
  const {version} = require(described);
  return {
    name: 'describe-in-short',
    enforce: 'pre',
    load: (id) => (id.split('?')[0] === described ? JSON.stringify({version}) : null),
  };
}

/** Scripts name what they share with the same mark as the server does, and each file lies there packed, too. */
function markAndPack() {
  return {
    name: 'mark-and-pack',
    writeBundle({dir}) {
      const mark = createHash('sha256').update(readFileSync(`${dir}/${SHARED}`)).digest('hex').slice(0, 12);
      for (const name of ['map.js', 'map-worker.js']) {
        const plain = readFileSync(`${dir}/${name}`, 'utf8');
        const marked = plain.replaceAll(`./${SHARED}`, `./${SHARED}?v=${mark}`);
        if (marked === plain) throw new Error(`${name} does not import ${SHARED}`);
        writeFileSync(`${dir}/${name}`, marked);
      }
      for (const name of readdirSync(dir)) {
        const content = readFileSync(`${dir}/${name}`);
        writeFileSync(`${dir}/${name}.br`, brotliCompressSync(content));
        writeFileSync(`${dir}/${name}.gz`, gzipSync(content, {level: 9}));
      }
    },
  };
}

export default defineConfig({
  base: './',
  publicDir: false,
  plugins: [describeInShort(), standBesideTheBundle(), markAndPack()],
  resolve: {alias: [{find: /^maplibre-gl$/, replacement: `${MAPLIBRE}index.ts`}]},
  // Its sources declare fields that their parents set: they are types, not fields (TypeScript's useDefineForClassFields is off).
  oxc: {assumptions: {setPublicClassFields: true}, typescript: {removeClassFieldsWithoutInitializer: true}},
  build: {
    outDir: here('../static/bundle'),
    emptyOutDir: true,
    sourcemap: false,
    modulePreload: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1500,
    reportCompressedSize: false,
    rolldownOptions: {
      checks: {bundlerTimings: false, pluginTimings: false},
      input: {page: here('src/page.js'), map: here('src/map.js'), 'map-worker': `${MAPLIBRE}source/worker.ts`},
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name].js',
        codeSplitting: {groups: [{name: SHARED.replace('.js', ''), minShareCount: 2}]},
        assetFileNames: '[name][extname]',
      },
    },
  },
});
