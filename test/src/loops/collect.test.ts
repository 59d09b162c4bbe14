import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANT_COLLECTION_GRIDS } from '../../../envs/mujoco/antMazeGoals.ts';
import { MAZE2D_GRIDS } from '../../../envs/mujoco/maze2d.ts';
import { makeEnv, makeMujocoEnv } from '../../../envs/registry.ts';
import { middleOfGoals } from '../../../src/cli/dataset/placedAnt.ts';
import { readD4rl, readGoals } from '../../../src/data/d4rl.ts';
import { freeCells, isFree, shortestWay } from '../../../src/data/gridPlan.ts';
import { joinCollections, writeLocalDataset } from '../../../src/data/localDataset.ts';
import { episodesOf, TERMINATED, TRUNCATED, transitionRows } from '../../../src/data/steps.ts';
import { type Collected, collect, type Driver } from '../../../src/loops/collect.ts';
import { randomDriver } from '../../../src/loops/drivers.ts';
import { AntDriver, antPlace, PointDriver } from '../../../src/loops/mazeDrivers.ts';
import { PolicyFile } from '../../../src/loops/policyFile.ts';
import { relabelAnt, relabelPoint } from '../../../src/loops/relabel.ts';
import { SquashedGaussian } from '../../../src/networks/squashedGaussian.ts';
import { Rng } from '../../../src/random/rng.ts';
import { type StoredTensors, stored } from '../../../src/runs/safetensors.ts';
import { StreamNoise } from '../../../src/tensor/noise.ts';
import { tf } from '../../../src/tensor/tf.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'agent-collect-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function gather(id: string, driver: (rng: Rng) => Driver, steps: number, seed = 0): Promise<Collected> {
  const env = await makeEnv(id);
  try {
    return await collect(env, driver(new Rng(seed)), { steps, seed });
  } finally {
    env.close();
  }
}

/** Rows where `observations[i + 1]` is not the true successor of row i. */
function breaks({ observations, nextObservations, obsDim, rows }: Collected): number[] {
  const differs = (i: number) =>
    nextObservations.subarray(i * obsDim, (i + 1) * obsDim).some((v, j) => v !== observations[(i + 1) * obsDim + j]);
  return Array.from({ length: rows - 1 }, (_, i) => i).filter(differs);
}
const marked = ({ flags }: Collected, flag: number) => [...flags.keys()].filter(i => (flags[i]! & flag) !== 0);

describe('random collections', () => {
  it('keep every step, mark falls and the clock, and lie in order', async () => {
    const random = (rng: Rng) => randomDriver(3, 15, rng);
    const set = await gather('Hopper-v2', random, 400);
    const [falls, clock] = [marked(set, TERMINATED), marked(set, TRUNCATED)];
    expect(falls.length).toBeGreaterThan(3);
    expect(clock.length).toBeGreaterThan(3);
    expect(breaks(set)).toEqual([...falls, ...clock].sort((a, b) => a - b).filter(i => i < 399));
    for (const { length } of episodesOf(set)) expect(length).toBeLessThanOrEqual(15);
    const again = await gather('Hopper-v2', random, 400);
    expect(again).toEqual(set);
  });

  it('are written and read back the same, and say that they are no published ones', async () => {
    const set = await gather('Hopper-v2', rng => randomDriver(3, 1000, rng), 200);
    const file = join(folder, 'hopper-random.hdf5');
    await writeLocalDataset(file, set, { name: 'local/hopper-random' });
    const { observations, actions, rewards, flags } = await readD4rl(file);
    expect({ observations, actions, rewards, flags }).toEqual({
      observations: set.observations,
      actions: set.actions,
      rewards: set.rewards,
      flags: set.flags,
    });
  });

  it('medium-expert: all complete episodes of the one, then all of the other', async () => {
    const [first, second] = [
      await gather('Hopper-v2', rng => randomDriver(3, 1000, rng), 150, 1),
      await gather('Hopper-v2', rng => randomDriver(3, 1000, rng), 100, 2),
    ];
    const last = marked(first, TERMINATED).at(-1)!;
    expect(last).toBeLessThan(149);
    const both = joinCollections(first, second);
    expect(both.rows).toBe(last + 1 + 100);
    expect(both.rewards.subarray(last + 1)).toEqual(second.rewards);
    expect(both.observations.subarray((last + 1) * 11)).toEqual(second.observations);
    expect([...episodesOf(both)].length).toBe([...episodesOf(first)].length + [...episodesOf(second)].length);
  });
});

