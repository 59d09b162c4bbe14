import { type Tensor, tf } from '../tf.ts';
import { type Gradients, hasKernel, runFused } from './fused.ts';

/** min(a, b) of two tensors of one shape; the gradient goes to the lesser, to a where they are equal. */
export function least<T extends Tensor>(a: T, b: T): T {
  return hasKernel() ? (runFused('Least', [a, b])[0] as T) : tf.minimum(a, b);
}

tf.registerGradient({
  kernelName: 'Least',
  saveAllInputs: true,
  gradFunc: (dy, [a, b]) => {
    const gradients = runFused('LeastGradient', [a!, b!, dy as Tensor]);
    return gradients.map(gradient => () => gradient) as unknown as Gradients;
  },
});
