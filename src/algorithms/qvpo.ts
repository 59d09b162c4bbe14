/**
 * QVPO: Q-weighted Variational Policy Optimization. Ding et al. 2024, NeurIPS, arXiv:2405.16173, Algorithm 1.
 *
 *   s, a, r, s'   observations, actions, rewards, nextObservations     ε_θ   denoiser (θ̄: targetDenoiser)
 *   N_d           candidates: actions sampled per state to train on    Q_φ   critic, a pair (φ̄: targetCritic)
 *   K_b, K_t, K_e behaviour, target and evaluation candidates          ω     weights of the denoising loss
 *
 * Where paper and authors' code differ, the code is followed: uniform actions are weighted in proportion to their own
 * state's advantage. One difference remains by default: a time limit is a truncation and bootstraps. The code treats it
 * as a termination; `--preset paper` (or `--time-limit terminal`) does too.
 */

import { choice, count, only, param, table, type Values } from '../config/hyperparameters.ts';
import { onlineParams } from '../config/online.ts';
import type { Batch } from '../data/batch.ts';
import { best, judge, repeatRows, top } from '../diffusion/candidates.ts';
import { Ddpm } from '../diffusion/ddpm.ts';
import { makeSampler, type Sampler, samplerNames } from '../diffusion/sampler.ts';
import { makeSchedule, scheduleNames } from '../diffusion/schedules.ts';
import { group } from '../networks/variables.ts';
import { minimize } from '../optim/minimize.ts';
import type { Noise } from '../tensor/noise.ts';
import { bootstrap } from '../tensor/ops/softValue.ts';
import { type Scalar, type Tensor1D, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { DiffusionActorCritic } from './diffusionActorCritic.ts';
import { fitTwinQ } from './fitTwinQ.ts';
import { QStatistics, qTransformNames, qTransforms } from './qTransforms.ts';

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...onlineParams,
  batchSize:            count(256, 'B: transitions per draw; the critic and the policy each take their own'),
  discount:             param(0.99, 'γ', { min: 0, max: 1 }),
  tau:                  param(0.005, 'Polyak rate of the target networks', { min: 0, max: 1 }),
  diffusionSteps:       count(20, 'T: steps of the denoising chain', 2, 1000),
  schedule:             choice('cosine', scheduleNames, 'noise schedule β_t'),
  sampler:              choice('ddpm', samplerNames, 'how actions are drawn: the chain, DPM-Solver-3, or DPM-Solver++'),
  solverCalls:          only('sampler', ['dpm', 'dpm++'], count(5, 'network calls of the solver')),
  noiseRatio:           param(1, 'ν: scale of the noise added at each denoising step', { min: 0 }),
  candidates:           count(64, 'N_d: actions sampled per state to train on the best'),
  uniformCandidates:    count(0, 'uniform actions judged beside the N_d samples', 0),
  chosen:               count(1, 'how many of the candidates are trained on'),
  behaviorCandidates:   count(4, 'K_b: best-of-K actions while training'),
  targetCandidates:     count(4, 'K_t: best-of-K actions in the TD target'),
  evaluationCandidates: count(32, 'K_e: best-of-K actions in evaluations'),
  deterministicEvaluation: param(false, 'evaluate with ν = 0; the initial noise stays random'),
  explorationRate:      param(0, 'ε: probability of a single sample instead of the best of K_b', { min: 0, max: 1 }),
  qTransform:           choice('qadv', qTransformNames, 'how the values of the chosen actions become weights'),
  qBeta:                param(1, 'β of qexpn, qcut0n, qcut1n', { min: 0 }),
  qNegative:            param(0, 'shift of qrelu: max(q, −shift) + shift', { min: 0 }),
  qCut:                 param(1, 'floor of qcut'),
  statisticsRate:       param(0.001, 'rate of the running mean and deviation of the candidate values', { min: 0, max: 1 }),
  uniformActions:       count(10, 'M: uniform actions per state, the entropy term', 0),
  entropyWeight:        param(0.02, 'α: weight of each uniform action, relative to its state\'s own', { min: 0 }),
  entropyWeightFloor:   param(0.002, 'α falls linearly with the steps, to this', { min: 0 }),
  policyLearningRate:   param(1e-4, 'Adam', { min: 0 }),
  criticLearningRate:   param(3e-4, 'Adam', { min: 0 }),
  adamEpsilon:          param(1e-5, 'Adam', { min: 0 }),
  clipNorm:             param(2, 'largest global gradient norm, critic and policy each; 0: no limit', { min: 0 }),
  policyEvery:          count(1, 'critic updates per policy update'),
  hidden:               count(256, 'width of every hidden layer'),
}, {
  presets: {
    paper: { timeLimit: 'terminal' },
    // For CPUs: 13 × less arithmetic a step, the same share of uniform actions (α M), no clipped gradients: README.md, "fast".
    fast: {
      diffusionSteps: 5, candidates: 16, uniformCandidates: 16, evaluationCandidates: 16, policyEvery: 2, uniformActions: 2,
      entropyWeight: 0.1, entropyWeightFloor: 0.01, policyLearningRate: 3e-4, adamEpsilon: 1e-8, clipNorm: 0,
    },
  },
});

