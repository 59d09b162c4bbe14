import type { EdpCritic } from '../../src/algorithms/edpCritic.ts';
import type { Noise } from '../../src/tensor/noise.ts';
import { type Tensor, type Tensor1D, type Tensor2D, tf, type Variable } from '../../src/tensor/tf.ts';
import type { Entry, GoldenCase, Outputs } from './case.ts';
import { dump, load } from './networks.ts';

// ---- Parameters. The cases order the body's input [state, action, time], we [action, time, state].

type Named = Readonly<Record<string, Variable>>;
const TIME = 16;

/** Our column j is their column `order[j]`. */
function columns({ obs, act }: { obs: number; act: number }): number[] {
  const range = (from: number, n: number) => Array.from({ length: n }, (_, i) => from + i);
  return [...range(obs, act), ...range(obs + act, TIME), ...range(0, obs)];
}

export function loadPolicy(golden: GoldenCase, variables: Named, factor = 1): void {
  const params = { ...golden.params('policy') };
  const first = params['body/0/weight']!;
  const [rows, width] = first.shape as [number, number];
  const order = columns(golden.dims);
  const data = Float32Array.from(first.data, (_, i) => first.data[Math.floor(i / width) * width + order[i % width]!]!);
  params['body/0/weight'] = { shape: [rows, width], data } as Entry;
  load(variables, params, factor);
}

/** Network tensors as outputs, their first body layer back in the cases' order. */
export function dumpPolicy(golden: GoldenCase, prefix: string, tensors: Readonly<Record<string, Tensor>>): Outputs {
  const order = columns(golden.dims);
  const back = order.map((_, theirs) => order.indexOf(theirs));
  const weight = tf.gather(tensors['body/0/weight'] as Tensor2D, tf.tensor1d(back, 'int32'));
  return dump(prefix, { ...tensors, 'body/0/weight': weight });
}

export function loadCritic(golden: GoldenCase, critic: EdpCritic): void {
  for (const q of ['q1', 'q2'] as const) {
    load(critic.critic[q].variables, golden.params(q));
    load(critic.target[q].variables, golden.params(q), Math.fround(0.95));
  }
}

// ---- Recorded noise. Several samples per state: the cases' rows are b·N + j or [j, b], ours j·B + b.

export class EdpNoise implements Noise {
  readonly #golden: GoldenCase;
  readonly #step: string;
  constructor(golden: GoldenCase, step = '') {
    this.#golden = golden;
    this.#step = step;
  }

  normal(name: string, shape: readonly number[]): Tensor {
    const value = this.#input(name);
    const perState = value.rank - shape.length; // one axis more: the samples of a state stand next to each other
    if (perState === 0 || name === 'policy/samples') return value.reshape([...shape]);
    const axes = shape.length === 3 ? [0, 2, 1, 3] : [1, 0, 2];
    return tf.transpose(value, axes).reshape([...shape]);
  }

  uniform(name: string, shape: readonly number[]): Tensor {
    return this.#input(name).reshape([...shape]);
  }

  integers(name: string): Tensor1D {
    return tf.cast(this.#input(name), 'int32') as Tensor1D;
  }

  #input(name: string): Tensor {
    const source = {
      'act/initial': 'noise/init',
      'act/steps': 'noise/steps',
      'target/initial': 'value/noise/init',
      'target/steps': 'value/noise/steps',
      'policy/k': 'policy/k',
      'policy/epsilon': 'policy/noise',
      'policy/samples': 'policy/sample_noise',
      'policy/critic': 'policy/u',
    }[name];
    if (!source) throw new Error(`the case records no draw "${name}"`);
    return this.#golden.input(this.#step + source);
  }
}
