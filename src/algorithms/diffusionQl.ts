/**
 * Diffusion-QL: Diffusion Policies as an Expressive Policy Class for Offline RL. Wang, Hunt & Zhou 2023, ICLR,
 * arXiv:2208.06193, Algorithm 1.
 *
 *   s, a, r, s'   observations, actions, rewards, nextObservations     ε_θ   policy (θ̄: its average)
 *   ã             action sampled through all T steps, with gradient    Q_φ   critic, a pair (φ̄: its target)
 *   η             guidance
 *
 * Settings per task are the authors'. Evaluate the last checkpoint: the published numbers choose one by the diffusion
 * loss, by a rule whose code picks another checkpoint than it says. η = 0 is diffusion behaviour cloning.
 */

import { choice, count, only, param, table, type Values } from '../config/hyperparameters.ts';
import { offlineParams } from '../config/offline.ts';
import type { Batch } from '../data/batch.ts';
import { drawByValue, judge } from '../diffusion/candidates.ts';
import { Ddpm } from '../diffusion/ddpm.ts';
import { makeSampler, type Sampler, samplerNames } from '../diffusion/sampler.ts';
import { makeSchedule, scheduleNames } from '../diffusion/schedules.ts';
import { torchLinear } from '../networks/init.ts';
import { NoiseNetwork } from '../networks/noiseNetwork.ts';
import { TwinQ } from '../networks/twinQ.ts';
import { group, withTarget } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import { polyak } from '../optim/polyak.ts';
import { detach } from '../tensor/detach.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Scalar, type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { fitTwinQ } from './fitTwinQ.ts';

const short = { trainSteps: 1_000_000 };
const maze = { ...short, rewardTransform: 'antmaze-cql', maxQBackup: true } as const;
const kitchen = { ...short, guidance: 0.005 };

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...offlineParams,
  rewardTransform:      { ...offlineParams.rewardTransform, default: 'none' as typeof offlineParams.rewardTransform.default },
  trainSteps:           count(2_000_000, 'gradient updates'),
  diffusionSteps:       count(5, 'T: steps of the chain, each of which the gradient passes', 2, 1000),
  schedule:             choice('vp', scheduleNames, 'noise schedule β_t'),
  sampler:              choice('ddpm', samplerNames, 'how actions are drawn where no gradient is needed'),
  solverCalls:          only('sampler', ['dpm', 'dpm++'], count(5, 'network calls of the solver')),
  guidance:             param(1, 'η: weight of the critic beside the diffusion loss', { min: 0 }),
  maxQBackup:           param(false, 'the TD target takes the largest of several next actions, per critic'),
  backupCandidates:     only('maxQBackup', [true], count(10, 'how many next actions that is')),
  evaluationCandidates: count(50, 'actions per state, of which one is drawn with probability ∝ exp(min_i Q_φ̄i)'),
  learningRate:         param(3e-4, 'Adam, of policy and critic', { min: 0 }),
  clipNorm:             param(5, 'largest gradient norm, of policy and critic each', { min: 0 }),
  tau:                  param(0.005, 'Polyak rate of the target critic and of the average policy', { min: 0, max: 1 }),
  averageEvery:         count(5, 'updates per step of the average policy'),
  averageAfter:         count(1000, 'updates before the average policy first moves', 0),
  hidden:               count(256, 'width of every hidden layer'),
}, {
  presets: { paper: {}, fast: { trainSteps: 200_000 } },
  tasks: { // authors' code
    'halfcheetah-medium-v2': { clipNorm: 9 }, 'halfcheetah-medium-replay-v2': { clipNorm: 2 }, 'halfcheetah-medium-expert-v2': { clipNorm: 7 },
    'hopper-medium-v2':      { clipNorm: 9 }, 'hopper-medium-replay-v2':      { clipNorm: 4 }, 'hopper-medium-expert-v2':      { clipNorm: 5 },
    'walker2d-medium-v2':    { clipNorm: 1 }, 'walker2d-medium-replay-v2':    { clipNorm: 4 }, 'walker2d-medium-expert-v2':    { clipNorm: 5 },
    'antmaze-umaze-v0':       { ...maze, guidance: 0.5, clipNorm: 2, maxQBackup: false }, 'antmaze-umaze-diverse-v0': { ...maze, guidance: 2, clipNorm: 3 },
    'antmaze-medium-play-v0': { ...maze, guidance: 2, clipNorm: 2, learningRate: 1e-3 }, 'antmaze-medium-diverse-v0': { ...maze, guidance: 3, clipNorm: 1 },
    'antmaze-large-play-v0':  { ...maze, guidance: 4.5, clipNorm: 10 }, 'antmaze-large-diverse-v0':  { ...maze, guidance: 3.5, clipNorm: 7 },
    'pen-human-v1':           { ...short, guidance: 0.15, clipNorm: 7, learningRate: 3e-5 }, 'pen-cloned-v1': { ...short, guidance: 0.1, clipNorm: 8, learningRate: 3e-5 },
    'kitchen-complete-v0':    { ...kitchen, clipNorm: 9, trainSteps: 250_000 }, 'kitchen-partial-v0': { ...kitchen, clipNorm: 10 }, 'kitchen-mixed-v0': { ...kitchen, clipNorm: 10 },
  },
});

