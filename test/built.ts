import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Compiles the sources if `dist` is missing or older than one of them: worker threads run what lies there. */
export function ensureBuilt(): void {
  const worker = join(root, 'dist/envs/vectorWorker.js');
  const built = existsSync(worker) ? statSync(worker).mtimeMs : 0;
  const sources = ['envs', 'src/env', 'src/random'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => join(root, folder, name)),
  );
  if (sources.every(source => statSync(source).mtimeMs <= built)) return;
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'], {
    cwd: root,
    stdio: 'inherit',
  });
}
