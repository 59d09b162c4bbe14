import type { Rng } from '../random/rng.ts';
import { type Tensor, type Tensor1D, tf } from './tf.ts';

/**
 * Where an algorithm's randomness comes from. Every draw is named after the quantity it stands for, so that a test can
 * hand in recorded numbers; algorithms hold no random state of their own.
 */
export interface Noise {
  /** Standard normal float32 numbers of the given shape. */
  normal(name: string, shape: readonly number[]): Tensor;
  /** Uniform float32 numbers in [low, high) of the given shape. */
  uniform(name: string, shape: readonly number[], low?: number, high?: number): Tensor;
  /** `count` int32 numbers, uniform in [0, bound). */
  integers(name: string, count: number, bound: number): Tensor1D;
}

/** Noise drawn from one random stream. */
export class StreamNoise implements Noise {
  readonly #rng: Rng;
  constructor(rng: Rng) {
    this.#rng = rng;
  }

  normal(_name: string, shape: readonly number[]): Tensor {
    const values = new Float32Array(size(shape));
    for (let i = 0; i < values.length; i++) values[i] = this.#rng.normal();
    return tf.tensor(values, [...shape]);
  }

  uniform(_name: string, shape: readonly number[], low = 0, high = 1): Tensor {
    const values = new Float32Array(size(shape));
    for (let i = 0; i < values.length; i++) values[i] = this.#rng.uniform(low, high);
    return tf.tensor(values, [...shape]);
  }

  integers(_name: string, count: number, bound: number): Tensor1D {
    const values = new Int32Array(count);
    for (let i = 0; i < count; i++) values[i] = this.#rng.integer(bound);
    return tf.tensor1d(values, 'int32');
  }
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
