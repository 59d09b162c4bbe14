import type { Noise } from '../tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';

/** How a linear layer's weight [fanIn, fanOut] and bias [fanOut] start. */
export type Initializer = (fanIn: number, fanOut: number, noise: Noise) => { weight: Tensor2D; bias: Tensor1D };

/** weight ~ N(0, (1 / (2√fanIn))²), bias 0: QVPO and the DIPO code it derives from. */
export const halfFanInNormal: Initializer = (fanIn, fanOut, noise) => ({
  weight: tf.mul(noise.normal('weight', [fanIn, fanOut]), 1 / (2 * Math.sqrt(fanIn))) as Tensor2D,
  bias: tf.zeros([fanOut]),
});

/** weight and bias ~ U(−1/√fanIn, 1/√fanIn): PyTorch's default for a linear layer. */
export const torchLinear: Initializer = (fanIn, fanOut, noise) => {
  const bound = 1 / Math.sqrt(fanIn);
  return {
    weight: noise.uniform('weight', [fanIn, fanOut], -bound, bound) as Tensor2D,
    bias: noise.uniform('bias', [fanOut], -bound, bound) as Tensor1D,
  };
};

/** weight a random orthogonal matrix (rows or columns, whichever are fewer) times `gain`, bias 0: JAX IQL and jaxrl. */
export const orthogonal =
  (gain: number): Initializer =>
  (fanIn, fanOut, noise) => {
    const [count, size] = [Math.min(fanIn, fanOut), Math.max(fanIn, fanOut)];
    const rows = orthonormal(noise.normal('weight', [count, size]).dataSync() as Float32Array, count, size);
    const matrix = tf.mul(tf.tensor2d(rows, [count, size]), gain) as Tensor2D;
    return { weight: fanIn <= fanOut ? matrix : tf.transpose(matrix), bias: tf.zeros([fanOut]) };
  };

/** Gram–Schmidt over the rows of [count, size], count ≤ size, in float64, twice for accuracy. Rows of zeros stay zero. */
function orthonormal(values: Float32Array, count: number, size: number): Float32Array {
  const rows = Array.from({ length: count }, (_, i) => Float64Array.from(values.subarray(i * size, (i + 1) * size)));
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    for (const earlier of [...rows.slice(0, i), ...rows.slice(0, i)]) {
      const overlap = earlier.reduce((sum, x, j) => sum + x * row[j]!, 0);
      for (let j = 0; j < size; j++) row[j]! -= overlap * earlier[j]!;
    }
    const norm = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0)) || 1;
    for (let j = 0; j < size; j++) row[j]! /= norm;
  }
  return Float32Array.from(rows.flatMap(row => [...row]));
}

/** weight ~ U(−b, b) with b = √(6 / (fanIn + fanOut)), bias 0: Xavier, as in IDQL's and QSM's codes. */
export const xavierUniform: Initializer = (fanIn, fanOut, noise) => {
  const bound = Math.sqrt(6 / (fanIn + fanOut));
  return { weight: noise.uniform('weight', [fanIn, fanOut], -bound, bound) as Tensor2D, bias: tf.zeros([fanOut]) };
};

/** weight ~ N(0, 1/fanIn) truncated at two deviations and rescaled to that variance, bias 0: Flax's default (LeCun). */
export const lecunNormal: Initializer = (fanIn, fanOut, noise) => {
  const shape = [fanIn, fanOut];
  let values = noise.normal('weight', shape);
  while ((tf.max(tf.abs(values)).dataSync()[0] ?? 0) > 2)
    values = tf.where(tf.greater(tf.abs(values), 2), noise.normal('weight', shape), values);
  return { weight: tf.mul(values, 1 / (0.8796256610342398 * Math.sqrt(fanIn))) as Tensor2D, bias: tf.zeros([fanOut]) };
};
