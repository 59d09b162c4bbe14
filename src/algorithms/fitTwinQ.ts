import type { TwinQ } from '../networks/twinQ.ts';
import type { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import { squaredErrors } from '../tensor/ops/squaredErrors.ts';
import type { Tensor1D, Tensor2D } from '../tensor/tf.ts';
import type { Metrics } from './algorithm.ts';

/**
 * One step down L(φ) = Σ_i E (Q_φi(s, a) − y)² for observations s [B, S], actions a [B, A] and targets y [B]. The metrics
 * are from before the step; `critic/disagreement` is E |Q_φ1 − Q_φ2|.
 */
export function fitTwinQ(optimizer: Adam, critic: TwinQ, s: Tensor2D, a: Tensor2D, y: Tensor1D): Metrics {
  const { loss, norm, mean, disagreement } = minimize(optimizer, () => squaredErrors(critic.both(s, a), y));
  return { 'critic/loss': loss, 'critic/gradNorm': norm, 'critic/q': mean, 'critic/disagreement': disagreement };
}
