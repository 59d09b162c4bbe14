import type { Noise } from '../src/tensor/noise.ts';
import { type Tensor, type Tensor1D, tf } from '../src/tensor/tf.ts';

/** Noise with the given numbers for each named draw; a draw without any is an error. */
export class FixedNoise implements Noise {
  readonly #draws: Readonly<Record<string, readonly number[]>>;
  constructor(draws: Readonly<Record<string, readonly number[]>>) {
    this.#draws = draws;
  }

  normal(name: string, shape: readonly number[]): Tensor {
    return tf.tensor([...this.#numbers(name)], [...shape]);
  }

  uniform(name: string, shape: readonly number[]): Tensor {
    return tf.tensor([...this.#numbers(name)], [...shape]);
  }

  integers(name: string): Tensor1D {
    return tf.tensor1d([...this.#numbers(name)], 'int32');
  }

  #numbers(name: string): readonly number[] {
    const numbers = this.#draws[name];
    if (!numbers) throw new Error(`no numbers for the draw "${name}"`);
    return numbers;
  }
}
