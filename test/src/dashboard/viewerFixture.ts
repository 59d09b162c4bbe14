import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HubOptions } from '../../../src/dashboard/hub.ts';
import { startViewer, type Viewer } from '../../../src/dashboard/server.ts';

export const tokens = { view: 'v'.repeat(43), control: 'c'.repeat(43) };

/** A folder with one run of `rows` rows and a page of two files; the viewer over it, on a free port. */
export async function viewerOver(
  rows: number,
  options: Partial<HubOptions> & { host?: string; allowedHosts?: string[] } = {},
) {
  const root = mkdtempSync(join(tmpdir(), 'viewer-'));
  const run = join(root, 'runs', 'qvpo-test-0101-aaaa');
  mkdirSync(join(run, 'episodes'), { recursive: true });
  mkdirSync(join(run, 'checkpoints', '100'), { recursive: true });
  writeFileSync(
    join(run, 'config.json'),
    JSON.stringify({ format: 1, algo: 'qvpo', task: 'Hopper-v3', seed: 3, preset: 'fast', steps: 5000 }),
  );
  writeFileSync(
    join(run, 'metrics.jsonl'),
    Array.from({ length: rows }, (_, i) => `{"step":${i},"seconds":${i},"critic/q":${i * 2}}\n`).join(''),
  );
  writeFileSync(join(run, 'episodes', '100-training-0.safetensors'), 'episode');
  writeFileSync(join(run, 'checkpoints', '100', 'model.safetensors'), 'weights');
  writeFileSync(join(root, 'secret.txt'), 'outside');
  const assets = join(root, 'page');
  mkdirSync(assets);
  writeFileSync(join(assets, 'index.html'), '<!doctype html>');
  writeFileSync(join(assets, 'physics.worker.js'), '');
  const viewer: Viewer = await startViewer({
    roots: [join(root, 'runs')],
    host: '127.0.0.1',
    port: 0,
    tokens,
    assets,
    ...options,
  });
  return { viewer, run, root, id: 'qvpo-test-0101-aaaa' };
}
