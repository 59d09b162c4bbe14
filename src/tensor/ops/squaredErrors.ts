import { type Scalar, type Tensor, type Tensor1D, tf } from '../tf.ts';
import { type Gradients, hasKernel, runFused } from './fused.ts';

export interface SquaredErrors {
  readonly loss: Scalar;
  /** E q_1, and E |q_1 − q_2| where there are two. */
  readonly mean: Scalar;
  readonly disagreement: Scalar;
}

/**
 * Σ_i mean (q_i − y)² of predictions q_i [B] for one target y [B], which is a constant: no gradient flows to it. What is
 * reported beside it has no gradient.
 */
export function squaredErrors(predictions: readonly Tensor1D[], target: Tensor): SquaredErrors {
  if (!hasKernel()) return definition(predictions, target);
  const [loss, mean, disagreement] = runFused('SquaredErrors', [target, ...predictions]) as Scalar[];
  return { loss: loss!, mean: mean!, disagreement: disagreement! };
}

/** What `squaredErrors` means. */
export function definition(predictions: readonly Tensor1D[], target: Tensor): SquaredErrors {
  const [first, second] = predictions as [Tensor1D, Tensor1D?];
  return {
    loss: tf.addN(predictions.map(q => q.sub(target).square().mean<Scalar>())),
    mean: tf.mean(first),
    disagreement: second ? tf.mean(tf.abs(tf.sub(first, second))) : tf.scalar(0),
  };
}

tf.registerGradient({
  kernelName: 'SquaredErrors',
  saveAllInputs: true,
  gradFunc: (dy, saved) => {
    const [dLoss] = dy as unknown as Tensor[];
    const gradients = runFused('SquaredErrorsGradient', [dLoss!, ...saved]);
    const none = () => {
      throw new Error('squaredErrors: the target is a constant');
    };
    return [none, ...gradients.map(gradient => () => gradient)] as unknown as Gradients;
  },
});
