import { type Scalar, type Tensor, type Tensor1D, tf } from '../tf.ts';
import { type Gradients, hasKernel, runFused } from './fused.ts';

/** Σ_i mean (q_i − y)² of predictions q_i [B] for one target y [B], which is a constant: no gradient flows to it. */
export function squaredErrors(predictions: readonly Tensor1D[], target: Tensor): Scalar {
  if (!hasKernel('SquaredErrors')) return definition(predictions, target);
  return runFused('SquaredErrors', [target, ...predictions])[0] as Scalar;
}

/** What `squaredErrors` means. */
export function definition(predictions: readonly Tensor1D[], target: Tensor): Scalar {
  return tf.addN(predictions.map(q => q.sub(target).square().mean<Scalar>()));
}

tf.registerGradient({
  kernelName: 'SquaredErrors',
  saveAllInputs: true,
  gradFunc: (dy, saved) => {
    const gradients = runFused('SquaredErrorsGradient', [dy as Tensor, ...saved]);
    const none = () => {
      throw new Error('squaredErrors: the target is a constant');
    };
    return [none, ...gradients.map(gradient => () => gradient)] as unknown as Gradients;
  },
});
