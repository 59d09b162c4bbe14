import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findRuns, nameOf } from '../../../src/dashboard/findRuns.ts';

describe('the runs of a sweep, folders of the same name', () => {
  const root = mkdtempSync(join(tmpdir(), 'sweep-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('are all found, each under a name of its own', () => {
    const cells = ['sac-Hopper-v4', 'td3-Hopper-v4'].map(cell => join(root, cell));
    for (const cell of cells)
      for (const seed of ['seed-0', 'seed-1']) {
        mkdirSync(join(cell, seed), { recursive: true });
        writeFileSync(join(cell, seed, 'config.json'), '{}');
      }
    const names = new Map<string, string>();
    for (const path of findRuns(cells)) names.set(nameOf(path, names), path);
    expect([...names.keys()]).toEqual([
      'sac-Hopper-v4 seed-0',
      'sac-Hopper-v4 seed-1',
      'td3-Hopper-v4 seed-0',
      'td3-Hopper-v4 seed-1',
    ]);
  });
});
