import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readD4rl, readGoals } from '../../../src/data/d4rl.ts';
import { Dataset } from '../../../src/data/dataset.ts';
import { readMinari, readMinariMetadata } from '../../../src/data/minari.ts';
import { Rng } from '../../../src/random/rng.ts';
import { fixturesDir } from '../../reference.ts';
import { scratch, writeSet } from './collections.ts';

const folder = join(fixturesDir, 'datasets');
/** What h5py reads from the same file. */
const expected = (name: string) => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));

function arrays(dataset: Dataset): Record<string, unknown> {
  const columns = Object.entries(dataset.columns()).map(([key, values]) => [key, Array.from(values)]);
  return { size: dataset.size, ...Object.fromEntries(columns) };
}

describe('D4RL files written by h5py', () => {
  it.each(['float32', 'float64', 'bigEndian'])('%s: every transition is what h5py reads', async name => {
    const steps = await readD4rl(join(folder, `${name}.hdf5`));
    const { goals, ...transitions } = expected(name);
    expect(arrays(new Dataset(steps, { name }))).toEqual(transitions);
    expect(Array.from((await readGoals(join(folder, `${name}.hdf5`)))!)).toEqual(goals);
  });
});

describe('Minari files written by h5py', () => {
  it('every transition is what h5py reads, dictionaries laid side by side, actions mapped to [-1, 1]', async () => {
    const file = join(folder, 'minari', 'data', 'main_data.hdf5');
    const dataset = new Dataset(await readMinari(file), { name: 'minari' });
    expect(arrays(dataset)).toEqual(expected('minari'));
    expect([...dataset.episodes()].map(({ length, terminated }) => [length, terminated])).toEqual([
      [4, true],
      [7, false],
      [12, false],
    ]);
  });

  it('reads the metadata, infinities and all', () => {
    expect(readMinariMetadata(join(folder, 'minari', 'data', 'main_data.hdf5'))).toEqual({
      id: 'D4RL/pointmaze/umaze-v2',
      envId: 'PointMaze_UMaze-v3',
      action: { low: [-2, -1], high: [2, 3] },
      scores: { min: 1.5, max: 250.25 },
    });
  });
});

describe('transitions', () => {
  // steps: 0 1 2T 3 4t 5 6 — T terminal, t timeout
  const flags = { terminals: [0, 0, 1, 0, 0, 0, 0], timeouts: [0, 0, 0, 0, 1, 0, 0] };

  it('keep terminals, skip timeouts and the last step', async () => {
    const path = await writeSet(scratch('semantics.hdf5'), { rows: 7, ...flags });
    const dataset = new Dataset(await readD4rl(path), { name: 'set' });
    const { observations, nextObservations, terminals } = dataset.columns();
    const row = (values: Float32Array, i: number) => values[i * dataset.obsDim]!;
    // observation [i][0] is i
    expect([0, 1, 2, 3, 4].map(i => [row(observations, i), row(nextObservations, i), terminals[i]])).toEqual([
      [0, 1, 0],
      [1, 2, 0],
      [2, 3, 1],
      [3, 4, 0],
      [5, 6, 0],
    ]);
    expect(dataset.size).toBe(5);
    expect(new Dataset(dataset.steps, { name: 'set', endAtTimeouts: true }).size).toBe(6);
  });

  it('the sequence view ends episodes at terminals and timeouts and drops the tail', async () => {
    const path = await writeSet(scratch('sequences.hdf5'), { rows: 7, ...flags });
    const episodes = [...new Dataset(await readD4rl(path), { name: 'set' }).episodes()];
    expect(episodes.map(({ start, length, terminated }) => [start, length, terminated])).toEqual([
      [0, 3, true],
      [3, 2, false],
    ]);
    // reward i is i / 8
    expect(episodes.map(({ episodeReturn }) => episodeReturn)).toEqual([3 / 8, 7 / 8]);
  });

  it('without timeouts the time limit of the task plays their part, counted from each start', async () => {
    const path = await writeSet(scratch('noTimeouts.hdf5'), {
      rows: 10,
      terminals: [0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
      timeouts: undefined,
    });
    const dataset = new Dataset(await readD4rl(path, { maxEpisodeSteps: 3 }), { name: 'set' });
    const { observations } = dataset.columns();
    const kept = Array.from({ length: dataset.size }, (_, i) => observations[i * dataset.obsDim]);
    expect(kept).toEqual([0, 1, 2, 3, 5, 6, 8]);
  });

  it('draws uniformly with replacement, the same from the same stream', async () => {
    const path = await writeSet(scratch('draws.hdf5'), { rows: 5 });
    const dataset = new Dataset(await readD4rl(path), { name: 'set' });
    const draw = () => {
      const batch = dataset.sample(4000, new Rng(3));
      const first = Array.from(batch.observations.dataSync()).filter((_, i) => i % dataset.obsDim === 0);
      for (const tensor of Object.values(batch)) tensor.dispose();
      return first;
    };
    const counts = [0, 1, 2, 3].map(value => draw().filter(first => first === value).length);
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
    expect(draw()).toEqual(draw());
  });

  it('rewards can be replaced and actions clipped, and nothing else changes', async () => {
    const path = await writeSet(scratch('changed.hdf5'), { rows: 7, ...flags });
    const dataset = new Dataset(await readD4rl(path), { name: 'set' });
    const changed = dataset.withRewards(dataset.rewards().map(r => r - 1)).withClippedActions(0.25);
    expect(Array.from(changed.rewards())).toEqual(Array.from(dataset.rewards(), r => r - 1));
    const columns = dataset.columns();
    expect(changed.columns()).toEqual({
      ...columns,
      rewards: columns.rewards.map(r => r - 1),
      actions: columns.actions.map(a => Math.min(0.25, Math.max(-0.25, a))),
    });
    expect(() => dataset.withRewards(new Float32Array(3))).toThrow('3 rewards for 5 transitions');
  });
});
