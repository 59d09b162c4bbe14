import { UsageError } from '../errors.ts';
import type { NoiseNetwork } from '../networks/noiseNetwork.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Tensor2D, tf } from '../tensor/tf.ts';
import { Ddpm, type SampleOptions } from './ddpm.ts';
import { planSolver, type SolverOptions, type SolverPlan, type SolverTrace, solve } from './dpmSolver.ts';
import { scheduleTime } from './noiseTime.ts';
import type { Schedule } from './schedules.ts';

/** Draws actions a ~ π_θ(·|s) without gradient: [K·B, A] in [−1, 1], row k·B + b for observation b. */
export interface Sampler {
  sample(network: NoiseNetwork, s: Tensor2D, options: SampleOptions, noise: Noise): Tensor2D;
}

/**
 * ddpm: every step of the chain, with noise. dpm: DPM-Solver-3, singlestep, of noise predictions (EDP). dpm++:
 * DPM-Solver++(2M), multistep, of clean samples. The solvers add no noise, and take as many calls as they are given.
 */
export const samplerNames = ['ddpm', 'dpm', 'dpm++'] as const;
export type SamplerName = (typeof samplerNames)[number];

/** Throws `UsageError` where the calls cannot support the solver's order. */
export function makeSampler(name: SamplerName, schedule: Schedule, calls: number): Sampler {
  return name === 'ddpm' ? new Ddpm(schedule) : new DpmSampler(schedule, solverOptions(name, schedule, calls));
}

/** Noise at a schedule's first step beyond which a solver spends its last call on removing it: coarse schedules. */
const RESIDUE = 0.05;

/** A named solver on a schedule. Throws `UsageError` where the calls cannot support its order. */
export function solverOptions(name: Exclude<SamplerName, 'ddpm'>, schedule: Schedule, calls: number): SolverOptions {
  const finalDenoise = schedule.sqrtOneMinusAlphasCumprod[0]! > RESIDUE;
  const order = name === 'dpm' ? 3 : 2;
  const least = order + (finalDenoise ? 1 : 0);
  if (calls < least)
    throw new UsageError(`${calls} network calls are too few for the sampler ${name}, of order ${order}`, [
      ['use', `--solver-calls ${least} or more`],
      ['or', '--sampler ddpm'],
    ]);
  const variant = name === 'dpm' ? (['noise', 'singlestep'] as const) : (['data', 'multistep'] as const);
  return { prediction: variant[0], method: variant[1], order, calls: finalDenoise ? calls - 1 : calls, finalDenoise };
}

/** DPM-Solver on the steps of a discrete schedule, for a network that takes steps 0 … T−1, here fractional: t·T − 1. */
export class DpmSampler implements Sampler {
  readonly plan: SolverPlan;
  /** The network's time at each call. */
  readonly networkTimes: readonly number[];
  readonly #schedule: Schedule;

  constructor(schedule: Schedule, options: SolverOptions) {
    const time = scheduleTime(schedule);
    this.#schedule = schedule;
    this.plan = planSolver(time, options);
    const round = Math.fround;
    const { steps } = schedule;
    this.networkTimes = this.plan.calls.map(({ level }) => round(round(level.t - round(1 / steps)) * steps));
  }

  sample(network: NoiseNetwork, s: Tensor2D, { candidates, name }: SampleOptions, noise: Noise): Tensor2D {
    const initial = noise.normal(`${name}/initial`, [candidates * s.shape[0], network.actDim]) as Tensor2D;
    return tf.tidy(() => tf.clipByValue(this.trace(network, s, initial).states.at(-1)!, -1, 1));
  }

  /** All states and predictions from x [K·B, A]. The last state is not clipped. */
  trace(network: NoiseNetwork, s: Tensor2D, x: Tensor2D): SolverTrace & { readonly raw: readonly Tensor2D[] } {
    const rows = x.shape[0];
    const observations = tf.tile(s, [rows / s.shape[0], 1]);
    const embeddings = network.embeddingsAt(this.networkTimes);
    const raw: Tensor2D[] = [];
    const predict = (x: Tensor2D, call: number) => {
      const e = tf.tile(tf.slice2d(embeddings, [call, 0], [1, -1]), [rows, 1]);
      raw.push(network.body.apply([x, e, observations]));
      return this.plan.prediction === 'noise' ? this.#limit(raw.at(-1)!, x, call) : raw.at(-1)!;
    };
    return { ...solve(this.plan, predict, x, this.plan.prediction === 'data' ? 1 : undefined), raw };
  }

  /** Step j below the network's time of a call: EDP limits the noise by that step's table. */
  step(call: number): number {
    return Math.max(0, Math.trunc(this.networkTimes[call]!));
  }

  /** ε clipped so that √(1/ᾱ_j) x − √(1/ᾱ_j − 1) ε, the estimate of x₀, lies in [−1, 1]. */
  #limit(epsilon: Tensor2D, x: Tensor2D, call: number): Tensor2D {
    const recip = this.#schedule.sqrtRecipAlphasCumprod[this.step(call)]!;
    const recipm1 = this.#schedule.sqrtRecipm1AlphasCumprod[this.step(call)]!;
    const low = tf.div(tf.sub(tf.mul(x, recip), 1), recipm1);
    const high = tf.div(tf.add(tf.mul(x, recip), 1), recipm1);
    return tf.minimum(tf.maximum(epsilon, low), high);
  }
}