type Config = Values<typeof hyperparameters>;

export class Qvpo implements Algorithm {
  readonly config: Config;
  readonly networks: DiffusionActorCritic;
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;
  readonly #ddpm: Ddpm;
  readonly #sampler: Sampler;
  readonly #statistics: QStatistics;
  /** α */
  readonly #entropyWeight: Variable;
  readonly #alpha: { initial: number };
  readonly #updates = tf.variable(tf.scalar(0), false);

  constructor(sizes: Sizes, config: Config, initial: Noise) {
    this.config = config;
    const schedule = makeSchedule(config.schedule, config.diffusionSteps);
    this.#ddpm = new Ddpm(schedule);
    this.#sampler = makeSampler(config.sampler, schedule, config.solverCalls);
    this.networks = new DiffusionActorCritic(sizes, config, initial);
    this.#statistics = new QStatistics(config.statisticsRate);
    this.#entropyWeight = tf.variable(tf.scalar(config.entropyWeight), false);
    this.#alpha = { initial: config.entropyWeight };
    this.tunable = { ...this.networks.tunable, entropyWeight: x => void Object.assign(this.#alpha, { initial: x }) };
    this.stages = [{ name: 'train', batchSize: config.batchSize, update: this.#update.bind(this) }];
    const scalars = { entropyWeight: this.#entropyWeight, updates: this.#updates };
    this.variables = { ...this.networks.variables, ...group({ statistics: this.#statistics.variables, scalars }) };
  }

  /** π^K(s): of K samples from π_θ(·|s), the one of largest min_i Q_φi. */
  act(s: Tensor2D, mode: 'explore' | 'exploit', noise: Noise): Tensor2D {
    const { behaviorCandidates, evaluationCandidates, explorationRate, noiseRatio, deterministicEvaluation } =
      this.config;
    const explore = mode === 'explore';
    const plain = explore && explorationRate > 0 && noise.uniform('explore', [1]).dataSync()[0]! <= explorationRate;
    const candidates = plain ? 1 : explore ? behaviorCandidates : evaluationCandidates;
    const ratio = !explore && deterministicEvaluation ? 0 : noiseRatio;
    const { denoiser, critic } = this.networks;
    const actions = this.#sampler.sample(denoiser, s, { candidates, noiseRatio: ratio, name: 'act' }, noise);
    return candidates === 1 ? actions : best(judge(critic, s, actions)).actions;
  }

  #update(sample: () => Batch, progress: number, noise: Noise): Metrics {
    const [{ policyEvery, tau, entropyWeightFloor }, { initial: entropyWeight }] = [this.config, this.#alpha];
    const updates = this.#updates.dataSync()[0]! + 1;
    const critic = this.#updateCritic(sample(), noise);
    const policy = updates % policyEvery === 0 ? this.#updatePolicy(sample().observations, noise) : {};
    this.networks.updateTargets(tau);
    const annealed = Math.min(entropyWeight, Math.max(entropyWeightFloor, entropyWeight * (1 - progress)));
    this.#entropyWeight.assign(tf.scalar(annealed));
    this.#updates.assign(tf.scalar(updates));
    return { ...critic, ...policy };
  }

  /** y = r + γ (1 − terminated) min_i Q_φ̄i(s', a'),  a' = best of K_t samples from π_θ̄(·|s') */
  #updateCritic(batch: Batch, noise: Noise): Metrics {
    const { observations: s, actions: a, rewards: r, terminated, nextObservations: sNext } = batch;
    const { discount, targetCandidates: candidates, noiseRatio } = this.config;
    const { critic, criticOptimizer, targetCritic, targetDenoiser } = this.networks;
    const aNext = this.#sampler.sample(targetDenoiser, sNext, { candidates, noiseRatio, name: 'target' }, noise);
    const qNext = best(judge(targetCritic, sNext, aNext)).q;
    const y = bootstrap({ rewards: r, terminated }, discount, [qNext]);
    return fitTwinQ(criticOptimizer, critic, s, a, y);
  }

  /** L(θ) = E ω(s, a) ‖ε − ε_θ(√ᾱ_t a + √(1 − ᾱ_t) ε, t, s)‖² over chosen and uniform actions (Theorem 1 and its entropy term) */
  #updatePolicy(states: Tensor2D, noise: Noise): Metrics {
    const { s, a, weights } = this.rows(states, noise);
    const t = noise.integers('loss/t', a.shape[0], this.config.diffusionSteps);
    const epsilon = noise.normal('loss/epsilon', a.shape);
    const x = this.#ddpm.corrupt(a, t, epsilon);
    const { denoiser, denoiserOptimizer } = this.networks;
    const { loss, norm } = minimize(denoiserOptimizer, () => {
      const error = tf.square(tf.sub(denoiser.apply(x, t, s), epsilon));
      return { loss: tf.mean<Scalar>(tf.mul(weights.expandDims(1), error)) };
    });
    return {
      'policy/loss': loss,
      'policy/gradNorm': norm,
      'policy/weight': tf.mean<Scalar>(weights),
      'policy/entropyWeight': this.#entropyWeight.dataSync()[0]!,
    };
  }

  /**
   * a* = the k of N_d candidates a_j ~ π_θ(·|s) with the largest q_j = min_i Q_φi(s, a_j);  v = mean_j q_j. Uniform
   * candidates compete for a* but do not count in v, so a policy that has collapsed still finds better actions.
   */
  chosen(states: Tensor2D, noise: Noise) {
    const { candidates, uniformCandidates, chosen, noiseRatio } = this.config;
    const options = { candidates, noiseRatio, name: 'candidates' };
    const own = this.#sampler.sample(this.networks.denoiser, states, options, noise);
    const shape = [uniformCandidates * states.shape[0], own.shape[1]];
    const uniform = uniformCandidates > 0 ? [noise.uniform('uniformCandidates', shape, -1, 1) as Tensor2D] : [];
    const judged = judge(this.networks.critic, states, tf.concat2d([own, ...uniform], 0));
    const { actions: a, q } = top(chosen, judged);
    const ownQ = tf.slice2d(judged.q, [0, 0], [-1, candidates]);
    return { s: repeatRows(states, chosen), a, q, v: tf.mean<Tensor1D>(ownQ, 1), ownQ };
  }

  /** Rows of the loss: the chosen actions with ω(s, a), then M uniform actions per row with α ω(s, a) each */
  rows(states: Tensor2D, noise: Noise) {
    const { s, a, q, v, ownQ } = this.chosen(states, noise);
    this.#statistics.track(ownQ);
    const { qTransform, chosen, uniformActions: M } = this.config;
    const omega = qTransforms[qTransform]({ q, v: repeatRows(v, chosen), ...this.#statistics }, this.config);
    if (M === 0) return { s, a, weights: omega };
    const uniform = noise.uniform('uniformActions', [M * a.shape[0], a.shape[1]], -1, 1) as Tensor2D;
    const alphaOmega = tf.tile(omega.mul<Tensor1D>(this.#entropyWeight), [M]);
    return {
      s: tf.tile(s, [1 + M, 1]),
      a: tf.concat2d([a, uniform], 0),
      weights: tf.concat1d([omega, alphaOmega]),
    };
  }
}

export const qvpo: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'qvpo',
  kind: 'online',
  title: 'Q-weighted variational policy optimization, Ding et al. 2024, arXiv:2405.16173',
  hyperparameters,
  create: (sizes, config, initial) => new Qvpo(sizes, config, initial),
};
