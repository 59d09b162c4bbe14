import type { Noise } from '../tensor/noise.ts';
import { forward } from '../tensor/ops/forward.ts';
import { type Tensor1D, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import { Mlp, type MlpOptions } from './mlp.ts';
import { group } from './variables.ts';

/** Two independent critics Q(s, a) on the concatenation [s, a] (clipped double Q-learning, Fujimoto et al. 2018). */
export class TwinQ {
  readonly q1: Mlp;
  readonly q2: Mlp;
  /** `q1/0/weight`, …, `q2/…`. */
  readonly variables: Readonly<Record<string, Variable>>;

  /** `options.sizes[0]` is obsDim + actDim; the last is 1. */
  constructor(options: MlpOptions, noise: Noise) {
    this.q1 = new Mlp(options, noise);
    this.q2 = new Mlp(options, noise);
    this.variables = group({ q1: this.q1.variables, q2: this.q2.variables });
  }

  /** Q₁(s, a) and Q₂(s, a), each [B], for observations [B, S] and actions [B, A]. */
  both(s: Tensor2D, a: Tensor2D): [Tensor1D, Tensor1D] {
    const input = tf.concat2d([s, a], 1);
    return [this.q1.apply(input).reshape([-1]), this.q2.apply(input).reshape([-1])];
  }

  /** Q₁(s, a) alone [B]. */
  first(s: Tensor2D, a: Tensor2D): Tensor1D {
    return this.q1.apply(tf.concat2d([s, a], 1)).reshape([-1]);
  }

  /** min(Q₁, Q₂) of K actions per state, no gradient: s [B, S], a [K·B, A] with row k·B + b for state b → [K·B]. */
  minOfCandidates(s: Tensor2D, a: Tensor2D): Tensor1D {
    const [q1, q2] = [this.q1, this.q2].map(q => forward(q, s, a));
    return tf.minimum(q1!, q2!).reshape([-1]);
  }

  /** min(Q₁, Q₂)(s, a) [B]. */
  min(s: Tensor2D, a: Tensor2D): Tensor1D {
    const [q1, q2] = this.both(s, a);
    return tf.minimum(q1, q2);
  }
}
