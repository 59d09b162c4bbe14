import type { TensorInfo } from '../tensor/tf.ts';
import type { AcceleratedBackend } from './accelerated.ts';

/** Rows up to which a product is one of few: `FEW_ROWS` of `kernels/denoise.h`. */
const FEW_ROWS = 8;
/** Columns of the widest panel that `packFew` makes; terms of a tile of `native/bf16.h`. */
const [PANEL, DEPTH] = [64, 32];

/** Whether the kernels take a call of so many rows as one of few, whose weights come packed. */
export function isFew(rows: number): boolean {
  return rows <= FEW_ROWS;
}

/** A weight as a kernel wants it for a call of few rows, in panels or in tiles of bfloat16: packed once, until it changes. */
function packedFew(backend: AcceleratedBackend, weight: TensorInfo, tiles: boolean): Float32Array {
  const [fanIn, fanOut] = weight.shape as [number, number];
  const length = DEPTH * Math.ceil(fanIn / DEPTH) * PANEL * Math.ceil(fanOut / PANEL);
  return backend.prepared(weight, tiles, length, (from, to) => {
    backend.run('packFewRows', [from, to], [fanIn, fanOut, Number(tiles)]);
  });
}

/** Weights and biases of a network as `kernel` takes them: those behind the first packed, if rows are few. */
export function parametersFor(
  backend: AcceleratedBackend,
  kernel: 'denoise' | 'judge' | 'mlpForward',
  rows: number,
  layers: readonly { readonly weight: TensorInfo; readonly bias: TensorInfo }[],
): Float32Array[] {
  const tiles = backend.library.bf16?.kernels.has(kernel) ?? false;
  const few = isFew(rows);
  const parameters: Float32Array[] = [];
  for (let i = 0; i < layers.length; i++) {
    const { weight, bias } = layers[i]!;
    parameters.push(few && i > 0 ? packedFew(backend, weight, tiles) : backend.values(weight), backend.values(bias));
  }
  return parameters;
}
