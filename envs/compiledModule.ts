import { existsSync } from 'node:fs';
import { AgentError } from '../src/errors.ts';

/**
 * The module of a worker thread of this folder. Threads run compiled code: beside this file when that is compiled too,
 * in `dist` when it runs from the sources.
 */
export function compiledModule(name: string): URL {
  const folder = import.meta.url.endsWith('.ts') ? '../dist/envs/' : './';
  const module = new URL(`${folder}${name}.js`, import.meta.url);
  if (!existsSync(module))
    throw new AgentError('worker threads need the compiled package', [['build', 'npm run build']]);
  return module;
}
