import { type TensorInfo, tf } from '../tensor/tf.ts';
import { type AcceleratedBackend, sizeOf } from './accelerated.ts';
import { binaryNames, reductionNames, unaryNames } from './library.ts';

export interface KernelCall {
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  readonly backend: unknown;
  // biome-ignore lint/suspicious/noExplicitAny: attributes are what each kernel says
  readonly attrs: any;
}
/** A kernel of ours; where the call is not for it (another type, an unusual layout) it returns undefined. */
export type KernelFunction = (backend: AcceleratedBackend, call: KernelCall) => TensorInfo | TensorInfo[] | undefined;

/** How one input of a broadcasting operation is walked, as rows × columns. */
interface Walk {
  readonly rows: number;
  readonly columns: number;
  readonly a: readonly [rowStride: number, columnStep: number];
  readonly b: readonly [rowStride: number, columnStep: number];
}

/** Broadcasting of two shapes as a two-dimensional walk; undefined where it takes more dimensions. */
export function walk(aShape: readonly number[], bShape: readonly number[], out: readonly number[]): Walk | undefined {
  const groups: { size: number; a: boolean; b: boolean }[] = [];
  for (let i = 0; i < out.length; i++) {
    const size = out[i]!;
    if (size === 1) continue;
    const a = (aShape[aShape.length - out.length + i] ?? 1) === size;
    const b = (bShape[bShape.length - out.length + i] ?? 1) === size;
    const last = groups[groups.length - 1];
    if (last && last.a === a && last.b === b) last.size *= size;
    else groups.push({ size, a, b });
  }
  if (groups.length > 2) return undefined;
  const column = groups.pop() ?? { size: 1, a: true, b: true };
  const row = groups.pop() ?? { size: 1, a: false, b: false };
  const stride = (moves: boolean, columnMoves: boolean) => (moves ? (columnMoves ? column.size : 1) : 0);
  return {
    rows: row.size,
    columns: column.size,
    a: [stride(row.a, column.a), column.a ? 1 : 0],
    b: [stride(row.b, column.b), column.b ? 1 : 0],
  };
}

function binary(op: number): KernelFunction {
  return (backend, { inputs }) => {
    const { a, b } = inputs as { a: TensorInfo; b: TensorInfo };
    if (a.dtype !== 'float32' || b.dtype !== 'float32') return undefined;
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const plan = walk(a.shape, b.shape, shape);
    if (!plan) return undefined;
    const { info, values } = backend.output(shape);
    if (values.length > 0)
      backend.run(
        'binary',
        [backend.values(a), backend.values(b), values],
        [op, plan.rows, plan.columns, ...plan.a, ...plan.b],
      );
    return info;
  };
}

/** Beyond this the kernels' sine and cosine lose digits. */
const LARGEST_ANGLE = 8192;

function allWithin(values: Float32Array, bound: number): boolean {
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]!) <= bound)) return false;
  return true;
}

function unary(op: number): KernelFunction {
  const periodic = unaryNames[op] === 'Sin' || unaryNames[op] === 'Cos';
  return (backend, { inputs, attrs }) => {
    const x = inputs.x ?? inputs[0 as never]!; // ops of ours have their inputs as an array
    if (x.dtype !== 'float32') return undefined;
    if (periodic && !allWithin(backend.values(x), LARGEST_ANGLE)) return undefined;
    const { info, values } = backend.output(x.shape);
    const bounds = attrs && 'clipValueMin' in attrs ? [attrs.clipValueMin, attrs.clipValueMax] : [0, 0];
    backend.run('unary', [backend.values(x), values], [op, values.length], bounds);
    return info;
  };
}

function reduction(op: number): KernelFunction {
  return (backend, { inputs, attrs }) => {
    const x = inputs.x!;
    const { axis, reductionIndices, keepDims } = attrs ?? {};
    if (x.dtype !== 'float32' || x.shape.length === 0) return undefined;
    const axes = tf.util.parseAxisParam(axis ?? reductionIndices, x.shape).sort((i, j) => i - j);
    const [first, last] = [axes[0] ?? 0, axes[axes.length - 1] ?? -1];
    if (last - first + 1 !== axes.length) return undefined;
    const outer = sizeOf(x.shape.slice(0, first));
    const n = sizeOf(x.shape.slice(first, last + 1));
    const inner = sizeOf(x.shape.slice(last + 1));
    if (n === 0 || axes.length === 0) return undefined;
    const reduced = new Set(axes);
    const shape = x.shape.flatMap((size, i) => (reduced.has(i) ? (keepDims ? [1] : []) : [size]));
    const { info, values } = backend.output(shape);
    backend.run('reduce', [backend.values(x), values], [op, outer, n, inner]);
    return info;
  };
}

/** `MishGradient`: x, dy → dx. */
const mishGradient: KernelFunction = (backend, { inputs }) => {
  const [x, dy] = inputs as unknown as readonly TensorInfo[];
  const { info, values } = backend.output(x!.shape);
  backend.run('mishBackward', [backend.values(x!), backend.values(dy!), values], [values.length]);
  return [info];
};

export const elementwise: Readonly<Record<string, KernelFunction>> = Object.fromEntries([
  ['MishGradient', mishGradient],
  ...binaryNames.map((name, op) => [name, binary(op)]),
  ...unaryNames.filter(name => name !== 'Silu').map(name => [name, unary(unaryNames.indexOf(name))]),
  ...reductionNames.map((name, op) => [name, reduction(op)]),
]);
