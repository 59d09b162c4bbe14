import type { Activation } from '../../backend/activation.ts';
import { type NamedTensorMap, type Tensor, type Tensor1D, type Tensor2D, tf } from '../tf.ts';
import { hasKernel } from './fused.ts';
import { mish } from './mish.ts';

export type { Activation } from '../../backend/activation.ts';

/** activation(x · W + b): x [B, in], weight [in, out], bias [out] → [B, out]. */
export function dense(x: Tensor2D, weight: Tensor2D, bias: Tensor1D, activation: Activation): Tensor2D {
  if (!hasKernel()) return definition(x, weight, bias, activation);
  if (x.shape[1] !== weight.shape[0] || bias.shape[0] !== weight.shape[1])
    throw new Error(`dense: x [${x.shape}], weight [${weight.shape}] and bias [${bias.shape}] do not fit`);
  const keepArgument = tf.engine().isTapeOn() && (activation === 'mish' || activation === 'silu');
  return tf
    .engine()
    .runKernel<Tensor2D>(
      'Dense',
      { x, weight, bias } as unknown as NamedTensorMap,
      { activation, keepArgument } as never,
    );
}

/** What `dense` means. */
export function definition(x: Tensor2D, weight: Tensor2D, bias: Tensor1D, activation: Activation): Tensor2D {
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

tf.registerGradient({
  kernelName: 'Dense',
  inputsToSave: ['x', 'weight'],
  outputsToSave: [true],
  gradFunc: (dy, saved, attrs) => {
    const [x, weight, y] = saved as [Tensor2D, Tensor2D, Tensor2D];
    const [dz, dWeight, dBias] = tf
      .engine()
      .runKernel<Tensor[]>('DenseGradient', { x, y, dy: dy as Tensor } as unknown as NamedTensorMap, attrs as never);
    // x is often no variable's descendant (a first layer): so its gradient is computed only when asked for.
    return { x: () => tf.matMul(dz as Tensor2D, weight, false, true), weight: () => dWeight!, bias: () => dBias! };
  },
});
