/**
 * TD3+BC: A Minimalist Approach to Offline Reinforcement Learning. Fujimoto & Gu 2021, NeurIPS, arXiv:2106.06860.
 *
 *   s, a, r, s'   normalised observations, actions, rewards, normalised nextObservations
 *   π_θ   policy (θ̄: targetPolicy)       Q_φ   critic, a pair (φ̄: targetCritic)       λ   behaviorWeight over |Q|
 *   σ̃, c, d       targetNoise, noiseLimit, policyEvery
 *
 * TD3 (td3.ts) with normalised observations and a behaviour cloning term. Settings are the authors' code's; the mazes'
 * reward is CORL's.
 */

import { count, param, table, type Values } from '../config/hyperparameters.ts';
import { offlineParams } from '../config/offline.ts';
import type { Batch, Transitions } from '../data/batch.ts';
import { momentsOf } from '../data/moments.ts';
import { Mlp } from '../networks/mlp.ts';
import { Normalizer } from '../networks/normalizer.ts';
import { TwinQ } from '../networks/twinQ.ts';
import { group, withTarget } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import { polyak } from '../optim/polyak.ts';
import { detach } from '../tensor/detach.ts';
import type { Noise } from '../tensor/noise.ts';
import { perturb } from '../tensor/ops/perturb.ts';
import { bootstrap } from '../tensor/ops/softValue.ts';
import { type Scalar, type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { fitTwinQ } from './fitTwinQ.ts';

const mazes = ['umaze', 'umaze-diverse', 'medium-play', 'medium-diverse', 'large-play', 'large-diverse'];

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...offlineParams,
  rewardTransform:       { ...offlineParams.rewardTransform, default: 'none' as typeof offlineParams.rewardTransform.default },
  trainSteps:            count(1_000_000, 'gradient updates'),
  normalizeObservations: param(true, 'subtract the mean of the data and divide by its deviation + 1e-3'),
  behaviorWeight:        param(2.5, 'α: weight of Q, over its mean size, beside the cloning term', { min: 0 }),
  targetNoise:           param(0.2, 'σ̃: deviation of the noise on actions in the TD target', { min: 0 }),
  noiseLimit:            param(0.5, 'c: the target noise is clipped to ±c', { min: 0 }),
  policyEvery:           count(2, 'd: critic updates per update of the policy and of all targets'),
  tau:                   param(0.005, 'Polyak rate of the targets', { min: 0, max: 1 }),
  policyLearningRate:    param(3e-4, 'Adam', { min: 0 }),
  criticLearningRate:    param(3e-4, 'Adam', { min: 0 }),
  hidden:                count(256, 'width of both hidden layers'),
}, {
  presets: { paper: {}, fast: { trainSteps: 300_000 } },
  tasks: Object.fromEntries(mazes.map(name => [`antmaze-${name}-v2`, { rewardTransform: 'minus-one' } as const])),
});

type Config = Values<typeof hyperparameters>;

export class Td3Bc implements Algorithm {
  readonly config: Config;
  readonly policy: Mlp;
  readonly targetPolicy: Mlp;
  readonly critic: TwinQ;
  readonly targetCritic: TwinQ;
  readonly normalizer: Normalizer;
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;
  readonly #policyOptimizer: Adam;
  readonly #criticOptimizer: Adam;
  readonly #updates = tf.variable(tf.scalar(0), false);

