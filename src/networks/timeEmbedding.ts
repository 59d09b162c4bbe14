import { type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';

/**
 * Conventions of the sinusoidal embedding, h = dim / 2:
 *   ddpm: [sin(t·f₀) …, cos(t·f₀) …], f_j = exp(−j · ln(10000) / (h − 1))   (DDPM, Diffusion-QL, DIPO, QVPO)
 *   edp:  [cos(t·f₀) …, sin(t·f₀) …], f_j = exp(−j · ln(10000) / h)         (EDP)
 */
export type TimeFeatures = 'ddpm' | 'edp';

/** Sinusoidal features (Vaswani et al. 2017) of diffusion steps, whole or not: [times, dim]. */
export function sinusoid(times: ArrayLike<number>, dim: number, features: TimeFeatures = 'ddpm'): Tensor2D {
  const half = dim / 2;
  const [sine, cosine] = features === 'ddpm' ? [0, half] : [half, 0];
  const divisor = features === 'ddpm' ? half - 1 : half;
  const values = new Float32Array(times.length * dim);
  for (let i = 0; i < times.length; i++) {
    for (let j = 0; j < half; j++) {
      const angle = Math.fround(Math.fround(times[i]!) * Math.fround(Math.exp(j * (-Math.log(10000) / divisor))));
      values[i * dim + sine + j] = Math.sin(angle);
      values[i * dim + cosine + j] = Math.cos(angle);
    }
  }
  return tf.tensor2d(values, [times.length, dim]);
}

/** Row t of the result [steps, dim] embeds step t. */
export function sinusoidalTable(steps: number, dim: number, features: TimeFeatures = 'ddpm'): Tensor2D {
  return sinusoid(
    Array.from({ length: steps }, (_, t) => t),
    dim,
    features,
  );
}

/**
 * Random Fourier features of continuous times (Tancik et al. 2020): [sin(2πWt), cos(2πWt)], t [R], W [F] → two of [R, F].
 * With W of several tens the argument reaches hundreds of radians, so its float32 rounding shows: the products are
 * formed in the order ((t·W)·2)·π, as in the authors' code.
 */
export function fourierFeatures(t: Tensor1D, frequencies: Tensor1D): [Tensor2D, Tensor2D] {
  const angle = tf.mul(tf.mul(tf.mul(t.expandDims(1), frequencies.expandDims(0)), 2), Math.PI) as Tensor2D;
  return [tf.sin(angle), tf.cos(angle)];
}
