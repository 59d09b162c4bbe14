import { type Tensor, tf } from '../tf.ts';
import { type Gradients, hasKernel, runFused } from './fused.ts';

/** mish(x) = x · tanh(ln(1 + eˣ)) (Misra 2019), elementwise. With n = e(e + 2), e = eˣ, that is x · n/(n + 2). */
export function mish<T extends Tensor>(x: T): T {
  return hasKernel() ? (runFused('Mish', [x])[0] as T) : definition(x);
}

/** What `mish` means. */
export function definition<T extends Tensor>(x: T): T {
  return tf.mul(x, tf.tanh(tf.softplus(x)));
}

tf.registerGradient({
  kernelName: 'Mish',
  saveAllInputs: true,
  gradFunc: (dy, [x]) => [() => runFused('MishGradient', [x!, dy as Tensor])[0]!] as unknown as Gradients,
});
