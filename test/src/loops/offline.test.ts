import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Algorithm } from '../../../src/algorithms/algorithm.ts';
import { srpo } from '../../../src/algorithms/srpo.ts';
import { Tuning } from '../../../src/cli/train/tuning.ts';
import { resolve } from '../../../src/config/hyperparameters.ts';
import { ReplayBuffer } from '../../../src/data/replayBuffer.ts';
import type { Env, EnvSpec, EnvState, Step } from '../../../src/env/env.ts';
import { LocalVectorEnv } from '../../../src/env/vectorEnv.ts';
import { type OfflineRun, type OfflineWatcher, trainOffline } from '../../../src/loops/offline.ts';
import { takeStage } from '../../../src/loops/takeStage.ts';
import { Rng } from '../../../src/random/rng.ts';
import { collectHeader } from '../../../src/runs/header.ts';
import { readCheckpoint } from '../../../src/runs/readRun.ts';
import { type NewRunConfig, readConfig } from '../../../src/runs/runConfig.ts';
import { RunStore } from '../../../src/runs/runStore.ts';
import { StreamNoise } from '../../../src/tensor/noise.ts';
import { tf } from '../../../src/tensor/tf.ts';

let root: string;
beforeAll(async () => void (await tf.setBackend('cpu')));
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'offline-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const box = (size: number) => ({ low: new Float64Array(size).fill(-1), high: new Float64Array(size).fill(1) });
const spec: EnvSpec = { id: 'Line-v0', observationSpace: box(2), actionSpace: box(1), maxEpisodeSteps: 5 };

