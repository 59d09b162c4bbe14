import type { Tensor } from '../safetensors.ts';

export type Activation = 'mish' | 'relu' | 'tanh' | 'linear';

/** x · tanh(ln(1 + eˣ)), by the form that does not overflow: n = eˣ(eˣ + 2), x · n / (n + 2). */
export function mish(x: number): number {
  if (x > 20) return x;
  const e = Math.exp(x);
  const n = e * (e + 2);
  return (x * n) / (n + 2);
}

const activations: Record<Activation, (x: number) => number> = {
  mish,
  relu: x => Math.max(x, 0),
  tanh: Math.tanh,
  linear: x => x,
};

export interface Linear {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: Float32Array; // [in, out]
  readonly bias: Float32Array;
}

export function linearOf(tensors: ReadonlyMap<string, Tensor>, prefix: string): Linear | undefined {
  const weight = tensors.get(`${prefix}/weight`);
  const bias = tensors.get(`${prefix}/bias`);
  if (!weight || !bias) return undefined;
  return {
    inputs: weight.shape[0]!,
    outputs: weight.shape[1]!,
    weight: weight.data as Float32Array,
    bias: bias.data as Float32Array,
  };
}

/** The kernels that compute a layer, where they have been loaded: `denseForward` of the trainer's own library. */
export interface DenseKernels {
  run(kernel: 'denseForward', buffers: readonly (Float32Array | null)[], ints: readonly number[]): unknown;
}
const CODES: Record<Activation, number> = { linear: 0, relu: 1, mish: 2, tanh: 4 };
let kernels: DenseKernels | undefined;

/** From now on layers are computed by these kernels; without them in plain loops. */
export function useKernels(library: DenseKernels | undefined): void {
  kernels = library;
}

/** rows × in → rows × out. In plain loops four rows at a time share each weight. */
export function dense(x: Float32Array, rows: number, layer: Linear, activation: Activation): Float32Array {
  const { inputs, outputs, weight, bias } = layer;
  const out = new Float32Array(rows * outputs);
  if (kernels) {
    kernels.run('denseForward', [x, weight, bias, out, null], [rows, inputs, outputs, CODES[activation]]);
    return out;
  }
  const f = activations[activation];
  const sums = new Float32Array(4 * outputs);
  for (let r = 0; r < rows; r += 4) {
    const many = Math.min(4, rows - r);
    for (let k = 0; k < many; k++) sums.set(bias, k * outputs);
    accumulate(x, r, many, inputs, outputs, weight, sums);
    for (let i = 0; i < many * outputs; i++) out[r * outputs + i] = f(sums[i]!);
  }
  return out;
}

function accumulate(
  x: Float32Array,
  r: number,
  many: number,
  inputs: number,
  outputs: number,
  weight: Float32Array,
  sums: Float32Array,
): void {
  for (let i = 0; i < inputs; i++) {
    const a = x[r * inputs + i]!;
    const b = many > 1 ? x[(r + 1) * inputs + i]! : 0;
    const c = many > 2 ? x[(r + 2) * inputs + i]! : 0;
    const d = many > 3 ? x[(r + 3) * inputs + i]! : 0;
    const at = i * outputs;
    for (let o = 0; o < outputs; o++) {
      const w = weight[at + o]!;
      sums[o]! += a * w;
      if (many > 1) sums[outputs + o]! += b * w;
      if (many > 2) sums[2 * outputs + o]! += c * w;
      if (many > 3) sums[3 * outputs + o]! += d * w;
    }
  }
}

/** A stack of linear layers with an activation after each but the last. */
export class Mlp {
  readonly layers: readonly Linear[];
  readonly activation: Activation;
  readonly output: Activation;

  constructor(layers: readonly Linear[], activation: Activation, output: Activation = 'linear') {
    this.layers = layers;
    this.activation = activation;
    this.output = output;
  }

  /** `prefix/0`, `prefix/1`, …; undefined if there is no such network. */
  static from(
    tensors: ReadonlyMap<string, Tensor>,
    prefix: string,
    activation: Activation,
    output: Activation = 'linear',
  ): Mlp | undefined {
    const layers: Linear[] = [];
    for (let i = 0; ; i++) {
      const layer = linearOf(tensors, `${prefix}/${i}`);
      if (!layer) break;
      layers.push(layer);
    }
    return layers.length > 0 ? new Mlp(layers, activation, output) : undefined;
  }

  get inputs(): number {
    return this.layers[0]!.inputs;
  }
  get outputs(): number {
    return this.layers.at(-1)!.outputs;
  }

  apply(x: Float32Array, rows: number): Float32Array {
    const last = this.layers.length - 1;
    return this.layers.reduce((h, layer, i) => dense(h, rows, layer, i === last ? this.output : this.activation), x);
  }

  /**
   * The same for inputs [front, back] where `back` is one row for all: its part of the first layer is computed once.
   */
  applyShared(front: Float32Array, rows: number, back: Float32Array): Float32Array {
    return this.applyFolded(front, rows, foldBack(this.layers[0]!, back));
  }

  /** Rows × front through a network whose first layer already holds its constant part. */
  applyFolded(front: Float32Array, rows: number, first: Linear): Float32Array {
    const last = this.layers.length - 1;
    return this.layers.reduce(
      (h, layer, i) => dense(h, rows, i === 0 ? first : layer, i === last ? this.output : this.activation),
      front,
    );
  }
}

/** A first layer over [front, back] with `back` fixed becomes a layer over `front` with another bias. */
export function foldBack(layer: Linear, back: Float32Array): Linear {
  const inputs = layer.inputs - back.length;
  return {
    ...layer,
    inputs,
    weight: layer.weight.subarray(0, inputs * layer.outputs),
    bias: withBias(layer, inputs, back),
  };
}

function withBias({ outputs, weight, bias }: Linear, from: number, values: Float32Array): Float32Array {
  const sum = Float64Array.from(bias);
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    const at = (from + i) * outputs;
    for (let o = 0; o < outputs; o++) sum[o]! += x * weight[at + o]!;
  }
  return Float32Array.from(sum);
}

/** A first layer over [fixed, rest] with `fixed` known becomes a layer over `rest`. */
export function foldFront(layer: Linear, fixed: Float32Array): Linear {
  return {
    inputs: layer.inputs - fixed.length,
    outputs: layer.outputs,
    weight: layer.weight.subarray(fixed.length * layer.outputs),
    bias: withBias(layer, 0, fixed),
  };
}
