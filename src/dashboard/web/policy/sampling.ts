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

/** Where the sampler draws its noise: standard normal numbers, or uniform ones from 0 to 1, in the order asked for. */
export type Draw = (name: string, count: number, kind?: 'normal' | 'uniform') => Float32Array;

export function seededDraw(seed: number): Draw {
  const root = new Rng(seed);
  return (name, count, kind = 'normal') => {
    const stream = root.split(name);
    return Float32Array.from({ length: count }, () => (kind === 'normal' ? stream.normal() : stream.uniform()));
  };
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
