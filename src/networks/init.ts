import type { Noise } from '../tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';

/** How a linear layer's weight [fanIn, fanOut] and bias [fanOut] start. */
export type Initializer = (fanIn: number, fanOut: number, noise: Noise) => { weight: Tensor2D; bias: Tensor1D };

/** weight ~ N(0, (1 / (2√fanIn))²), bias 0: QVPO and the DIPO code it derives from. */
export const halfFanInNormal: Initializer = (fanIn, fanOut, noise) => ({
  weight: tf.mul(noise.normal('weight', [fanIn, fanOut]), 1 / (2 * Math.sqrt(fanIn))) as Tensor2D,
  bias: tf.zeros([fanOut]),
});

/** weight and bias ~ U(−1/√fanIn, 1/√fanIn): PyTorch's default for a linear layer. */
export const torchLinear: Initializer = (fanIn, fanOut, noise) => {
  const bound = 1 / Math.sqrt(fanIn);
  return {
    weight: noise.uniform('weight', [fanIn, fanOut], -bound, bound) as Tensor2D,
    bias: noise.uniform('bias', [fanOut], -bound, bound) as Tensor1D,
  };
};
