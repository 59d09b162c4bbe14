import { type Tensor, type Tensor1D, type Tensor2D, tf } from '../tf.ts';
import type { Layer } from './denoise.ts';
import { dense } from './dense.ts';
import { type Gradients, hasKernel, runFused } from './fused.ts';
import { layerNorm } from './layerNorm.ts';

/** Parameters of one block: layer norm over H, then H → 4H → H. */
export interface LnResBlock {
  readonly norm: { readonly weight: Tensor1D; readonly bias: Tensor1D };
  readonly fc1: Layer;
  readonly fc2: Layer;
}

/** Inverted dropout: an entry is kept, and divided by 1 − rate, where its uniform number in [0, 1) is at least `rate`. */
export interface Dropout {
  readonly uniform: Tensor2D;
  readonly rate: number;
}

const EPSILON = 1e-5;

/** h + fc2(mish(fc1(layerNorm(dropout(h))))) for h [B, H]; without `dropout` the block of evaluation. Differentiable. */
export function lnResBlock(h: Tensor2D, block: LnResBlock, dropout?: Dropout): Tensor2D {
  if (!hasKernel()) return definition(h, block, dropout);
  const { norm, fc1, fc2 } = block;
  const inputs = [h, norm.weight, norm.bias, fc1.weight, fc1.bias, fc2.weight, fc2.bias];
  const keep = tf.engine().isTapeOn();
  const attributes = { uniform: dropout?.uniform, rate: dropout?.rate ?? 0, epsilon: EPSILON, keep, block };
  return runFused('LnResBlock', inputs, attributes)[0] as Tensor2D;
}

/** What `lnResBlock` means. */
export function definition(h: Tensor2D, { norm, fc1, fc2 }: LnResBlock, dropout?: Dropout): Tensor2D {
  const dropped = dropout ? drop(h, dropout) : h;
  const normed = layerNorm(dropped, norm.weight, norm.bias, EPSILON);
  const inner = dense(normed, fc1.weight, fc1.bias, 'mish');
  return tf.add(h, dense(inner, fc2.weight, fc2.bias, 'linear'));
}

function drop(h: Tensor2D, { uniform, rate }: Dropout): Tensor2D {
  const kept = tf.cast(tf.greaterEqual(uniform, rate), 'float32');
  return tf.div(tf.mul(h, kept), 1 - rate);
}

tf.registerGradient({
  kernelName: 'LnResBlock',
  outputsToSave: [true],
  gradFunc: (dy, [y], attributes) => {
    const { block } = attributes as unknown as { readonly block: LnResBlock };
    const { norm, fc1, fc2 } = block;
    const inputs = [y!, dy as Tensor, norm.weight, norm.bias, fc1.weight, fc2.weight];
    const gradients = runFused('LnResBlockGradient', inputs, attributes);
    return gradients.map(gradient => () => gradient) as unknown as Gradients;
  },
});
