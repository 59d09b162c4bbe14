import { accelerated } from '../../backend/accelerated.ts';
import { unaryNames } from '../../backend/library.ts';
import { type Tensor, tf } from '../tf.ts';

/** 1 where x ≥ bound, else 0, as float32; no gradient. */
export function atLeast<T extends Tensor>(x: T, bound: number): T {
  const backend = accelerated();
  if (!backend) return tf.cast(tf.greaterEqual(x, bound), 'float32') as T;
  const { info, values } = backend.output(x.shape);
  backend.run('unary', [backend.values(x), values], [unaryNames.indexOf('AtLeast'), values.length], [bound, 0]);
  return tf.engine().makeTensorFromTensorInfo(info) as T;
}
