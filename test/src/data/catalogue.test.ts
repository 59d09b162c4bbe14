import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue, findEntry } from '../../../src/data/catalogue.ts';
import { locate } from '../../../src/data/locate.ts';
import { normalizedScore, scoreRange } from '../../../src/data/scores.ts';
import { type AgentError, UsageError } from '../../../src/errors.ts';
import { scratch, writeSet } from './collections.ts';

describe('names', () => {
  it.each([
    ['antmaze-large', 'antmaze-large-play-v2'],
    ['antmaze-medium', 'antmaze-medium-play-v2'],
    ['antmaze-umaze', 'antmaze-umaze-v2'],
    ['antmaze-large-diverse', 'antmaze-large-diverse-v2'],
    ['antmaze-large-v0', 'antmaze-large-play-v0'],
    ['hopper-medium', 'hopper-medium-v2'],
    ['Walker2d_Medium_Replay', 'walker2d-medium-replay-v2'],
    ['halfcheetah-mixed', 'halfcheetah-medium-replay-v2'],
    ['maze2d-umaze', 'maze2d-umaze-v1'],
    ['maze2d-open', 'maze2d-open-v0'],
    ['maze2d-large-dense', 'maze2d-large-dense-v1'],
  ])('%s means %s, and that is worth saying', (name, full) => {
    expect(findEntry(name)).toMatchObject({ completed: true, entry: { name: full } });
  });

  it('a full name is nothing to say', () => {
    expect(findEntry('hopper-medium-v2').completed).toBe(false);
    expect(findEntry('d4rl/ANTMAZE/umaze-v1')).toMatchObject({
      completed: false,
      entry: { name: 'D4RL/antmaze/umaze-v1' },
    });
  });

  it.each([
    ['antmase-large', 'antmaze-large'],
    ['hoper-medium-v2', 'hopper-medium-v2'],
    ['halfcheeta-expert', 'halfcheetah-expert'],
  ])('%s is near to %s', (wrong, near) => {
    let error: unknown;
    try {
      findEntry(wrong);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(UsageError);
    expect((error as AgentError).message).toBe(`no dataset "${wrong}"`);
    expect((error as AgentError).remedies[0]![1].split('  ')).toContain(near);
  });

  it('all are different, and lie at different places', () => {
    expect(new Set(catalogue.map(({ name }) => name.toLowerCase())).size).toBe(catalogue.length);
    expect(new Set(catalogue.map(({ path }) => path)).size).toBe(catalogue.length);
  });

  it.each([
    ['hopper-medium-replay-v2', 'gym_mujoco_v2/hopper_medium_replay-v2.hdf5'],
    ['ant-expert-v1', 'gym_mujoco_v1/ant_expert-v1.hdf5'],
    ['walker2d-medium-replay-v0', 'gym_mujoco/walker_mixed.hdf5'],
    ['hopper-medium-replay-v0', 'gym_mujoco/hopper_mixed.hdf5'],
    ['antmaze-umaze-v2', 'ant_maze_v2/Ant_maze_u-maze_noisy_multistart_False_multigoal_False_sparse_fixed.hdf5'],
    ['antmaze-umaze-diverse-v2', 'ant_maze_v2/Ant_maze_u-maze_noisy_multistart_True_multigoal_True_sparse_fixed.hdf5'],
    [
      'antmaze-large-play-v2',
      'ant_maze_v2/Ant_maze_hardest-maze_noisy_multistart_True_multigoal_False_sparse_fixed.hdf5',
    ],
    ['antmaze-medium-diverse-v0', 'ant_maze_new/Ant_maze_big-maze_noisy_multistart_True_multigoal_True_sparse.hdf5'],
    ['antmaze-large-play-v1', 'ant_maze_v1/Ant_maze_large_noisy_multistart_True_multigoal_False_sparse.hdf5'],
    ['maze2d-umaze-v1', 'maze2d/maze2d-umaze-sparse-v1.hdf5'],
    ['maze2d-open-dense-v0', 'maze2d/maze2d-open-dense.hdf5'],
  ])('%s was published as %s', (name, path) => {
    expect(findEntry(name).entry.path).toBe(path);
  });
});

describe('places', () => {
  it('a file under the name it was published as is known by it', async () => {
    const published = 'Ant_maze_u-maze_noisy_multistart_False_multigoal_False_sparse_fixed.hdf5';
    const path = scratch(published);
    expect(() => locate(path, '/home')).toThrow(`there is no file ${path}`);
    await writeSet(path, { rows: 5 });
    expect(locate(path, '/home')).toMatchObject({ file: path, pinned: false, entry: { name: 'antmaze-umaze-v2' } });
  });

  it('local sets are found with and without version or set', async () => {
    const home = dirname(scratch('x'));
    mkdirSync(join(home, 'local'), { recursive: true });
    await writeSet(join(home, 'local', 'antmaze-large-play.hdf5'), { rows: 5 });
    for (const name of ['local/antmaze-large-play', 'local/antmaze-large', 'local/antmaze-large-play-v2'])
      expect(locate(name, home)).toMatchObject({
        name: 'local/antmaze-large-play',
        entry: { name: 'antmaze-large-play-v2' },
      });
    expect(() => locate('local/hopper-medium', home)).toThrow('local/hopper-medium has not been made here');
    expect(() => locate('local/../../etc/passwd', home)).toThrow('is no name of a local dataset');
  });
});

describe('scores', () => {
  it('run from the random policy to the expert', () => {
    const hopper = scoreRange('hopper-medium-replay-v2')!;
    expect(normalizedScore(-20.272305, hopper)).toBe(0);
    expect(normalizedScore(3234.3, hopper)).toBe(100);
    expect(scoreRange('Hopper-v3')).toEqual(hopper);
    expect(scoreRange('local/antmaze-large-play')).toEqual({ min: 0, max: 1 });
    expect(scoreRange('maze2d-large')).toEqual({ min: 6.7, max: 273.99 });
    expect(scoreRange('Humanoid-v3')).toBeUndefined();
    expect(scoreRange('ant-waypoint-v0')).toBeUndefined();
    expect(scoreRange('constructor')).toBeUndefined();
  });
});
