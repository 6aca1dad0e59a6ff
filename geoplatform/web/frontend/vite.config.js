// Builds what the pages load into geoplatform/web/static/bundle/, under fixed names: the server adds
// `?v=` to them. Two entries that share no module, so that there is no third file and a page without
// a map loads no MapLibre. The worker is copied as it is: a same-origin file needs no `blob:` in the CSP.

import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {fileURLToPath} from 'node:url';
import {defineConfig} from 'vite';

const require = createRequire(import.meta.url);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

function copyBesideTheBundle() {
  const maplibre = (path) => readFileSync(require.resolve(`maplibre-gl/${path}`), 'utf8');
  return {
    name: 'copy-beside-the-bundle',
    generateBundle() {
      const worker = maplibre('dist/maplibre-gl-worker.mjs').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
      const licences = [
        ['map.js, map-worker.js and map.css contain MapLibre GL JS', 'node_modules/maplibre-gl/LICENSE.txt'],
        ['map.js contains PMTiles', 'src/licence-pmtiles.txt'],
        ['map.js contains fflate', 'node_modules/fflate/LICENSE'],
      ].map(([what, file]) => `${what}.\n\n${readFileSync(here(file), 'utf8').trim()}\n`);
      this.emitFile({type: 'asset', fileName: 'map-worker.js', source: worker});
      this.emitFile({type: 'asset', fileName: 'icon.svg', source: readFileSync(here('src/icon.svg'), 'utf8')});
      this.emitFile({type: 'asset', fileName: 'licences.txt', source: licences.join('\n\n')});
    },
  };
}

export default defineConfig({
  base: './',
  publicDir: false,
  plugins: [copyBesideTheBundle()],
  build: {
    outDir: here('../static/bundle'),
    emptyOutDir: true,
    sourcemap: false,
    modulePreload: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1500,
    rolldownOptions: {
      input: {page: here('src/page.js'), map: here('src/map.js')},
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name].js',
        assetFileNames: '[name][extname]',
      },
    },
  },
});
