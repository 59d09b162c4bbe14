import { tf, type Variable } from '../tensor/tf.ts';

/**
 * The improved actions of a replay's transitions, by the number of the transition. Where none is known, the executed
 * action stands; when the replay overwrites a transition, its improved action is forgotten with it.
 */
export class BestActions {
  readonly #capacity: number;
  readonly #actDim: number;
  readonly #stored: Record<'actions' | 'generations', Variable>;
  /** Working copies, taken from the variables at the first use and written back when they are asked for. */
  #working: { readonly actions: Float32Array; readonly generations: Float32Array } | undefined;

  constructor(capacity: number, actDim: number) {
    this.#capacity = capacity;
    this.#actDim = actDim;
    const zeros = (shape: number[]) => tf.tidy(() => tf.variable(tf.zeros(shape), false));
    this.#stored = { actions: zeros([capacity, actDim]), generations: zeros([capacity]) };
  }

  /** `actions` [capacity, actDim] and how often each place has been filled [capacity]: part of a checkpoint. */
  get variables(): Readonly<Record<string, Variable>> {
    const working = this.#working;
    if (working) {
      tf.tidy(() => {
        this.#stored.actions.assign(tf.tensor2d(working.actions.slice(), [this.#capacity, this.#actDim]));
        this.#stored.generations.assign(tf.tensor1d(working.generations.slice()));
      });
    }
    return this.#stored;
  }

  /** The improved actions of these transitions; `executed` [B × actDim] where there are none. */
  read(numbers: Float64Array, executed: ArrayLike<number>): Float32Array {
    const { actions, generations } = this.#load();
    const best = Float32Array.from(executed);
    numbers.forEach((number, i) => {
      const { slot, generation } = this.#place(number);
      const at = slot * this.#actDim;
      if (generations[slot] === generation) best.set(actions.subarray(at, at + this.#actDim), i * this.#actDim);
    });
    return best;
  }

  write(numbers: Float64Array, improved: ArrayLike<number>): void {
    const { actions, generations } = this.#load();
    numbers.forEach((number, i) => {
      const { slot, generation } = this.#place(number);
      generations[slot] = generation;
      for (let j = 0; j < this.#actDim; j++) actions[slot * this.#actDim + j] = improved[i * this.#actDim + j]!;
    });
  }

  #place(number: number): { slot: number; generation: number } {
    return { slot: number % this.#capacity, generation: Math.floor(number / this.#capacity) + 1 };
  }

  #load() {
    this.#working ??= {
      actions: Float32Array.from(this.#stored.actions.dataSync()),
      generations: Float32Array.from(this.#stored.generations.dataSync()),
    };
    return this.#working;
  }
}
