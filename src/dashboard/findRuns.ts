import { existsSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { list } from './runFolder.ts';

/** Run directories below `roots`: a root that is a run itself, or the runs directly inside it. */
export function findRuns(roots: readonly string[]): string[] {
  const found = new Set<string>();
  for (const root of roots) {
    const path = resolve(root);
    if (existsSync(join(path, 'config.json')) || existsSync(join(path, 'metrics.jsonl'))) found.add(path);
    else for (const name of list(path)) if (existsSync(join(path, name, 'config.json'))) found.add(join(path, name));
  }
  return [...found].sort();
}

/**
 * The name of a run's folder, of a seed's with the folder it lies in; where another run has it, with as many folders as
 * tell them apart.
 */
export function nameOf(path: string, taken: { has(name: string): boolean }): string {
  const parts = path.split(sep);
  const names = parts.map((_, i) => parts.slice(-i - 1).join(' '));
  return names.find(name => !/^seed-\d+$/.test(name) && !taken.has(name)) ?? path;
}
