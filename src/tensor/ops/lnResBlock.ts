import { type Tensor1D, type Tensor2D, tf } from '../tf.ts';
import type { Layer } from './denoise.ts';
import { dense } from './dense.ts';
import { layerNorm } from './layerNorm.ts';

/** Parameters of one block: layer norm over H, then H → 4H → H. */
export interface LnResBlock {
  readonly norm: { readonly weight: Tensor1D; readonly bias: Tensor1D };
  readonly fc1: Layer;
  readonly fc2: Layer;
}

/** Inverted dropout: `mask` is 0 or 1, of the shape it is applied to; what is kept is divided by 1 − rate. */
export interface Dropout {
  readonly mask: Tensor2D;
  readonly rate: number;
}

/** h + fc2(mish(fc1(layerNorm(dropout(h))))) for h [B, H]; without `dropout` the block of evaluation. */
export function lnResBlock(h: Tensor2D, { norm, fc1, fc2 }: LnResBlock, dropout?: Dropout): Tensor2D {
  const dropped = dropout ? tf.div<Tensor2D>(tf.mul(h, dropout.mask), 1 - dropout.rate) : h;
  const normed = layerNorm(dropped, norm.weight, norm.bias);
  const inner = dense(normed, fc1.weight, fc1.bias, 'mish');
  return tf.add(h, dense(inner, fc2.weight, fc2.bias, 'linear'));
}
