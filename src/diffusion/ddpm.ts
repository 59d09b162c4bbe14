import type { NoiseNetwork } from '../networks/noiseNetwork.ts';
import type { Noise } from '../tensor/noise.ts';
import { type ChainCoefficients, type DenoiseArgs, definition, denoise } from '../tensor/ops/denoise.ts';
import { type Tensor, type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Schedule } from './schedules.ts';

export interface SampleOptions {
  /** K: actions per observation. */
  readonly candidates: number;
  /** ν: scale of the noise added at each step; 0 makes the chain deterministic but for its start. */
  readonly noiseRatio?: number;
  /** Names the draws: `<name>/initial`, `<name>/steps`. */
  readonly name: string;
}

/** Discrete-time diffusion over actions (DDPM, Ho et al. 2020), with x₀ clipped to [−1, 1] at every step. */
export class Ddpm {
  readonly schedule: Schedule;
  readonly #sqrtAcp: Tensor1D;
  readonly #sqrtOneMinusAcp: Tensor1D;
  readonly #coefficients = new Map<number, ChainCoefficients>();

  constructor(schedule: Schedule) {
    this.schedule = schedule;
    this.#sqrtAcp = tf.keep(tf.tensor1d(schedule.sqrtAlphasCumprod));
    this.#sqrtOneMinusAcp = tf.keep(tf.tensor1d(schedule.sqrtOneMinusAlphasCumprod));
  }

  /**
   * Actions a ~ π_θ(·|s), no gradient: [K·B, A], row k·B + b for observation b. From t = T−1 to 0:
   *   x₀ = clip(√(1/ᾱ_t) x − √(1/ᾱ_t − 1) ε_θ(x, t, s), −1, 1);  x ← c₀ x₀ + c_x x + [t > 0] ν √v_t ξ
   */
  sample(network: NoiseNetwork, s: Tensor2D, options: SampleOptions, noise: Noise): Tensor2D {
    return denoise(this.#arguments(network, s, options, noise));
  }

  /** The same actions, differentiable through all T calls of the network (Diffusion-QL). */
  sampleWithGradient(network: NoiseNetwork, s: Tensor2D, options: SampleOptions, noise: Noise): Tensor2D {
    return definition(this.#arguments(network, s, options, noise), parts => network.body.apply(parts));
  }

  #arguments(network: NoiseNetwork, s: Tensor2D, options: SampleOptions, noise: Noise): DenoiseArgs {
    const { candidates, name, noiseRatio = 1 } = options;
    const rows = candidates * s.shape[0];
    const actDim = network.actDim;
    const steps = this.schedule.steps;
    return {
      body: network.body,
      embeddings: network.embeddings(),
      observations: s,
      candidates,
      coefficients: this.#chain(noiseRatio),
      initialNoise: noise.normal(`${name}/initial`, [rows, actDim]) as Tensor2D,
      stepNoise: noise.normal(`${name}/steps`, [steps, rows, actDim]),
    };
  }

  /** x_t = √ᾱ_t a + √(1 − ᾱ_t) ε for actions [R, A], int32 steps t [R] and ε [R, A]. */
  corrupt(actions: Tensor2D, t: Tensor1D, epsilon: Tensor): Tensor2D {
    const signal = tf.gather(this.#sqrtAcp, t).expandDims(1);
    const scale = tf.gather(this.#sqrtOneMinusAcp, t).expandDims(1);
    return tf.add(tf.mul(signal, actions), tf.mul(scale, epsilon));
  }

  #chain(noiseRatio: number): ChainCoefficients {
    const known = this.#coefficients.get(noiseRatio);
    if (known) return known;
    const table = this.schedule;
    const rows = new Float32Array(5 * table.steps);
    for (let call = 0; call < table.steps; call++) {
      const t = table.steps - 1 - call;
      rows[5 * call] = table.sqrtRecipAlphasCumprod[t]!;
      rows[5 * call + 1] = table.sqrtRecipm1AlphasCumprod[t]!;
      rows[5 * call + 2] = table.posteriorMeanCoef1[t]!;
      rows[5 * call + 3] = table.posteriorMeanCoef2[t]!;
      rows[5 * call + 4] =
        t === 0 ? 0 : Math.fround(Math.exp(0.5 * table.posteriorLogVarianceClipped[t]!)) * noiseRatio;
    }
    this.#coefficients.set(noiseRatio, rows);
    return rows;
  }
}