describe('plans', () => {
  it('are shortest, through free cells', () => {
    const grid = MAZE2D_GRIDS.umaze!;
    const way = shortestWay(grid, [1, 1], [3, 1])!;
    expect(way).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
      [2, 3],
      [3, 3],
      [3, 2],
      [3, 1],
    ]);
    expect(shortestWay(grid, [1, 1], [2, 2])).toBeUndefined();
    for (const cell of freeCells(ANT_COLLECTION_GRIDS.large)) {
      const steps = shortestWay(ANT_COLLECTION_GRIDS.large, [1, 1], cell)!;
      expect(steps.every(at => isFree(ANT_COLLECTION_GRIDS.large, at))).toBe(true);
    }
  });
});

describe('maze2d collections', () => {
  it.each(['umaze', 'large'])(
    '%s: the ball reaches its goals, one after the other, without ever being reset',
    async maze => {
      const point = (rng: Rng) => new PointDriver({ grid: MAZE2D_GRIDS[maze]!, maxEpisodeSteps: 800, rng });
      const set = await gather(`maze2d-${maze}-v1`, point, 6000);
      expect(breaks(set)).toEqual([]);
      const ends = marked(set, TRUNCATED);
      expect(ends.length).toBeGreaterThan(maze === 'umaze' ? 30 : 8);
      const at = (i: number) => set.nextObservations.subarray(i * 4, i * 4 + 2);
      for (const i of ends) {
        const [x, y] = set.goals!.subarray(2 * i, 2 * i + 2);
        expect(Math.hypot(at(i)[0]! - x!, at(i)[1]! - y!)).toBeLessThan(0.1);
      }
      expect(transitionRows(set).length).toBe(6000 - 1 - ends.filter(i => i < 5999).length);
    },
    60_000,
  );

  it('rewards refer to the observation itself and to the goal of the task', () => {
    const set = { observations: Float32Array.from([1, 1, 0, 0, 1.6, 1, 0, 0]), obsDim: 4, rows: 2 } as Collected;
    expect([...relabelPoint(set, [1, 1], false)]).toEqual([1, 0]);
    expect(relabelPoint(set, [1, 1], true)[1]).toBeCloseTo(Math.exp(-0.6), 6);
  });

  it('goals are stored beside the steps', async () => {
    const point = (rng: Rng) => new PointDriver({ grid: MAZE2D_GRIDS.umaze!, maxEpisodeSteps: 300, rng });
    const set = await gather('maze2d-umaze-v1', point, 300);
    const file = join(folder, 'maze2d-umaze.hdf5');
    await writeLocalDataset(file, set, {});
    expect(await readGoals(file)).toEqual(set.goals);
  });
});

function tensorsOf(policy: {
  variables: Readonly<Record<string, { shape: number[]; dataSync(): unknown }>>;
}): StoredTensors {
  const entries = Object.entries(policy.variables).map(([name, variable]) => [
    `policy/${name}`,
    stored(variable.dataSync() as Float32Array, variable.shape),
  ]);
  return new Map(entries as [string, ReturnType<typeof stored>][]);
}

function closeTo(actual: Float32Array, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  for (let j = 0; j < actual.length; j++) expect(actual[j]).toBeCloseTo(expected[j]!, 5);
}

