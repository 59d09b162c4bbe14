/**
 * DIPO: Policy Representation via Diffusion Probability Model for Reinforcement Learning. Yang et al. 2023,
 * arXiv:2305.13122, Algorithm 1.
 *
 *   s, a, r, s'   observations, actions, rewards, nextObservations     ε_θ   denoiser (θ̄: targetDenoiser)
 *   a*            action of the replay, improved by gradient steps     Q_φ   critic, a pair (φ̄: targetCritic)
 *
 * Where paper and authors' code differ, the code is followed: three hidden layers, not two. The code keeps a second
 * buffer of (s, a*); here the improved actions of the replay's own transitions are kept, which is the same. By default a
 * time limit is a truncation and bootstraps; the code treats it as a termination, and `--preset paper` does too. The
 * code abandons the training episode when it evaluates; this does not.
 */

import { count, param, table, type Values } from '../config/hyperparameters.ts';
import { onlineParams } from '../config/online.ts';
import type { Batch } from '../data/batch.ts';
import { Ddpm } from '../diffusion/ddpm.ts';
import { makeSchedule } from '../diffusion/schedules.ts';
import { group } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import type { Noise } from '../tensor/noise.ts';
import { bootstrap } from '../tensor/ops/softValue.ts';
import { type Scalar, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { BestActions } from './bestActions.ts';
import { DiffusionActorCritic } from './diffusionActorCritic.ts';
import { fitTwinQ } from './fitTwinQ.ts';

const cheetah = { clipNorm: 2, actionGradientRatio: 0.08, actionSteps: 40, targetPolicyEvery: 2 };
const task = {
  Hopper: { clipNorm: 1, actionGradientRatio: 0.3 },
  Walker2d: { clipNorm: 2, actionGradientRatio: 0.08 },
  Ant: { clipNorm: 0.8, actionGradientRatio: 0.1 },
  HalfCheetah: cheetah,
  Humanoid: { clipNorm: 2, actionGradientRatio: 0.1 },
};

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...onlineParams,
  batchSize:           count(256, 'B: transitions per draw; the critic and the policy each take their own'),
  discount:            param(0.99, 'γ', { min: 0, max: 1 }),
  tau:                 param(0.005, 'Polyak rate of the target networks', { min: 0, max: 1 }),
  diffusionSteps:      count(100, 'T: steps of the denoising chain, of the cosine schedule', 2, 1000),
  actionSteps:         count(20, 'gradient steps that improve an action at each draw'),
  actionLearningRate:  param(0.03, 'Adam, of these steps', { min: 0 }),
  actionGradientRatio: param(0.1, 'largest norm of the gradient of all actions of a batch, over actDim', { min: 0 }),
  targetPolicyEvery:   count(1, 'updates per step of the target policy'),
  policyLearningRate:  param(3e-4, 'Adam', { min: 0 }),
  criticLearningRate:  param(3e-4, 'Adam', { min: 0 }),
  adamEpsilon:         param(1e-5, 'Adam, everywhere', { min: 0 }),
  clipNorm:            param(2, 'largest global gradient norm, critic and policy each', { min: 0 }),
  hidden:              count(256, 'width of every hidden layer'),
}, {
  presets: { paper: { timeLimit: 'terminal' } },
  tasks: Object.fromEntries( // DIPO, table of hyperparameters
    Object.entries(task).flatMap(([name, values]) => ['v2', 'v3', 'v4', 'v5'].map(v => [`${name}-${v}`, values])),
  ),
});

type Config = Values<typeof hyperparameters>;

export class Dipo implements Algorithm {
  readonly config: Config;
  readonly networks: DiffusionActorCritic;
  readonly best: BestActions;
  readonly stages: readonly Stage[];
  readonly tunable: NonNullable<Algorithm['tunable']>;
  #actionLearningRate: number;
  readonly #ddpm: Ddpm;
  readonly #updates = tf.variable(tf.scalar(0), false);

