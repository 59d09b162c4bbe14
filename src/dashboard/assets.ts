import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { AgentError } from '../errors.ts';

export interface Asset {
  readonly path: string;
  readonly type: string;
  readonly tag: string;
  /** Kept in memory where small. */
  readonly body?: Buffer;
  /** Served with the content policy of the physics worker. */
  readonly worker: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.xml': 'text/xml; charset=utf-8',
  '.map': 'application/json',
};
const KEEP_BYTES = 2 << 20;

/** The built page, by path. Only what lies in the folder now is ever served. Throws `AgentError` if it was not built. */
export function loadAssets(folder: string): Map<string, Asset> {
  const assets = new Map<string, Asset>();
  if (!existsSync(join(folder, 'index.html')))
    throw new AgentError('the viewer page is not built', [['build it', 'npm run build']]);
  for (const name of readdirSync(folder)) {
    const type = TYPES[extname(name)];
    if (!type) continue;
    const path = join(folder, name);
    const body = readFileSync(path);
    const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    const asset = {
      path,
      type,
      tag,
      worker: name.endsWith('.worker.js'),
      body: statSync(path).size <= KEEP_BYTES ? body : undefined,
    };
    assets.set(`/${name}`, asset);
    if (name === 'index.html') assets.set('/', asset);
  }
  return assets;
}
