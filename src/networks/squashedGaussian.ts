import type { Noise } from '../tensor/noise.ts';
import { type SquashedSample, squashedSample } from '../tensor/ops/squashedGaussian.ts';
import { type Tensor, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import { Mlp, type MlpOptions } from './mlp.ts';

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
    return tf.tanh(tf.slice2d(this.#mlp.apply(s), [0, 0], [-1, this.actDim]));
  }

  /**
   * a = tanh(μ + σξ) [B, A] for standard normal ξ [B, A], and its log-density [B], both differentiable:
   *   ln π(a|s) = Σ_i ln N(u_i; μ_i, σ_i²) − ln(1 − a_i² + 1e-6)
   */
  sample(s: Tensor2D, xi: Tensor): SquashedSample {
    return squashedSample(this.#mlp.apply(s), xi, this.#range);
  }
}