  constructor(sizes: Sizes, config: Config, initial: Noise) {
    this.config = config;
    this.#ddpm = new Ddpm(makeSchedule('cosine', config.diffusionSteps));
    this.networks = new DiffusionActorCritic(sizes, config, initial);
    this.best = new BestActions(config.replayCapacity, sizes.actDim);
    this.#actionLearningRate = config.actionLearningRate;
    const actionLearningRate = (x: number) => {
      this.#actionLearningRate = x;
    };
    this.tunable = { ...this.networks.tunable, actionLearningRate };
    this.stages = [{ name: 'train', batchSize: config.batchSize, update: this.#update.bind(this) }];
  }

  get variables(): Variables {
    const scalars = { updates: this.#updates };
    return { ...this.networks.variables, ...group({ scalars, bestActions: this.best.variables }) };
  }

  /** One sample a ~ π_θ(·|s); in evaluations without the noise of the chain. */
  act(s: Tensor2D, mode: 'explore' | 'exploit', noise: Noise): Tensor2D {
    const noiseRatio = mode === 'explore' ? 1 : 0;
    return this.#ddpm.sample(this.networks.denoiser, s, { candidates: 1, noiseRatio, name: 'act' }, noise);
  }

  #update(sample: () => Batch, _progress: number, noise: Noise): Metrics {
    const { targetPolicyEvery, tau } = this.config;
    const updates = this.#updates.dataSync()[0]! + 1;
    this.#updates.assign(tf.scalar(updates));
    const critic = this.#updateCritic(sample(), noise);
    const policy = this.#updatePolicy(sample(), noise);
    this.networks.updateTargets(tau, updates % targetPolicyEvery === 0 ? 'both' : 'critic');
    return { ...critic, ...policy };
  }

  /** y = r + γ (1 − terminated) min_i Q_φ̄i(s', a'),  a' ~ π_θ̄(·|s') */
  #updateCritic(batch: Batch, noise: Noise): Metrics {
    const { observations: s, actions: a, rewards: r, terminated, nextObservations: sNext } = batch;
    const aNext = this.#ddpm.sample(this.networks.targetDenoiser, sNext, { candidates: 1, name: 'target' }, noise);
    const qNext = this.networks.targetCritic.min(sNext, aNext);
    const y = bootstrap({ rewards: r, terminated }, this.config.discount, [qNext]);
    return fitTwinQ(this.networks.criticOptimizer, this.networks.critic, s, a, y);
  }

  /** L(θ) = E (ε − ε_θ(√ᾱ_t a* + √(1 − ᾱ_t) ε, t, s))², the mean over rows and dimensions */
  #updatePolicy({ observations: s, actions: executed, numbers }: Batch, noise: Noise): Metrics {
    const known = numbers ? this.best.read(numbers, executed.dataSync()) : executed.dataSync();
    const a = this.improve(s, tf.tensor2d(Float32Array.from(known), executed.shape));
    if (numbers) this.best.write(numbers, a.dataSync());
    const t = noise.integers('loss/t', a.shape[0], this.config.diffusionSteps);
    const epsilon = noise.normal('loss/epsilon', a.shape);
    const x = this.#ddpm.corrupt(a, t, epsilon);
    const { loss, norm } = minimize(this.networks.denoiserOptimizer, () => ({
      loss: tf.mean<Scalar>(tf.square(tf.sub(this.networks.denoiser.apply(x, t, s), epsilon))),
    }));
    return { 'policy/loss': loss, 'policy/gradNorm': norm };
  }

  /** a* ← clip(a* + Adam(∇_a Σ_rows min_i Q_φi(s, a*)), −1, 1), a few times; Adam starts afresh at every draw */
  improve(s: Tensor2D, a: Tensor2D): Tensor2D {
    const { actionSteps, actionGradientRatio, adamEpsilon: epsilon } = this.config;
    const learningRate = this.#actionLearningRate;
    const actions = tf.variable(a);
    const optimizer = new Adam({ actions }, { learningRate, epsilon, clipNorm: actionGradientRatio * a.shape[1] });
    for (let step = 0; step < actionSteps; step++) {
      minimize(optimizer, () => ({
        loss: tf.neg(tf.sum<Scalar>(this.networks.critic.min(s, actions as Tensor2D & typeof actions))),
      }));
      actions.assign(tf.clipByValue(actions, -1, 1));
    }
    const improved = tf.tensor2d(Float32Array.from(actions.dataSync()), a.shape);
    tf.dispose([actions, ...Object.values(optimizer.state)]);
    return improved;
  }
}

export const dipo: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'dipo',
  kind: 'online',
  title: 'Diffusion policy optimization, Yang et al. 2023, arXiv:2305.13122',
  hyperparameters,
  create: (sizes, config, initial) => new Dipo(sizes, config, initial),
};
