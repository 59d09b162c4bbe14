import type { Noise } from '../tensor/noise.ts';
import { judgeRows } from '../tensor/ops/judge.ts';
import { least } from '../tensor/ops/least.ts';
import { mlpValues } from '../tensor/ops/mlp.ts';
import type { Tensor1D, Tensor2D, Variable } from '../tensor/tf.ts';
import { Mlp, type MlpOptions } from './mlp.ts';
import { group } from './variables.ts';

/** Two independent critics Q(s, a) on the concatenation [s, a] (clipped double Q-learning, Fujimoto et al. 2018). */
export class TwinQ {
  readonly q1: Mlp;
  readonly q2: Mlp;
  /** `q1/0/weight`, …, `q2/…`. */
  readonly variables: Readonly<Record<string, Variable>>;
  readonly #both: readonly Mlp[];
  readonly #first: readonly Mlp[];

  /** `options.sizes[0]` is obsDim + actDim; the last is 1. */
  constructor(options: MlpOptions, noise: Noise) {
    this.q1 = new Mlp(options, noise);
    this.q2 = new Mlp(options, noise);
    this.#both = [this.q1, this.q2];
    this.#first = [this.q1];
    this.variables = group({ q1: this.q1.variables, q2: this.q2.variables });
  }

  /** Q₁(s, a) and Q₂(s, a), each [B], for observations [B, S] and actions [B, A]. */
  both(s: Tensor2D, a: Tensor2D): [Tensor1D, Tensor1D] {
    return mlpValues(this.#both, [s, a]) as [Tensor1D, Tensor1D];
  }

  /** Q₁(s, a) alone [B]. */
  first(s: Tensor2D, a: Tensor2D): Tensor1D {
    return mlpValues(this.#first, [s, a])[0]!;
  }

  /** min(Q₁, Q₂) of K actions per state, no gradient: s [B, S], a [K·B, A] with row k·B + b for state b → [B, K]. */
  minOfCandidates(s: Tensor2D, a: Tensor2D): Tensor2D {
    return judgeRows(this.#both, s, a);
  }

  /** min(Q₁, Q₂)(s, a) [B]. */
  min(s: Tensor2D, a: Tensor2D): Tensor1D {
    const [q1, q2] = this.both(s, a);
    return least(q1, q2);
  }
}