type Config = Values<typeof hyperparameters>;

export class DiffusionQl implements Algorithm {
  readonly config: Config;
  readonly policy: NoiseNetwork;
  readonly averagePolicy: NoiseNetwork;
  readonly critic: TwinQ;
  readonly targetCritic: TwinQ;
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;
  readonly #ddpm: Ddpm;
  readonly #sampler: Sampler;
  readonly #policyOptimizer: Adam;
  readonly #criticOptimizer: Adam;
  readonly #updates = tf.variable(tf.scalar(0), false);

  constructor({ obsDim, actDim }: Sizes, config: Config, initial: Noise) {
    this.config = config;
    const { hidden, diffusionSteps: steps, learningRate, clipNorm, batchSize, trainSteps } = config;
    const options = { activation: 'mish', initializer: torchLinear } as const;
    const shape = { obsDim, actDim, steps, hidden, hiddenLayers: 3, timeDim: 16, timeHidden: 32 };
    const policy = () => new NoiseNetwork({ ...options, ...shape }, initial);
    const critic = () => new TwinQ({ ...options, sizes: [obsDim + actDim, hidden, hidden, hidden, 1] }, initial);
    [this.policy, this.averagePolicy] = withTarget(policy);
    [this.critic, this.targetCritic] = withTarget(critic);
    const schedule = makeSchedule(config.schedule, steps);
    this.#ddpm = new Ddpm(schedule);
    this.#sampler = makeSampler(config.sampler, schedule, config.solverCalls);
    this.#policyOptimizer = new Adam(this.policy.variables, { learningRate, clipNorm });
    this.#criticOptimizer = new Adam(this.critic.variables, { learningRate, clipNorm });
    const optimizers = [this.#policyOptimizer, this.#criticOptimizer];
    this.tunable = { learningRate: rate => optimizers.forEach(optimizer => void optimizer.setLearningRate(rate)) };
    this.variables = group({
      policy: this.policy.variables,
      averagePolicy: this.averagePolicy.variables,
      critic: this.critic.variables,
      targetCritic: this.targetCritic.variables,
      policyOptimizer: this.#policyOptimizer.state,
      criticOptimizer: this.#criticOptimizer.state,
      scalars: { updates: this.#updates },
    });
    const stage = { name: 'train', steps: trainSteps, batchSize, variables: this.variables };
    this.stages = [{ ...stage, update: (sample, _, noise) => this.#update(sample(), noise) }];
  }

  /** One of N actions a_j ~ π_θ(·|s), drawn with probability softmax_j(min_i Q_φ̄i(s, a_j)). */
  act(s: Tensor2D, _mode: 'explore' | 'exploit', noise: Noise): Tensor2D {
    const { evaluationCandidates: candidates } = this.config;
    const actions = this.#sampler.sample(this.policy, s, { candidates, name: 'act' }, noise);
    return drawByValue(judge(this.targetCritic, s, actions), noise);
  }

  #update(batch: Batch, noise: Noise): Metrics {
    const { averageEvery, averageAfter, tau } = this.config;
    const done = this.#updates.dataSync()[0]!;
    const critic = this.#updateCritic(batch, noise);
    const policy = this.#updatePolicy(batch, noise);
    if (done >= averageAfter && done % averageEvery === 0)
      polyak(this.averagePolicy.variables, this.policy.variables, tau);
    polyak(this.targetCritic.variables, this.critic.variables, tau);
    this.#updates.assign(tf.scalar(done + 1));
    return { ...critic, ...policy };
  }

  /** L(φ) = Σ_i E (Q_φi(s, a) − y)² */
  #updateCritic(batch: Batch, noise: Noise): Metrics {
    const { observations: s, actions: a } = batch;
    const y = this.tdTarget(batch, noise);
    return fitTwinQ(this.#criticOptimizer, this.critic, s, a, y);
  }

  /** y = r + γ (1 − terminated) min_i max_j Q_φ̄i(s', a'_j),  a'_j ~ π_θ̄(·|s'); one a' unless max-Q backup */
  tdTarget({ rewards: r, terminated, nextObservations: sNext }: Batch, noise: Noise): Tensor1D {
    const { maxQBackup, backupCandidates, discount } = this.config;
    const candidates = maxQBackup ? backupCandidates : 1;
    const aNext = this.#sampler.sample(this.averagePolicy, sNext, { candidates, name: 'target' }, noise);
    const each = this.targetCritic.both(tf.tile(sNext, [candidates, 1]), aNext);
    const [q1, q2] = each.map(q => tf.max<Tensor1D>(tf.reshape(q, [candidates, -1]), 0));
    return tf.add(r, tf.mul(tf.mul(tf.sub(1, terminated), discount), tf.minimum(q1!, q2!)));
  }

  #updatePolicy({ observations: s, actions: a }: Batch, noise: Noise): Metrics {
    const { loss, norm, diffusion, guide } = minimize(this.#policyOptimizer, () => this.loss(s, a, noise));
    return {
      'policy/loss': loss,
      'policy/gradNorm': norm,
      'policy/diffusionLoss': diffusion,
      'policy/guideLoss': guide,
    };
  }

  /** L(θ) = E ‖ε − ε_θ(x_t, t, s)‖² − η E Q_φi(s, ã) / E |Q_φj(s, ã)|,  (i, j) = (1, 2) or (2, 1) by chance */
  loss(s: Tensor2D, a: Tensor2D, noise: Noise) {
    const t = noise.integers('policy/t', a.shape[0], this.config.diffusionSteps);
    const epsilon = noise.normal('policy/epsilon', a.shape);
    const predicted = this.policy.apply(this.#ddpm.corrupt(a, t, epsilon), t, s);
    const sampled = this.#ddpm.sampleWithGradient(this.policy, s, { candidates: 1, name: 'policy' }, noise);
    const both = this.critic.both(s, sampled);
    const [value, other] = noise.uniform('policy/critic', [1]).dataSync()[0]! > 0.5 ? both : [both[1], both[0]];
    const diffusion = tf.mean<Scalar>(tf.square(tf.sub(predicted, epsilon)));
    const guide = tf.neg(tf.div<Scalar>(tf.mean(value), detach(tf.mean(tf.abs(other)))));
    const loss = tf.add<Scalar>(diffusion, tf.mul(guide, this.config.guidance));
    return { loss, diffusion, guide, predicted, sampled };
  }
}

export const diffusionQl: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'diffusion-ql',
  kind: 'offline',
  title: 'Diffusion Q-learning, Wang, Hunt & Zhou 2023, arXiv:2208.06193',
  hyperparameters,
  create: (sizes, config, initial) => new DiffusionQl(sizes, config, initial),
};
