import { beforeAll, expect, test } from 'vitest';
import type { Metrics } from '../../../src/algorithms/algorithm.ts';
import { Bc, hyperparameters as bcTable } from '../../../src/algorithms/bc.ts';
import { hyperparameters, Td3Bc } from '../../../src/algorithms/td3Bc.ts';
import { resolve } from '../../../src/config/hyperparameters.ts';
import { ReplayBuffer } from '../../../src/data/replayBuffer.ts';
import { type Tensor2D, tf } from '../../../src/tensor/tf.ts';
import { FixedNoise } from '../../fixedNoise.ts';
import { zeroNoise } from '../../golden/networks.ts';
import { twoTransitions } from '../../twoTransitions.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

const read = (value: Metrics[string] | undefined) => (typeof value === 'number' ? value : value!.dataSync()[0]!);
const sizes = { obsDim: 1, actDim: 1 };

/** Observations 1, 3: mean 2, deviation 1. */
function data(): ReplayBuffer {
  const replay = new ReplayBuffer({ capacity: 4, obsDim: 1, actDim: 1 });
  for (const x of [1, 3]) {
    const [observation, action] = [Float32Array.of(x), Float32Array.of(0)];
    replay.add({
      world: 0,
      observation,
      action,
      reward: 0,
      terminated: false,
      truncated: false,
      nextObservation: observation,
    });
  }
  return replay;
}

/** One unit per layer: Q₁ = a + 1, Q₂ = a + 2, targets the same; the policy is tanh(0.3), its target tanh(0.8). */
function build(values: Record<string, unknown> = {}): Td3Bc {
  const config = resolve(hyperparameters, [
    { source: 'test', values: { hidden: 1, policyEvery: 1, ...values } },
  ]).values;
  const algorithm = new Td3Bc(sizes, config, zeroNoise);
  const set = (name: string, numbers: number[]) => {
    const variable = algorithm.variables[name]!;
    variable.assign(tf.tensor(numbers, variable.shape));
  };
  for (const critic of ['critic/q1', 'critic/q2', 'targetCritic/q1', 'targetCritic/q2']) {
    set(`${critic}/0/weight`, [0, 1]); // from [s, a]
    set(`${critic}/0/bias`, [1]);
    set(`${critic}/1/weight`, [1]);
    set(`${critic}/2/weight`, [1]);
    set(`${critic}/2/bias`, [critic.endsWith('q2') ? 1 : 0]);
  }
  set('policy/2/bias', [0.3]);
  set('targetPolicy/2/bias', [0.8]);
  return algorithm;
}

test('the loss is −λ Q₁ + (π − a)², λ = α / mean |Q₁|, after a TD step with smoothed target actions', () => {
  const algorithm = build({ criticLearningRate: 0 });
  const metrics = algorithm.stages[0]!.update(twoTransitions, 0, new FixedNoise({ target: [1, 1] }));
  const next = Math.tanh(0.8) + 0.2;
  const y = [1 + 0.99 * (next + 1), 2];
  const mse = (shift: number) => ((0.1 + shift - y[0]!) ** 2 + (0.5 + shift - y[1]!) ** 2) / 2;
  expect(read(metrics['critic/loss'])).toBeCloseTo(mse(1) + mse(2), 4);
  const cloning = ((Math.tanh(0.3) - 0.1) ** 2 + (Math.tanh(0.3) - 0.5) ** 2) / 2;
  expect(read(metrics['policy/cloningLoss'])).toBeCloseTo(cloning, 5);
  expect(read(metrics['policy/loss'])).toBeCloseTo(cloning - 2.5, 4); // Q > 0, so λ mean Q = α
});

test('the gradient is the sum of both terms: with α = 0 it is cloning alone', () => {
  const step = (values: Record<string, unknown>) => {
    const algorithm = build({ criticLearningRate: 0, ...values });
    algorithm.stages[0]!.update(twoTransitions, 0, new FixedNoise({ target: [0, 0] }));
    return algorithm.variables['policy/2/bias']!.dataSync()[0]! - 0.3;
  };
  expect(Math.tanh(0.3)).toBeLessThan(0.3); // tanh(0.3) = 0.291 lies just below the mean action 0.3
  expect(step({ behaviorWeight: 0 })).toBeCloseTo(3e-4, 6); // up, towards the data
  expect(step({ behaviorWeight: 2.5 })).toBeCloseTo(3e-4, 6); // up, towards larger Q too
});

test('observations are normalised by the statistics of the data, which belong to the variables', () => {
  for (const algorithm of [build(), new Bc(sizes, resolve(bcTable, []).values, zeroNoise)]) {
    algorithm.prepare(data());
    const { mean, deviation } = algorithm.normalizer.variables;
    expect([mean.dataSync()[0], deviation.dataSync()[0]]).toEqual([2, 1]);
    const normalised = algorithm.normalizer.apply(tf.tensor2d([4], [1, 1]) as Tensor2D).dataSync()[0]!;
    expect(normalised).toBeCloseTo(2 / 1.001, 6);
    expect(algorithm.variables['normalizer/mean']).toBe(mean);
  }
});

test('unless they are not to be: then the identity', () => {
  const algorithm = build({ normalizeObservations: false });
  algorithm.prepare(data());
  expect(algorithm.normalizer.apply(tf.tensor2d([4], [1, 1]) as Tensor2D).dataSync()[0]!).toBeCloseTo(4, 6);
});

test('behaviour cloning regresses the actions', () => {
  const config = resolve(bcTable, [{ source: 'test', values: { hidden: 1 } }]).values;
  const bc = new Bc(sizes, config, zeroNoise);
  bc.variables['policy/2/bias']!.assign(tf.tensor1d([-0.2]));
  const metrics = bc.stages[0]!.update(twoTransitions, 0, zeroNoise);
  const a = Math.tanh(-0.2);
  expect(read(metrics['policy/loss'])).toBeCloseTo(((a - 0.1) ** 2 + (a - 0.5) ** 2) / 2, 6);
  expect(bc.variables['policy/2/bias']!.dataSync()[0]!).toBeCloseTo(-0.2 + 3e-4, 6);
});
