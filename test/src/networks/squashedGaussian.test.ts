import { beforeAll, expect, test } from 'vitest';
import { SquashedGaussian } from '../../../src/networks/squashedGaussian.ts';
import { Rng } from '../../../src/random/rng.ts';
import { StreamNoise } from '../../../src/tensor/noise.ts';
import { type Tensor2D, tf } from '../../../src/tensor/tf.ts';
import { zeroNoise } from '../../golden/networks.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

test('the density integrates to one over the actions', () => {
  const policy = new SquashedGaussian({ sizes: [1, 4, 1], activation: 'relu' }, new StreamNoise(new Rng(3)));
  const s = tf.tensor2d([0.7], [1, 1]) as Tensor2D;
  const cells = 4000;
  const xi = Float32Array.from({ length: cells }, (_, i) => -8 + (16 * (i + 0.5)) / cells);
  const { actions, logDensity } = policy.sample(s.tile([cells, 1]), tf.tensor2d(xi, [cells, 1]));
  const [a, p] = [actions.dataSync(), logDensity.exp().dataSync()];
  let mass = 0;
  for (let i = 1; i < cells; i++) mass += ((p[i]! + p[i - 1]!) / 2) * (a[i]! - a[i - 1]!);
  expect(mass).toBeCloseTo(1, 3);
});

test('ln σ is clamped to its range', () => {
  const policy = new SquashedGaussian({ sizes: [1, 2, 1], activation: 'relu', logStdRange: [-1, 0.5] }, zeroNoise);
  const s = tf.zeros([1, 1]) as Tensor2D;
  const spread = (logStd: number) => {
    policy.variables['1/bias']!.assign(tf.tensor1d([0, logStd]));
    return Math.atanh(policy.sample(s, tf.ones([1, 1])).actions.dataSync()[0]!);
  };
  expect(spread(9)).toBeCloseTo(Math.exp(0.5), 3);
  expect(spread(-9)).toBeCloseTo(Math.exp(-1), 5);
});
