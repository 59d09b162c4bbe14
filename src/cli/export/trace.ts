import type { Policy, Variables } from '../../algorithms/algorithm.ts';
import type { Noise } from '../../tensor/noise.ts';
import { type Tensor, type Tensor2D, type TensorInfo, tf } from '../../tensor/tf.ts';

/** A number array of the graph. `dataId` is its identity: a reshaped copy of the same numbers has another shape. */
export interface Value {
  readonly shape: readonly number[];
  readonly dtype: string;
  /** Name of an input or output; undefined for what lies between. */
  name?: string;
  /** Where it depends on no input: its numbers. */
  readonly constant?: Float32Array | Int32Array;
}

export interface GraphNode {
  /** The kernel, by TensorFlow.js's name. */
  readonly kernel: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, Value | readonly Value[]>>;
  readonly outputs: readonly Value[];
}

export interface Graph {
  readonly inputs: readonly Value[];
  readonly nodes: readonly GraphNode[];
  readonly output: Value;
  /** Names of the variables that the actions depend on. */
  readonly variables: readonly string[];
}

/**
 * What a policy computes for one observation [1, obsDim], as a graph of kernels: inputs `observation` and one for each
 * draw of noise, output `action` [1, actDim]. Whatever depends on no input is folded into constants. The backend must be
 * `cpu`, where every op is its definition.
 */
export function tracePolicy(policy: Policy, variables: Variables, obsDim: number, noise: Noise): Graph {
  const tracer = new Tracer(variables);
  return tracer.run(() => {
    const observation = tf.tensor2d(new Float32Array(obsDim).fill(0.5), [1, obsDim]);
    tracer.input('observation', observation);
    const named: Noise = {
      normal: (name, shape) => tracer.input(name, noise.normal(name, shape)),
      uniform: (name, shape, low, high) => tracer.input(name, noise.uniform(name, shape, low, high)),
      integers: (name, count, bound) => tracer.input(name, noise.integers(name, count, bound)),
    };
    return policy.act(observation as Tensor2D, 'exploit', named);
  });
}

class Tracer {
  readonly #values = new Map<number, Value>();
  readonly #inputs: Value[] = [];
  readonly #nodes: GraphNode[] = [];
  readonly #variableNames: ReadonlyMap<object, string>;
  readonly #used = new Set<string>();

  constructor(variables: Variables) {
    this.#variableNames = new Map(Object.entries(variables).map(([name, { dataId }]) => [dataId, name]));
  }

  input<T extends Tensor>(name: string, tensor: T): T {
    const value: Value = { shape: [...tensor.shape], dtype: tensor.dtype, name };
    this.#values.set(tensor.id, value);
    this.#inputs.push(value);
    return tensor;
  }

  run(compute: () => Tensor): Graph {
    const engine = tf.engine();
    const runKernel = engine.runKernel;
    engine.runKernel = ((kernel: string, inputs: never, attributes: never) => {
      const result = runKernel.call(engine, kernel, inputs, attributes);
      this.#record(kernel, inputs, attributes ?? {}, [result].flat() as TensorInfo[] as Tensor[]);
      return result;
    }) as typeof runKernel;
    try {
      let output!: Value;
      tf.tidy(() => {
        output = this.#valueOf(compute());
      });
      output.name ??= 'action';
      return { inputs: this.#inputs, nodes: this.#needed(output), output, variables: [...this.#used].sort() };
    } finally {
      engine.runKernel = runKernel;
    }
  }

  #record(
    kernel: string,
    given: Readonly<Record<string, Tensor | readonly Tensor[] | undefined>>,
    attributes: Readonly<Record<string, unknown>>,
    results: readonly Tensor[],
  ): void {
    const inputs: Record<string, Value | readonly Value[]> = {};
    for (const [name, tensor] of Object.entries(given)) {
      if (Array.isArray(tensor)) inputs[name] = tensor.map(one => this.#valueOf(one));
      else if (tensor) inputs[name] = this.#valueOf(tensor as Tensor);
    }
    const folded = Object.values(inputs)
      .flat()
      .every(value => value.constant);
    const outputs = results.map<Value>(result => ({
      shape: [...result.shape],
      dtype: result.dtype,
      ...(folded && { constant: numbersOf(result) }),
    }));
    results.forEach((result, i) => {
      this.#values.set(result.id, outputs[i]!);
    });
    if (!folded) this.#nodes.push({ kernel, attributes, inputs, outputs });
  }

  /** A tensor that nobody made while we watched holds weights or numbers of the code. */
  #valueOf(tensor: Tensor): Value {
    const variable = this.#variableNames.get(tensor.dataId);
    if (variable) this.#used.add(variable);
    const known = this.#values.get(tensor.id);
    if (known) return known;
    const value: Value = { shape: [...tensor.shape], dtype: tensor.dtype, constant: numbersOf(tensor) };
    this.#values.set(tensor.id, value);
    return value;
  }

  /** The nodes that the output depends on, in their order. */
  #needed(output: Value): GraphNode[] {
    const wanted = new Set<Value>([output]);
    const needed: GraphNode[] = [];
    for (const node of [...this.#nodes].reverse()) {
      if (!node.outputs.some(value => wanted.has(value))) continue;
      needed.unshift(node);
      for (const value of Object.values(node.inputs).flat()) wanted.add(value);
    }
    return needed;
  }
}

function numbersOf(tensor: Tensor): Float32Array | Int32Array {
  const numbers = tensor.dataSync();
  return tensor.dtype === 'float32' ? Float32Array.from(numbers) : Int32Array.from(numbers);
}
