import { type Tensor1D, type Tensor2D, tf } from '../tf.ts';

/** Layer normalisation over the last axis (Ba et al. 2016): (x − mean) / √(var + ε) · scale + shift, var with divisor n. */
export function layerNorm(x: Tensor2D, scale: Tensor1D, shift: Tensor1D, epsilon = 1e-5): Tensor2D {
  const centred = tf.sub(x, tf.mean(x, 1, true));
  const variance = tf.mean(tf.square(centred), 1, true);
  return tf.add(tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, epsilon))), scale), shift);
}
