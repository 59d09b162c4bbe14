import type { TensorInfo } from '../tensor/tf.ts';
import type { AcceleratedBackend } from './accelerated.ts';

/** Rows up to which a product is one of few: `FEW_ROWS` of `kernels/denoise.h`. */
const FEW_ROWS = 8;
/** Columns of the widest panel that `packFew` makes. */
const PANEL = 64;

/** Whether the kernels take a call of so many rows as one of few, whose weights come packed. */
export function isFew(rows: number): boolean {
  return rows <= FEW_ROWS;
}

/** A weight as the kernels want it for a call of few rows: packed once, until it changes. */
export function packedFew(backend: AcceleratedBackend, weight: TensorInfo): Float32Array {
  const [fanIn, fanOut] = weight.shape as [number, number];
  return backend.prepared(weight, fanIn * PANEL * Math.ceil(fanOut / PANEL), (from, to) => {
    backend.run('packFewRows', [from, to], [fanIn, fanOut]);
  });
}

/** Weights and biases of a network as the chain's kernels take them: those behind the first packed, if rows are few. */
export function parametersFor(
  backend: AcceleratedBackend,
  rows: number,
  layers: readonly { readonly weight: TensorInfo; readonly bias: TensorInfo }[],
): Float32Array[] {
  const few = isFew(rows);
  const parameters: Float32Array[] = [];
  for (let i = 0; i < layers.length; i++) {
    const { weight, bias } = layers[i]!;
    parameters.push(few && i > 0 ? packedFew(backend, weight) : backend.values(weight), backend.values(bias));
  }
  return parameters;
}
