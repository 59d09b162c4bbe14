import { accelerated } from '../backend/accelerated.ts';
import { type Tensor, tf, type Variable } from './tf.ts';

/** A constant computed from variables, kept until one of them changes: what every action needs of a policy's weights. */
export class Remembered<T extends Tensor> {
  readonly #variables: readonly Variable[];
  readonly #compute: () => T;
  #value: T;
  #stamps: readonly unknown[];

  constructor(variables: readonly Variable[], compute: () => T) {
    this.#variables = variables;
    this.#compute = compute;
    this.#value = tf.keep(tf.tidy(compute));
    this.#stamps = this.#stamped();
  }

  /** The value for the variables as they are; computed anew, and not kept, where a gradient is being recorded. */
  get(): T {
    if (tf.engine().isTapeOn()) return this.#compute();
    const stamps = this.#stamped();
    if (stamps.some((stamp, i) => stamp !== this.#stamps[i])) {
      this.#value.dispose();
      this.#value = tf.keep(tf.tidy(this.#compute));
      this.#stamps = stamps;
    }
    return this.#value;
  }

  #stamped(): unknown[] {
    return this.#variables.flatMap(variable => [variable.dataId, accelerated()?.version(variable)]);
  }
}
