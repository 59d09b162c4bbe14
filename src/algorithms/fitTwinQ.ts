import type { TwinQ } from '../networks/twinQ.ts';
import type { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import { squaredErrors } from '../tensor/ops/squaredErrors.ts';
import { type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Metrics } from './algorithm.ts';

/**
 * One step down L(φ) = Σ_i E (Q_φi(s, a) − y)² for observations s [B, S], actions a [B, A] and targets y [B]. The metrics
 * are from before the step; `critic/disagreement` is E |Q_φ1 − Q_φ2|.
 */
export function fitTwinQ(optimizer: Adam, critic: TwinQ, s: Tensor2D, a: Tensor2D, y: Tensor1D): Metrics {
  const { loss, norm, q1, q2 } = minimize(optimizer, () => {
    const [q1, q2] = critic.both(s, a);
    return { loss: squaredErrors([q1, q2], y), q1, q2 };
  });
  return {
    'critic/loss': loss,
    'critic/gradNorm': norm.asScalar(),
    'critic/q': tf.mean(q1).asScalar(),
    'critic/disagreement': tf.mean(tf.abs(tf.sub(q1, q2))).asScalar(),
  };
}
