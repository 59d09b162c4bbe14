import { count, only, param, type ValuesOf } from '../config/hyperparameters.ts';
import type { Batch } from '../data/batch.ts';
import { lecunNormal } from '../networks/init.ts';
import { TwinQ } from '../networks/twinQ.ts';
import { group, withTarget } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import { polyak } from '../optim/polyak.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Scalar, type Tensor1D, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import type { Metrics, Sizes, Variables } from './algorithm.ts';
import type { EdpConfig, EdpPolicy } from './edp.ts';

// biome-ignore format: a table reads by columns
/** What the variants with a bootstrap action add (TD3, CRR). */
export const backupParams = {
  maxQBackup:       param(false, 'the TD target takes the largest of several next actions, per critic'),
  backupCandidates: only('maxQBackup', [true], count(10, 'how many next actions that is')),
};
type BackupConfig = EdpConfig & ValuesOf<typeof backupParams>;

/** Twin critics and their targets, each critic with its own optimizer and gradient clip. */
export class EdpCritic {
  readonly critic: TwinQ;
  readonly target: TwinQ;
  readonly variables: Variables;
  readonly #config: EdpConfig;
  readonly optimizers: readonly [Adam, Adam];

  constructor({ obsDim, actDim }: Sizes, config: EdpConfig, initial: Noise) {
    this.#config = config;
    const { hidden, learningRate, clipNorm } = config;
    const sizes = [obsDim + actDim, hidden, hidden, hidden, 1];
    const twin = () => new TwinQ({ sizes, activation: 'mish', initializer: lecunNormal }, initial);
    [this.critic, this.target] = withTarget(twin);
    const optimizer = (variables: Record<string, Variable>) => new Adam(variables, { learningRate, clipNorm });
    this.optimizers = [optimizer(this.critic.q1.variables), optimizer(this.critic.q2.variables)];
    this.variables = group({
      critic: this.critic.variables,
      targetCritic: this.target.variables,
      q1Optimizer: this.optimizers[0].state,
      q2Optimizer: this.optimizers[1].state,
    });
  }

  /**
   * y = r + γ (1 − terminated) min_i Q_φ̄i(s', a'),  a' ~ π_θ̄(·|s')
   * max-Q backup: min_i max_j Q_φ̄i(s', a'_j) over several a'_j
   */
  tdTarget(
    { rewards: r, terminated, nextObservations: sNext }: Batch,
    policy: EdpPolicy,
    config: BackupConfig,
    noise: Noise,
  ) {
    const candidates = config.maxQBackup ? config.backupCandidates : 1;
    const aNext = policy.next(sNext, candidates, noise);
    const each = this.target.both(tf.tile(sNext, [candidates, 1]), aNext);
    const [q1, q2] = each.map(q => tf.max<Tensor1D>(tf.reshape(q, [candidates, -1]), 0));
    const y = tf.add(r, tf.mul(tf.mul(tf.sub(1, terminated), config.discount), tf.minimum(q1!, q2!))) as Tensor1D;
    return { aNext, y };
  }

  /** L(φ_i) = E (Q_φi(s, a) − y)², each on its own, then φ̄ ← τ φ + (1 − τ) φ̄ */
  update(s: Tensor2D, a: Tensor2D, y: Tensor1D): Metrics {
    const input = tf.concat2d([s, a], 1);
    const [one, two] = [this.critic.q1, this.critic.q2].map((network, i) =>
      minimize(this.optimizers[i]!, () => {
        const q = network.apply(input).reshape([-1]);
        return { loss: tf.mean<Scalar>(tf.square(tf.sub(q, y))), q: tf.mean<Scalar>(q) };
      }),
    );
    polyak(this.target.variables, this.critic.variables, this.#config.tau);
    return {
      'critic/loss': tf.add<Scalar>(one!.loss, two!.loss),
      'critic/loss1': one!.loss,
      'critic/loss2': two!.loss,
      'critic/gradNorm1': one!.norm,
      'critic/gradNorm2': two!.norm,
      'critic/q': one!.q,
    };
  }
}
