import { type Tensor2D, tf } from '../tensor/tf.ts';

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
