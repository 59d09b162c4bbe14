import { type NamedTensorMap, type Scalar, type Tensor, tf } from '../tensor/tf.ts';
import type { Adam } from './adam.ts';

/** A loss and whatever else of its computation is worth reporting. */
export type Loss<K extends string> = { readonly loss: Scalar } & Readonly<Record<K, Tensor>>;

/**
 * One optimizer step down the gradient of `loss`, with respect to the optimizer's variables alone. Returns what the
 * closure returned, from before the step, and `norm`, the global gradient norm before clipping. Call inside `tf.tidy`.
 */
export function minimize<K extends string = never>(
  optimizer: Adam,
  compute: () => Loss<K>,
): Loss<K> & { norm: Tensor } {
  let reported = {} as Loss<K>;
  const { value, grads } = tf.variableGrads(() => {
    reported = compute();
    for (const tensor of Object.values<Tensor>(reported)) tf.keep(tensor); // outlive the gradient's own scope
    return reported.loss;
  }, Object.values(optimizer.variables));
  const named: NamedTensorMap = {};
  for (const [name, variable] of Object.entries(optimizer.variables)) named[name] = grads[variable.name]!;
  const result: Record<string, Tensor> = { norm: optimizer.step(named) };
  for (const [name, tensor] of Object.entries<Tensor>(reported)) {
    result[name] = tf.clone(name === 'loss' ? value : tensor); // belongs to the caller's tidy
    tensor.dispose();
  }
  if (!value.isDisposed) value.dispose();
  return result as Loss<K> & { norm: Tensor };
}
