import type { NoiseNetwork } from '../networks/noiseNetwork.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Tensor2D, tf } from '../tensor/tf.ts';
import { Ddpm, type SampleOptions } from './ddpm.ts';
import { type SolverTrace, solve } from './dpmSolver.ts';
import { scheduleTime } from './noiseTime.ts';
import type { Schedule } from './schedules.ts';
import {
  networkTimes,
  planSolver,
  type SamplerName,
  type SolverOptions,
  type SolverPlan,
  solverOptions,
} from './solverPlan.ts';

export { samplerNames } from './solverPlan.ts';

/** Draws actions a ~ π_θ(·|s) without gradient: [K·B, A] in [−1, 1], row k·B + b for observation b. */
export interface Sampler {
  sample(network: NoiseNetwork, s: Tensor2D, options: SampleOptions, noise: Noise): Tensor2D;
}

/** Throws `UsageError` where the calls cannot support the solver's order. */
export function makeSampler(name: SamplerName, schedule: Schedule, calls: number): Sampler {
  return name === 'ddpm' ? new Ddpm(schedule) : new DpmSampler(schedule, solverOptions(name, schedule, calls));
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
    this.networkTimes = networkTimes(this.plan, schedule.steps);
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
