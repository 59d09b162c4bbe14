import { type Tensor1D, type Tensor2D, tf } from '../tf.ts';
import { mish } from './mish.ts';

export type Activation = 'linear' | 'relu' | 'mish' | 'silu' | 'tanh';

/** activation(x · W + b): x [B, in], weight [in, out], bias [out] → [B, out]. */
export function dense(x: Tensor2D, weight: Tensor2D, bias: Tensor1D, activation: Activation): Tensor2D {
  return activate(tf.add(tf.matMul(x, weight), bias), activation);
}

function activate(x: Tensor2D, activation: Activation): Tensor2D {
  switch (activation) {
    case 'linear':
      return x;
    case 'relu':
      return tf.relu(x);
    case 'mish':
      return mish(x);
    case 'silu':
      return tf.mul(x, tf.sigmoid(x));
    case 'tanh':
      return tf.tanh(x);
  }
}
