import type { Noise } from '../tensor/noise.ts';
import { type Tensor, type Tensor1D, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import { Mlp, type MlpOptions } from './mlp.ts';

const HALF_LN_2PI = 0.5 * Math.log(2 * Math.PI);
/** Keeps ln(1 − a²) finite where tanh saturates (SAC's code). */
const SATURATION = 1e-6;

export interface SquashedGaussianOptions extends MlpOptions {
  /** Bounds of ln σ. */
  readonly logStdRange?: readonly [low: number, high: number];
}

/** π(a|s): a = tanh(u), u ~ N(μ(s), σ(s)²), one network for μ and ln σ (SAC, Haarnoja et al. 2018, appendix C). */
export class SquashedGaussian {
  readonly actDim: number;
  readonly variables: Readonly<Record<string, Variable>>;
  readonly #mlp: Mlp;
  readonly #range: readonly [number, number];

  /** The last of `options.sizes` is actDim; the network has twice as many outputs. */
  constructor(options: SquashedGaussianOptions, noise: Noise) {
    const { sizes, logStdRange = [-20, 2] } = options;
    this.actDim = sizes.at(-1)!;
    this.#range = logStdRange;
    this.#mlp = new Mlp({ ...options, sizes: [...sizes.slice(0, -1), 2 * this.actDim] }, noise);
    this.variables = this.#mlp.variables;
  }

  /** tanh(μ(s)) [B, A]. */
  mode(s: Tensor2D): Tensor2D {
    return tf.tanh(this.#heads(s).mean);
  }

  /**
   * a = tanh(μ + σξ) [B, A] for standard normal ξ [B, A], and its log-density [B], both differentiable:
   *   ln π(a|s) = Σ_i ln N(u_i; μ_i, σ_i²) − ln(1 − a_i² + 1e-6)
   */
  sample(s: Tensor2D, xi: Tensor): { actions: Tensor2D; logDensity: Tensor1D } {
    const { mean, logStd } = this.#heads(s);
    const actions = tf.tanh(tf.add(mean, tf.mul(tf.exp(logStd), xi))) as Tensor2D;
    const gaussian = tf.sub(tf.mul(tf.square(xi), -0.5), tf.add(logStd, HALF_LN_2PI));
    const volume = tf.log(tf.sub(1 + SATURATION, tf.square(actions)));
    return { actions, logDensity: tf.sum(tf.sub(gaussian, volume), 1) };
  }

  #heads(s: Tensor2D): { mean: Tensor2D; logStd: Tensor2D } {
    const [mean, logStd] = tf.split(this.#mlp.apply(s), 2, 1) as [Tensor2D, Tensor2D];
    return { mean, logStd: tf.clipByValue(logStd, ...this.#range) };
  }
}
