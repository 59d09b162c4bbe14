import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const testDir = dirname(fileURLToPath(import.meta.url));

/** Data that travels with the tests. */
export const fixturesDir = join(testDir, 'fixtures');

/** The whole collection of reference data, where it stands beside the checkout; tests use the fixtures otherwise. */
export function referenceDir(): string | undefined {
  const dir = join(testDir, '..', '..', 'shared', 'reference');
  return existsSync(dir) ? dir : undefined;
}

/** Directory named by an environment variable, else the whole reference collection, else the fixtures. */
export function dataDir(variable: string, name: string): string {
  const reference = referenceDir();
  return process.env[variable] ?? (reference ? join(reference, name) : join(fixturesDir, name));
}
