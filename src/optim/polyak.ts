import { polyakStep } from '../tensor/ops/polyak.ts';
import type { Variable } from '../tensor/tf.ts';

type Named = Readonly<Record<string, Variable>>;

/** target ← τ · online + (1 − τ) · target for the variables of two networks of the same layout. */
export function polyak(target: Named, online: Named, tau: number): void {
  polyakStep(Object.values(target), Object.values(online), tau);
}
