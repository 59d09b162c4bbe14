import { accelerated } from '../../backend/accelerated.ts';
import { type Tensor2D, tf } from '../tf.ts';

/** Rows longer than this are faster copied as a block than number by number. */
const LONG = 64;

/** A matrix in parts: the first has `first` rows (all of them unless given), each further one as many as all before it. */
export interface Parts {
  readonly parts: readonly Float32Array[];
  readonly first?: number;
}

/** In which part row number `row` lies. */
export function partOf(row: number, first: number): number {
  return row < first ? 0 : 32 - Math.clz32(row / first);
}

/** Where a part begins. */
export function partStart(part: number, first: number): number {
  return part === 0 ? 0 : first << (part - 1);
}

/** Rows of a matrix with `width` columns, one after the other: [rows.length, width]. */
export function gatherRows(from: Parts, rows: Int32Array, width: number): Tensor2D {
  const backend = accelerated();
  if (!backend) return tf.tensor2d(copyRows(from, rows, width), [rows.length, width]);
  const { info, values } = backend.output([rows.length, width]);
  const { parts, first = 2 ** 31 - 1 } = from;
  // A module would copy the whole matrix into its memory first.
  if (backend.library.name !== 'native') copyRows(from, rows, width, values);
  else backend.run('gatherRows', [rows, values, ...parts], [rows.length, width, first]);
  return tf.engine().makeTensorFromTensorInfo(info) as Tensor2D;
}

/**
 * As `gatherRows`, as an array. The ends of all rows are read first: where they lie far apart in memory the processor then
 * waits for many of them at once, not for one after the other.
 */
export function copyRows(
  { parts, first = Number.POSITIVE_INFINITY }: Parts,
  rows: Int32Array,
  width: number,
  to: Float32Array = new Float32Array(rows.length * width),
): Float32Array {
  const place = (row: number) => {
    const part = partOf(row, first);
    return { source: parts[part]!, start: (row - partStart(part, first)) * width };
  };
  for (let i = 0; i < rows.length; i++) {
    const { source, start } = place(rows[i]!);
    to[i * width] = source[start]!;
    to[(i + 1) * width - 1] = source[start + width - 1]!;
  }
  for (let i = 0; i < rows.length; i++) {
    const { source, start } = place(rows[i]!);
    const at = i * width;
    if (width > LONG) to.set(source.subarray(start, start + width), at);
    else for (let j = 1; j < width - 1; j++) to[at + j] = source[start + j]!;
  }
  return to;
}
