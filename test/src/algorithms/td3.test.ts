import { beforeAll, expect, test } from 'vitest';
import type { Metrics } from '../../../src/algorithms/algorithm.ts';
import { hyperparameters, Td3 } from '../../../src/algorithms/td3.ts';
import { resolve } from '../../../src/config/hyperparameters.ts';
import type { Batch } from '../../../src/data/batch.ts';
import { type Tensor2D, tf } from '../../../src/tensor/tf.ts';
import { FixedNoise } from '../../fixedNoise.ts';
import { zeroNoise } from '../../golden/networks.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

const batch = (): Batch => ({
  observations: tf.tensor2d([0.5, -0.5, 0], [3, 1]),
  actions: tf.tensor2d([0.1, 0.2, 0.3], [3, 1]),
  rewards: tf.tensor1d([1, 2, 3]),
  terminated: tf.tensor1d([0, 1, 0]),
  nextObservations: tf.tensor2d([0.7, 0.9, 0.1], [3, 1]),
});

/** One unit per layer, so that Q₁ = Q₂ = a and their targets are a and a + 1; the target policy is tanh(0.8). */
function build(values: Record<string, unknown> = {}): Td3 {
  const resolved = resolve(hyperparameters, [{ source: 'test', values: { hidden: 1, ...values } }]);
  const td3 = new Td3({ obsDim: 1, actDim: 1 }, resolved.values, zeroNoise);
  const set = (name: string, numbers: number[]) => {
    const variable = td3.variables[name]!;
    variable.assign(tf.tensor(numbers, variable.shape));
  };
  for (const critic of ['critic/q1', 'critic/q2', 'targetCritic/q1', 'targetCritic/q2']) {
    set(`${critic}/0/weight`, [0, 1]); // from [s, a]
    set(`${critic}/0/bias`, [1]);
    set(`${critic}/1/weight`, [1]);
    set(`${critic}/2/weight`, [1]);
    set(`${critic}/2/bias`, [critic === 'targetCritic/q2' ? 0 : -1]);
  }
  set('targetPolicy/2/bias', [0.8]);
  return td3;
}

const noise = { target: [1, -9, 9] };
const update = (td3: Td3): Metrics => td3.stages[0]!.update(batch, 0, new FixedNoise(noise));
const read = (value: Metrics[string] | undefined) => (typeof value === 'number' ? value : value!.dataSync()[0]!);

test('the target smooths by clipped noise and clips the action', () => {
  const metrics = update(build());
  const mode = Math.tanh(0.8);
  const y = [1 + 0.99 * (mode + 0.2), 2, 3 + 0.99 * 1]; // 9 × 0.2 is clipped to 0.5, the sum to 1
  const loss = [0.1, 0.2, 0.3].reduce((sum, q, i) => sum + (q - y[i]!) ** 2 / 3, 0);
  expect(read(metrics['critic/loss'])).toBeCloseTo(2 * loss, 5);
});

test('every second update moves the policy up Q₁ and the targets by τ', () => {
  const td3 = build();
  const value = (name: string) => td3.variables[name]!.dataSync()[0]!;
  expect(update(td3)['policy/loss']).toBeUndefined();
  expect(value('targetPolicy/2/bias')).toBeCloseTo(0.8, 6);
  const metrics = update(td3);
  expect(read(metrics['policy/loss'])).toBeCloseTo(0, 2); // −Q₁(s, 0), the critic having moved by two small steps
  expect(value('policy/2/bias')).toBeCloseTo(3e-4, 6);
  expect(value('targetPolicy/2/bias')).toBeCloseTo(0.8 + 0.005 * (3e-4 - 0.8), 6);
  expect(value('targetCritic/q1/2/bias')).toBeCloseTo(-1 + 0.005 * (value('critic/q1/2/bias') + 1), 6);
});

test('training adds noise to the action and clips it; evaluation does not', () => {
  const td3 = build({ explorationNoise: 0.5 });
  td3.variables['policy/2/bias']!.assign(tf.tensor1d([0.3]));
  const s = tf.zeros([2, 1]) as Tensor2D;
  const act = (mode: 'explore' | 'exploit') => [...td3.act(s, mode, new FixedNoise({ act: [1, 5] })).dataSync()];
  expect(act('exploit')[0]).toBeCloseTo(Math.tanh(0.3), 6);
  expect(act('explore')[0]).toBeCloseTo(Math.tanh(0.3) + 0.5, 6);
  expect(act('explore')[1]).toBe(1);
});
