import type { Noise } from '../tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';

/** Signal and noise of a time: x_t = α_t a + σ_t z, both [R]. */
export interface SignalNoise {
  readonly alpha: Tensor1D;
  readonly sigma: Tensor1D;
}

/** Range of times that training or extraction draws from. */
export interface TimeRange {
  readonly min: number;
  readonly max: number;
}

/** A noisy action with everything it was made of. */
export interface Corrupted extends SignalNoise {
  readonly t: Tensor1D; // [R]
  readonly z: Tensor2D; // [R, A]
  readonly x: Tensor2D; // [R, A]
}

/** Variance-preserving diffusion in continuous time t ∈ [0, 1] (Song et al. 2021): dx = −½β(t)x dt + √β(t) dw, β linear. */
export class VpSde {
  readonly betaMin: number;
  readonly betaMax: number;

  constructor(betaMin = 0.1, betaMax = 20) {
    this.betaMin = betaMin;
    this.betaMax = betaMax;
  }

  /** ln α_t = −¼t²(β₁ − β₀) − ½tβ₀,  σ_t = √(1 − α_t²), the last by expm1 so that it does not cancel at small t. */
  at(t: Tensor1D): SignalNoise {
    const logAlpha = tf.sub(
      tf.mul(tf.square(t), -0.25 * (this.betaMax - this.betaMin)),
      tf.mul(t, 0.5 * this.betaMin),
    ) as Tensor1D;
    return { alpha: tf.exp(logAlpha), sigma: tf.sqrt(tf.neg(tf.expm1(tf.mul<Tensor1D>(logAlpha, 2)))) };
  }

  /** x = α_t a + σ_t z for actions a [R, A], with t uniform in `range` and z standard normal. Draws `<name>/t`, `<name>/z`. */
  corrupt(a: Tensor2D, { min, max }: TimeRange, name: string, noise: Noise): Corrupted {
    const t = tf.add<Tensor1D>(tf.mul(noise.uniform(`${name}/t`, [a.shape[0]]), max - min), min);
    const z = noise.normal(`${name}/z`, a.shape) as Tensor2D;
    const { alpha, sigma } = this.at(t);
    const x = tf.add(tf.mul(alpha.expandDims(1), a), tf.mul(sigma.expandDims(1), z)) as Tensor2D;
    return { t, z, x, alpha, sigma };
  }
}
