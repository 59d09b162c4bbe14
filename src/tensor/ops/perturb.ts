import { accelerated } from '../../backend/accelerated.ts';
import { type Tensor, type Tensor2D, tf } from '../tf.ts';

export interface Perturbation {
  /** σ: deviation of what is added. */
  readonly deviation: number;
  /** c: what is added is clipped to [−c, c]; no limit unless given. */
  readonly limit?: number;
}

/** clip(a + clip(σξ, −c, c), −1, 1) for actions a and standard normal ξ, both [B, A]; no gradient. */
export function perturb(a: Tensor2D, xi: Tensor, { deviation, limit = Infinity }: Perturbation): Tensor2D {
  const backend = accelerated();
  if (!backend || tf.engine().isTapeOn()) return definition(a, xi, { deviation, limit });
  const { info, values } = backend.output(a.shape);
  backend.run('perturb', [backend.values(a), backend.values(xi), values], [values.length], [deviation, limit]);
  return tf.engine().makeTensorFromTensorInfo(info, backend) as Tensor2D;
}

/** What `perturb` means. */
export function definition(a: Tensor2D, xi: Tensor, { deviation, limit = Infinity }: Perturbation): Tensor2D {
  const noise = tf.clipByValue(tf.mul(xi, deviation), -limit, limit);
  return tf.clipByValue(tf.add<Tensor2D>(a, noise), -1, 1);
}
