import { type AcceleratedBackend, accelerated } from '../../backend/accelerated.ts';
import { tf, type Variable } from '../tf.ts';

/** target ← τ · online + (1 − τ) · target, for every pair, in place. */
export function polyakStep(targets: readonly Variable[], online: readonly Variable[], tau: number): void {
  const backend = accelerated();
  if (backend) fused(backend, targets, online, tau);
  else definition(targets, online, tau);
}

function fused(
  backend: AcceleratedBackend,
  targets: readonly Variable[],
  online: readonly Variable[],
  tau: number,
): void {
  const buffers = targets.flatMap((target, i) => {
    if (online[i]!.size !== target.size) throw new Error(`polyak: [${online[i]!.shape}] into [${target.shape}]`);
    return [backend.writable(target), backend.values(online[i]!)];
  });
  backend.run('polyak', buffers, [targets.length, ...targets.map(target => target.size)], [tau, 1 - tau]);
}

/** What `polyakStep` means. */
export function definition(targets: readonly Variable[], online: readonly Variable[], tau: number): void {
  tf.tidy(() => {
    targets.forEach((target, i) => {
      target.assign(tf.add(tf.mul(online[i]!, tau), tf.mul(target, 1 - tau)));
    });
  });
}
