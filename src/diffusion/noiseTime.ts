import type { Schedule } from './schedules.ts';

/**
 * A variance-preserving diffusion in continuous time t ∈ (0, 1], as an ODE solver sees it: x_t = α_t x₀ + σ_t ε with
 * α_t² + σ_t² = 1. Half the logarithm of the signal-to-noise ratio, λ_t = ln(α_t/σ_t), falls with t.
 */
export interface NoiseTime {
  /** ln α_t. */
  logAlpha(t: number): number;
  /** The time at which λ_t has this value. */
  timeOf(lambda: number): number;
  /** K: entries of a discrete schedule, at times 1/K … 1; absent where time is continuous. */
  readonly steps?: number;
}

export interface NoiseLevel {
  readonly t: number;
  readonly alpha: number;
  readonly sigma: number;
  readonly logAlpha: number;
  readonly lambda: number;
}

export function noiseLevel(time: NoiseTime, t: number): NoiseLevel {
  const logAlpha = time.logAlpha(t);
  const variance = -Math.expm1(2 * logAlpha);
  return {
    t,
    logAlpha,
    alpha: Math.exp(logAlpha),
    sigma: Math.sqrt(variance),
    lambda: logAlpha - Math.log(variance) / 2,
  };
}

/** ln α from λ: −½ ln(1 + e^{−2λ}). */
function logAlphaOf(lambda: number): number {
  return -0.5 * softplus(-2 * lambda);
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** The linear schedule of continuous time: ln α_t = −t²(β₁ − β₀)/4 − tβ₀/2 (Song et al. 2021). */
export function linearTime(beta0 = 0.1, beta1 = 20): NoiseTime {
  return {
    logAlpha: t => (-t * t * (beta1 - beta0)) / 4 - (t * beta0) / 2,
    timeOf(lambda) {
      const c = -4 * (beta1 - beta0) * logAlphaOf(lambda); // t (β₁ − β₀) = √(β₀² + c) − β₀, without cancellation
      return c / (Math.sqrt(beta0 * beta0 + c) + beta0) / (beta1 - beta0);
    },
  };
}

/** Entry i of a falling table of ln α holds at time (i + 1)/K; linear in between and, continued, beyond both ends. */
export function tabulatedTime(logAlphas: ArrayLike<number>): NoiseTime {
  const values = Float64Array.from(logAlphas);
  const steps = values.length;
  const slope = (i: number) => values[i + 1]! - values[i]!;
  const segment = (i: number) => Math.min(Math.max(Math.floor(i), 0), steps - 2);
  return {
    steps,
    logAlpha(t) {
      const position = t * steps - 1;
      const i = segment(position);
      return values[i]! + (position - i) * slope(i);
    },
    timeOf(lambda) {
      const wanted = logAlphaOf(lambda);
      let [low, high] = [0, steps - 1];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (values[middle]! >= wanted) low = middle;
        else high = middle;
      }
      return (segment(low) + (wanted - values[segment(low)]!) / slope(segment(low)) + 1) / steps;
    },
  };
}

/** Time over the K steps of a discrete schedule: ln α = ½ ln ᾱ (EDP). */
export function scheduleTime(schedule: Schedule): NoiseTime {
  return tabulatedTime(schedule.alphasCumprod.map(product => 0.5 * Math.log(product)));
}

/**
 * Time over discrete betas as DPM-Solver's code takes it: entries with λ < −5.1 are cut off and the n remaining ones
 * spread over 1/n … 1, which relabels all times where something was cut (K = 100, not K = 1000).
 */
export function trimmedTime(betas: ArrayLike<number>): NoiseTime {
  let sum = 0;
  const logAlphas = Array.from(betas, beta => (sum += 0.5 * Math.log(1 - beta)));
  const kept = logAlphas.filter(l => l - 0.5 * Math.log(-Math.expm1(2 * l)) >= -5.1);
  return tabulatedTime(kept);
}
