import { tf, type Variable } from '../tf.ts';

/** target ← τ · online + (1 − τ) · target, for every pair, in place. */
export function polyakStep(targets: readonly Variable[], online: readonly Variable[], tau: number): void {
  tf.tidy(() => {
    targets.forEach((target, i) => {
      target.assign(tf.add(tf.mul(online[i]!, tau), tf.mul(target, 1 - tau)));
    });
  });
}
