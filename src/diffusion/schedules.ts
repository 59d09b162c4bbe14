/**
 * Noise schedules of discrete-time diffusion (DDPM, Ho et al. 2020) and the tables derived from them, one entry per
 * step t = 0 … T−1. Every operation is rounded to float32 in the order given, as in the float32 code of the field; the
 * last cosine β (0.999) must be rounded before α = 1 − β is formed, or ᾱ is off by 5e-5.
 */
export interface Schedule {
  readonly steps: number;
  readonly betas: Float32Array;
  readonly alphasCumprod: Float32Array; // ᾱ_t
  readonly alphasCumprodPrev: Float32Array; // ᾱ_{t−1}, ᾱ_{−1} = 1
  readonly sqrtAlphasCumprod: Float32Array;
  readonly sqrtOneMinusAlphasCumprod: Float32Array;
  readonly logOneMinusAlphasCumprod: Float32Array;
  readonly sqrtRecipAlphasCumprod: Float32Array; // √(1/ᾱ_t)
  readonly sqrtRecipm1AlphasCumprod: Float32Array; // √(1/ᾱ_t − 1)
  readonly posteriorVariance: Float32Array; // v_t
  readonly posteriorLogVarianceClipped: Float32Array; // ln max(v_t, 1e-20)
  readonly posteriorMeanCoef1: Float32Array; // weight of x₀
  readonly posteriorMeanCoef2: Float32Array; // weight of x_t
}

/** The names that a table of hyperparameters offers; `linear-scaled` belongs to EDP. */
export const scheduleNames = ['cosine', 'linear', 'vp'] as const;
export type ScheduleName = (typeof scheduleNames)[number] | 'linear-scaled';

/** The tables of a named schedule with T steps. */
export function makeSchedule(name: ScheduleName, steps: number): Schedule {
  return scheduleFromBetas(betasOf[name](steps));
}

const betasOf: Record<ScheduleName, (steps: number) => Float32Array> = {
  /** β_i = clip(1 − f(u_{i+1}) / f(u_i), 0, 0.999), f(u) = cos²((u + 0.008)/1.008 · π/2), u_i = i/T (Nichol & Dhariwal 2021). */
  cosine(steps) {
    const at = (i: number) => Math.cos(((((i * (steps + 1)) / steps / (steps + 1) + 0.008) / 1.008) * Math.PI) / 2);
    const first = at(0) * at(0);
    const f = (i: number) => (at(i) * at(i)) / first;
    return Float32Array.from({ length: steps }, (_, i) => Math.min(Math.max(1 - f(i + 1) / f(i), 0), 0.999));
  },
  /** T points from 1e-4 to 2e-2, not rescaled with T. */
  linear(steps) {
    const [low, high] = [1e-4, 2e-2];
    return Float32Array.from({ length: steps }, (_, i) => (steps === 1 ? low : low + (i * (high - low)) / (steps - 1)));
  },
  /** T points from (1000/T)·1e-4 to (1000/T)·2e-2: the same ᾱ at the end, whatever T (EDP). */
  'linear-scaled'(steps) {
    const [low, high] = [0.1 / steps, 20 / steps];
    return Float32Array.from({ length: steps }, (_, i) => low + (i * (high - low)) / Math.max(1, steps - 1));
  },
  /** β_t = 1 − exp(−b_min/T − ½(b_max − b_min)(2t − 1)/T²), t = 1 … T, b_min = 0.1, b_max = 10 (Xiao et al. 2022). */
  vp(steps) {
    const beta = (t: number) => 1 - Math.exp(-0.1 / steps - (0.5 * (10 - 0.1) * (2 * t - 1)) / (steps * steps));
    return Float32Array.from({ length: steps }, (_, i) => beta(i + 1));
  },
};

/** All tables from float32 betas. */
export function scheduleFromBetas(betas: Float32Array): Schedule {
  const round = Math.fround;
  const each = (formula: (t: number) => number) => Float32Array.from(betas, (_, t) => formula(t));
  const alphas = each(t => 1 - betas[t]!);
  let product = 1; // in float64
  const alphasCumprod = each(t => (product *= alphas[t]!));
  const alphasCumprodPrev = each(t => (t === 0 ? 1 : alphasCumprod[t - 1]!));
  const oneMinus = each(t => 1 - alphasCumprod[t]!);
  const oneMinusPrev = each(t => 1 - alphasCumprodPrev[t]!);
  const recip = each(t => 1 / alphasCumprod[t]!);
  const posteriorVariance = each(t => round(betas[t]! * oneMinusPrev[t]!) / oneMinus[t]!);
  return {
    steps: betas.length,
    betas,
    alphasCumprod,
    alphasCumprodPrev,
    sqrtAlphasCumprod: each(t => Math.sqrt(alphasCumprod[t]!)),
    sqrtOneMinusAlphasCumprod: each(t => Math.sqrt(oneMinus[t]!)),
    logOneMinusAlphasCumprod: each(t => Math.log(oneMinus[t]!)),
    sqrtRecipAlphasCumprod: each(t => Math.sqrt(recip[t]!)),
    sqrtRecipm1AlphasCumprod: each(t => Math.sqrt(round(recip[t]! - 1))),
    posteriorVariance,
    posteriorLogVarianceClipped: each(t => Math.log(Math.max(posteriorVariance[t]!, round(1e-20)))),
    posteriorMeanCoef1: each(t => round(betas[t]! * round(Math.sqrt(alphasCumprodPrev[t]!))) / oneMinus[t]!),
    posteriorMeanCoef2: each(t => round(oneMinusPrev[t]! * round(Math.sqrt(alphas[t]!))) / oneMinus[t]!),
  };
}

/** Weights of the denoising errors in the evidence lower bound, β_t / (2 α_t (1 − ᾱ_t)), scaled to a mean of 1 over t. */
export function elboWeights({ betas, alphasCumprod, steps }: Schedule): Float32Array {
  const weights = Float32Array.from(betas, (beta, t) => beta / (2 * (1 - beta) * Math.fround(1 - alphasCumprod[t]!)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map(weight => (weight * steps) / sum);
}
