import { beforeAll, describe, expect, test } from 'vitest';
import { hyperparameters, Qvpo, qvpo } from '../../../src/algorithms/qvpo.ts';
import { resolve } from '../../../src/config/hyperparameters.ts';
import type { Batch } from '../../../src/data/batch.ts';
import { Rng } from '../../../src/random/rng.ts';
import { StreamNoise } from '../../../src/tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf } from '../../../src/tensor/tf.ts';

const small = { batchSize: 16, hidden: 16, candidates: 4, diffusionSteps: 4, uniformActions: 2 };

function make(overrides: Record<string, unknown> = {}): Qvpo {
  const { values } = resolve(hyperparameters, [{ source: 'test', values: { ...small, ...overrides } }]);
  return new Qvpo({ obsDim: 3, actDim: 2 }, values, new StreamNoise(new Rng(0)));
}

/** A batch of one repeated transition; `nextScale` changes the successors only. */
function batch(terminated: number, nextScale: number): Batch {
  const noise = new StreamNoise(new Rng(5));
  const rows = small.batchSize;
  return {
    observations: noise.normal('s', [rows, 3]) as Tensor2D,
    actions: noise.uniform('a', [rows, 2], -1, 1) as Tensor2D,
    rewards: noise.normal('r', [rows]) as Tensor1D,
    terminated: tf.fill([rows], terminated) as Tensor1D,
    nextObservations: noise.normal('s2', [rows, 3]).mul(nextScale) as Tensor2D,
  };
}

function criticLoss(algorithm: Qvpo, terminated: number, nextScale: number): number {
  const metrics = algorithm.stages[0]!.update(() => batch(terminated, nextScale), 0, new StreamNoise(new Rng(1)));
  const loss = metrics['critic/loss']!;
  return typeof loss === 'number' ? loss : loss.dataSync()[0]!;
}

function scalar(algorithm: Qvpo, name: string): number {
  return algorithm.variables[`scalars/${name}`]!.dataSync()[0]!;
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('TD target', () => {
  test('stops at a terminated transition: the successor does not count', () => {
    expect(criticLoss(make(), 1, 1)).toBe(criticLoss(make(), 1, 7));
  });

  test('bootstraps otherwise: the successor counts', () => {
    expect(criticLoss(make(), 0, 1)).not.toBe(criticLoss(make(), 0, 7));
  });
});

describe('entropy weight', () => {
  test('starts at α, falls with progress and stops at its floor', () => {
    const algorithm = make({ entropyWeight: 0.02, entropyWeightFloor: 0.002 });
    expect(scalar(algorithm, 'entropyWeight')).toBeCloseTo(0.02, 7);
    for (const [progress, expected] of [
      [0.01, 0.0198],
      [0.5, 0.01],
      [0.95, 0.002],
    ] as const) {
      algorithm.stages[0]!.update(() => batch(0, 1), progress, new StreamNoise(new Rng(1)));
      expect(scalar(algorithm, 'entropyWeight')).toBeCloseTo(expected, 7);
    }
  });

  test('uniform actions weigh α times the weight of their own state', () => {
    const algorithm = make({ entropyWeight: 0.5, chosen: 1 });
    const states = batch(0, 1).observations;
    const { weights, a, s } = algorithm.rows(states, new StreamNoise(new Rng(2)));
    const rows = small.batchSize;
    expect(a.shape).toEqual([3 * rows, 2]);
    const [own, first, second] = tf.split(weights, 3).map(x => Array.from(x.dataSync()));
    expect(first).toEqual(own!.map(w => Math.fround(w * 0.5)));
    expect(second).toEqual(first);
    expect(Array.from(s.slice([rows, 0], [rows, 3]).dataSync())).toEqual(Array.from(states.dataSync()));
  });
});

test('the policy is updated every policyEvery-th time only', () => {
  const algorithm = make({ policyEvery: 2 });
  const keys = () => {
    const metrics = algorithm.stages[0]!.update(() => batch(0, 1), 0, new StreamNoise(new Rng(1)));
    return 'policy/loss' in metrics;
  };
  expect([keys(), keys(), keys(), keys()]).toEqual([false, true, false, true]);
});

test('deterministic evaluation: the same start gives the same action, whatever the noise of the steps', () => {
  const algorithm = make({ deterministicEvaluation: true, evaluationCandidates: 1, behaviorCandidates: 1 });
  const s = tf.ones([1, 3]) as Tensor2D;
  const initialOnly = (seed: number) => {
    const later = new StreamNoise(new Rng(seed));
    return {
      normal: (name: string, shape: readonly number[]) =>
        name.endsWith('initial') ? tf.ones([...shape]) : later.normal(name, shape),
      uniform: later.uniform.bind(later),
      integers: later.integers.bind(later),
    };
  };
  const act = (mode: 'explore' | 'exploit', seed: number) =>
    Array.from(algorithm.act(s, mode, initialOnly(seed)).dataSync());
  expect(act('exploit', 1)).toEqual(act('exploit', 2));
  expect(act('explore', 1)).not.toEqual(act('explore', 2));
});

describe('hyperparameters', () => {
  test('defaults are the paper’s, but for the time limit; the preset `paper` sets that too', () => {
    const { values } = resolve(hyperparameters, []);
    expect(values).toMatchObject({ batchSize: 256, candidates: 64, behaviorCandidates: 4, targetCandidates: 4 });
    expect(values).toMatchObject({ evaluationCandidates: 32, diffusionSteps: 20, uniformActions: 10, tau: 0.005 });
    expect(values.timeLimit).toBe('bootstrap');
    const paper = { ...qvpo.hyperparameters.presets.paper };
    expect(resolve(hyperparameters, [{ source: 'preset paper', values: paper }]).values.timeLimit).toBe('terminal');
  });

  test.each([
    ['discount', 1.5, /--discount is 1.5 \(flag\), a number ≤ 1 is wanted/],
    ['candidates', 0, /--candidates is 0 \(flag\), a number ≥ 1 is wanted/],
    ['batchSize', 2.5, /whole number/],
    ['schedule', 'cosin', /one of cosine, linear, vp/],
    ['candidate', 3, /no hyperparameter "--candidate" \(flag\)/],
  ])('%s = %s is refused', (key, value, message) => {
    expect(() => resolve(hyperparameters, [{ source: 'flag', values: { [key]: value } }])).toThrow(message);
  });
});
