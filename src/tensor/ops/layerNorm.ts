import { type Tensor, type Tensor1D, type Tensor2D, tf } from '../tf.ts';

/**
 * Layer normalisation over the last axis (Ba et al. 2016): x̂ · scale + shift, x̂ = (x − mean) / √(var + ε), var with
 * divisor n; x [B, H], scale and shift [H]. Its gradient is written out:
 *   dx = (d − mean(d) − x̂ · mean(d · x̂)) / √(var + ε),  d = dy · scale;   dscale = Σ dy · x̂;   dshift = Σ dy
 */
export function layerNorm(x: Tensor2D, scale: Tensor1D, shift: Tensor1D, epsilon = 1e-5): Tensor2D {
  const op = tf.customGrad((...inputs) => {
    const [x, scale, shift, save] = inputs as unknown as [Tensor2D, Tensor1D, Tensor1D, (tensors: Tensor[]) => void];
    const { normed, deviation } = normalise(x, epsilon);
    save([normed, deviation, scale]);
    return { value: tf.add(tf.mul(normed, scale), shift), gradFunc: gradient };
  });
  return op(x, scale, shift) as Tensor2D;
}

function normalise(x: Tensor2D, epsilon: number): { normed: Tensor2D; deviation: Tensor2D } {
  const centred = tf.sub<Tensor2D>(x, tf.mean(x, 1, true));
  const deviation = tf.sqrt(tf.add<Tensor2D>(tf.mean(tf.square(centred), 1, true), epsilon));
  return { normed: tf.div(centred, deviation), deviation };
}

function gradient(dy: Tensor, saved: Tensor[]): Tensor[] {
  const [normed, deviation, scale] = saved as [Tensor2D, Tensor2D, Tensor1D];
  const d = tf.mul(dy, scale);
  const along = tf.mul(normed, tf.mean(tf.mul(d, normed), 1, true));
  const dx = tf.div(tf.sub(tf.sub(d, tf.mean(d, 1, true)), along), deviation);
  return [dx, tf.sum(tf.mul(dy, normed), 0), tf.sum(dy, 0)];
}
