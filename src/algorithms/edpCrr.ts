/**
 * EDP with CRR: Efficient Diffusion Policies for Offline RL. Kang et al. 2023, NeurIPS, arXiv:2305.20081, section 4.2,
 * likelihood-based optimisation with the weights of Critic Regularized Regression. See edp.ts for what is shared.
 *
 *   s, a, r, s'   observations, actions, rewards, nextObservations     ε_θ   policy (θ̄: its target)
 *   â             one-step approximation of the denoised action        Q_φ   critic, a pair (φ̄: its target)
 *   A(s, a)       advantage over actions around â                      β     temperature (here it divides)
 *
 * Where paper and authors' code differ, the code is followed: in the bound on ln π the weights ω_k have 1 − ᾱ_k below,
 * not 1 − ᾱ_{k−1}. Not built: the code's option of a squared distance to sampled actions.
 */

import { choice, count, param, table, type Values } from '../config/hyperparameters.ts';
import type { Batch } from '../data/batch.ts';
import { minimize } from '../optim/minimize.ts';
import { detach } from '../tensor/detach.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Scalar, type Tensor, type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { EdpPolicy, edpParams, edpPresets, edpTasks, edpTunable, gaussian, type Noised } from './edp.ts';
import { backupParams, EdpCritic } from './edpCritic.ts';

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...edpParams,
  ...backupParams,
  rewardTransform: { ...edpParams.rewardTransform, default: 'none' as typeof edpParams.rewardTransform.default },
  likelihood:      choice('gaussian', ['gaussian', 'elbo'], 'ln π(a|s): of N(â, I), or the bound −ω_k ‖ε − ê‖²'),
  weighting:       choice('exp', ['exp', 'indicator', 'softmax'], 'w: min(exp(A/β), limit), 1[A > 0], softmax over the batch'),
  temperature:     param(1, 'β: divides the advantage', { min: 1e-6 }),
  weightLimit:     param(20, 'largest w of exp', { min: 0 }),
  valueSamples:    count(10, 'actions around â whose mean value A is measured from'),
}, { presets: edpPresets, tasks: edpTasks({ rewardTransform: 'antmaze-cql' } as const) });

type Config = Values<typeof hyperparameters>;

export class EdpCrr implements Algorithm {
  readonly config: Config;
  readonly policy: EdpPolicy;
  readonly critic: EdpCritic;
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;

  constructor(sizes: Sizes, config: Config, initial: Noise) {
    this.config = config;
    this.policy = new EdpPolicy(sizes, config, initial);
    this.critic = new EdpCritic(sizes, config, initial);
    this.tunable = edpTunable(this.policy.optimizer, ...this.critic.optimizers);
    this.variables = { ...this.policy.variables, ...this.critic.variables };
    const { trainSteps: steps, batchSize } = config;
    this.stages = [{ name: 'train', steps, batchSize, variables: this.variables, update: this.#update.bind(this) }];
  }

  act(s: Tensor2D, _mode: 'explore' | 'exploit', noise: Noise): Tensor2D {
    return this.policy.act(s, this.critic.critic, noise);
  }

  /** All gradients belong to the networks before the update: the policy's is taken first, and no critic's needs θ. */
  #update(sample: () => Batch, progress: number, noise: Noise): Metrics {
    const batch = sample();
    const a = tf.clipByValue(batch.actions, -this.config.actionLimit, this.config.actionLimit);
    const policy = this.#updatePolicy(batch.observations, a, progress, noise);
    const { y } = this.critic.tdTarget(batch, this.policy, this.config, noise);
    const critic = this.critic.update(batch.observations, a, y);
    this.policy.updateTarget();
    return { ...critic, ...policy, 'critic/target': tf.mean<Scalar>(y) };
  }

  #updatePolicy(s: Tensor2D, a: Tensor2D, progress: number, noise: Noise): Metrics {
    const noised = this.policy.corrupt(s, a, noise);
    const samples = noise.normal('policy/samples', [this.config.valueSamples * a.shape[0], a.shape[1]]);
    this.policy.schedule(progress);
    const { loss, norm, diffusion, guide, w } = minimize(this.policy.optimizer, () => this.loss(noised, a, samples));
    return {
      'policy/loss': loss,
      'policy/gradNorm': norm,
      'policy/diffusionLoss': diffusion,
      'policy/guideLoss': guide,
      'policy/weight': tf.mean<Scalar>(w),
    };
  }

  /** L(θ) = E ‖ε − ε_θ(x_k, k, s)‖² − E w ln π(a|s), w held constant */
  loss(noised: Noised, a: Tensor2D, samples: Tensor) {
    const { likelihood, weighting } = this.config;
    const { error, a0 } = this.policy.approximate(noised);
    const { advantage, v } = this.advantage(noised.s, a, detach(a0), samples);
    const w = weightings[weighting](advantage, this.config);
    const logp =
      likelihood === 'gaussian' ? gaussian(a, a0) : tf.neg(tf.mul<Tensor1D>(this.policy.elbo(noised.k), error));
    const diffusion = tf.mean<Scalar>(error);
    const guide = tf.neg(tf.mean<Scalar>(tf.mul(w, logp)));
    return { loss: tf.add<Scalar>(diffusion, guide), diffusion, guide, w, logp, a0, v, advantage };
  }

  /** A(s, a) = min_i Q_φi(s, a) − mean_j min_i Q_φi(s, a_j),  a_j ~ N(â, I) */
  advantage(s: Tensor2D, a: Tensor2D, a0: Tensor2D, samples: Tensor): { advantage: Tensor1D; v: Tensor2D } {
    const n = this.config.valueSamples;
    const around = tf.add<Tensor2D>(tf.tile(a0, [n, 1]), tf.reshape(samples, [-1, a.shape[1]]));
    const v = tf.reshape(this.critic.critic.min(tf.tile(s, [n, 1]), around), [n, -1]) as Tensor2D;
    return { advantage: tf.sub(this.critic.critic.min(s, a), tf.mean(v, 0)), v };
  }
}

type Weighting = (advantage: Tensor1D, config: Config) => Tensor1D;
// biome-ignore format: a table reads by columns
const weightings: Record<Config['weighting'], Weighting> = {
  exp:       (A, { temperature, weightLimit }) => tf.minimum(tf.exp(tf.div(A, temperature)), weightLimit),
  indicator: A => tf.step(A),
  softmax:   (A, { temperature }) => tf.softmax(tf.div<Tensor1D>(A, temperature)),
};

export const edpCrr: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'edp-crr',
  kind: 'offline',
  title: 'Efficient diffusion policies with CRR, Kang et al. 2023, arXiv:2305.20081',
  hyperparameters,
  create: (sizes, config, initial) => new EdpCrr(sizes, config, initial),
};
