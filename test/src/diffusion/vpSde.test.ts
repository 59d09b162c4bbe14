import { beforeAll, expect, test } from 'vitest';
import { VpSde } from '../../../src/diffusion/vpSde.ts';
import { Rng } from '../../../src/random/rng.ts';
import { StreamNoise } from '../../../src/tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf } from '../../../src/tensor/tf.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

const at = (t: number) => {
  const { alpha, sigma } = new VpSde().at(tf.tensor1d([t]) as Tensor1D);
  return [alpha.dataSync()[0]!, sigma.dataSync()[0]!] as const;
};

test.each([
  [0.001, 0.999945, 0.010485],
  [0.02, 0.997014, 0.077215],
  [0.25, 0.723657, 0.69016],
  [0.5, 0.281183, 0.959654],
  [0.98, 0.008011, 0.999968],
  [1, 0.006572, 0.999978],
])('at t = %d the signal is %d and the noise %d', (t, alpha, sigma) => {
  const [gotAlpha, gotSigma] = at(t);
  expect(gotAlpha).toBeCloseTo(alpha, 5);
  expect(gotSigma).toBeCloseTo(sigma, 5);
});

test('the variance is preserved, and the noise keeps its digits at small times', () => {
  for (const t of [1e-6, 1e-3, 0.3, 0.9]) {
    const [alpha, sigma] = at(t);
    expect(alpha * alpha + sigma * sigma).toBeCloseTo(1, 6);
  }
  expect(at(1e-6)[1] / Math.sqrt(2 * (0.5e-6 * 0.1))).toBeCloseTo(1, 3); // σ² → tβ₀
});

test('corrupts with the times and the noise it reports, within the range', () => {
  const a = tf.tensor2d([0.5, -1, 0, 1], [2, 2]) as Tensor2D;
  const { t, z, x, alpha, sigma } = new VpSde().corrupt(a, { min: 0.02, max: 0.98 }, 'x', new StreamNoise(new Rng(1)));
  const expected = tf.add(tf.mul(alpha.expandDims(1), a), tf.mul(sigma.expandDims(1), z));
  expect(Array.from(x.dataSync())).toEqual(Array.from(expected.dataSync()));
  for (const time of t.dataSync()) expect(time > 0.02 && time < 0.98).toBe(true);
  const fixed = new VpSde().corrupt(a, { min: 0.25, max: 0.25 }, 'x', new StreamNoise(new Rng(1)));
  expect(Array.from(fixed.t.dataSync())).toEqual([0.25, 0.25]);
});
