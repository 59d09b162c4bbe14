/**
 * SRPO: Score Regularized Policy Optimization through Diffusion Behavior. Chen et al. 2024, ICLR, arXiv:2310.07297.
 *
 *   s, a, r, s'   observations, actions, rewards, nextObservations     ε     behavior: noise predicted by the diffusion
 *   π             policy: deterministic, one action per observation          model of the data's actions
 *   α_t, σ_t      signal and noise of the VP-SDE at time t             Q_φ̄   targetCritic of implicit Q-learning
 *   ω(t)          weighting of the times                               β     here a factor of ∇Q, as in the code;
 *   z             the noise added                                            the paper divides the score by it
 *
 * Where paper and authors' code differ, the code is followed: the noise z is not subtracted from ε (`--subtract-noise`
 * does; the gradient is the same in expectation), and the critic's gradient is normalised by its root mean square over
 * the action's dimensions (mazes). One guard of ours: a critic gradient of zero stays zero when normalised.
 */

import { choice, count, param, table, type Values } from '../config/hyperparameters.ts';
import { cosine, offlineParams } from '../config/offline.ts';
import type { Batch } from '../data/batch.ts';
import { type SignalNoise, VpSde } from '../diffusion/vpSde.ts';
import { LnResNet } from '../networks/lnResNet.ts';
import { Mlp } from '../networks/mlp.ts';
import { group } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { valueAndGradient } from '../optim/gradients.ts';
import { minimize } from '../optim/minimize.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Scalar, type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { IqlCritic } from './iqlCritic.ts';

const maze = { expectile: 0.9, policyLayers: 4, normalizeQ: true, rewardTransform: 'minus-one' } as const;

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...offlineParams,
  behaviorSteps:        count(2_000_000, 'updates of the diffusion model of the behaviour; 0: none', 0),
  criticSteps:          count(1_500_000, 'updates of the critic; 0: none', 0),
  policySteps:          count(1_000_000, 'updates of the policy; 0: none', 0),
  behaviorBatchSize:    count(2048, 'transitions per draw of the diffusion model'),
  beta:                 param(0.05, 'β: factor of ∇Q beside the behaviour\'s score; small is conservative', { min: 0 }),
  weighting:            choice('vds', ['vds', 'stable', 'score', 'sigma4'], 'ω(t): σ², 1, α/σ, σ⁴'),
  subtractNoise:        param(false, 'use ε − z, as in the paper: the same mean, less variance'),
  normalizeQ:           param(false, 'divide ∇Q by its root mean square over the action\'s dimensions'),
  timeMin:              param(0.02, 'smallest t of the extraction', { min: 0, max: 1 }),
  timeMax:              param(0.98, 'largest t of the extraction; equal to the smallest: one fixed t', { min: 0, max: 1 }),
  behaviorTimeMin:      param(0.001, 'smallest t the diffusion model is trained on; the largest is 1', { min: 0, max: 1 }),
  expectile:            param(0.7, 'τ of implicit Q-learning', { min: 0, max: 1 }),
  tau:                  param(0.005, 'Polyak rate of the target critic', { min: 0, max: 1 }),
  behaviorLearningRate: param(3e-4, 'AdamW', { min: 0 }),
  criticLearningRate:   param(3e-4, 'Adam, of Q and V', { min: 0 }),
  policyLearningRate:   param(3e-4, 'Adam, cosine to 0', { min: 0 }),
  decay:                param(false, 'the rates of the behaviour and of the critic go to 0 by a cosine as well'),
  weightDecay:          param(0.01, 'AdamW, of the diffusion model', { min: 0 }),
  dropout:              param(0.1, 'of the diffusion model', { min: 0, max: 0.99 }),
  blocks:               count(3, 'residual blocks of the diffusion model'),
  criticLayers:         count(2, 'hidden layers of Q and V'),
  policyLayers:         count(2, 'hidden layers of the policy'),
  hidden:               count(256, 'width of every network'),
}, {
  presets: { // the paper notes that far fewer updates of the behaviour do; a twentieth of its arithmetic
    fast: { behaviorSteps: 150_000, behaviorBatchSize: 512, criticSteps: 300_000, policySteps: 200_000, subtractNoise: true },
  },
  tasks: { // paper, Table of β = the code's; mazes: 4 layers, normalised ∇Q, r − 1, τ = 0.9
    'halfcheetah-medium-expert-v2': { beta: 0.01 }, 'halfcheetah-medium-v2': { beta: 0.2 }, 'halfcheetah-medium-replay-v2': { beta: 0.2 },
    'hopper-medium-expert-v2':      { beta: 0.01 }, 'hopper-medium-v2':      { beta: 0.05 }, 'hopper-medium-replay-v2':     { beta: 0.2 },
    'walker2d-medium-expert-v2':    { beta: 0.1 },  'walker2d-medium-v2':    { beta: 0.05 }, 'walker2d-medium-replay-v2':   { beta: 0.5 },
    'antmaze-umaze-v2':       { ...maze, beta: 0.02 }, 'antmaze-umaze-diverse-v2':  { ...maze, beta: 0.04 },
    'antmaze-medium-play-v2': { ...maze, beta: 0.08 }, 'antmaze-medium-diverse-v2': { ...maze, beta: 0.05 },
    'antmaze-large-play-v2':  { ...maze, beta: 0.06 }, 'antmaze-large-diverse-v2':  { ...maze, beta: 0.05 },
  },
});

