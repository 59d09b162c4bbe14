import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

/** Makes a program of this folder runnable by plain Node; it must not need installed packages. */
export function bundle(name: string): { path: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'program-'));
  const path = join(folder, 'program.mjs');
  const entry = fileURLToPath(new URL(name, import.meta.url));
  buildSync({ entryPoints: [entry], outfile: path, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