  constructor({ obsDim, actDim }: Sizes, config: Config, initial: Noise) {
    this.config = config;
    const { hidden, batchSize, trainSteps: steps } = config;
    const layers = { sizes: [obsDim, hidden, hidden, actDim], activation: 'relu', outputActivation: 'tanh' } as const;
    const policy = () => new Mlp(layers, initial);
    const critic = () => new TwinQ({ sizes: [obsDim + actDim, hidden, hidden, 1], activation: 'relu' }, initial);
    [this.policy, this.targetPolicy] = withTarget(policy);
    [this.critic, this.targetCritic] = withTarget(critic);
    this.normalizer = new Normalizer(obsDim);
    this.#policyOptimizer = new Adam(this.policy.variables, { learningRate: config.policyLearningRate });
    this.#criticOptimizer = new Adam(this.critic.variables, { learningRate: config.criticLearningRate });
    this.tunable = {
      policyLearningRate: this.#policyOptimizer.setLearningRate,
      criticLearningRate: this.#criticOptimizer.setLearningRate,
    };
    this.variables = group({
      normalizer: this.normalizer.variables,
      policy: this.policy.variables,
      targetPolicy: this.targetPolicy.variables,
      critic: this.critic.variables,
      targetCritic: this.targetCritic.variables,
      policyOptimizer: this.#policyOptimizer.state,
      criticOptimizer: this.#criticOptimizer.state,
      scalars: { updates: this.#updates },
    });
    const stage = { name: 'train', steps, batchSize, variables: this.variables };
    this.stages = [{ ...stage, update: (sample, _, noise) => this.#update(sample(), noise) }];
  }

  prepare(data: Transitions): void {
    if (this.config.normalizeObservations) this.normalizer.set(momentsOf(data));
  }

  /** π_θ(s). */
  act(s: Tensor2D): Tensor2D {
    return this.policy.apply(this.normalizer.apply(s));
  }

  #update(batch: Batch, noise: Noise): Metrics {
    const { policyEvery, tau } = this.config;
    const s = this.normalizer.apply(batch.observations);
    const updates = this.#updates.dataSync()[0]! + 1;
    this.#updates.assign(tf.scalar(updates));
    const critic = this.#updateCritic(s, batch.actions, this.tdTarget(batch, noise));
    if (updates % policyEvery !== 0) return critic;
    const policy = this.#updatePolicy(s, batch.actions);
    polyak(this.targetCritic.variables, this.critic.variables, tau);
    polyak(this.targetPolicy.variables, this.policy.variables, tau);
    return { ...critic, ...policy };
  }

  /** y = r + γ (1 − terminated) min_i Q_φ̄i(s', a'),  a' = clip(π_θ̄(s') + clip(N(0, σ̃²), −c, c), −1, 1) */
  tdTarget({ nextObservations, actions, ...step }: Batch, noise: Noise): Tensor1D {
    const { discount, targetNoise, noiseLimit } = this.config;
    const sNext = this.normalizer.apply(nextObservations);
    const smoothing = { deviation: targetNoise, limit: noiseLimit };
    const aNext = perturb(this.targetPolicy.apply(sNext), noise.normal('target', actions.shape), smoothing);
    return bootstrap(step, discount, this.targetCritic.both(sNext, aNext));
  }

  /** L(φ) = Σ_i E (Q_φi(s, a) − y)² */
  #updateCritic(s: Tensor2D, a: Tensor2D, y: Tensor1D): Metrics {
    return fitTwinQ(this.#criticOptimizer, this.critic, s, a, y);
  }

  /** L(θ) = −λ E Q_φ1(s, π_θ(s)) + E (π_θ(s) − a)²,  λ = α / E |Q_φ1(s, π_θ(s))| held constant */
  #updatePolicy(s: Tensor2D, a: Tensor2D): Metrics {
    const { loss, cloning } = minimize(this.#policyOptimizer, () => {
      const actions = this.policy.apply(s);
      const q = this.critic.first(s, actions);
      const lambda = tf.div(this.config.behaviorWeight, detach(tf.mean(tf.abs(q))));
      const cloning = tf.mean<Scalar>(tf.square(tf.sub(actions, a)));
      return { loss: tf.sub<Scalar>(cloning, tf.mul(lambda, tf.mean(q))), cloning };
    });
    return { 'policy/loss': loss, 'policy/cloningLoss': cloning };
  }
}

export const td3Bc: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'td3-bc',
  kind: 'offline',
  title: 'TD3 with behaviour cloning, Fujimoto & Gu 2021, arXiv:2106.06860',
  hyperparameters,
  create: (sizes, config, initial) => new Td3Bc(sizes, config, initial),
};