describe('policy files', () => {
  const gaussian = new SquashedGaussian({ sizes: [29, 32, 32, 8], activation: 'relu' }, new StreamNoise(new Rng(4)));
  const tensors = tensorsOf(gaussian as never);

  it('act as the network they were stored from, in the mean and sampled', () => {
    const policy = new PolicyFile(tensors, { obsDim: 29, actDim: 8 }, 'file');
    const s = Float32Array.from({ length: 29 }, (_, i) => Math.sin(i));
    const mode = tf.tidy(() => gaussian.mode(tf.tensor2d(s, [1, 29])).dataSync());
    closeTo(policy.act(s), mode);
    const [rng, same] = [new Rng(9), new Rng(9)];
    const xi = Float32Array.from({ length: 8 }, () => same.normal());
    const sample = tf.tidy(() => gaussian.sample(tf.tensor2d(s, [1, 29]), tf.tensor2d(xi, [1, 8])).actions.dataSync());
    closeTo(policy.act(s, rng), sample);
  });

  it('refuse other sizes, and files without a policy', () => {
    expect(() => new PolicyFile(tensors, { obsDim: 11, actDim: 8 }, 'file')).toThrow('file takes 29 observations, 11');
    expect(() => new PolicyFile(tensors, { obsDim: 29, actDim: 3 }, 'file')).toThrow(
      'file gives 16 numbers, actions have 3',
    );
    expect(() => new PolicyFile(new Map(), { obsDim: 29, actDim: 8 }, 'file')).toThrow('holds no policy');
  });

  it('walk the ant towards waypoints on its way, with noise, 1000 steps at a time', async () => {
    const grid = ANT_COLLECTION_GRIDS.umaze;
    const walker = new PolicyFile(tensors, { obsDim: 29, actDim: 8 }, 'file');
    const ant = (rng: Rng) => new AntDriver({ grid, walker, goals: [[3, 1]], rng });
    const set = await gather('antmaze-umaze-v2', ant, 1100);
    expect(breaks(set)).toEqual([999]);
    expect(marked(set, TRUNCATED)).toEqual([999]);
    const [x, y] = antPlace(grid, [3, 1]);
    expect([x, y]).toEqual([0, 8]);
    expect(set.goals![0]).toBeGreaterThanOrEqual(0);
    expect(set.goals![1]).toBeGreaterThanOrEqual(8);
    const seen = relabelAnt(set, [set.nextObservations[29 * 4]!, set.nextObservations[29 * 4 + 1]!]);
    expect(seen.rewards[4]).toBe(1);
    expect([...seen.flags].map(flag => flag & TERMINATED)).toEqual([...seen.rewards]);
    expect(seen.flags[999]! & TRUNCATED).toBe(TRUNCATED);
  }, 60_000);

  it('sample the actions of the walker: the noise of the collection alone has a deviation of 0.2', () => {
    const bias = new Float32Array(16).fill(-1, 8); // μ = 0, ln σ = −1
    const wide = new Map([
      ['policy/0/weight', stored(new Float32Array(29 * 16), [29, 16])],
      ['policy/0/bias', stored(bias)],
    ]);
    const walker = new PolicyFile(wide, { obsDim: 29, actDim: 8 }, 'wide');
    const driver = new AntDriver({ grid: ANT_COLLECTION_GRIDS.umaze, walker, goals: [[3, 1]], rng: new Rng(3) });
    driver.begin();
    const actions = Array.from({ length: 500 }, () => [...driver.act(new Float32Array(29))]).flat();
    const deviation = Math.sqrt(actions.reduce((sum, a) => sum + a * a, 0) / actions.length);
    expect(deviation).toBeCloseTo(0.39, 1); // √(Var tanh(0.37 ξ) + 0.2²)
  });

  it('turn the ant at its waypoint, not where the cell of the corner begins', () => {
    const weight = new Float32Array(29 * 8);
    weight[27 * 8] = 0.1; // the first two actions are the compass
    weight[28 * 8 + 1] = 0.1;
    const compass = new Map([
      ['policy/0/weight', stored(weight, [29, 8])],
      ['policy/0/bias', stored(new Float32Array(8))],
    ]);
    const walker = new PolicyFile(compass, { obsDim: 29, actDim: 8 }, 'compass');
    const driver = new AntDriver({ grid: ANT_COLLECTION_GRIDS.umaze, walker, goals: [[3, 1]], rng: new Rng(3) });
    driver.begin();
    const heading = (x: number, y: number) => {
      const seen = Array.from({ length: 40 }, () => driver.act(Float32Array.from([x, y, ...new Array(27).fill(0)])));
      return [0, 1].map(axis => seen.reduce((sum, action) => sum + action[axis]!, 0) / seen.length);
    };
    for (const x of [0, 1, 3.5, 4.5]) expect(heading(x, 0.5)[0]).toBeGreaterThan(0.5);
    const before = heading(6.5, 0.5); // in the corner's cell: cutting across would meet the wall that ends at (6, 2)
    expect(before[0]).toBeGreaterThan(0.5);
    expect(Math.abs(before[1]!)).toBeLessThan(0.5);
    expect(heading(8.5, 0.5)[1]).toBeGreaterThan(0.5);
  });

  it('rewards the middle of the goals that the maze draws, whatever the seed', async () => {
    const env = await makeMujocoEnv('antmaze-umaze-v2');
    for (const seed of [0, 5]) {
      const [x, y] = middleOfGoals(env, seed);
      expect(Math.hypot(x - 0.75, y - 8.75)).toBeLessThan(0.1); // cell (0, 8) + U(0, 1) + U(0, 0.5)
    }
    env.close();
  });
});