type Config = Values<typeof hyperparameters>;

export class Srpo implements Algorithm {
  readonly config: Config;
  readonly behavior: LnResNet;
  readonly critic: IqlCritic;
  readonly policy: Mlp;
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;
  readonly #sde = new VpSde();
  readonly #behaviorOptimizer: Adam;
  readonly #policyOptimizer: Adam;

  constructor(sizes: Sizes, config: Config, initial: Noise) {
    this.config = config;
    const { obsDim, actDim } = sizes;
    const { hidden, blocks, dropout, policyLayers, weightDecay } = config;
    this.behavior = new LnResNet({ obsDim, actDim, hidden, blocks, dropout }, initial);
    this.critic = new IqlCritic(sizes, config, initial);
    const layers = [obsDim, ...new Array<number>(policyLayers).fill(hidden), actDim];
    this.policy = new Mlp({ sizes: layers, activation: 'relu', outputActivation: 'tanh' }, initial);
    const rates = { behavior: config.behaviorLearningRate, policy: config.policyLearningRate };
    this.#behaviorOptimizer = new Adam(this.behavior.trainable, { learningRate: rates.behavior, weightDecay });
    this.#policyOptimizer = new Adam(this.policy.variables, { learningRate: rates.policy });
    const parts = {
      behavior: group({ behavior: this.behavior.variables, behaviorOptimizer: this.#behaviorOptimizer.state }),
      critic: this.critic.variables,
      policy: group({ policy: this.policy.variables, policyOptimizer: this.#policyOptimizer.state }),
    };
    this.tunable = {
      behaviorLearningRate: this.#behaviorOptimizer.setLearningRate,
      criticLearningRate: this.critic.setLearningRate,
      policyLearningRate: this.#policyOptimizer.setLearningRate,
    };
    this.variables = { ...parts.behavior, ...parts.critic, ...parts.policy };
    this.stages = [
      {
        name: 'behavior',
        steps: config.behaviorSteps,
        batchSize: config.behaviorBatchSize,
        variables: parts.behavior,
        update: (sample, progress, noise) => this.#updateBehavior(sample(), progress, noise),
      },
      {
        name: 'critic',
        steps: config.criticSteps,
        batchSize: config.batchSize,
        variables: parts.critic,
        update: (sample, progress) => this.critic.update(sample(), progress),
      },
      {
        name: 'policy',
        steps: config.policySteps,
        batchSize: config.batchSize,
        variables: parts.policy,
        update: (sample, progress, noise) => this.#updatePolicy(sample().observations, progress, noise),
      },
    ];
  }

  /** π(s): no sampling, no noise. */
  act(s: Tensor2D): Tensor2D {
    return this.policy.apply(s);
  }

  /** L(θ) = E Σ_d (ε_θ(α_t a + σ_t z, t, s) − z)²_d,  t ~ U(0.001, 1), z ~ N(0, I) */
  #updateBehavior({ observations: s, actions: a }: Batch, progress: number, noise: Noise): Metrics {
    if (this.config.decay) this.#behaviorOptimizer.decay(rate => cosine(rate, progress));
    const range = { min: this.config.behaviorTimeMin, max: 1 };
    const { t, z, x } = this.#sde.corrupt(a, range, 'behavior', noise);
    const drops = this.behavior.drops(a.shape[0], noise);
    const { loss, norm } = minimize(this.#behaviorOptimizer, () => {
      const error = tf.square(tf.sub(this.behavior.apply(x, t, s, drops), z));
      return { loss: tf.mean<Scalar>(tf.sum(error, 1)) };
    });
    return { 'behavior/loss': loss, 'behavior/gradNorm': norm };
  }

  /** ∇_θ J = −E [ ω(t) ε(x, t, s) − β ∇_a Q(s, a) ] ∇_θ π_θ(s),  a = π_θ(s), x = α_t a + σ_t z */
  #updatePolicy(s: Tensor2D, progress: number, noise: Noise): Metrics {
    const { e, w, g, q } = this.direction(s, noise);
    const downhill = tf.sub(tf.mul(w.expandDims(1), e), tf.mul(g, this.config.beta));
    this.#policyOptimizer.decay(rate => cosine(rate, progress));
    const { loss, norm } = minimize(this.#policyOptimizer, () => ({
      loss: tf.mean<Scalar>(tf.sum(tf.mul(downhill, this.policy.apply(s)), 1)),
    }));
    return { 'policy/loss': loss, 'policy/gradNorm': norm, 'critic/q': q };
  }

  /** What moves the action a = π(s): the behaviour's noise e, its weight w = ω(t), and the critic's gradient g. */
  direction(s: Tensor2D, noise: Noise) {
    const { timeMin: min, timeMax: max, subtractNoise, weighting } = this.config;
    const a = this.policy.apply(s);
    const corrupted = this.#sde.corrupt(a, { min, max }, 'policy', noise);
    const { t, x, z } = corrupted;
    const predicted = this.behavior.apply(x, t, s);
    const e = subtractNoise ? tf.sub<Tensor2D>(predicted, z) : predicted;
    return { a, t, x, predicted, e, w: weightings[weighting](corrupted), ...this.#ascent(s, a) };
  }

  /** g = ∇_a ½(Q_φ̄1 + Q_φ̄2)(s, a), divided by √(mean_d g_d²) where normalised */
  #ascent(s: Tensor2D, a: Tensor2D): { q: Scalar; g: Tensor2D } {
    const { value, gradient: g } = valueAndGradient(a, a => {
      const [q1, q2] = this.critic.targetCritic.both(s, a);
      return tf.sum<Scalar>(tf.mul(tf.add(q1, q2), 0.5));
    });
    const q = tf.div<Scalar>(value, s.shape[0]);
    if (!this.config.normalizeQ) return { q, g };
    return { q, g: tf.div(g, tf.add(tf.sqrt(tf.mean(tf.square(g), 1, true)), 1e-8)) };
  }
}

// biome-ignore format: a table reads by columns
export const weightings: Record<Config['weighting'], (at: SignalNoise) => Tensor1D> = {
  vds:    ({ sigma }) => tf.square(sigma),
  stable: ({ sigma }) => tf.onesLike(sigma),
  score:  ({ alpha, sigma }) => tf.div(alpha, sigma),
  sigma4: ({ sigma }) => tf.square(tf.square(sigma)),
};

export const srpo: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'srpo',
  kind: 'offline',
  title: 'Score regularized policy optimization, Chen et al. 2024, arXiv:2310.07297',
  hyperparameters,
  create: (sizes, config, initial) => new Srpo(sizes, config, initial),
};
