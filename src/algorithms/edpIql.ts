/**
 * EDP with IQL: Efficient Diffusion Policies for Offline RL. Kang et al. 2023, NeurIPS, arXiv:2305.20081, section 4.2,
 * likelihood-based optimisation with the weights of Implicit Q-Learning. See edp.ts for what is shared.
 *
 *   s, a, r, s'   observations, actions, rewards, nextObservations     ε_θ   policy, trained without any sampling
 *   â             one-step approximation of the denoised action        Q_φ   critic, a pair (φ̄: its target)
 *   τ, κ          expectile, temperature (here it multiplies)          V     value
 *
 * Where paper and authors' code differ, the code is followed: κ is 3 (the paper's appendix has 1, `--preset paper`).
 * `--learn-deviation` replaces the fixed unit covariance by one deviation per action dimension, as the code of SEEM,
 * which builds on EDP's, does (arXiv:2310.04411).
 */

import { choice, param, table, type Values } from '../config/hyperparameters.ts';
import type { Batch } from '../data/batch.ts';
import { lecunNormal } from '../networks/init.ts';
import { Mlp } from '../networks/mlp.ts';
import { group } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Scalar, type Tensor1D, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { EdpPolicy, edpParams, edpPresets, edpTasks, edpTunable, gaussian, type Noised } from './edp.ts';
import { EdpCritic } from './edpCritic.ts';

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...edpParams,
  rewardTransform: { ...edpParams.rewardTransform, default: 'range-by-states' as typeof edpParams.rewardTransform.default },
  expectile:      param(0.7, 'τ: which expectile of Q the value is', { min: 0, max: 1 }),
  temperature:    param(3, 'κ: multiplies the advantage', { min: 0 }),
  weightLimit:    param(100, 'largest weight', { min: 0 }),
  weighting:      choice('exp', ['exp', 'softmax'], 'w: min(exp(κA), limit), or softmax over the batch'),
  likelihood:     choice('gaussian', ['gaussian', 'elbo'], 'ln π(a|s): of N(â, σ²), or the bound −ω_k ‖ε − ê‖²'),
  learnDeviation: param(false, 'learn σ, one per action dimension, instead of 1'),
}, {
  presets: { ...edpPresets, paper: { ...edpPresets.paper, temperature: 1 } },
  tasks: edpTasks({ expectile: 0.9, rewardTransform: 'minus-one' } as const),
});

type Config = Values<typeof hyperparameters>;

export class EdpIql implements Algorithm {
  readonly config: Config;
  readonly policy: EdpPolicy;
  readonly critic: EdpCritic;
  readonly value: Mlp;
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;
  readonly #logDeviation?: Variable & Tensor1D;
  readonly #valueOptimizer: Adam;

