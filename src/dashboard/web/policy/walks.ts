import { linearTime, scheduleTime } from '../../../diffusion/noiseTime.ts';
import { makeSchedule, type Schedule, type ScheduleName } from '../../../diffusion/schedules.ts';
import {
  networkTimes,
  planSolver,
  type SamplerName,
  type SolverPlan,
  solverOptions,
} from '../../../diffusion/solverPlan.ts';
import { clip, type Draw } from './sampling.ts';

/** ε of K noisy actions x [K, A] at a step or time t and one observation. */
export interface Denoiser {
  readonly obsDim: number;
  readonly actDim: number;
  predict(x: Float32Array, rows: number, t: number, observation: Float32Array): Float32Array;
}

export interface Steps {
  readonly denoiser: Denoiser;
  readonly observation: Float32Array;
  readonly rows: number;
  readonly noiseRatio: number;
  readonly draw: Draw;
  /** Sees x [K, A] at every level; it is not kept. */
  readonly visit: (x: Float32Array) => void;
}

/** A way from noise to actions. */
export interface Walk {
  /** Noise levels passed through, the last is the action's. */
  readonly levels: readonly number[];
  /** x at the last level [K, A]. */
  run(steps: Steps): Float32Array;
}

/** Every step of a DDPM's reverse chain: x₀ = clip(recip x − recipm1 ε); x ← c₀ x₀ + c_x x + σ ξ (Ho et al. 2020). */
export function chainWalk(name: ScheduleName, count: number): Walk {
  const schedule = makeSchedule(name, count);
  const { sqrtRecipAlphasCumprod: recip, sqrtRecipm1AlphasCumprod: recipm1 } = schedule;
  const { posteriorMeanCoef1: coef0, posteriorMeanCoef2: coefX, posteriorLogVarianceClipped: log } = schedule;
  return discreteWalk(count, (x, e, t, i) => {
    const x0 = clip(recip[t]! * x - recipm1[t]! * e);
    return coef0[t]! * x0 + coefX[t]! * x + (t === 0 ? 0 : Math.exp(0.5 * log[t]!)) * i;
  });
}

/**
 * Every step of a chain that clips x itself (Hansen-Estruch et al. 2023, arXiv:2304.10573, and Psenka et al. 2023,
 * arXiv:2312.11752, by their codes): x ← clip((x − β_t/√(1 − ᾱ_t) ε)/√α_t + [t > 0] √β_t ξ, −1, 1).
 */
export function clippedWalk(name: ScheduleName, count: number): Walk {
  const { betas, sqrtOneMinusAlphasCumprod: scale } = makeSchedule(name, count);
  return discreteWalk(count, (x, e, t, i) => {
    const mean = (x - (betas[t]! / scale[t]!) * e) / Math.sqrt(1 - betas[t]!);
    return clip(t === 0 ? mean : mean + Math.sqrt(betas[t]!) * i);
  });
}

/** `step(x, ε, t, ξ)`: one number of x at step t − 1. */
function discreteWalk(count: number, step: (x: number, e: number, t: number, noise: number) => number): Walk {
  return {
    levels: Array.from({ length: count + 1 }, (_, i) => count - i),
    run({ denoiser, observation, rows, noiseRatio, draw, visit }) {
      const x = draw('initial', rows * denoiser.actDim);
      const noise = draw('steps', count * x.length);
      visit(x);
      for (let t = count - 1; t >= 0; t--) {
        const e = denoiser.predict(x, rows, t, observation);
        const at = (count - 1 - t) * x.length;
        for (let i = 0; i < x.length; i++) x[i] = step(x[i]!, e[i]!, t, noiseRatio * noise[at + i]!);
        visit(x);
      }
      return x;
    },
  };
}

/** A named solver over the steps of a schedule; `limit`: how EDP keeps ε in bounds, otherwise the estimate of x₀ is clipped. */
export function solverWalk(
  name: Exclude<SamplerName, 'ddpm'>,
  schedule: Schedule,
  calls: number,
  limit: 'epsilon' | 'x0',
): Walk {
  const { steps } = schedule;
  const plan = planSolver(scheduleTime(schedule), solverOptions(name, schedule, calls));
  const times = limit === 'epsilon' ? networkTimes(plan, steps) : plan.calls.map(({ level }) => level.t * steps - 1);
  const bound = limit === 'epsilon' && plan.prediction === 'noise' ? boundOf(schedule, times) : undefined;
  return planWalk(plan, times, [...plan.calls.map(({ level }) => level.t * steps), 0], bound);
}

/** DPM-Solver++ of order 2 on the linear schedule of continuous time, even in λ: the teacher of SRPO. */
export function teacherWalk(calls: number): Walk {
  const order = Math.min(2, calls);
  const options = { prediction: 'data', method: 'multistep', order, calls, spacing: 'logSnr', end: 1e-3 } as const;
  const plan = planSolver(linearTime(), options);
  const times = plan.calls.map(({ level }) => level.t);
  return planWalk(plan, times, [...times, options.end]);
}

/** ε clipped so that √(1/ᾱ_j) x − √(1/ᾱ_j − 1) ε, the estimate of x₀ at the step j below a call's time, lies in [−1, 1]. */
function boundOf(schedule: Schedule, times: readonly number[]): (e: number, x: number, call: number) => number {
  return (e, x, call) => {
    const j = Math.max(0, Math.trunc(times[call]!));
    const [recip, recipm1] = [schedule.sqrtRecipAlphasCumprod[j]!, schedule.sqrtRecipm1AlphasCumprod[j]!];
    return Math.min(Math.max(e, (recip * x - 1) / recipm1), (recip * x + 1) / recipm1);
  };
}

function planWalk(
  plan: SolverPlan,
  times: readonly number[],
  levels: readonly number[],
  bound?: (e: number, x: number, call: number) => number,
): Walk {
  const estimate = (e: number, x: number, call: number) => {
    const { alpha, sigma } = plan.calls[call]!.level;
    const x0 = clip((x - sigma * e) / alpha);
    return plan.prediction === 'data' ? x0 : (x - alpha * x0) / sigma;
  };
  const output = bound ?? estimate;
  return {
    levels,
    run({ denoiser, observation, rows, draw, visit }) {
      const states = [draw('initial', rows * denoiser.actDim)];
      const outputs: Float32Array[] = [];
      visit(states[0]!);
      plan.calls.forEach(({ base, keep, weights }, call) => {
        const x = states[call]!;
        outputs.push(denoiser.predict(x, rows, times[call]!, observation).map((e, i) => output(e, x[i]!, call)));
        const next = states[base]!.map(value => (keep === 0 ? 0 : keep * value));
        for (const [of, weight] of weights) for (let i = 0; i < next.length; i++) next[i]! += weight * outputs[of]![i]!;
        states.push(next);
        visit(next);
      });
      return states.at(-1)!;
    },
  };
}
