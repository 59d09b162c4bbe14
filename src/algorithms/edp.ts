/**
 * What the three variants of EDP share. Efficient Diffusion Policies for Offline Reinforcement Learning, Kang et al.
 * 2023, NeurIPS, arXiv:2305.20081, sections 3 and 4: the diffusion policy with action approximation, its target, twin
 * critics, and the energy-based choice among sampled actions.
 *
 * Defaults are the paper's results: K = 1000 steps, sampled by DPM-Solver in 15 calls, one of 10 candidates. `--preset
 * code` is the authors' code as it starts: K = 100, the whole chain, 50 candidates. Gradient clips per task are the
 * code's (the paper's table has 5 for locomotion). One difference from the code: actions of the solver are clipped to
 * [−1, 1] in the TD target too.
 */

import { choice, count, only, param, type ValuesOf } from '../config/hyperparameters.ts';
import { cosine, offlineParams } from '../config/offline.ts';
import { drawByValue, judge } from '../diffusion/candidates.ts';
import { Ddpm } from '../diffusion/ddpm.ts';
import { makeSampler, type Sampler, samplerNames } from '../diffusion/sampler.ts';
import { elboWeights, makeSchedule } from '../diffusion/schedules.ts';
import { lecunNormal } from '../networks/init.ts';
import { NoiseNetwork } from '../networks/noiseNetwork.ts';
import type { TwinQ } from '../networks/twinQ.ts';
import { group, withTarget } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { polyak } from '../optim/polyak.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import type { Algorithm, Sizes, Variables } from './algorithm.ts';

// biome-ignore format: a table reads by columns
export const edpParams = {
  ...offlineParams,
  trainSteps:           count(2_000_000, 'gradient updates'),
  diffusionSteps:       count(1000, 'K: diffusion steps; betas are scaled by 1000/K', 25),
  sampler:              choice('dpm', samplerNames, 'how actions are drawn: the chain, DPM-Solver-3, or DPM-Solver++'),
  solverCalls:          only('sampler', ['dpm', 'dpm++'], count(15, 'network calls of the solver')),
  evaluationCandidates: count(10, 'actions per state, of which one is drawn with probability ∝ exp(min_i Q_i)'),
  learningRate:         param(3e-4, 'Adam, of every network', { min: 0 }),
  decayLearningRate:    param(false, 'cosine to 0, of the policy alone'),
  clipNorm:             param(5, 'largest gradient norm of each network', { min: 0 }),
  tau:                  param(0.005, 'Polyak rate of the targets', { min: 0, max: 1 }),
  targetPolicyEvery:    count(5, 'updates per step of the target policy'),
  targetPolicyAfter:    count(1000, 'updates before the target policy first moves', 0),
  actionLimit:          param(0.999, 'actions of the data are clipped to ± this', { min: 0, max: 1 }),
  hidden:               count(256, 'width of every hidden layer'),
};
export type EdpConfig = ValuesOf<typeof edpParams>;

export const edpPresets = {
  paper: { diffusionSteps: 1000, sampler: 'dpm', evaluationCandidates: 10 },
  code: { diffusionSteps: 100, sampler: 'ddpm', evaluationCandidates: 50 },
  fast: { trainSteps: 200_000 }, // for CPUs: hours instead of days; what it costs in score is not measured
} as const;

/** Settings per task: the code's gradient clips, and half the updates outside locomotion. `maze`: what mazes add. */
export function edpTasks<M extends object>(maze: M) {
  const short = { trainSteps: 1_000_000 };
  const antmaze = { ...short, ...maze };
  // biome-ignore format: a table reads by columns
  return {
    'halfcheetah-medium-v2': { clipNorm: 9 }, 'halfcheetah-medium-replay-v2': { clipNorm: 2 }, 'halfcheetah-medium-expert-v2': { clipNorm: 7 },
    'hopper-medium-v2':      { clipNorm: 9 }, 'hopper-medium-replay-v2':      { clipNorm: 4 }, 'hopper-medium-expert-v2':      { clipNorm: 5 },
    'walker2d-medium-v2':    { clipNorm: 1 }, 'walker2d-medium-replay-v2':    { clipNorm: 4 }, 'walker2d-medium-expert-v2':    { clipNorm: 5 },
    'antmaze-umaze-v0':       { ...antmaze, clipNorm: 2 },  'antmaze-umaze-diverse-v0':  { ...antmaze, clipNorm: 3 },
    'antmaze-medium-play-v0': { ...antmaze, clipNorm: 2 },  'antmaze-medium-diverse-v0': { ...antmaze, clipNorm: 1 },
    'antmaze-large-play-v0':  { ...antmaze, clipNorm: 10 }, 'antmaze-large-diverse-v0':  { ...antmaze, clipNorm: 7 },
    'pen-human-v1':           { ...short, clipNorm: 7 },    'pen-cloned-v1':             { ...short, clipNorm: 8 },
    'kitchen-complete-v0':    { ...short, clipNorm: 9 },    'kitchen-partial-v0':        { ...short, clipNorm: 10 },
    'kitchen-mixed-v0':       { ...short, clipNorm: 10 },
  };
}

/** A noised action of the data: x_k = √ᾱ_k a + √(1 − ᾱ_k) ε at a random step k, per row. */
export interface Noised {
  readonly s: Tensor2D;
  readonly x: Tensor2D;
  readonly k: Tensor1D;
  readonly epsilon: Tensor2D;
}

