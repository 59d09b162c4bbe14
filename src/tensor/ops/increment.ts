import { accelerated } from '../../backend/accelerated.ts';
import { tf, type Variable } from '../tf.ts';

/** Adds one to a scalar variable, a count that belongs to a checkpoint; returns its new value. */
export function increment(count: Variable): number {
  const backend = accelerated();
  if (backend) {
    const values = backend.writable(count);
    values[0]! += 1;
    return values[0]!;
  }
  const next = count.dataSync()[0]! + 1;
  tf.tidy(() => count.assign(tf.scalar(next)));
  return next;
}
