import { type AdamStep, adamStep } from '../tensor/ops/adam.ts';
import { type NamedTensorMap, type Tensor, tf, type Variable } from '../tensor/tf.ts';

export type AdamOptions = Partial<Omit<AdamStep, 'step' | 'learningRate'>> & {
  readonly learningRate: number;
};

/** Adam, or AdamW with `weightDecay`, over a fixed set of variables, clipping their joint gradient norm. */
export class Adam {
  readonly variables: Readonly<Record<string, Variable>>;
  /** Moments and the number of steps taken, by path: part of a checkpoint. */
  readonly state: Readonly<Record<string, Variable>>;
  readonly #online: Variable[];
  readonly #m: Variable[];
  readonly #v: Variable[];
  readonly #count: Variable;
  readonly #options: Omit<AdamStep, 'step'>;
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
    this.#learningRate = options.learningRate;
    this.#online = Object.values(variables);
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
    this.#learningRate = rate;
  };

  /** Applies gradients given by the names of `variables`. Returns their global norm before clipping, a scalar. */
  step(gradients: NamedTensorMap): Tensor {
    const step = (this.#count.dataSync()[0] ?? 0) + 1;
    this.#count.assign(tf.scalar(step));
    const ordered = Object.keys(this.variables).map(name => {
      const gradient = gradients[name];
      if (!gradient) throw new Error(`no gradient for ${name}`);
      return gradient;
    });
    return adamStep(this.#online, ordered, this.#m, this.#v, {
      ...this.#options,
      learningRate: this.#learningRate,
      step,
    });
  }
}