  constructor(sizes: Sizes, config: Config, initial: Noise) {
    this.config = config;
    const { hidden, learningRate, clipNorm, trainSteps: steps, batchSize } = config;
    if (config.learnDeviation) this.#logDeviation = tf.variable(tf.zeros([sizes.actDim])) as Variable & Tensor1D;
    this.policy = new EdpPolicy(sizes, config, initial, this.#logDeviation && { logDeviation: this.#logDeviation });
    this.critic = new EdpCritic(sizes, config, initial);
    const layers = [sizes.obsDim, hidden, hidden, hidden, 1];
    this.value = new Mlp({ sizes: layers, activation: 'mish', initializer: lecunNormal }, initial);
    this.#valueOptimizer = new Adam(this.value.variables, { learningRate, clipNorm });
    const value = group({ value: this.value.variables, valueOptimizer: this.#valueOptimizer.state });
    this.tunable = edpTunable(this.policy.optimizer, ...this.critic.optimizers, this.#valueOptimizer);
    this.variables = { ...this.policy.variables, ...this.critic.variables, ...value };
    this.stages = [{ name: 'train', steps, batchSize, variables: this.variables, update: this.#update.bind(this) }];
  }

  act(s: Tensor2D, _mode: 'explore' | 'exploit', noise: Noise): Tensor2D {
    return this.policy.act(s, this.critic.critic, noise);
  }

  /** V(s) [B]. */
  v(s: Tensor2D): Tensor1D {
    return this.value.apply(s).reshape([-1]);
  }

  /** The order of the code: V; the policy, which sees the new V; Q, whose target is the new V(s'). */
  #update(sample: () => Batch, progress: number, noise: Noise): Metrics {
    const batch = sample();
    const s = batch.observations;
    const a = tf.clipByValue(batch.actions, -this.config.actionLimit, this.config.actionLimit);
    const q = this.critic.target.min(s, a);
    const value = this.#updateValue(s, q);
    const policy = this.#updatePolicy(s, a, tf.sub(q, this.v(s)), progress, noise);
    const critic = this.critic.update(s, a, this.tdTarget(batch));
    this.policy.updateTarget();
    return { ...value, ...policy, ...critic };
  }

  /** L_V = E |τ − 1[u < 0]| u²,  u = min_i Q_φ̄i(s, a) − V(s) */
  #updateValue(s: Tensor2D, q: Tensor1D): Metrics {
    const { expectile } = this.config;
    const { loss, norm } = minimize(this.#valueOptimizer, () => {
      const u = tf.sub(q, this.v(s));
      const above = tf.mul(tf.square(tf.relu(u)), expectile);
      const below = tf.mul(tf.square(tf.relu(tf.neg(u))), 1 - expectile);
      return { loss: tf.mean<Scalar>(tf.add(above, below)) };
    });
    return { 'value/loss': loss, 'value/gradNorm': norm };
  }

  #updatePolicy(s: Tensor2D, a: Tensor2D, advantage: Tensor1D, progress: number, noise: Noise): Metrics {
    const noised = this.policy.corrupt(s, a, noise);
    const w = this.weights(advantage);
    this.policy.schedule(progress);
    const { loss, norm, diffusion, guide } = minimize(this.policy.optimizer, () => this.loss(noised, a, w));
    return {
      'policy/loss': loss,
      'policy/gradNorm': norm,
      'policy/diffusionLoss': diffusion,
      'policy/guideLoss': guide,
      'policy/weight': tf.mean<Scalar>(w),
    };
  }

  /** w = min(exp(κ A), 100), or softmax(κ A) over the batch */
  weights(advantage: Tensor1D): Tensor1D {
    const { weighting, temperature, weightLimit } = this.config;
    const scaled = tf.mul<Tensor1D>(advantage, temperature);
    return weighting === 'softmax' ? tf.softmax(scaled) : tf.minimum(tf.exp(scaled), weightLimit);
  }

  /** L(θ) = E ‖ε − ε_θ(x_k, k, s)‖² − E w ln π(a|s) */
  loss(noised: Noised, a: Tensor2D, w: Tensor1D) {
    const { error, a0 } = this.policy.approximate(noised);
    const exact = this.config.likelihood === 'gaussian';
    const logp = exact ? gaussian(a, a0, this.#logDeviation) : tf.neg(tf.mul(this.policy.elbo(noised.k), error));
    const diffusion = tf.mean<Scalar>(error);
    const guide = tf.neg(tf.mean<Scalar>(tf.mul(w, logp)));
    return { loss: tf.add<Scalar>(diffusion, guide), diffusion, guide, logp, a0 };
  }

  /** y = r + γ (1 − terminated) V(s') */
  tdTarget({ rewards: r, terminated, nextObservations: sNext }: Batch): Tensor1D {
    return tf.add(r, tf.mul(tf.mul(tf.sub(1, terminated), this.config.discount), this.v(sNext)));
  }
}

export const edpIql: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'edp-iql',
  kind: 'offline',
  title: 'Efficient diffusion policies with IQL, Kang et al. 2023, arXiv:2305.20081',
  hyperparameters,
  create: (sizes, config, initial) => new EdpIql(sizes, config, initial),
};
