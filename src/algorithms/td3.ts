/**
 * TD3: Twin Delayed Deep Deterministic policy gradient. Fujimoto et al. 2018, arXiv:1802.09477v3, Algorithm 1.
 *
 *   s, a, r, s'   observations, actions, rewards, nextObservations     π_θ   policy (θ̄: targetPolicy)
 *   σ, σ̃, c, d    explorationNoise, targetNoise, noiseLimit, policyEvery    Q_φ   critic, a pair (φ̄: targetCritic)
 *
 * Network sizes, rates and batch are those of the authors' later code (two hidden layers of 256, Adam 3e-4, batch 256,
 * 25 000 random steps), which replaced the paper's (400-300, 1e-3, batch 100).
 */

import { count, param, table, type Values } from '../config/hyperparameters.ts';
import { onlineParams } from '../config/online.ts';
import type { Batch } from '../data/batch.ts';
import { Mlp } from '../networks/mlp.ts';
import { TwinQ } from '../networks/twinQ.ts';
import { group, withTarget } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import { polyak } from '../optim/polyak.ts';
import type { Noise } from '../tensor/noise.ts';
import { increment } from '../tensor/ops/increment.ts';
import { perturb } from '../tensor/ops/perturb.ts';
import { actorObjective, bootstrap } from '../tensor/ops/softValue.ts';
import { type Tensor2D, tf } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { fitTwinQ } from './fitTwinQ.ts';

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...onlineParams,
  warmupSteps:        count(25_000, onlineParams.warmupSteps.doc, 0),
  batchSize:          count(256, 'B: transitions per update'),
  discount:           param(0.99, 'γ', { min: 0, max: 1 }),
  tau:                param(0.005, 'Polyak rate of the targets', { min: 0, max: 1 }),
  explorationNoise:   param(0.1, 'σ: deviation of the noise on actions while training', { min: 0 }),
  targetNoise:        param(0.2, 'σ̃: deviation of the noise on actions in the TD target', { min: 0 }),
  noiseLimit:         param(0.5, 'c: the target noise is clipped to ±c', { min: 0 }),
  policyEvery:        count(2, 'd: critic updates per update of the policy and of all targets'),
  policyLearningRate: param(3e-4, 'Adam', { min: 0 }),
  criticLearningRate: param(3e-4, 'Adam', { min: 0 }),
  hidden:             count(256, 'width of both hidden layers'),
}, {
  presets: { paper: {} },
});

type Config = Values<typeof hyperparameters>;

export class Td3 implements Algorithm {
  readonly config: Config;
  readonly policy: Mlp;
  readonly targetPolicy: Mlp;
  readonly critic: TwinQ;
  readonly targetCritic: TwinQ;
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;
  readonly #policyOptimizer: Adam;
  readonly #criticOptimizer: Adam;
  readonly #updates = tf.variable(tf.scalar(0), false);

  constructor({ obsDim, actDim }: Sizes, config: Config, initial: Noise) {
    this.config = config;
    const { hidden } = config;
    const layers = { sizes: [obsDim, hidden, hidden, actDim], activation: 'relu', outputActivation: 'tanh' } as const;
    const policy = () => new Mlp(layers, initial);
    const critic = () => new TwinQ({ sizes: [obsDim + actDim, hidden, hidden, 1], activation: 'relu' }, initial);
    [this.policy, this.targetPolicy] = withTarget(policy);
    [this.critic, this.targetCritic] = withTarget(critic);
    this.#policyOptimizer = new Adam(this.policy.variables, { learningRate: config.policyLearningRate });
    this.#criticOptimizer = new Adam(this.critic.variables, { learningRate: config.criticLearningRate });
    this.tunable = {
      policyLearningRate: this.#policyOptimizer.setLearningRate,
      criticLearningRate: this.#criticOptimizer.setLearningRate,
    };
    this.stages = [{ name: 'train', batchSize: config.batchSize, update: this.#update.bind(this) }];
    this.variables = group({
      policy: this.policy.variables,
      targetPolicy: this.targetPolicy.variables,
      critic: this.critic.variables,
      targetCritic: this.targetCritic.variables,
      policyOptimizer: this.#policyOptimizer.state,
      criticOptimizer: this.#criticOptimizer.state,
      scalars: { updates: this.#updates },
    });
  }

  /** Training: clip(π_θ(s) + N(0, σ²), −1, 1). Evaluation: π_θ(s). */
  act(s: Tensor2D, mode: 'explore' | 'exploit', noise: Noise): Tensor2D {
    const a = this.policy.apply(s);
    if (mode === 'exploit') return a;
    return perturb(a, noise.normal('act', a.shape), { deviation: this.config.explorationNoise });
  }

  #update(sample: () => Batch, _progress: number, noise: Noise): Metrics {
    const { policyEvery, tau } = this.config;
    const batch = sample();
    const updates = increment(this.#updates);
    const critic = this.#updateCritic(batch, noise);
    if (updates % policyEvery !== 0) return critic;
    const policy = this.#updatePolicy(batch.observations);
    polyak(this.targetCritic.variables, this.critic.variables, tau);
    polyak(this.targetPolicy.variables, this.policy.variables, tau);
    return { ...critic, ...policy };
  }

  /** y = r + γ (1 − terminated) min_i Q_φ̄i(s', a'),  a' = clip(π_θ̄(s') + clip(N(0, σ̃²), −c, c), −1, 1) */
  #updateCritic({ observations: s, actions: a, nextObservations: sNext, ...step }: Batch, noise: Noise): Metrics {
    const { discount, targetNoise, noiseLimit } = this.config;
    const smoothing = { deviation: targetNoise, limit: noiseLimit };
    const aNext = perturb(this.targetPolicy.apply(sNext), noise.normal('target', a.shape), smoothing);
    const y = bootstrap(step, discount, this.targetCritic.both(sNext, aNext));
    return fitTwinQ(this.#criticOptimizer, this.critic, s, a, y);
  }

  /** L(θ) = −E Q_φ1(s, π_θ(s)) */
  #updatePolicy(s: Tensor2D): Metrics {
    const { loss } = minimize(this.#policyOptimizer, () => ({
      loss: actorObjective([this.critic.first(s, this.policy.apply(s))]),
    }));
    return { 'policy/loss': loss };
  }
}

export const td3: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'td3',
  kind: 'online',
  title: 'Twin delayed deep deterministic policy gradient, Fujimoto et al. 2018, arXiv:1802.09477',
  hyperparameters,
  create: (sizes, config, initial) => new Td3(sizes, config, initial),
};
