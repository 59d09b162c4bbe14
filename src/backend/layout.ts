import { type TensorInfo, tf } from '../tensor/tf.ts';
import { type AcceleratedBackend, sizeOf } from './accelerated.ts';
import type { KernelCall, KernelFunction } from './elementwise.ts';

/** Kernels that only move numbers: contiguous copies in place of the plain backend's walk over every index. */

function concat(backend: AcceleratedBackend, { inputs, attrs }: KernelCall): TensorInfo | undefined {
  const parts = Object.values(inputs);
  if (parts.some(part => part.dtype !== 'float32')) return undefined;
  const [axis] = tf.util.parseAxisParam(attrs.axis, parts[0]!.shape) as [number];
  const shape = tf.backend_util.computeOutShape(
    parts.map(part => part.shape),
    axis,
  );
  const outer = sizeOf(shape.slice(0, axis));
  const { info, values } = backend.output(shape);
  const widths = parts.map(part => sizeOf(part.shape.slice(axis)));
  const width = widths.reduce((sum, n) => sum + n, 0);
  let offset = 0;
  parts.forEach((part, p) => {
    const from = backend.values(part);
    const n = widths[p]!;
    if (outer === 1) values.set(n === from.length ? from : from.subarray(0, n), offset);
    else copyColumns(from, n, values, width, offset, outer);
    offset += n;
  });
  return info;
}

function copyColumns(from: Float32Array, n: number, to: Float32Array, width: number, offset: number, rows: number) {
  for (let row = 0; row < rows; row++) {
    const start = row * width + offset;
    for (let i = 0, at = row * n; i < n; i++) to[start + i] = from[at + i]!;
  }
}

/** A slice that is a run of rows; also a block of columns of a matrix. */
function slice(backend: AcceleratedBackend, { inputs, attrs }: KernelCall): TensorInfo | undefined {
  const x = inputs.x!;
  if (x.dtype !== 'float32') return undefined;
  const [begin, size] = tf.slice_util.parseSliceParams(x as never, attrs.begin, attrs.size) as [number[], number[]];
  const from = backend.values(x);
  let axis = size.length - 1;
  while (axis > 0 && size[axis] === x.shape[axis]) axis--;
  if (size.slice(0, Math.max(axis, 0)).some(n => n !== 1) && axis !== 1) return undefined;
  tf.slice_util.assertParamsValid(x as never, begin, size);
  const { info, values } = backend.output(size);
  if (values.length === 0) return info;
  const strides = tf.util.computeStrides(x.shape as number[]);
  const start = begin.reduce((sum, b, i) => sum + b * (strides[i] ?? 1), 0);
  const rows = axis === 1 ? size[0]! : 1;
  const width = values.length / rows;
  const step = axis === 1 ? strides[0]! : 0;
  for (let row = 0; row < rows; row++)
    values.set(from.subarray(start + row * step, start + row * step + width), row * width);
  return info;
}

/** A tensor cut along one axis, each part a slice: what the gradient of a concatenation is. */
function split(backend: AcceleratedBackend, { inputs, attrs }: KernelCall): TensorInfo[] | undefined {
  const x = inputs.x!;
  if (x.dtype !== 'float32') return undefined;
  const [axis] = tf.util.parseAxisParam(attrs.axis as number, x.shape as number[]) as [number];
  if (axis > 1 || x.shape.length > 2) return undefined;
  const sizes = tf.backend_util.prepareSplitSize(x as never, attrs.numOrSizeSplits as number[], axis);
  let offset = 0;
  return sizes.map(width => {
    const begin = x.shape.map((_, i) => (i === axis ? offset : 0));
    const size = x.shape.map((n, i) => (i === axis ? width : n));
    offset += width;
    return slice(backend, { inputs: { x }, attrs: { begin, size } } as unknown as KernelCall)!;
  });
}

/** Repetition along the first axis. */
function tile(backend: AcceleratedBackend, { inputs, attrs }: KernelCall): TensorInfo | undefined {
  const x = inputs.x!;
  const reps = attrs.reps as number[];
  if (x.dtype !== 'float32') return undefined;
  const from = backend.values(x);
  // One row repeated over columns of width one is a fill along the last axis; else only the first axis may repeat.
  const head = reps.findIndex(n => n !== 1);
  if (reps.some((n, i) => n !== 1 && i !== head)) return undefined;
  const { info, values } = backend.output(x.shape.map((n, i) => n * reps[i]!));
  const times = head < 0 ? 1 : reps[head]!;
  const outer = head < 0 ? 1 : sizeOf(x.shape.slice(0, head));
  const block = from.length / Math.max(1, outer);
  for (let o = 0; o < outer; o++) {
    if (block === 1) values.fill(from[o]!, o * times, (o + 1) * times);
    else {
      const part = outer === 1 && from.length === block ? from : from.subarray(o * block, (o + 1) * block);
      for (let t = 0; t < times; t++) values.set(part, (o * times + t) * block);
    }
  }
  return info;
}

/** Rows of a matrix, or entries of a vector, by index. */
function gather(backend: AcceleratedBackend, { inputs, attrs }: KernelCall): TensorInfo | undefined {
  const x = inputs.x!;
  const indices = inputs.indices!;
  const axis = attrs.axis ?? 0;
  if (x.dtype !== 'float32' || indices.dtype !== 'int32' || axis !== 0 || (attrs.batchDims ?? 0) !== 0)
    return undefined;
  const rows = x.shape[0]!;
  const columns = sizeOf(x.shape.slice(1));
  const index = backend.ints(indices);
  for (let i = 0; i < index.length; i++) {
    if (!(index[i]! >= 0 && index[i]! < rows)) throw new Error(`gather: index ${index[i]} is not in [0, ${rows})`);
  }
  const { info, values } = backend.output([...indices.shape, ...x.shape.slice(1)]);
  backend.run('gatherRows', [index, values, backend.values(x)], [index.length, columns, rows]);
  return info;
}

function transpose(backend: AcceleratedBackend, { inputs, attrs }: KernelCall): TensorInfo | undefined {
  const x = inputs.x!;
  const perm = attrs.perm as number[];
  if (x.dtype !== 'float32' || perm.length !== 2 || perm[0] !== 1) return undefined;
  const [rows, columns] = x.shape as [number, number];
  const from = backend.values(x);
  const { info, values } = backend.output([columns, rows]);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) values[j * rows + i] = from[i * columns + j]!;
  return info;
}

function fill(backend: AcceleratedBackend, { attrs }: KernelCall): TensorInfo | undefined {
  const { shape, value, dtype } = attrs;
  if ((dtype ?? 'float32') !== 'float32' || typeof value !== 'number') return undefined;
  const { info, values } = backend.output(shape);
  values.fill(value);
  return info;
}

function filledLike(value: number): KernelFunction {
  return (backend, { inputs }) => {
    const x = inputs.x!;
    if (x.dtype !== 'float32') return undefined;
    const { info, values } = backend.output(x.shape);
    values.fill(value);
    return info;
  };
}

export const layout: Readonly<Record<string, KernelFunction>> = {
  Concat: concat,
  Slice: slice,
  SplitV: split,
  Tile: tile,
  GatherV2: gather,
  Transpose: transpose,
  Fill: fill,
  ZerosLike: filledLike(0),
  OnesLike: filledLike(1),
};
