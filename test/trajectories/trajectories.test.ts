import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataDir } from '../reference.ts';
import { readRollout, replay } from './replay.ts';

/**
 * Replays recorded rollouts and compares every number exactly. TRAJECTORY_DIR names another folder of them; by default
 * all of the reference folder where it exists, else the committed selection.
 */
const directory = dataDir('TRAJECTORY_DIR', 'trajectories');
const files = readdirSync(directory).filter(name => name.endsWith('.json.gz'));
/** Recorded with the original mesh hulls, which this project replaces by primitives. */
const withMeshes = files.filter(name => name.includes('+meshes'));
const wanted = files.filter(name => name.includes('.3.14.0.') && !name.includes('+meshes'));

describe(`rollouts of ${basename(directory)}`, { timeout: 60_000 }, () => {
  it('finds rollouts', () => expect(wanted.length).toBeGreaterThan(0));
  it.each(wanted)('%s', async name => {
    expect(await replay(readRollout(join(directory, name)))).toEqual([]);
  });
  it.skipIf(withMeshes.length === 0).each(withMeshes)('excepted, other collision shapes: %s', name => {
    expect(readRollout(join(directory, name))).toHaveProperty('collisionShapes', 'meshes (original)');
  });
});
