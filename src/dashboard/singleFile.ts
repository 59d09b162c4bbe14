import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Packr } from 'msgpackr';
import type { ServerMessage } from './protocol.ts';

export interface SingleFile {
  readonly title: string;
  /** What a server would have said. */
  readonly messages: readonly ServerMessage[];
  /** Files of the run that the page may ask for, by path. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Model files the physics worker reads. */
  readonly models: readonly string[];
}

const WORKER = ['mujoco.wasm', 'kernels.wasm', 'kernels.relaxed.wasm'];

/**
 * The viewer page with everything in it, as one HTML text that opens without a server and can reach none: its content policy
 * allows no connection. `assets` is the folder of the built page. `parts` says what the bytes are, compressed.
 */
export function singleFile(
  assets: string,
  { title, messages, files, models }: SingleFile,
): { html: string; parts: Record<string, number> } {
  const read = (name: string) => new Uint8Array(readFileSync(join(assets, name)));
  const worker = Object.fromEntries([...WORKER, ...models].map(name => [name, read(name)]));
  worker['physics.worker.js'] = read('exported.worker.js');
  const data = gzipSync(new Packr({ useRecords: false }).pack({ messages, files, worker }), { level: 9 });
  const size = (bytes: Uint8Array) => Math.round((gzipSync(bytes).length * 4) / 3);
  const page = readFileSync(join(assets, 'exported.page.js'), 'utf8');
  const style = readFileSync(join(assets, 'app.css'), 'utf8');
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="dark light">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; img-src data: blob:; connect-src 'none'; base-uri 'none'; form-action 'none'">
<title>${escapeText(title)}</title>
<style>${style.replaceAll('</style', '<\\/style')}</style>
<script>${script(readFileSync(join(assets, 'theme.js'), 'utf8'))}</script>
</head>
<body>
<noscript>The page needs JavaScript.</noscript>
<div id="app"></div>
<div hidden>${readFileSync(join(assets, 'icons.svg'), 'utf8').replace(/^<\?xml[^>]*>/, '')}</div>
<script type="application/octet-stream" id="data">${data.toString('base64')}</script>
<script type="module">${script(page)}</script>
</body>
</html>
`;
  const parts = {
    physics: size(worker['mujoco.wasm']!),
    policy: Object.values(files).reduce((sum, bytes) => sum + size(bytes), 0),
    page: html.length,
  };
  return { html, parts: { ...parts, page: html.length - parts.physics - parts.policy } };
}

/** No text of a script may end it. */
function script(code: string): string {
  return code.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
