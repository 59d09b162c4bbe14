/** The one place that imports TensorFlow.js: under Node's loader only the union package registers gradients. */
import * as tf from '@tensorflow/tfjs';

export type {
  NamedTensorMap,
  Rank,
  Scalar,
  Tensor,
  Tensor1D,
  Tensor2D,
  Tensor3D,
  TensorLike,
  Variable,
} from '@tensorflow/tfjs';
export { tf };
