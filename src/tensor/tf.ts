/** The one place that imports TensorFlow.js: under Node's loader only the union package registers gradients. */

import type { NamedTensorMap, Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu/dist/backend_cpu.js';

export type {
  NamedTensorMap,
  Rank,
  Scalar,
  Tensor,
  Tensor1D,
  Tensor2D,
  Tensor3D,
  TensorInfo,
  TensorLike,
  Variable,
} from '@tensorflow/tfjs';
export { tf };

tf.enableProdMode(); // no checks per call, no advice to install another package
/** The class of the plain backend, from which ours inherits; the union package does not export it. */
export const CpuBackend = (tf.findBackendFactory('cpu')() as MathBackendCPU).constructor as typeof MathBackendCPU;

/** What tfjs records of an operation. */
export interface TapeNode {
  readonly id: number;
  readonly kernelName: string;
  readonly inputs: NamedTensorMap;
  readonly outputs: readonly Tensor[];
  /** From the gradients of the outputs, undefined where nothing depends on one, to those of the inputs. */
  readonly gradient?: (dys: (Tensor | undefined)[]) => Readonly<Record<string, () => Tensor>>;
  /** Disposed of with the tape. */
  readonly saved?: readonly Tensor[];
}

interface TapeState {
  gradientDepth: number;
  activeTape: TapeNode[] | null;
  nextTapeNodeId: number;
}

/** The part of tfjs's state that is its tape. */
export function tapeState(): TapeState {
  return tf.engine().state as unknown as TapeState;
}
