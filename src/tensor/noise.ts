import { accelerated, sizeOf } from '../backend/accelerated.ts';
import { blocksFor, fillIntegers, fillNormal, fillUniform } from '../random/fill.ts';
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

/** Noise drawn from one random stream: the same numbers on every backend and thread count. */
export class StreamNoise implements Noise {
  readonly #rng: Rng;
  constructor(rng: Rng) {
    this.#rng = rng;
  }

  normal(_name: string, shape: readonly number[]): Tensor {
    const size = sizeOf(shape);
    const { key, block } = this.#rng.take(blocksFor(size));
    const backend = accelerated();
    if (!backend) {
      const plain = new Float32Array(size);
      fillNormal({ key, block }, plain);
      return tf.tensor(plain, [...shape]);
    }
    const { info, values } = backend.output(shape);
    backend.run('normal', [values], [size], [key[0], key[1], block]);
    return tf.engine().makeTensorFromTensorInfo(info);
  }

  uniform(_name: string, shape: readonly number[], low = 0, high = 1): Tensor {
    const size = sizeOf(shape);
    const { key, block } = this.#rng.take(blocksFor(size));
    const backend = accelerated();
    if (!backend) {
      const plain = new Float32Array(size);
      fillUniform({ key, block }, plain, low, high);
      return tf.tensor(plain, [...shape]);
    }
    const { info, values } = backend.output(shape);
    backend.run('uniform', [values], [size], [key[0], key[1], block, low, high - low]);
    return tf.engine().makeTensorFromTensorInfo(info);
  }

  integers(_name: string, count: number, bound: number): Tensor1D {
    const { key, block } = this.#rng.take(blocksFor(count));
    const values = new Int32Array(count);
    const backend = accelerated();
    if (backend) backend.run('integers', [values], [count], [key[0], key[1], block, bound]);
    else fillIntegers({ key, block }, values, bound);
    return tf.tensor1d(values, 'int32');
  }
}
