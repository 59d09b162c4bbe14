import { type Tensor, tf } from './tf.ts';

/**
 * The same numbers as a constant: no gradient flows through the result to what `x` was computed from, and what is
 * computed from it alone is left out of the backward pass. Shares the memory of `x`.
 */
export function detach<T extends Tensor>(x: T): T {
  const engine = tf.engine();
  engine.backend.incRef(x.dataId);
  return engine.makeTensorFromTensorInfo({ dataId: x.dataId, shape: x.shape, dtype: x.dtype }) as T;
}
