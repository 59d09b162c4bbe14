import { type Tensor, tf } from '../tf.ts';

/** mish(x) = x · tanh(ln(1 + eˣ)) (Misra 2019), elementwise. With n = e(e + 2), e = eˣ, that is x · n/(n + 2). */
export function mish<T extends Tensor>(x: T): T {
  return tf.mul(x, tf.tanh(tf.softplus(x)));
}
