/**
 * SAC: Soft Actor-Critic. Haarnoja et al. 2018, arXiv:1812.05905v2, Algorithm 1.
 *
 *   s, a, r, s'   observations, actions, rewards, nextObservations     π_θ   policy, a tanh-squashed Gaussian
 *   α, H̄          entropyWeight, target entropy                         Q_φ   critic, a pair (φ̄: targetCritic)
 *
 * Differs from the paper: the entropy weight is learned by its logarithm, −ln α (ln π + H̄), as in the code in use;
 * layers start as PyTorch's do. `--preset dipo` is the setting of DIPO's and QVPO's comparison: α fixed at 0.2, and a
 * time limit counts as a termination.
 */

import { count, only, param, table, type Values } from '../config/hyperparameters.ts';
import { onlineParams } from '../config/online.ts';
import type { Batch } from '../data/batch.ts';
import { SquashedGaussian } from '../networks/squashedGaussian.ts';
import { TwinQ } from '../networks/twinQ.ts';
import { group, withTarget } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import { polyak } from '../optim/polyak.ts';
import type { Noise } from '../tensor/noise.ts';
import { actorObjective, bootstrap } from '../tensor/ops/softValue.ts';
import { type Scalar, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { fitTwinQ } from './fitTwinQ.ts';

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...onlineParams,
  batchSize:              count(256, 'B: transitions per update'),
  discount:               param(0.99, 'γ', { min: 0, max: 1 }),
  tau:                    param(0.005, 'Polyak rate of the target critic', { min: 0, max: 1 }),
  entropyWeight:          param(1, 'α at the start, and throughout unless it is learned', { min: 1e-6 }),
  learnEntropyWeight:     param(true, 'adapt α until the entropy is H̄'),
  entropyPerDimension:    only('learnEntropyWeight', [true], param(-1, 'H̄ / actDim: target entropy per action dimension')),
  policyLearningRate:     param(3e-4, 'Adam', { min: 0 }),
  criticLearningRate:     param(3e-4, 'Adam', { min: 0 }),
  entropyLearningRate:    only('learnEntropyWeight', [true], param(3e-4, 'Adam, of ln α', { min: 0 })),
  hidden:                 count(256, 'width of both hidden layers'),
}, {
  presets: {
    paper: {},
    dipo: { learnEntropyWeight: false, entropyWeight: 0.2, timeLimit: 'terminal' }, // DIPO, table of hyperparameters
  },
});

type Config = Values<typeof hyperparameters>;

export class Sac implements Algorithm {
  readonly config: Config;
  readonly policy: SquashedGaussian;
  readonly critic: TwinQ;
  readonly targetCritic: TwinQ;
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;
  readonly #targetEntropy: number;
  readonly #logAlpha: Variable;
  readonly #policyOptimizer: Adam;
  readonly #criticOptimizer: Adam;
  readonly #entropyOptimizer: Adam;

  constructor({ obsDim, actDim }: Sizes, config: Config, initial: Noise) {
    this.config = config;
    const { hidden } = config;
    const critic = () => new TwinQ({ sizes: [obsDim + actDim, hidden, hidden, 1], activation: 'relu' }, initial);
    this.policy = new SquashedGaussian({ sizes: [obsDim, hidden, hidden, actDim], activation: 'relu' }, initial);
    [this.critic, this.targetCritic] = withTarget(critic);
    this.#targetEntropy = config.entropyPerDimension * actDim;
    this.#logAlpha = tf.variable(tf.scalar(Math.log(config.entropyWeight)));
    this.#policyOptimizer = new Adam(this.policy.variables, { learningRate: config.policyLearningRate });
    this.#criticOptimizer = new Adam(this.critic.variables, { learningRate: config.criticLearningRate });
    this.#entropyOptimizer = new Adam({ logAlpha: this.#logAlpha }, { learningRate: config.entropyLearningRate });
    this.tunable = {
      policyLearningRate: this.#policyOptimizer.setLearningRate,
      criticLearningRate: this.#criticOptimizer.setLearningRate,
      entropyLearningRate: this.#entropyOptimizer.setLearningRate,
    };
    this.stages = [{ name: 'train', batchSize: config.batchSize, update: this.#update.bind(this) }];
    this.variables = group({
      policy: this.policy.variables,
      critic: this.critic.variables,
      targetCritic: this.targetCritic.variables,
      entropy: { logAlpha: this.#logAlpha },
      policyOptimizer: this.#policyOptimizer.state,
      criticOptimizer: this.#criticOptimizer.state,
      entropyOptimizer: this.#entropyOptimizer.state,
    });
  }

  /** Training: a ~ π_θ(·|s). Evaluation: tanh μ_θ(s). */
  act(s: Tensor2D, mode: 'explore' | 'exploit', noise: Noise): Tensor2D {
    if (mode === 'exploit') return this.policy.mode(s);
    return this.policy.sample(s, noise.normal('act', [s.shape[0], this.policy.actDim])).actions;
  }

  #update(sample: () => Batch, _progress: number, noise: Noise): Metrics {
    const batch = sample();
    const alpha = tf.exp(this.#logAlpha) as Scalar;
    const critic = this.#updateCritic(batch, alpha, noise);
    const policy = this.#updatePolicy(batch.observations, alpha, noise);
    polyak(this.targetCritic.variables, this.critic.variables, this.config.tau);
    return { ...critic, ...policy, 'policy/entropyWeight': alpha };
  }

  /** y = r + γ (1 − terminated) (min_i Q_φ̄i(s', a') − α ln π_θ(a'|s')),  a' ~ π_θ(·|s') */
  #updateCritic(
    { observations: s, actions: a, nextObservations: sNext, ...step }: Batch,
    alpha: Scalar,
    noise: Noise,
  ): Metrics {
    const { actions: aNext, logDensity } = this.policy.sample(sNext, noise.normal('target', a.shape));
    const y = bootstrap(step, this.config.discount, this.targetCritic.both(sNext, aNext), { alpha, logDensity });
    return fitTwinQ(this.#criticOptimizer, this.critic, s, a, y);
  }

  /** L(θ) = E [α ln π_θ(ã|s) − min_i Q_φi(s, ã)],  ã = tanh(μ_θ(s) + σ_θ(s) ξ) */
  #updatePolicy(s: Tensor2D, alpha: Scalar, noise: Noise): Metrics {
    const xi = noise.normal('policy', [s.shape[0], this.policy.actDim]);
    const { loss, logDensity } = minimize(this.#policyOptimizer, () => {
      const { actions, logDensity } = this.policy.sample(s, xi);
      return { loss: actorObjective(this.critic.both(s, actions), { alpha, logDensity }), logDensity };
    });
    const entropy = tf.neg(tf.mean<Scalar>(logDensity));
    if (this.config.learnEntropyWeight) this.#updateEntropyWeight(entropy);
    return { 'policy/loss': loss, 'policy/entropy': entropy };
  }

  /** L(α) = −ln α · (E ln π_θ(ã|s) + H̄), whose gradient in ln α is −E ln π − H̄ */
  #updateEntropyWeight(entropy: Scalar): void {
    this.#entropyOptimizer.step([tf.sub(entropy, this.#targetEntropy)]);
  }
}

export const sac: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'sac',
  kind: 'online',
  title: 'Soft actor-critic, Haarnoja et al. 2018, arXiv:1812.05905',
  hyperparameters,
  create: (sizes, config, initial) => new Sac(sizes, config, initial),
};
