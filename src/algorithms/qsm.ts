/**
 * QSM: Learning a Diffusion Model Policy from Rewards via Q-Score Matching. Psenka et al. 2023, arXiv:2312.11752.
 *
 *   s, a, r, s'   observations, actions, rewards, nextObservations     ε_θ   score (the policy)
 *   Q_φ           critic, a pair (φ̄: targetCritic)                     M_q   actionGradientWeight
 *
 * Where paper and authors' code differ, the code is followed: the network regresses the negative gradient, because the
 * sampler subtracts ε; the critic is differentiated at the noised action. The chain clips x, not x₀.
 */

import { count, param, table, type Values } from '../config/hyperparameters.ts';
import { cosine } from '../config/offline.ts';
import { onlineParams } from '../config/online.ts';
import type { Batch } from '../data/batch.ts';
import { ClippedChain } from '../diffusion/clippedChain.ts';
import { makeSchedule } from '../diffusion/schedules.ts';
import { FourierNetwork } from '../networks/fourierNetwork.ts';
import { xavierUniform } from '../networks/init.ts';
import { TwinQ } from '../networks/twinQ.ts';
import { group, withTarget } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import { polyak } from '../optim/polyak.ts';
import type { Noise } from '../tensor/noise.ts';
import { bootstrap } from '../tensor/ops/softValue.ts';
import { type Scalar, type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { fitTwinQ } from './fitTwinQ.ts';

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...onlineParams,
  batchSize:            count(256, 'B: transitions per update'),
  discount:             param(0.99, 'γ', { min: 0, max: 1 }),
  tau:                  param(0.005, 'Polyak rate of the target critic', { min: 0, max: 1 }),
  diffusionSteps:       count(5, 'T: steps of the chain, of the vp schedule', 2, 1000),
  actionGradientWeight: param(50, 'M_q: factor of ∇Q; 120 on the hard tasks of the DeepMind Control suite', { min: 0 }),
  explorationNoise:     param(0.1, 'deviation of the noise on sampled actions, acting and in the TD target', { min: 0 }),
  policyLearningRate:   param(3e-4, 'Adam, cosine over the decay updates', { min: 0 }),
  decayUpdates:         count(2_000_000, 'updates after which the policy\'s learning rate is 0'),
  criticLearningRate:   param(3e-4, 'Adam', { min: 0 }),
  hidden:               count(512, 'width of both hidden layers'),
}, { presets: { paper: {} } });

type Config = Values<typeof hyperparameters>;

export class Qsm implements Algorithm {
  readonly config: Config;
  readonly score: FourierNetwork;
  readonly critic: TwinQ;
  readonly targetCritic: TwinQ;
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;
  readonly #chain: ClippedChain;
  readonly #policyOptimizer: Adam;
  readonly #criticOptimizer: Adam;
  readonly #updates = tf.variable(tf.scalar(0), false);

  constructor({ obsDim, actDim }: Sizes, config: Config, initial: Noise) {
    this.config = config;
    const { hidden } = config;
    const sizes = [obsDim + actDim, hidden, hidden, 1];
    const critic = () => new TwinQ({ sizes, activation: 'relu', initializer: xavierUniform }, initial);
    this.score = new FourierNetwork({ obsDim, actDim, hidden }, initial);
    [this.critic, this.targetCritic] = withTarget(critic);
    this.#chain = new ClippedChain(makeSchedule('vp', config.diffusionSteps));
    this.#policyOptimizer = new Adam(this.score.variables, { learningRate: config.policyLearningRate });
    this.#criticOptimizer = new Adam(this.critic.variables, { learningRate: config.criticLearningRate });
    this.tunable = {
      policyLearningRate: this.#policyOptimizer.setLearningRate,
      criticLearningRate: this.#criticOptimizer.setLearningRate,
    };
    this.stages = [{ name: 'train', batchSize: config.batchSize, update: this.#update.bind(this) }];
    this.variables = group({
      score: this.score.variables,
      critic: this.critic.variables,
      targetCritic: this.targetCritic.variables,
      policyOptimizer: this.#policyOptimizer.state,
      criticOptimizer: this.#criticOptimizer.state,
      scalars: { updates: this.#updates },
    });
  }

  /** One sample of the chain; in training plus N(0, 0.1²), clipped. */
  act(s: Tensor2D, mode: 'explore' | 'exploit', noise: Noise): Tensor2D {
    return mode === 'explore' ? this.#perturbed(s, 'act', noise) : this.#sample(s, 'act', noise);
  }

  #sample(s: Tensor2D, name: string, noise: Noise): Tensor2D {
    const model = (x: Tensor2D, step: number) => this.score.apply(x, tf.fill([x.shape[0]], step), s);
    return this.#chain.sample(model, [s.shape[0], this.score.actDim], name, noise);
  }

  #perturbed(s: Tensor2D, name: string, noise: Noise): Tensor2D {
    const a = this.#sample(s, name, noise);
    const xi = tf.mul(noise.normal(`${name}/exploration`, a.shape), this.config.explorationNoise);
    return tf.clipByValue(tf.add<Tensor2D>(a, xi), -1, 1);
  }

  #update(sample: () => Batch, _progress: number, noise: Noise): Metrics {
    const batch = sample();
    const critic = this.#updateCritic(batch, noise);
    const policy = this.#updatePolicy(batch, noise);
    polyak(this.targetCritic.variables, this.critic.variables, this.config.tau);
    return { ...critic, ...policy };
  }

  /** y = r + γ (1 − terminated) min_i Q_φ̄i(s', a'),  a' sampled and perturbed as in acting */
  #updateCritic(batch: Batch, noise: Noise): Metrics {
    const { observations: s, actions: a, rewards: r, terminated, nextObservations: sNext } = batch;
    const qNext = this.targetCritic.min(sNext, this.#perturbed(sNext, 'target', noise));
    const y = bootstrap({ rewards: r, terminated }, this.config.discount, [qNext]);
    return fitTwinQ(this.#criticOptimizer, this.critic, s, a, y);
  }

  /** L(θ) = E (ε_θ(s, a_t, t) + M_q ½ Σ_i ∇_a Q_φi(s, a_t))²,  a_t a noised action of the replay */
  #updatePolicy({ observations: s, actions: a }: Batch, noise: Noise): Metrics {
    const { diffusionSteps, actionGradientWeight, decayUpdates } = this.config;
    const updates = this.#updates.dataSync()[0]!;
    const t = noise.integers('policy/t', a.shape[0], diffusionSteps);
    const x = this.#chain.corrupt(a, t, noise.normal('policy/epsilon', a.shape));
    const gradient = tf.grad(x => tf.sum(tf.mul(tf.add(...this.critic.both(s, x as Tensor2D)), 0.5)))(x);
    this.#policyOptimizer.decay(rate => cosine(rate, updates / decayUpdates));
    const { loss } = minimize(this.#policyOptimizer, () => {
      const predicted = this.score.apply(x, tf.cast(t, 'float32') as Tensor1D, s);
      return { loss: tf.mean<Scalar>(tf.square(tf.add(predicted, tf.mul(gradient, actionGradientWeight)))) };
    });
    this.#updates.assign(tf.scalar(updates + 1));
    return { 'policy/loss': loss };
  }
}

export const qsm: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'qsm',
  kind: 'online',
  title: 'Q-score matching, Psenka et al. 2023, arXiv:2312.11752',
  hyperparameters,
  create: (sizes, config, initial) => new Qsm(sizes, config, initial),
};
