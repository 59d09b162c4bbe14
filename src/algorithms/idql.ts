/**
 * IDQL: Implicit Q-Learning as an Actor-Critic Method with Diffusion Policies. Hansen-Estruch et al. 2023,
 * arXiv:2304.10573, Algorithm 1.
 *
 *   s, a, r, s'   observations, actions, rewards, nextObservations     ε_θ   behavior (θ̄: its average)
 *   Q_φ, V        critic, a pair (φ̄: its target), and value            N     candidates
 *   τ             expectile
 *
 * Settings are the authors' "-A" code: batch 512 (paper: 1024), AdamW with decay 1e-4, T = 5. The critic has no layer
 * norm, as in the paper (the code's launch file puts one in V). The chain clips x, not x₀; it differs from QVPO's.
 * Time reaches the network as the step's number. Not built: the 95/5 split for validation.
 */

import { choice, count, only, param, table, type Values } from '../config/hyperparameters.ts';
import { cosine, offlineParams } from '../config/offline.ts';
import type { Batch } from '../data/batch.ts';
import { best, judge } from '../diffusion/candidates.ts';
import { ClippedChain } from '../diffusion/clippedChain.ts';
import { samplerNames } from '../diffusion/sampler.ts';
import { makeSchedule, scheduleNames } from '../diffusion/schedules.ts';
import { xavierUniform } from '../networks/init.ts';
import { LnResNet } from '../networks/lnResNet.ts';
import { group, withTarget } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import { polyak } from '../optim/polyak.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Scalar, type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { IqlCritic } from './iqlCritic.ts';

const maze = { expectile: 0.9, candidates: 32, rewardTransform: 'minus-one' } as const;
const mazes = ['umaze', 'umaze-diverse', 'medium-play', 'medium-diverse', 'large-play', 'large-diverse'];

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...offlineParams,
  batchSize:            count(512, 'B: transitions per draw, of critic and behaviour'),
  criticSteps:          count(1_500_000, 'updates of V and Q; 0: none', 0),
  behaviorSteps:        count(3_000_000, 'updates of the diffusion model of the behaviour; 0: none', 0),
  candidates:           count(128, 'N: actions sampled from the behaviour, of which the best is taken'),
  expectile:            param(0.7, 'τ: which expectile of Q the value is', { min: 0, max: 1 }),
  diffusionSteps:       count(5, 'T: diffusion steps', 2, 1000),
  schedule:             choice('vp', scheduleNames, 'noise schedule β_t'),
  sampler:              choice('ddpm', samplerNames, 'how actions are drawn: the chain, DPM-Solver-3, or DPM-Solver++'),
  solverCalls:          only('sampler', ['dpm', 'dpm++'], count(5, 'network calls of the solver')),
  tau:                  param(0.005, 'Polyak rate of the target critic', { min: 0, max: 1 }),
  behaviorTau:          param(0.001, 'Polyak rate of the average behaviour', { min: 0, max: 1 }),
  criticLearningRate:   param(3e-4, 'Adam, of Q and V', { min: 0 }),
  behaviorLearningRate: param(3e-4, 'AdamW, cosine to 0', { min: 0 }),
  weightDecay:          param(1e-4, 'AdamW, of the behaviour', { min: 0 }),
  dropout:              param(0.1, 'of the behaviour', { min: 0, max: 0.99 }),
  blocks:               count(3, 'residual blocks of the behaviour'),
  criticLayers:         count(2, 'hidden layers of Q and V'),
  hidden:               count(256, 'width of every network'),
}, {
  presets: {
    paper: {},
    one: { criticSteps: 1_000_000, behaviorSteps: 2_000_000, candidates: 64 }, // "-1": one setting for all
    fast: { criticSteps: 300_000, behaviorSteps: 300_000, candidates: 32 },
  },
  tasks: Object.fromEntries(mazes.map(name => [`antmaze-${name}-v2`, maze])),
});

type Config = Values<typeof hyperparameters>;

export class Idql implements Algorithm {
  readonly config: Config;
  readonly behavior: LnResNet;
  readonly averageBehavior: LnResNet;
  readonly critic: IqlCritic;
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;
  readonly #chain: ClippedChain;
  readonly #sample: ClippedChain['sample'];
  readonly #optimizer: Adam;

