import type { Buffer, KernelName } from '../../backend/library.ts';

type Run = (
  kernel: KernelName,
  buffers: readonly Buffer[],
  ints: ArrayLike<number>,
  reals?: ArrayLike<number>,
) => number;

/**
 * Floating-point operations of the matrix products that `work` runs on a backend, two per multiply-add: the arithmetic
 * that is done, so what a sampling chain computes once per state or once per call counts once. Elementwise work is left out; it is under a hundredth.
 */
export function countFlops(backend: { run: Run }, work: () => void): number {
  let total = 0;
  const run: Run = backend.run;
  backend.run = (kernel, buffers, ints, reals) => {
    total += flopsOf(kernel, ints, buffers);
    return run.call(backend, kernel, buffers, ints, reals);
  };
  try {
    work();
  } finally {
    backend.run = run;
  }
  return total;
}

/** By the integer arguments of each kernel, as its op file passes them. */
function flopsOf(kernel: KernelName, ints: ArrayLike<number>, buffers: readonly Buffer[]): number {
  const at = (index: number) => ints[index] ?? 0;
  switch (kernel) {
    case 'matMul': // batch, M, N, K
      return 2 * at(0) * at(1) * at(2) * at(3);
    case 'denseForward': // batch, fanIn, fanOut
    case 'denseBackward': // the weights' gradient; the input's is a product of its own
      return 2 * at(0) * at(1) * at(2);
    case 'denoise': // 2: batch, 3: candidates, 4: actDim, 5: embedding, 6: obsDim, 7: network calls
      return (
        at(2) * at(3) * at(7) * rowFlops(at(0), ints, at(4)) + 2 * at(9) * (at(2) * at(6) + at(7) * at(5)) // states, times
      );
    case 'judge': // 0: networks, 3: batch, 4: rows a state, 5: width of a row, 6: width of a state
      return at(0) * (at(3) * at(4) * rowFlops(at(1), ints, at(5)) + 2 * at(9) * at(3) * at(6));
    case 'mlpForward': // 0: networks, 1: layers, 4: batch, 6: parts, 7…: their widths, then sizes
      return at(0) * at(4) * layerFlops(ints, 7 + at(6), at(1));
    case 'mlpBackward': // not the first layer: the input's gradient is a product of its own, as those of weights are
      return at(0) * at(4) * layerFlops(ints, 8 + at(6), at(1) - 1);
    case 'mlpWeights': // of each network those for which there is a buffer
      return buffers
        .slice(3)
        .reduce((sum, to, i) => sum + (to ? at(4) * layerFlops(ints, 7 + at(6) + (i % at(1)), 1) : 0), 0);
    case 'mlpInput': // 0: part, then as before
      return 2 * at(1) * at(5) * at(8 + at(0)) * at(9 + at(7));
    case 'blockForward': // rows, width, inner width: two products
      return 4 * at(0) * at(1) * at(2);
    case 'blockBackward':
      return 8 * at(0) * at(1) * at(2);
    default:
      return 0;
  }
}

/** One row through `layers` dense layers whose sizes are the integers from `first` on. */
function layerFlops(ints: ArrayLike<number>, first: number, layers: number): number {
  let total = 0;
  for (let i = first; i < first + layers; i++) total += 2 * ints[i]! * ints[i + 1]!;
  return total;
}

/** One row through a stack of dense layers, of the first only the part for `width` inputs. 8…: the layers' sizes. */
function rowFlops(layers: number, ints: ArrayLike<number>, width: number): number {
  let total = 2 * width * ints[9]!;
  for (let layer = 1; layer < layers; layer++) total += 2 * ints[8 + layer]! * ints[9 + layer]!;
  return total;
}
