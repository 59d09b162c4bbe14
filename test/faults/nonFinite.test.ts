import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Algorithm } from '../../src/algorithms/algorithm.ts';
import type { VectorEnv, VectorStep } from '../../src/env/env.ts';
import { openReplay } from '../../src/loops/openReplay.ts';
import { Rng } from '../../src/random/rng.ts';
import { readCheckpoint } from '../../src/runs/readRun.ts';
import { tf } from '../../src/tensor/tf.ts';
import { fingerprint, tinyTraining } from './tinyTraining.ts';
import { trials } from './toyRun.ts';

/** One number in one place becomes NaN or infinite; training must stop in that very step, and nothing of it be kept. */
let root: string;
let weights: string[];
beforeAll(async () => {
  await tf.setBackend('cpu');
  root = mkdtempSync(join(tmpdir(), 'non-finite-'));
  const note = (algorithm: Algorithm) => {
    weights = Object.keys(algorithm.variables).filter(name => !name.startsWith('target'));
    return algorithm;
  };
  await tinyTraining({ directory: join(root, 'whole'), steps: STEPS, wrapAlgorithm: note }, false);
}, 60_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const STEPS = trials(70, 160);
const WARMUP = 20;

/** Worlds whose step `at` is spoilt. */
function spoilt(env: VectorEnv, at: number, spoil: (step: VectorStep) => VectorStep): VectorEnv {
  let steps = 0;
  return {
    spec: env.spec,
    numEnvs: env.numEnvs,
    reset: seed => env.reset(seed),
    save: () => env.save(),
    restore: states => env.restore(states),
    close: () => env.close(),
    step: async actions => {
      const step = await env.step(actions);
      return ++steps === at ? spoil(step) : step;
    },
  };
}

/** An algorithm whose update number `at` reports a spoilt metric, or leaves a spoilt weight. */
function spoiltAlgorithm(algorithm: Algorithm, at: number, place: string, value: number): Algorithm {
  const [stage] = algorithm.stages;
  let updates = 0;
  return {
    variables: algorithm.variables,
    act: (observations, mode, noise) => algorithm.act(observations, mode, noise),
    stages: [
      {
        name: stage!.name,
        batchSize: stage!.batchSize,
        update: (sample, progress, noise) => {
          const metrics = stage!.update(sample, progress, noise);
          if (++updates !== at) return metrics;
          const variable = algorithm.variables[place];
          if (!variable) return { ...metrics, [place]: value };
          const values = Float32Array.from(variable.dataSync());
          values[values.length - 1] = value;
          variable.assign(tf.tensor(values, variable.shape));
          return metrics;
        },
      },
    ],
  };
}

const set = (values: Float32Array, value: number) => {
  const copy = Float32Array.from(values);
  copy[copy.length - 1] = value;
  return copy;
};
const inEnv: Record<string, (step: VectorStep, value: number) => VectorStep> = {
  nextObservation: (step, value) => ({ ...step, nextObservations: set(step.nextObservations, value) }),
  'observation[3]': (step, value) => ({ ...step, observations: set(step.observations, value) }),
  reward: (step, value) => ({ ...step, rewards: Float64Array.from(step.rewards, () => value) }),
};

/** Trains with the fault; returns the message. */
async function failing(directory: string, place: string, at: number, value: number): Promise<Error> {
  const spoil = inEnv[place];
  return tinyTraining(
    {
      directory,
      steps: STEPS,
      wrapEnv: env => (spoil ? spoilt(env, at, step => spoil(step, value)) : env),
      wrapAlgorithm: algorithm => (spoil ? algorithm : spoiltAlgorithm(algorithm, at - WARMUP + 1, place, value)),
    },
    false,
  ).then(
    () => new Error('training went on'),
    (error: Error) => error,
  );
}

describe('a number that is not finite', () => {
  it('stops training in the same step with a dump, is never saved, and the run goes on without it', async () => {
    const rng = new Rng(8);
    const wanted = await fingerprint(join(root, 'whole'));
    const places = [...Object.keys(inEnv), 'critic/loss', 'policy/loss', ...weights];
    for (let trial = 0; trial < trials(7, 50); trial++) {
      const place = trial < 5 ? places[trial]! : places[5 + rng.integer(places.length - 5)]!;
      const value = [Number.NaN, Infinity, -Infinity][trial % 3]!;
      const at = WARMUP + 1 + rng.integer(STEPS - WARMUP - 1);
      const directory = join(root, `trial-${trial}`);
      const error = await failing(directory, place, at, value);
      const what = `${place} = ${value} at step ${at}`;
      const seen = place in inEnv ? at : at + 1; // updates are made while the next step is under way
      expect(error.message, what).toContain(`stopped at step ${seen}: ${place}`);
      expect(error.message, what).toContain(String(value));
      expect((error as { exitCode?: number }).exitCode).toBe(1);
      const dumps = readdirSync(join(directory, 'failures'));
      expect(dumps, what).toEqual([String(seen)]);
      expect(readFileSync(join(directory, 'failures', dumps[0]!, 'message.txt'), 'utf8')).toBe(`${error.message}\n`);
      expect((await readCheckpoint(directory, 'last')).step, what).toBeLessThan(seen);
      const replay = await openReplay(directory);
      for (const [name, column] of Object.entries(replay.read(replay.total - replay.size, replay.size)))
        expect(column.every(Number.isFinite), name).toBe(true);
      await tinyTraining({ directory, steps: STEPS }, true);
      expect(await fingerprint(directory)).toEqual(wanted);
      rmSync(directory, { recursive: true });
    }
  }, 600_000);

  it('of a simulation that diverged is no transition: 1 000 of them, none in the replay', async () => {
    const directory = join(root, 'diverged');
    let diverged = 0;
    const steps = trials(400, 2000);
    await tinyTraining(
      {
        directory,
        steps,
        capacity: steps,
        algo: 'td3',
        wrapEnv: env => {
          const wrapped = spoilt(env, -1, step => step);
          const step = async (actions: Float32Array): Promise<VectorStep> => {
            const result = await env.step(actions);
            if (++diverged % 2 === 0) return result;
            return {
              ...result,
              nextObservations: set(result.nextObservations, Number.NaN),
              diverged: Uint8Array.of(1),
            };
          };
          return { ...wrapped, step };
        },
      },
      false,
    );
    const replay = await openReplay(directory);
    expect(diverged).toBe(steps);
    expect(replay.size).toBe(steps / 2);
    expect(replay.read(0, replay.size).nextObservations.every(Number.isFinite)).toBe(true);
  }, 600_000);
});
