import { beforeAll, expect, test } from 'vitest';
import type { Metrics } from '../../../src/algorithms/algorithm.ts';
import { hyperparameters, Sac } from '../../../src/algorithms/sac.ts';
import { resolve } from '../../../src/config/hyperparameters.ts';
import type { Batch } from '../../../src/data/batch.ts';
import { type Tensor2D, tf } from '../../../src/tensor/tf.ts';
import { FixedNoise } from '../../fixedNoise.ts';
import { zeroNoise } from '../../golden/networks.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

const xi = [0.3, -1.2];
const batch = (): Batch => ({
  observations: tf.tensor2d([0.5, -0.5], [2, 1]),
  actions: tf.tensor2d([0.1, 0.2], [2, 1]),
  rewards: tf.tensor1d([1, 2]),
  terminated: tf.tensor1d([0, 1]),
  nextObservations: tf.tensor2d([0.7, 0.9], [2, 1]),
});

/** With every weight zero: μ = 0, ln σ = 0, Q₁ = 0.5, Q₂ = 0.8 and their targets 0.4 and 0.2. */
function build(values: Record<string, unknown> = {}): Sac {
  const resolved = resolve(hyperparameters, [{ source: 'test', values: { hidden: 4, batchSize: 2, ...values } }]);
  const sac = new Sac({ obsDim: 1, actDim: 1 }, resolved.values, zeroNoise);
  const bias = (name: string, value: number) => sac.variables[`${name}/2/bias`]!.assign(tf.tensor1d([value]));
  bias('critic/q1', 0.5);
  bias('critic/q2', 0.8);
  bias('targetCritic/q1', 0.4);
  bias('targetCritic/q2', 0.2);
  return sac;
}

const update = (sac: Sac): Metrics => sac.stages[0]!.update(batch, 0, new FixedNoise({ target: xi, policy: xi }));
const read = (value: Metrics[string] | undefined) => (typeof value === 'number' ? value : value!.dataSync()[0]!);
const logDensity = (u: number) => -0.5 * u * u - 0.5 * Math.log(2 * Math.PI) - Math.log(1 - Math.tanh(u) ** 2 + 1e-6);

test('the critic regresses r + γ (1 − terminated)(min Q̄ − α ln π)', () => {
  const metrics = update(build({ entropyWeight: 0.5 }));
  const y = [1 + 0.99 * (0.2 - 0.5 * logDensity(xi[0]!)), 2];
  const mse = (q: number) => ((q - y[0]!) ** 2 + (q - y[1]!) ** 2) / 2;
  expect(read(metrics['critic/loss'])).toBeCloseTo(mse(0.5) + mse(0.8), 5);
  expect(read(metrics['critic/q'])).toBeCloseTo(0.5, 6);
});

test('the policy minimises α ln π − min Q of the critic just updated', () => {
  const sac = build({ entropyWeight: 0.5 });
  const metrics = update(sac);
  const entropy = -(logDensity(xi[0]!) + logDensity(xi[1]!)) / 2;
  const q1 = sac.variables['critic/q1/2/bias']!.dataSync()[0]!;
  expect(q1).toBeCloseTo(0.5 + 3e-4, 6); // Adam's first step is the learning rate, towards y
  expect(read(metrics['policy/entropy'])).toBeCloseTo(entropy, 5);
  expect(read(metrics['policy/loss'])).toBeCloseTo(-0.5 * entropy - q1, 5);
});

test('α grows while the entropy is below its target, and stays where it is fixed', () => {
  const alpha = (sac: Sac) => Math.exp(sac.variables['entropy/logAlpha']!.dataSync()[0]!);
  const below = build({ entropyPerDimension: 5 });
  update(below);
  expect(Math.log(alpha(below))).toBeCloseTo(3e-4, 7);
  const above = build({ entropyPerDimension: -5 });
  update(above);
  expect(Math.log(alpha(above))).toBeCloseTo(-3e-4, 7);
  const fixed = build({ learnEntropyWeight: false, entropyWeight: 0.2 });
  update(fixed);
  expect(alpha(fixed)).toBeCloseTo(0.2, 7);
});

test('targets follow by τ after the step', () => {
  const sac = build();
  update(sac);
  const [online, target] = ['critic', 'targetCritic'].map(net => sac.variables[`${net}/q1/2/bias`]!.dataSync()[0]!);
  expect(target).toBeCloseTo(0.4 + 0.005 * (online! - 0.4), 6);
});

test('acting samples tanh(μ + σξ) in training and takes tanh μ in evaluation', () => {
  const sac = build();
  sac.variables['policy/2/bias']!.assign(tf.tensor1d([0.4, Math.log(0.5)]));
  const s = tf.tensor2d([0, 0], [2, 1]) as Tensor2D;
  const act = (mode: 'explore' | 'exploit') => [...sac.act(s, mode, new FixedNoise({ act: xi })).dataSync()];
  expect(act('exploit')[1]).toBeCloseTo(Math.tanh(0.4), 6);
  expect(act('explore')[0]).toBeCloseTo(Math.tanh(0.4 + 0.5 * xi[0]!), 6);
  expect(act('explore')[1]).toBeCloseTo(Math.tanh(0.4 + 0.5 * xi[1]!), 6);
});
