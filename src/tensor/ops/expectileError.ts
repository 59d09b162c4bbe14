import { type Scalar, type Tensor, type Tensor1D, tf } from '../tf.ts';
import { type Gradients, hasKernel, runFused } from './fused.ts';

export interface ExpectileError {
  readonly loss: Scalar;
  /** E v; no gradient. */
  readonly mean: Scalar;
}

/** E |τ − 1[u < 0]| u²,  u = q − v, for values v [B] whose τ-expectile of q [B], a constant, is sought. */
export function expectileError(q: Tensor1D, v: Tensor1D, expectile: number): ExpectileError {
  if (!hasKernel()) return definition(q, v, expectile);
  const [loss, mean] = runFused('ExpectileError', [q, v], { expectile }) as Scalar[];
  return { loss: loss!, mean: mean! };
}

/** What `expectileError` means. */
export function definition(q: Tensor1D, v: Tensor1D, expectile: number): ExpectileError {
  const above = tf.mul(tf.square(tf.relu(tf.sub(q, v))), expectile);
  const below = tf.mul(tf.square(tf.relu(tf.sub(v, q))), 1 - expectile);
  return { loss: tf.mean(tf.add(above, below)), mean: tf.mean(v) };
}

tf.registerGradient({
  kernelName: 'ExpectileError',
  saveAllInputs: true,
  gradFunc: (dy, saved, attributes) => {
    const [dLoss] = dy as unknown as Tensor[];
    const none = () => {
      throw new Error('expectileError: q is a constant');
    };
    const toV = () => runFused('ExpectileErrorGradient', [dLoss!, ...saved], attributes)[0]!;
    return [none, toV] as unknown as Gradients;
  },
});
