/**
 * EDP with TD3: Efficient Diffusion Policies for Offline RL. Kang et al. 2023, NeurIPS, arXiv:2305.20081, section 4.2,
 * direct policy optimisation. What the three variants share is in edp.ts.
 *
 *   s, a, r, s'   observations, actions, rewards, nextObservations     ε_θ   policy (θ̄: its target)
 *   â             one-step approximation of the denoised action        Q_φ   critic, a pair (φ̄: its target)
 *   η             guidance                                             λ     η over the mean size of Q
 *
 * Where paper and authors' code differ, the code is followed: â is clipped inside the graph, so clipped entries pass no
 * gradient; η is 2 for every task; the same critic supplies value and normaliser.
 */

import { param, table, type Values } from '../config/hyperparameters.ts';
import type { Batch } from '../data/batch.ts';
import { minimize } from '../optim/minimize.ts';
import { detach } from '../tensor/detach.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Scalar, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { EdpPolicy, edpParams, edpPresets, edpTasks, edpTunable, type Noised } from './edp.ts';
import { backupParams, EdpCritic } from './edpCritic.ts';

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...edpParams,
  ...backupParams,
  rewardTransform: { ...edpParams.rewardTransform, default: 'none' as typeof edpParams.rewardTransform.default },
  guidance:        param(2, 'η: weight of the critic beside the diffusion loss', { min: 0 }),
}, { presets: edpPresets, tasks: edpTasks({ rewardTransform: 'antmaze-cql' } as const) });

type Config = Values<typeof hyperparameters>;

export class EdpTd3 implements Algorithm {
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
    const first = noise.uniform('policy/critic', [1]).dataSync()[0]! > 0.5;
    this.policy.schedule(progress);
    const { loss, norm, diffusion, guide } = minimize(this.policy.optimizer, () => this.loss(noised, first));
    return {
      'policy/loss': loss,
      'policy/gradNorm': norm,
      'policy/diffusionLoss': diffusion,
      'policy/guideLoss': guide,
    };
  }

  /** L(θ) = E ‖ε − ε_θ(x_k, k, s)‖² − λ E Q_φi(s, â),  λ = η / E |Q_φi(s, â)| held constant, i = 1 or 2 by chance */
  loss(noised: Noised, first: boolean) {
    const { error, a0 } = this.policy.approximate(noised);
    const critic = first ? this.critic.critic.q1 : this.critic.critic.q2;
    const q = critic.apply(tf.concat2d([noised.s, a0], 1));
    const lambda = tf.div<Scalar>(this.config.guidance, detach(tf.mean(tf.abs(q))));
    const diffusion = tf.mean<Scalar>(error);
    const guide = tf.neg(tf.mul<Scalar>(lambda, tf.mean(q)));
    return { loss: tf.add<Scalar>(diffusion, guide), diffusion, guide, lambda, a0 };
  }
}

export const edpTd3: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'edp-td3',
  kind: 'offline',
  title: 'Efficient diffusion policies with TD3, Kang et al. 2023, arXiv:2305.20081',
  hyperparameters,
  create: (sizes, config, initial) => new EdpTd3(sizes, config, initial),
};
