/** The one place that imports TensorFlow.js: under Node's loader only the union package registers gradients. */
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
