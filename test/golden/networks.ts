import type { Noise } from '../../src/tensor/noise.ts';
import { type Tensor, type Tensor1D, tf, type Variable } from '../../src/tensor/tf.ts';
import type { Entry, GoldenCase, Outputs } from './case.ts';

type Named = Readonly<Record<string, Variable>>;

/** The collection writes `time_mlp/0/weight` [out, in]; we write `timeMlp/0/weight` [in, out]. */
export function ourName(theirs: string): string {
  return theirs.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export function theirName(ours: string): string {
  return ours.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}

/** Puts parameters of a case, times `factor` in float32, into variables of the same (renamed) paths. */
export function load(variables: Named, params: Readonly<Record<string, Entry>>, factor = 1): void {
  const names = Object.keys(params).map(ourName);
  const missing = Object.keys(variables).filter(name => !names.includes(name));
  if (missing.length > 0) throw new Error(`the case has no parameters for ${missing.join(', ')}`);
  for (const [theirs, { data, shape }] of Object.entries(params)) {
    const variable = variables[ourName(theirs)];
    if (!variable) throw new Error(`no variable ${ourName(theirs)}`);
    tf.tidy(() => {
      const value = tf.tensor(data.map(x => x * factor) as Float32Array, [...shape]);
      variable.assign(shape.length === 2 ? tf.transpose(value) : value);
    });
  }
}

/** Tensors by our paths as outputs in the collection's names and layout, under `prefix`. */
export function dump(prefix: string, tensors: Readonly<Record<string, Tensor>>): Outputs {
  const outputs: Outputs = {};
  for (const [name, value] of Object.entries(tensors)) {
    outputs[`${prefix}/${theirName(name)}`] = (value.rank === 2 ? tf.transpose(value) : tf.clone(value))
      .dataSync()
      .slice();
  }
  return outputs;
}

/** Noise that replays recorded numbers: the name of each draw is looked up in `sources`, shapes are checked. */
export class RecordedNoise implements Noise {
  readonly #golden: GoldenCase;
  readonly #sources: Readonly<Record<string, string>>;
  constructor(golden: GoldenCase, sources: Readonly<Record<string, string>>) {
    this.#golden = golden;
    this.#sources = sources;
  }

  normal(name: string, shape: readonly number[]): Tensor {
    return this.#draw(name, shape);
  }

  uniform(name: string, shape: readonly number[]): Tensor {
    return this.#draw(name, shape);
  }

  integers(name: string, count: number): Tensor1D {
    return tf.cast(this.#draw(name, [count]), 'int32') as Tensor1D;
  }

  #draw(name: string, shape: readonly number[]): Tensor {
    const source = this.#sources[name];
    if (!source) throw new Error(`the case records no draw "${name}"`);
    const value = this.#golden.input(source);
    const size = shape.reduce((a, b) => a * b, 1);
    if (value.size !== size) throw new Error(`draw "${name}" wants ${shape}, recorded are ${value.shape}`);
    return value.reshape([...shape]);
  }
}

/** Noise for building networks whose weights are overwritten at once. */
export const zeroNoise: Noise = {
  normal: (_name, shape) => tf.zeros([...shape]),
  uniform: (_name, shape) => tf.zeros([...shape]),
  integers: (_name, count) => tf.zeros([count], 'int32') as Tensor1D,
};
