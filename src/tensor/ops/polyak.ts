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
  const buffers: Float32Array[] = [];
  const ints = [targets.length];
  for (let i = 0; i < targets.length; i++) {
    const [target, from] = [targets[i]!, online[i]!];
    if (from.size !== target.size) throw new Error(`polyak: [${from.shape}] into [${target.shape}]`);
    buffers.push(backend.writable(target), backend.values(from));
    ints.push(target.size);
  }
  backend.run('polyak', buffers, ints, [tau, 1 - tau]);
}

/** What `polyakStep` means. */
export function definition(targets: readonly Variable[], online: readonly Variable[], tau: number): void {
  tf.tidy(() => {
    targets.forEach((target, i) => {
      target.assign(tf.add(tf.mul(online[i]!, tau), tf.mul(target, 1 - tau)));
    });
  });
}
