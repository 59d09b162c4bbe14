import { type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';

/**
 * Sinusoidal embedding of whole diffusion steps (Vaswani et al. 2017; DDPM): [sin(t·f₀) … sin(t·f_h), cos(t·f₀) … cos(t·f_h)]
 * with f_j = exp(−j · ln(10000) / (h − 1)), h = dim / 2. Row t of the result [steps, dim] embeds step t.
 */
export function sinusoidalTable(steps: number, dim: number): Tensor2D {
  const half = dim / 2;
  const values = new Float32Array(steps * dim);
  for (let t = 0; t < steps; t++) {
    for (let j = 0; j < half; j++) {
      const angle = Math.fround(t * Math.fround(Math.exp(j * (-Math.log(10000) / (half - 1)))));
      values[t * dim + j] = Math.sin(angle);
      values[t * dim + half + j] = Math.cos(angle);
    }
  }
  return tf.tensor2d(values, [steps, dim]);
}

/**
 * Random Fourier features of continuous times (Tancik et al. 2020): [sin(2πWt), cos(2πWt)], t [R], W [F] → [R, 2F].
 * With W of several tens the argument reaches hundreds of radians, so its float32 rounding shows: the products are
 * formed in the order ((t·W)·2)·π, as in the authors' code.
 */
export function fourierFeatures(t: Tensor1D, frequencies: Tensor1D): Tensor2D {
  const angle = tf.mul(tf.mul(tf.mul(t.expandDims(1), frequencies.expandDims(0)), 2), Math.PI) as Tensor2D;
  return tf.concat2d([tf.sin(angle), tf.cos(angle)], 1);
}