/** A point on a line is to reach a goal: observation [position, goal], reward −distance after the step. */
class Line implements Env {
  readonly spec = spec;
  #rng = new Rng(0);
  #observation = new Float32Array(2);
  #steps = 0;
  reset(seed?: number | EnvState['rng']): Float32Array {
    if (seed !== undefined) this.#rng = new Rng(seed);
    this.#steps = 0;
    this.#observation = Float32Array.of(this.#rng.uniform(-1, 1), this.#rng.uniform(-1, 1));
    return this.#observation.slice();
  }
  step([action]: Float32Array): Step {
    this.#observation[0]! += 0.5 * action!;
    this.#steps++;
    const reward = -Math.abs(this.#observation[0]! - this.#observation[1]!);
    const truncated = this.#steps === spec.maxEpisodeSteps;
    return { observation: this.#observation.slice(), reward, terminated: false, truncated, info: {} };
  }
  save(): EnvState {
    return { physics: Float64Array.from(this.#observation), scalars: { steps: this.#steps }, rng: this.#rng.state };
  }
  restore({ physics, scalars, rng }: EnvState): Float32Array {
    [this.#observation, this.#steps, this.#rng] = [Float32Array.from(physics), scalars.steps!, new Rng(rng)];
    return this.#observation.slice();
  }
  close(): void {}
}

/** What a random policy collects on the line. */
function collected(transitions = 400): ReplayBuffer {
  const [env, rng] = [new Line(), new Rng(5)];
  const data = new ReplayBuffer({ capacity: transitions, obsDim: 2, actDim: 1 });
  let observation = env.reset(3);
  for (let t = 0; t < transitions; t++) {
    const action = Float32Array.of(rng.uniform(-1, 1));
    const { observation: nextObservation, reward, terminated, truncated } = env.step(action);
    data.add({ world: 0, observation, action, reward, terminated, truncated, nextObservation });
    observation = truncated ? env.reset() : nextObservation;
  }
  return data;
}

const small = { hidden: 8, blocks: 1, batchSize: 8, behaviorBatchSize: 8 };
const steps = { behaviorSteps: 6, criticSteps: 5, policySteps: 8 };
const data = collected();

/** The data, and a wish to stop once `updates` batches were drawn from it: SRPO takes one for each update. */
function until(updates: number): Pick<OfflineRun, 'data' | 'stopRequested'> {
  let drawn = 0;
  const sample = (size: number, rng: Rng) => {
    drawn++;
    return data.sample(size, rng);
  };
  return { data: { size: data.size, obsDim: 2, actDim: 1, sample }, stopRequested: () => drawn >= updates };
}

function create(overrides: Record<string, number> = {}): Algorithm {
  const values = resolve(srpo.hyperparameters, [
    { source: 'test', values: { ...small, ...steps, ...overrides } },
  ]).values;
  return srpo.create({ obsDim: 2, actDim: 1 }, values, new StreamNoise(new Rng(1).split('initial')));
}

const header = collectHeader({ config: {}, seed: 0, threads: 1, backend: 'cpu' });
const config: NewRunConfig = {
  ...{ command: ['offline'], kind: 'offline', algo: 'srpo', task: 'Line-v0', seed: 7, preset: 'paper', steps: 19 },
  ...{ backend: 'cpu', values: {}, sources: {}, options: {}, environment: {}, versions: {}, machine: {}, header },
};

type Options = Partial<OfflineRun> & { overrides?: Record<string, number> };

async function train(store: RunStore, { overrides, ...options }: Options = {}) {
  const evaluationEnv = new LocalVectorEnv([new Line(), new Line()]);
  const schedule = { logEvery: 2, evalEvery: 3, evalEpisodes: 3, checkpointEvery: 4 };
  try {
    const algorithm = options.algorithm ?? create(overrides);
    return await trainOffline({ algorithm, data, evaluationEnv, store, seed: 7, schedule, ...options });
  } finally {
    await evaluationEnv.close();
    await store.close();
  }
}

const rows = (name: string) =>
  readFileSync(join(root, name, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
const timeless = (name: string) =>
  rows(name).map(row => Object.fromEntries(Object.entries(row).filter(([key]) => !/^(seconds|time\/.*)$/.test(key))));
const start = (name: string) => RunStore.create({ directory: join(root, name), config });

/** Everything of a run that must not depend on interruptions. */
async function outcome(name: string) {
  const { step, tensors, state } = await readCheckpoint(join(root, name), 'last');
  return { step, tensors: [...tensors], state, rows: timeless(name) };
}

/** Changes learning rates before some updates, as `agent offline --control` does, and dies before another. */
function tuned(name: string, wishes: readonly (readonly [number, string, number])[], diesAt = Infinity): Options {
  const algorithm = create();
  const values = { behaviorLearningRate: 3e-4, criticLearningRate: 3e-4, policyLearningRate: 3e-4 };
  const tuning = new Tuning(join(root, name, 'changes.jsonl'), algorithm, values);
  const beforeUpdate = (step: number) => {
    if (step === diesAt) throw new Error('killed');
    for (const [at, what, to] of wishes) if (at === step) expect(tuning.ask(what, to)).toBeUndefined();
    tuning.beforeStep(step);
  };
  return { algorithm, beforeUpdate };
}

describe('trainOffline under control', { timeout: 60_000 }, () => {
  const wishes = [
    [3, 'behaviorLearningRate', 0.02],
    [9, 'criticLearningRate', 0.01],
    [14, 'policyLearningRate', 0.05],
  ] as const;

  it('makes changes of its learning rates again when resumed, at the same updates', async () => {
    await train(start('whole'), tuned('whole', wishes));
    const whole = await outcome('whole');
    await train(start('plain'));
    expect((await outcome('plain')).tensors).not.toEqual(whole.tensors);
    for (const diesAt of [4, 10, 15]) {
      const name = `killed-${diesAt}`;
      const made = wishes.filter(([at]) => at < diesAt);
      await expect(train(start(name), tuned(name, made, diesAt))).rejects.toThrow('killed');
      const store = await RunStore.open(join(root, name));
      await train(store, {
        ...tuned(
          name,
          wishes.filter(([at]) => at >= diesAt),
        ),
        resume: true,
      });
      expect(await outcome(name), name).toEqual(whole);
    }
  });

  it('waits, evaluates and saves when asked, and learns the same', async () => {
    let wished = { evaluate: false, checkpoint: false };
    const wishes = () => {
      const now = wished;
      wished = { evaluate: false, checkpoint: false };
      return now;
    };
    const seen: string[] = [];
    const beforeUpdate = async (now: number) => {
      await new Promise(resolve => setTimeout(resolve, 1));
      if (now === 2) wished.evaluate = true; // while the behaviour is learned
      if (now === 6) wished.checkpoint = true;
    };
    const watcher = {
      evaluated: ({ step }: { step: number }) => {
        seen.push(`evaluated ${step}`);
        if (step === 3) wished.checkpoint = true; // while the wish before is being fulfilled
      },
      saved: (step: number) => void seen.push(`saved ${step}`),
    };
    await train(start('asked'), { beforeUpdate, wishes, watchers: [watcher] });
    expect(seen).toEqual(expect.arrayContaining(['evaluated 3', 'saved 4', 'saved 7']));
    expect(wished).toEqual({ evaluate: false, checkpoint: false });
    await train(start('unasked'));
    expect((await outcome('asked')).tensors).toEqual((await outcome('unasked')).tensors);
  });
});

describe('trainOffline', { timeout: 60_000 }, () => {
  it('runs the stages in order, logs updates with their stage, evaluates the policy at its times and at the end', async () => {
    const seen: string[] = [];
    const watcher: OfflineWatcher = { stage: ({ name }, index, done) => seen.push(`${name} ${index} ${done}`) };
    const result = await train(start('whole'), { watchers: [watcher], normalize: x => 100 + x });
    expect(seen).toEqual(['behavior 0 0', 'critic 1 0', 'policy 2 0']);
    expect(result).toMatchObject({ finished: true, step: 19 });
    const logged = rows('whole').filter(row => row.stage);
    expect(logged.map(row => `${row.step} ${row.stage}`)).toEqual(
      ['2 behavior', '4 behavior', '6 behavior', '8 critic', '10 critic', '11 critic', '12 policy', '14 policy'].concat(
        ['16 policy', '18 policy', '19 policy'],
      ),
    );
    expect(logged[0]).toHaveProperty(['behavior/loss']);
    expect(logged[3]).toHaveProperty(['critic/loss']);
    expect(logged[3]).not.toHaveProperty(['behavior/loss']);
    const evaluations = rows('whole').filter(row => 'eval/return' in row);
    expect(evaluations.map(row => row.step)).toEqual([14, 17, 19]);
    for (const row of evaluations) expect(row['eval/normalizedScore']).toBe(100 + row['eval/return']);
    expect(result.best!.return).toBe(Math.max(...evaluations.map(row => row['eval/return'])));
  });

  it.each([1, 5, 6, 8, 11, 13, 14, 18])(
    'stopped after %i updates and resumed, is the run that never stopped',
    async at => {
      await train(start('whole'));
      const stopped = await train(start('cut'), until(at));
      expect(stopped).toMatchObject({ finished: false, step: at });
      const resumed = await train(await RunStore.open(join(root, 'cut')), { resume: true });
      expect(resumed).toMatchObject({ finished: true, step: 19 });
      expect(await outcome('cut')).toEqual(await outcome('whole'));
    },
  );

  it('killed between checkpoints, goes on from the last and is the run that never stopped', async () => {
    await train(start('whole'));
    const killed: OfflineWatcher = {
      row: step => {
        if (step === 18) throw new Error('killed');
      },
    };
    await expect(train(start('cut'), { watchers: [killed] })).rejects.toThrow('killed');
    await train(await RunStore.open(join(root, 'cut')), { resume: true });
    expect(await outcome('cut')).toEqual(await outcome('whole'));
  });

  it('takes a stage from another run, which changes nothing for the stages after it', async () => {
    await train(start('whole'));
    const load = () => takeStage(create(), 'srpo', 'behavior', join(root, 'whole'));
    const result = await train(start('short'), { taken: new Map([['behavior', load]]) });
    expect(result.step).toBe(13);
    const [whole, short] = [await outcome('whole'), await outcome('short')];
    expect(short.tensors).toEqual(whole.tensors);
  });

  it('takes nothing from a run that has not finished the stage, or of another size', async () => {
    await train(start('cut'), until(8));
    const from = (stage: string, overrides = {}) => takeStage(create(overrides), 'srpo', stage, join(root, 'cut'));
    await expect(from('critic')).rejects.toThrow('has not finished that stage');
    await expect(from('behavior', { hidden: 16 })).rejects.toThrow(/is \[\d+, 8\] there, \[\d+, 16\] here/);
    await expect(from('behavior')).resolves.toBeDefined();
  });

  it('takes a stage that was interrupted once a new plan ends it where it stands', async () => {
    const overrides = { criticSteps: 500, policySteps: 0 };
    await train(start('cut'), { ...until(8), overrides });
    const ended = { ...overrides, criticSteps: 2 };
    const store = await RunStore.open(join(root, 'cut'), { replan: { ...config, steps: 8, values: ended } });
    expect(await train(store, { resume: true, overrides: ended })).toMatchObject({ finished: true, step: 8 });
    await expect(takeStage(create(), 'srpo', 'critic', join(root, 'cut'))).resolves.toBeDefined();
    const { values, ...rest } = readConfig(join(root, 'cut'));
    expect(values).toEqual(ended);
    expect(rest).toMatchObject({ steps: 8, changes: [{ step: 8, differences: ['steps: 19 → 8'] }] });
  });

  it('evaluates no policy before the stage that makes one', async () => {
    expect((await train(start('stages'), { overrides: { policySteps: 0 } })).last).toBeUndefined();
  });

  it('stops at a number that is not finite and leaves a dump, not a checkpoint', async () => {
    const bad = collected(50);
    const sample = bad.sample.bind(bad);
    let draws = 0;
    bad.sample = (size, rng) => {
      const batch = sample(size, rng);
      return ++draws < 9 ? batch : { ...batch, rewards: tf.fill([size], Number.NaN) };
    };
    await expect(train(start('bad'), { data: bad })).rejects.toThrow(
      'stopped at update 9 (critic): critic/loss is NaN',
    );
    expect((await readCheckpoint(join(root, 'bad'), 'last')).step).toBe(8);
    expect(readFileSync(join(root, 'bad', 'failures', '9', 'message.txt'), 'utf8')).toContain('critic/loss is NaN');
  });

  it('leaks no tensors', async () => {
    const algorithm = create();
    const before = tf.memory().numTensors;
    await train(start('leak'), { algorithm });
    expect(tf.memory().numTensors).toBe(before);
  });
});
