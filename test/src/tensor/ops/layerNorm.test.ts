import { beforeAll, expect, test } from 'vitest';
import { Rng } from '../../../../src/random/rng.ts';
import { StreamNoise } from '../../../../src/tensor/noise.ts';
import { layerNorm } from '../../../../src/tensor/ops/layerNorm.ts';
import { type Tensor1D, type Tensor2D, tf } from '../../../../src/tensor/tf.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

/** Layer normalisation operation by operation, differentiated by the tape. */
function plain(x: Tensor2D, scale: Tensor1D, shift: Tensor1D): Tensor2D {
  const centred = tf.sub(x, tf.mean(x, 1, true));
  const variance = tf.mean(tf.square(centred), 1, true);
  return tf.add(tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, 1e-5))), scale), shift);
}

test('value and gradients are those of the definition', () => {
  const noise = new StreamNoise(new Rng(1));
  const x = noise.normal('x', [7, 12]) as Tensor2D;
  const [scale, shift] = [noise.normal('scale', [12]) as Tensor1D, noise.normal('shift', [12]) as Tensor1D];
  const weights = noise.normal('weights', [7, 12]);
  const both = [layerNorm, plain].map(f =>
    tf
      .grads((x, scale, shift) => tf.sum(tf.mul(f(x as Tensor2D, scale as Tensor1D, shift as Tensor1D), weights)))([
        x,
        scale,
        shift,
      ])
      .map(gradient => Array.from(gradient.dataSync())),
  );
  const [value, wanted] = [layerNorm(x, scale, shift).dataSync(), plain(x, scale, shift).dataSync()];
  for (let i = 0; i < value.length; i++) expect(value[i]).toBeCloseTo(wanted[i]!, 5);
  both[0]!.forEach((gradient, k) => {
    expect(gradient).toHaveLength(both[1]![k]!.length);
    for (let i = 0; i < gradient.length; i++) expect(gradient[i]).toBeCloseTo(both[1]![k]![i]!, 4);
  });
});

test('a row of equal numbers gives the shift, not NaN', () => {
  const [scale, shift] = [tf.tensor1d([2, 2]), tf.tensor1d([3, 4])] as [Tensor1D, Tensor1D];
  expect(Array.from(layerNorm(tf.tensor2d([5, 5], [1, 2]) as Tensor2D, scale, shift).dataSync())).toEqual([3, 4]);
});
