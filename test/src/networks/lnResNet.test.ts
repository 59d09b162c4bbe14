import { beforeAll, expect, test } from 'vitest';
import { LnResNet } from '../../../src/networks/lnResNet.ts';
import { Rng } from '../../../src/random/rng.ts';
import { StreamNoise } from '../../../src/tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf } from '../../../src/tensor/tf.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

const options = { obsDim: 4, actDim: 2, hidden: 16, blocks: 2, dropout: 0.25 };
const noise = () => new StreamNoise(new Rng(3));
const inputs = (rows: number) => {
  const draw = noise();
  const x = draw.normal('x', [rows, 2]) as Tensor2D;
  return { x, t: draw.uniform('t', [rows]) as Tensor1D, s: draw.normal('s', [rows, 4]) as Tensor2D };
};

test('has the parameters of the paper at its size', () => {
  const net = new LnResNet({ ...options, obsDim: 11, actDim: 3, hidden: 256, blocks: 3 }, noise());
  const count = Object.values(net.trainable).reduce((sum, variable) => sum + variable.size, 0);
  const linear = (fanIn: number, fanOut: number) => fanIn * fanOut + fanOut;
  const block = 2 * 256 + linear(256, 1024) + linear(1024, 256);
  expect(count).toBe(linear(64, 128) + linear(128, 128) + linear(3 + 11 + 128, 256) + 3 * block + linear(256, 3));
});

test('keeps its frequencies: saved, never trained, spread as N(0, 30²)', () => {
  const net = new LnResNet({ ...options, frequencies: 4000 }, noise());
  expect(Object.keys(net.variables)).toContain('fourier/W');
  expect(Object.keys(net.trainable)).not.toContain('fourier/W');
  const { mean, variance } = tf.moments(net.frequencies);
  expect(Math.abs(mean.dataSync()[0]!)).toBeLessThan(2);
  expect(Math.sqrt(variance.dataSync()[0]!)).toBeCloseTo(30, -0.5);
  const { x, t, s } = inputs(3);
  const { grads } = tf.variableGrads(() => tf.sum(tf.square(net.apply(x, t, s))).asScalar());
  expect(Object.keys(grads)).toHaveLength(Object.keys(net.trainable).length);
});

test('drops in training what the uniform numbers say, nothing in evaluation', () => {
  const net = new LnResNet(options, noise());
  const { x, t, s } = inputs(40);
  const drops = net.drops(40, noise())!;
  expect(drops).toHaveLength(2);
  const kept = tf.mean(tf.cast(tf.greaterEqual(drops[0]!, 0.25), 'float32')).dataSync()[0]!;
  expect(kept).toBeCloseTo(0.75, 1);
  const plain = net.apply(x, t, s).dataSync();
  expect(net.apply(x, t, s).dataSync()).toEqual(plain);
  expect(net.apply(x, t, s, drops).dataSync()).not.toEqual(plain);
  expect(new LnResNet({ ...options, dropout: 0 }, noise()).drops(5, noise())).toBeUndefined();
});

test('works without observations', () => {
  const net = new LnResNet({ ...options, obsDim: 0 }, noise());
  const { x, t } = inputs(5);
  expect(net.apply(x, t).shape).toEqual([5, 2]);
});