/** ε_θ, its target, and how actions are approximated, drawn and chosen. */
export class EdpPolicy {
  readonly config: EdpConfig;
  readonly network: NoiseNetwork;
  readonly target: NoiseNetwork;
  readonly sampler: Sampler;
  readonly optimizer: Adam;
  readonly variables: Variables;
  readonly #ddpm: Ddpm;
  readonly #recip: Tensor1D;
  readonly #recipm1: Tensor1D;
  readonly #elbo: Tensor1D;
  readonly #updates = tf.variable(tf.scalar(0), false);

  /** `extra`: variables that are trained with the network. */
  constructor({ obsDim, actDim }: Sizes, config: EdpConfig, initial: Noise, extra: Record<string, Variable> = {}) {
    this.config = config;
    const { diffusionSteps: steps, hidden, learningRate, clipNorm } = config;
    const shape = { obsDim, actDim, steps, hidden, hiddenLayers: 3, timeDim: 16, timeHidden: 32 };
    const options = { ...shape, activation: 'mish', initializer: lecunNormal, timeFeatures: 'edp' } as const;
    [this.network, this.target] = withTarget(() => new NoiseNetwork(options, initial));
    const schedule = makeSchedule('linear-scaled', steps);
    this.sampler = makeSampler(config.sampler, schedule, config.solverCalls);
    this.#ddpm = new Ddpm(schedule);
    this.#recip = tf.keep(tf.tensor1d(schedule.sqrtRecipAlphasCumprod));
    this.#recipm1 = tf.keep(tf.tensor1d(schedule.sqrtRecipm1AlphasCumprod));
    this.#elbo = tf.keep(tf.tensor1d(elboWeights(schedule)));
    this.optimizer = new Adam({ ...this.network.variables, ...extra }, { learningRate, clipNorm });
    this.variables = group({
      policy: { ...this.network.variables, ...extra },
      targetPolicy: this.target.variables,
      policyOptimizer: this.optimizer.state,
      scalars: { updates: this.#updates },
    });
  }

  /** One of N actions a_j ~ π_θ(·|s), drawn with probability softmax_j(min_i Q_φi(s, a_j)). */
  act(s: Tensor2D, critic: TwinQ, noise: Noise): Tensor2D {
    const { evaluationCandidates: candidates } = this.config;
    const actions = this.sampler.sample(this.network, s, { candidates, name: 'act' }, noise);
    return candidates === 1 ? actions : drawByValue(judge(critic, s, actions), noise);
  }

  /** Noises data at random steps: the draws that the diffusion loss and the approximate action share. */
  corrupt(s: Tensor2D, a: Tensor2D, noise: Noise): Noised {
    const k = noise.integers('policy/k', a.shape[0], this.config.diffusionSteps);
    const epsilon = noise.normal('policy/epsilon', a.shape) as Tensor2D;
    return { s, x: this.#ddpm.corrupt(a, k, epsilon), k, epsilon };
  }

  /** ê = ε_θ(x_k, k, s):  squared error per row, mean_d (ê − ε)²_d [B];  â = clip(x_k/√ᾱ_k − √(1/ᾱ_k − 1) ê, −1, 1) */
  approximate({ s, x, k, epsilon }: Noised): { error: Tensor1D; a0: Tensor2D; raw: Tensor2D } {
    const predicted = this.network.apply(x, k, s);
    const error = tf.mean<Tensor1D>(tf.square(tf.sub(predicted, epsilon)), 1);
    const [recip, recipm1] = [this.#recip, this.#recipm1].map(table => tf.gather(table, k).expandDims(1));
    const raw = tf.sub<Tensor2D>(tf.mul(recip!, x), tf.mul(recipm1!, predicted));
    return { error, a0: tf.clipByValue(raw, -1, 1), raw };
  }

  /** ω_k: weights of the squared errors in the evidence lower bound [B]. */
  elbo(k: Tensor1D): Tensor1D {
    return tf.gather(this.#elbo, k);
  }

  /** a' ~ π_θ̄(·|s'), N per state [N·B, A], row j·B + b. */
  next(sNext: Tensor2D, candidates: number, noise: Noise): Tensor2D {
    return this.sampler.sample(this.target, sNext, { candidates, name: 'target' }, noise);
  }

  /** The policy's learning rate before an update. */
  schedule(progress: number): void {
    if (this.config.decayLearningRate) this.optimizer.decay(rate => cosine(rate, progress));
  }

  /** θ̄ ← τ θ + (1 − τ) θ̄ every few updates, after the first thousand. */
  updateTarget(): void {
    const { targetPolicyEvery, targetPolicyAfter, tau } = this.config;
    const updates = this.#updates.dataSync()[0]! + 1;
    this.#updates.assign(tf.scalar(updates));
    if (updates <= targetPolicyAfter || updates % targetPolicyEvery !== 0) return;
    polyak(this.target.variables, this.network.variables, tau);
  }
}

/** ln N(a; â, σ²) [B], summed over dimensions: σ = 1, or exp(`logDeviation`) [A] kept in [e⁻⁵, e²]. */
export function gaussian(a: Tensor2D, a0: Tensor2D, logDeviation?: Tensor1D): Tensor1D {
  const error = tf.sub(a, a0);
  const log = logDeviation ? tf.clipByValue(logDeviation, -5, 2) : tf.zeros([a.shape[1]]);
  const half = tf.mul(tf.square(tf.mul(error, tf.exp(tf.neg(log)))), 0.5);
  return tf.neg(tf.sum<Tensor1D>(tf.add(tf.add(half, log), 0.5 * Math.log(2 * Math.PI)), 1));
}

/** One learning rate for every network, as in the code. */
export function edpTunable(...optimizers: readonly Adam[]): NonNullable<Algorithm['tunable']> {
  return { learningRate: rate => optimizers.forEach(optimizer => void optimizer.setLearningRate(rate)) };
}
