import { accelerated } from '../../backend/accelerated.ts';
import type { Tensor } from '../tf.ts';

/** The number of the first of these float32 tensors that holds a NaN or an infinity; undefined if none does. */
export function firstNonFiniteTensor(tensors: readonly Tensor[]): number | undefined {
  const backend = accelerated();
  if (!backend) return definition(tensors);
  const found = backend.run(
    'finite',
    tensors.map(tensor => backend.values(tensor)),
    [tensors.length, ...tensors.map(({ size }) => size)],
  );
  return found < 0 ? undefined : found;
}

/** What `firstNonFiniteTensor` means. */
export function definition(tensors: readonly Tensor[]): number | undefined {
  const found = tensors.findIndex(tensor => nonFiniteIndex(tensor.dataSync() as Float32Array) !== undefined);
  return found < 0 ? undefined : found;
}

/** Where the first NaN or infinity is. Of float32 numbers: their sums cannot overflow in float64. */
export function nonFiniteIndex(values: Float32Array): number | undefined {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  if (Number.isFinite(sum)) return undefined;
  return values.findIndex(x => !Number.isFinite(x));
}
