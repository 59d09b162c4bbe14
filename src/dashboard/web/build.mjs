// Bundles the viewer page into dist/dashboard. No inline style or script: the content policy forbids both.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../../../dist/dashboard');
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

/** In the browser Node's modules are a few lines of our own. */
const node = {
  name: 'node',
  setup: ({ onResolve }) => onResolve({ filter: /^(node:.*|module)$/ }, () => ({ path: join(here, 'worker/node.ts') })),
};

const common = {
  bundle: true,
  minify: true,
  target: 'es2022',
  format: 'esm',
  outdir: out,
  logLevel: 'warning',
  charset: 'utf8',
};
const [{ metafile }] = await Promise.all([
  build({
    ...common,
    entryPoints: { app: join(here, 'app.ts') },
    metafile: true,
    splitting: true,
    chunkNames: '[name]-[hash]',
    conditions: ['browser'],
  }),
  build({ ...common, format: 'iife', entryPoints: { theme: join(here, 'theme.ts') } }),
  build({ ...common, entryPoints: { app: join(here, 'styles/app.css') } }),
  build({
    ...common,
    entryPoints: { 'physics.worker': join(here, '../../cli/view/physicsWorker.ts') },
    conditions: ['browser'],
    plugins: [node],
  }),
  // The page and its worker once more, each in one piece, for `agent export --format html`. A worker made from text has no
  // address: names of files are resolved against one that stands for it.
  build({ ...common, entryPoints: { 'exported.page': join(here, 'exported.ts') }, conditions: ['browser'] }),
  build({
    ...common,
    format: 'iife', // a page of a file may start classic workers only
    entryPoints: { 'exported.worker': join(here, '../../cli/view/physicsWorker.ts') },
    conditions: ['browser'],
    plugins: [node],
    define: { 'import.meta.url': '"https://page.invalid/worker.js"' },
  }),
]);
for (const file of ['icons.svg', 'favicon.svg']) copyFileSync(join(here, file), join(out, file));
/** Files that a script needs before it runs: fetched beside it, not one after the other. */
function neededBy(file, found = new Set()) {
  for (const { path, kind } of metafile.outputs[file].imports)
    if (kind === 'import-statement' && !found.has(path)) neededBy(path, found.add(path));
  return found;
}
const app = Object.keys(metafile.outputs).find(file => basename(file) === 'app.js');
const preloads = [...neededBy(app)].map(file => `<link rel="modulepreload" href="${basename(file)}">\n`).join('');
// The icons come with the page: later ones are shown even when the server is gone.
const [page, icons] = ['index.html', 'icons.svg'].map(file => readFileSync(join(here, file), 'utf8'));
writeFileSync(
  join(out, 'index.html'),
  page
    .replace('<div hidden id="icons">', start => start + icons.trim())
    .replace('<script type="module"', start => preloads + start),
);
const require = createRequire(import.meta.url);
copyFileSync(require.resolve('@mujoco/mujoco/mujoco.wasm'), join(out, 'mujoco.wasm'));
for (const file of ['kernels.wasm', 'kernels.relaxed.wasm'])
  copyFileSync(join(here, '../../backend/wasm', file), join(out, file));

const models = join(here, '../../../envs/mujoco');
for (const file of readdirSync(models)) if (file.endsWith('.xml')) copyFileSync(join(models, file), join(out, file));
