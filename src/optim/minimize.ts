import { type Scalar, type Tensor, tf } from '../tensor/tf.ts';
import type { Adam } from './adam.ts';
import { gradients, release } from './gradients.ts';

/**
 * One optimizer step down the gradient of the `loss` that `compute` returns beside what else is worth reporting, with
 * respect to the optimizer's variables alone. Returns what `compute` returned, from before the step, and `norm`, the global
 * gradient norm before clipping. Call inside `tf.tidy`.
 */
export function minimize<L extends { readonly loss: Scalar }>(optimizer: Adam, compute: () => L): L & { norm: Scalar } {
  let reported = {} as L;
  const grads = gradients(optimizer.trained, () => {
    reported = compute();
    for (const tensor of Object.values<Tensor>(reported)) tf.keep(tensor); // outlive the gradient's own scope
    return reported.loss;
  });
  for (const tensor of Object.values<Tensor>(reported)) release(tensor); // belongs to the caller's tidy
  return { ...reported, norm: optimizer.step(grads) };
}
