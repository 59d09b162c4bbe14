import { cosine } from '../config/offline.ts';
import type { Batch } from '../data/batch.ts';
import type { Initializer } from '../networks/init.ts';
import { Mlp } from '../networks/mlp.ts';
import { TwinQ } from '../networks/twinQ.ts';
import { group, withTarget } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import { polyak } from '../optim/polyak.ts';
import type { Noise } from '../tensor/noise.ts';
import { expectileError } from '../tensor/ops/expectileError.ts';
import { bootstrap } from '../tensor/ops/softValue.ts';
import { squaredErrors } from '../tensor/ops/squaredErrors.ts';
import { type Scalar, type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Metrics, Sizes, Variables } from './algorithm.ts';

export interface IqlCriticConfig {
  readonly discount: number;
  /** Polyak rate of the target critic. */
  readonly tau: number;
  /** Which expectile of Q(s, a) over the dataset's actions V(s) is. */
  readonly expectile: number;
  /** Width and number of the hidden layers. */
  readonly hidden: number;
  readonly criticLayers: number;
  readonly criticLearningRate: number;
  /** Whether the rate follows a cosine to 0. */
  readonly decay?: boolean;
}

/**
 * Implicit Q-learning's critic (Kostrikov et al. 2021, arXiv:2110.06169): V(s) is an expectile of Q over the actions in
 * the data, so no action outside the data is ever judged. Twin Q with a target, and V; ReLU throughout.
 */
export class IqlCritic {
  readonly config: IqlCriticConfig;
  readonly critic: TwinQ;
  readonly targetCritic: TwinQ;
  readonly value: Mlp;
  readonly variables: Variables;
  readonly #criticOptimizer: Adam;
  readonly #valueOptimizer: Adam;
  readonly #optimizers: readonly Adam[];

  constructor({ obsDim, actDim }: Sizes, config: IqlCriticConfig, initial: Noise, initializer?: Initializer) {
    this.config = config;
    const { hidden, criticLayers, criticLearningRate: learningRate } = config;
    const inner = new Array<number>(criticLayers).fill(hidden);
    const options = { activation: 'relu', initializer } as const;
    const twin = () => new TwinQ({ ...options, sizes: [obsDim + actDim, ...inner, 1] }, initial);
    [this.critic, this.targetCritic] = withTarget(twin);
    this.value = new Mlp({ ...options, sizes: [obsDim, ...inner, 1] }, initial);
    this.#criticOptimizer = new Adam(this.critic.variables, { learningRate });
    this.#valueOptimizer = new Adam(this.value.variables, { learningRate });
    this.#optimizers = [this.#criticOptimizer, this.#valueOptimizer];
    this.variables = group({
      critic: this.critic.variables,
      targetCritic: this.targetCritic.variables,
      value: this.value.variables,
      criticOptimizer: this.#criticOptimizer.state,
      valueOptimizer: this.#valueOptimizer.state,
    });
  }

  /** Of Q and V, from the next update on. */
  readonly setLearningRate = (rate: number): void => {
    for (const optimizer of this.#optimizers) optimizer.setLearningRate(rate);
  };

  /** V(s) [B]. */
  v(s: Tensor2D): Tensor1D {
    return this.value.values(s);
  }

  /** A(s, a) = min_i Q_φ̄i(s, a) − V(s) [B]. */
  advantage(s: Tensor2D, a: Tensor2D): Tensor1D {
    return tf.sub(this.targetCritic.min(s, a), this.v(s));
  }

  /** One update, the share `progress` of all done, in the order of SRPO's code: V(s') is judged before V moves. */
  update(batch: Batch, progress = 0): Metrics {
    if (this.config.decay) for (const optimizer of this.#optimizers) optimizer.decay(rate => cosine(rate, progress));
    const vNext = this.v(batch.nextObservations);
    const value = this.updateValue(batch);
    const critic = this.updateCritic(batch, vNext);
    this.updateTarget();
    return { ...value, ...critic };
  }

  /** L_V = E |τ − 1[u < 0]| u²,  u = min_i Q_φ̄i(s, a) − V(s) */
  updateValue({ observations: s, actions: a }: Batch): Metrics {
    const { expectile } = this.config;
    const q = this.targetCritic.min(s, a);
    const { loss, mean } = minimize(this.#valueOptimizer, () => expectileError(q, this.v(s), expectile));
    return { 'value/loss': loss, 'value/mean': mean, 'critic/targetQ': tf.mean<Scalar>(q) };
  }

  /** L_Q = ½ Σ_i E (Q_φi(s, a) − y)²,  y = r + γ (1 − terminated) V(s') */
  updateCritic({ observations: s, actions: a, rewards: r, terminated }: Batch, vNext: Tensor1D): Metrics {
    const y = this.target(r, terminated, vNext);
    const { loss, mean } = minimize(this.#criticOptimizer, () => {
      const { loss, mean } = squaredErrors(this.critic.both(s, a), y);
      return { loss: tf.mul<Scalar>(loss, 0.5), mean };
    });
    return { 'critic/loss': loss, 'critic/q': mean, 'critic/nextV': tf.mean<Scalar>(vNext) };
  }

  target(r: Tensor1D, terminated: Tensor1D, vNext: Tensor1D): Tensor1D {
    return bootstrap({ rewards: r, terminated }, this.config.discount, [vNext]);
  }

  /** φ̄ ← τ φ + (1 − τ) φ̄ */
  updateTarget(): void {
    polyak(this.targetCritic.variables, this.critic.variables, this.config.tau);
  }
}
