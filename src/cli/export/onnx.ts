import { AgentError } from '../../errors.ts';
import { encode, type Field, Float } from './protobuf.ts';
import type { Graph, GraphNode, Value } from './trace.ts';

const OPSET = 17;
const types: Readonly<Record<string, number>> = { float32: 1, int32: 6, int64: 7, bool: 9 };

/** An ONNX model (IR 8, opset 17) of a traced policy. Throws `AgentError` for a kernel that has no counterpart. */
export function toOnnx(graph: Graph, metadata: Readonly<Record<string, string>>): Buffer {
  return new OnnxGraph(graph).model(metadata);
}

type Attribute = number | string | readonly number[] | Float;

class OnnxGraph {
  readonly #graph: Graph;
  readonly #names = new Map<Value, string>();
  readonly #nodes: Field[] = [];
  readonly #initializers: Field[] = [];
  #count = 0;

  constructor(graph: Graph) {
    this.#graph = graph;
    for (const node of graph.nodes) this.#translate(node);
  }

  model(metadata: Readonly<Record<string, string>>): Buffer {
    const { inputs, output } = this.#graph;
    const graph: Field[] = [
      ...this.#nodes,
      [2, 'policy'],
      ...this.#initializers,
      ...inputs.map<Field>(value => [11, valueInfo(this.#name(value), value)]),
      [12, valueInfo(this.#name(output), output)],
    ];
    return encode([
      [1, 8],
      [2, 'agent'],
      [7, graph],
      [8, [[1, ''], [2, OPSET]]], // biome-ignore format: a pair
      ...Object.entries(metadata).map<Field>(([key, value]) => [14, [[1, key], [2, value]]]), // biome-ignore format: a pair
    ]);
  }

  #translate(node: GraphNode): void {
    const translate = kernels[node.kernel];
    if (!translate)
      throw new AgentError(`the policy uses ${node.kernel}, which the ONNX export does not know yet`, [
        ['instead', 'agent export RUN --format safetensors'],
      ]);
    const one = (name: string) => {
      const value = node.inputs[name];
      return value === undefined || Array.isArray(value) ? '' : this.#name(value as Value);
    };
    const context: Context = {
      node,
      input: one,
      inputs: () => Object.values(node.inputs).flat().map(value => this.#name(value)), // biome-ignore format: one thought
      shape: name => (node.inputs[name] as Value).shape,
      output: this.#name(node.outputs[0]!),
      outputs: node.outputs.map(value => this.#name(value)),
      integers: numbers => this.#constant(BigInt64Array.from(numbers.map(BigInt)), [numbers.length], 'int64'),
      scalar: number => this.#constant(Float32Array.of(number), [], 'float32'),
      emit: (type, inputs, attributes = {}, output = `v${this.#count++}`) => {
        const outputs = [output].flat();
        this.#emit(type, inputs, attributes, outputs);
        return outputs[0]!;
      },
    };
    translate(context);
  }

  #emit(type: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>>, outputs: string[]) {
    this.#nodes.push([
      1,
      [
        ...inputs.map<Field>(name => [1, name]),
        ...outputs.map<Field>(name => [2, name]),
        [4, type],
        ...Object.entries(attributes).map<Field>(([name, value]) => [5, attribute(name, value)]),
      ],
    ]);
  }

  #name(value: Value): string {
    const known = this.#names.get(value);
    if (known) return known;
    const name = value.constant
      ? this.#constant(value.constant, value.shape, value.dtype)
      : (value.name ?? `v${this.#count++}`);
    this.#names.set(value, name);
    return name;
  }

  #constant(numbers: Float32Array | Int32Array | BigInt64Array, shape: readonly number[], dtype: string): string {
    const name = `c${this.#count++}`;
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    const tensor: Field[] = [...shape.map<Field>(size => [1, size]), [2, types[dtype]!], [8, name], [9, bytes]];
    this.#initializers.push([5, tensor]);
    return name;
  }
}

function valueInfo(name: string, { shape, dtype }: Value): Field[] {
  const dimensions = shape.map<Field>(size => [1, [[1, size]]]);
  return [[1, name], [2, [[1, [[1, types[dtype]!], [2, dimensions]]]]]]; // biome-ignore format: nested messages
}

function attribute(name: string, value: Attribute): Field[] {
  if (value instanceof Float) return [[1, name], [2, value], [20, 1]]; // biome-ignore format: a message
  if (typeof value === 'number') return [[1, name], [3, value], [20, 2]]; // biome-ignore format: a message
  if (typeof value === 'string') return [[1, name], [4, value], [20, 3]]; // biome-ignore format: a message
  return [[1, name], ...value.map<Field>(one => [8, one]), [20, 7]];
}

interface Context {
  readonly node: GraphNode;
  input(name: string): string;
  inputs(): string[];
  shape(name: string): readonly number[];
  readonly output: string;
  readonly outputs: readonly string[];
  /** A constant of int64 numbers. */
  integers(numbers: readonly number[]): string;
  scalar(number: number): string;
  /** Adds a node and returns the name of its output. */
  emit(
    type: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
    output?: string | readonly string[],
  ): string;
}

type Translate = (context: Context) => void;

const unary =
  (type: string): Translate =>
  ({ input, emit, output }) =>
    void emit(type, [input('x')], {}, output);
const binary =
  (type: string): Translate =>
  ({ input, emit, output }) =>
    void emit(type, [input('a'), input('b')], {}, output);

/** A tensor of the wanted shape, from one of as many numbers. */
const reshaped: Translate = ({ node, inputs, integers, emit, output }) =>
  void emit('Reshape', [inputs()[0]!, integers(node.outputs[0]!.shape)], {}, output);

const reduce =
  (type: string): Translate =>
  ({ node, input, shape, integers, emit, output }) => {
    const { axis, reductionIndices, keepDims = false } = node.attributes as Record<string, never>;
    const rank = shape('x').length;
    const axes = [axis ?? reductionIndices ?? shape('x').map((_, i) => i)].flat().map((a: number) => (a + rank) % rank);
    const keepdims = keepDims ? 1 : 0;
    if (type === 'ReduceSum') emit(type, [input('x'), integers(axes)], { keepdims }, output);
    else emit(type, [input('x')], { axes, keepdims }, output);
  };

/** The name of a matrix, transposed first where wanted. */
function transposed({ shape, emit, input }: Context, name: 'a' | 'b', flip: unknown): string {
  if (!flip) return input(name);
  const rank = shape(name).length;
  const perm = shape(name).map((_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
  return emit('Transpose', [input(name)], { perm });
}

const matMul: Translate = context => {
  const { transposeA, transposeB } = context.node.attributes;
  const inputs = [transposed(context, 'a', transposeA), transposed(context, 'b', transposeB)];
  context.emit('MatMul', inputs, {}, context.output);
};

const slice: Translate = ({ node, input, shape, integers, emit, output }) => {
  const { begin, size } = node.attributes as { begin: number[]; size: number[] };
  const ends = begin.map((from, i) => (size[i] === -1 ? shape('x')[i]! : from + size[i]!));
  emit('Slice', [input('x'), integers(begin), integers(ends), integers(begin.map((_, i) => i))], {}, output);
};

const clip: Translate = ({ node, input, scalar, emit, output }) => {
  const { clipValueMin, clipValueMax } = node.attributes as Record<string, number>;
  emit('Clip', [input('x'), scalar(clipValueMin!), scalar(clipValueMax!)], {}, output);
};

const argMax: Translate = ({ node, input, emit, output }) => {
  const found = emit('ArgMax', [input('x')], { axis: node.attributes.axis as number, keepdims: 0 });
  emit('Cast', [found], { to: types.int32! }, output);
};

const gather: Translate = ({ node, input, emit, output }) =>
  void emit('Gather', [input('x'), input('indices')], { axis: (node.attributes.axis as number) ?? 0 }, output);

const split: Translate = ({ node, input, integers, emit, outputs }) => {
  const axis = node.attributes.axis as number;
  const sizes = node.outputs.map(({ shape }) => shape.at(axis)!);
  emit('Split', [input('x'), integers(sizes)], { axis }, outputs);
};

const kernels: Readonly<Record<string, Translate>> = {
  Identity: reshaped,
  Reshape: reshaped,
  ExpandDims: reshaped,
  Flatten: reshaped,
  Add: binary('Add'),
  AddN: ({ inputs, emit, output }) => void emit('Sum', inputs(), {}, output),
  Sub: binary('Sub'),
  Multiply: binary('Mul'),
  RealDiv: binary('Div'),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Pow: binary('Pow'),
  Neg: unary('Neg'),
  Exp: unary('Exp'),
  Log: unary('Log'),
  Sqrt: unary('Sqrt'),
  Abs: unary('Abs'),
  Sin: unary('Sin'),
  Cos: unary('Cos'),
  Tanh: unary('Tanh'),
  Sigmoid: unary('Sigmoid'),
  Softplus: unary('Softplus'),
  Relu: unary('Relu'),
  Square: ({ input, emit, output }) => void emit('Mul', [input('x'), input('x')], {}, output),
  Rsqrt: ({ input, emit, output }) => void emit('Reciprocal', [emit('Sqrt', [input('x')])], {}, output),
  Sum: reduce('ReduceSum'),
  Mean: reduce('ReduceMean'),
  Max: reduce('ReduceMax'),
  BatchMatMul: matMul,
  Concat: ({ node, inputs, emit, output }) =>
    void emit('Concat', inputs(), { axis: (node.attributes.axis as number) ?? 0 }, output),
  Tile: ({ node, input, integers, emit, output }) =>
    void emit('Tile', [input('x'), integers(node.attributes.reps as number[])], {}, output),
  Transpose: ({ node, input, emit, output }) =>
    void emit('Transpose', [input('x')], { perm: node.attributes.perm as number[] }, output),
  Cast: ({ node, input, emit, output }) =>
    void emit('Cast', [input('x')], { to: types[node.attributes.dtype as string]! }, output),
  Slice: slice,
  SplitV: split,
  ClipByValue: clip,
  ArgMax: argMax,
  GatherV2: gather,
};
