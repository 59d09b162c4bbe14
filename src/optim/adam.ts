import { type AdamStep, adamStep } from '../tensor/ops/adam.ts';
import { increment } from '../tensor/ops/increment.ts';
import { type Scalar, type Tensor, tf, type Variable } from '../tensor/tf.ts';

export type AdamOptions = Partial<Omit<AdamStep, 'step' | 'learningRate'>> & {
  readonly learningRate: number;
};

/** Adam, or AdamW with `weightDecay`, over a fixed set of variables, clipping their joint gradient norm. */
export class Adam {
  readonly variables: Readonly<Record<string, Variable>>;
  /** Moments and the number of steps taken, by path: part of a checkpoint. */
  readonly state: Readonly<Record<string, Variable>>;
  /** The variables, in their order. */
  readonly trained: ReadonlySet<Variable>;
  readonly #online: readonly Variable[];
  readonly #m: Variable[];
  readonly #v: Variable[];
  readonly #count: Variable;
  readonly #options: Omit<AdamStep, 'step'>;
  /** The rate that is set, and what a decay has made of it. */
  #base: number;
  #learningRate: number;

  constructor(variables: Readonly<Record<string, Variable>>, options: AdamOptions) {
    this.variables = variables;
    this.#options = {
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0,
      clipNorm: Infinity,
      ...options,
    };
    this.#base = this.#learningRate = options.learningRate;
    this.#online = Object.values(variables);
    this.trained = new Set(this.#online);
    const zeros = (v: Variable) => tf.tidy(() => tf.variable(tf.zeros(v.shape), false));
    this.#m = this.#online.map(zeros);
    this.#v = this.#online.map(zeros);
    this.#count = tf.tidy(() => tf.variable(tf.scalar(0), false));
    const state: Record<string, Variable> = { count: this.#count };
    Object.keys(variables).forEach((name, i) => {
      state[`m/${name}`] = this.#m[i]!;
      state[`v/${name}`] = this.#v[i]!;
    });
    this.state = state;
  }

  get learningRate(): number {
    return this.#learningRate;
  }

  /** From the next step on. */
  readonly setLearningRate = (rate: number): void => {
    this.#base = this.#learningRate = rate;
  };

  /** The rate of the next step, from the one that is set. */
  decay(of: (learningRate: number) => number): void {
    this.#learningRate = of(this.#base);
  }

  /** Applies gradients given in the order of `variables`. Returns their global norm before clipping. */
  step(gradients: readonly (Tensor | undefined)[]): Scalar {
    for (let i = 0; i < this.#online.length; i++)
      if (!gradients[i]) throw new Error(`no gradient for ${Object.keys(this.variables)[i]}`);
    const step = increment(this.#count);
    return adamStep(this.#online, gradients as Tensor[], this.#m, this.#v, {
      ...this.#options,
      learningRate: this.#learningRate,
      step,
    });
  }
}