  constructor(sizes: Sizes, config: Config, initial: Noise) {
    this.config = config;
    const { sampler, solverCalls, batchSize } = config;
    const shape = { ...sizes, hidden: config.hidden, blocks: config.blocks, dropout: config.dropout };
    const options = { ...shape, frequencyDeviation: 0.2, learnFrequencies: true, initializer: xavierUniform };
    [this.behavior, this.averageBehavior] = withTarget(() => new LnResNet(options, initial));
    this.critic = new IqlCritic(sizes, config, initial, xavierUniform);
    this.#chain = new ClippedChain(makeSchedule(config.schedule, config.diffusionSteps));
    const chain = this.#chain.sample.bind(this.#chain);
    this.#sample = sampler === 'ddpm' ? chain : this.#chain.solver(sampler, solverCalls);
    const { behaviorLearningRate: learningRate, weightDecay } = config;
    this.#optimizer = new Adam(this.behavior.trainable, { learningRate, weightDecay });
    const behavior = group({
      behavior: this.behavior.variables,
      averageBehavior: this.averageBehavior.variables,
      behaviorOptimizer: this.#optimizer.state,
    });
    this.tunable = {
      criticLearningRate: this.critic.setLearningRate,
      behaviorLearningRate: this.#optimizer.setLearningRate,
    };
    this.variables = { ...this.critic.variables, ...behavior };
    this.stages = [
      {
        name: 'critic',
        steps: config.criticSteps,
        batchSize,
        variables: this.critic.variables,
        update: sample => this.#updateCritic(sample()),
      },
      {
        name: 'behavior',
        steps: config.behaviorSteps,
        batchSize,
        variables: behavior,
        update: (sample, progress, noise) => this.#updateBehavior(sample(), progress, noise),
      },
    ];
  }

  /** a* = the one of N actions a_j ~ ε_θ̄(·|s) with the largest min_i Q_φ̄i(s, a_j) */
  act(s: Tensor2D, _mode: 'explore' | 'exploit', noise: Noise): Tensor2D {
    const states = tf.tile(s, [this.config.candidates, 1]);
    const model = (x: Tensor2D, step: number) => this.averageBehavior.apply(x, tf.fill([x.shape[0]], step), states);
    const actions = this.#sample(model, [states.shape[0], this.behavior.actDim], 'act', noise);
    return best(judge(this.critic.targetCritic, s, actions)).actions;
  }

  /** IQL's order: V, Q with the new V(s'), target. */
  #updateCritic(batch: Batch): Metrics {
    const value = this.critic.updateValue(batch);
    const critic = this.critic.updateCritic(batch, this.critic.v(batch.nextObservations));
    this.critic.updateTarget();
    return { ...value, ...critic };
  }

  /** L(θ) = E Σ_d (ε_θ(√ᾱ_t a + √(1 − ᾱ_t) ε, t, s) − ε)²_d,  t uniform over the steps */
  #updateBehavior({ observations: s, actions: a }: Batch, progress: number, noise: Noise): Metrics {
    const { diffusionSteps, behaviorTau } = this.config;
    const t = noise.integers('behavior/t', a.shape[0], diffusionSteps);
    const epsilon = noise.normal('behavior/epsilon', a.shape);
    const x = this.#chain.corrupt(a, t, epsilon);
    const drops = this.behavior.drops(a.shape[0], noise);
    this.#optimizer.decay(rate => cosine(rate, progress));
    const { loss, norm } = minimize(this.#optimizer, () => {
      const error = tf.sub(this.behavior.apply(x, tf.cast(t, 'float32') as Tensor1D, s, drops), epsilon);
      return { loss: tf.mean<Scalar>(tf.sum(tf.square(error), 1)) };
    });
    polyak(this.averageBehavior.trainable, this.behavior.trainable, behaviorTau);
    return { 'behavior/loss': loss, 'behavior/gradNorm': norm };
  }
}

export const idql: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'idql',
  kind: 'offline',
  title: 'Implicit diffusion Q-learning, Hansen-Estruch et al. 2023, arXiv:2304.10573',
  hyperparameters,
  create: (sizes, config, initial) => new Idql(sizes, config, initial),
};
