import { Rng } from '../../../random/rng.ts';

/** K candidates at one observation, through all their denoising steps. */
export interface Candidates {
  readonly candidates: number;
  readonly actDim: number;
  /** Noise levels passed through, from noise to action; the last is 0. */
  readonly levels: readonly number[];
  /** x at each level: [levels, K, A]. */
  readonly paths: Float32Array;
  /** The finished actions [K, A]. */
  readonly actions: Float32Array;
  /** min(Q₁, Q₂), and their difference, of each [K]; empty without a critic. */
  readonly q: Float32Array;
  readonly disagreement: Float32Array;
  /** Index of the best (or drawn) candidate. */
  readonly chosen: number;
  readonly milliseconds: number;
}

/** Where the sampler draws its noise: standard normal numbers, in the order asked for. */
export type Draw = (name: string, count: number) => Float32Array;

export function seededDraw(seed: number): Draw {
  const root = new Rng(seed);
  return (name, count) => {
    const stream = root.split(name);
    return Float32Array.from({ length: count }, () => stream.normal());
  };
}

/** Reverse chain of a DDPM, step t: x₀ = clip(recip x − recipm1 ε); x ← c₀ x₀ + c_x x + σ ξ. */
export interface Chain {
  readonly recip: Float32Array;
  readonly recipm1: Float32Array;
  readonly coef0: Float32Array;
  readonly coefX: Float32Array;
  readonly sigma: Float32Array;
}

/** Tables from float32 betas, rounded as the field's float32 code rounds them (Ho et al. 2020). */
export function chainFromBetas(betas: Float32Array): Chain {
  const f = Math.fround;
  const n = betas.length;
  const table = (formula: (t: number) => number) => Float32Array.from({ length: n }, (_, t) => formula(t));
  const alphas = table(t => 1 - betas[t]!);
  let product = 1;
  const bar = table(t => {
    product *= alphas[t]!;
    return product;
  });
  const before = table(t => (t === 0 ? 1 : bar[t - 1]!));
  const variance = table(t => f(betas[t]! * f(1 - before[t]!)) / f(1 - bar[t]!));
  return {
    recip: table(t => Math.sqrt(f(1 / bar[t]!))),
    recipm1: table(t => Math.sqrt(f(f(1 / bar[t]!) - 1))),
    coef0: table(t => f(betas[t]! * f(Math.sqrt(before[t]!))) / f(1 - bar[t]!)),
    coefX: table(t => f(f(1 - before[t]!) * f(Math.sqrt(alphas[t]!))) / f(1 - bar[t]!)),
    sigma: table(t => (t === 0 ? 0 : Math.exp(0.5 * Math.log(Math.max(variance[t]!, 1e-20))))),
  };
}

/** β of the named schedules: cosine (Nichol & Dhariwal 2021), linear, linear-scaled, vp. */
export function betasOf(name: string, steps: number): Float32Array {
  const make = (formula: (i: number) => number) => Float32Array.from({ length: steps }, (_, i) => formula(i));
  const ramp = (low: number, high: number) => make(i => low + (i * (high - low)) / Math.max(1, steps - 1));
  if (name === 'linear') return ramp(1e-4, 2e-2);
  if (name === 'linear-scaled') return ramp(0.1 / steps, 20 / steps);
  if (name === 'vp') return make(i => 1 - Math.exp(-0.1 / steps - (0.5 * 9.9 * (2 * i + 1)) / (steps * steps)));
  const f = (i: number) => Math.cos(((i / steps + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
  return make(i => Math.min(0.999, Math.max(0, 1 - f(i + 1) / f(i))));
}

/** [sin …, cos …] of a step (`ddpm`), or [cos …, sin …] with the other divisor (`edp`). */
export function timeFeatures(t: number, dim: number, convention: 'ddpm' | 'edp'): Float32Array {
  const half = dim / 2;
  const divisor = convention === 'ddpm' ? half - 1 : half;
  const out = new Float32Array(dim);
  for (let j = 0; j < half; j++) {
    const angle = Math.fround(t * Math.fround(Math.exp((-j * Math.log(10000)) / divisor)));
    out[(convention === 'ddpm' ? 0 : half) + j] = Math.sin(angle);
    out[(convention === 'ddpm' ? half : 0) + j] = Math.cos(angle);
  }
  return out;
}

export function clip(x: number): number {
  return Math.max(-1, Math.min(1, x));
}
