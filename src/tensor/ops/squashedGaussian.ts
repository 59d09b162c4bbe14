import { type Tensor, type Tensor1D, type Tensor2D, tf } from '../tf.ts';
import { type Gradients, hasKernel, runFused } from './fused.ts';

const HALF_LN_2PI = 0.5 * Math.log(2 * Math.PI);
/** Keeps ln(1 − a²) finite where tanh saturates (SAC's code). */
const SATURATION = 1e-6;

export interface SquashedSample {
  readonly actions: Tensor2D; // [B, A]
  readonly logDensity: Tensor1D; // [B]
}

/**
 * a = tanh(μ + σξ) for standard normal ξ [B, A] and heads [B, 2A] = [μ, ln σ], ln σ clipped to `range`; and
 *   ln π(a) = Σ_i ln N(u_i; μ_i, σ_i²) − ln(1 − a_i² + 1e-6).  Both are differentiable in the heads.
 */
export function squashedSample(heads: Tensor2D, xi: Tensor, range: readonly [number, number]): SquashedSample {
  if (!hasKernel()) return definition(heads, xi, range);
  const [actions, logDensity] = runFused('SquashedGaussian', [heads, xi], { range });
  return { actions: actions as Tensor2D, logDensity: logDensity as Tensor1D };
}

/** What `squashedSample` means. */
export function definition(heads: Tensor2D, xi: Tensor, range: readonly [number, number]): SquashedSample {
  const [mean, raw] = tf.split(heads, 2, 1) as [Tensor2D, Tensor2D];
  const logStd = tf.clipByValue(raw, ...range);
  const actions = tf.tanh(tf.add(mean, tf.mul(tf.exp(logStd), xi))) as Tensor2D;
  const gaussian = tf.sub(tf.mul(tf.square(xi), -0.5), tf.add(logStd, HALF_LN_2PI));
  const volume = tf.log(tf.sub(1 + SATURATION, tf.square(actions)));
  return { actions, logDensity: tf.sum(tf.sub(gaussian, volume), 1) };
}

tf.registerGradient({
  kernelName: 'SquashedGaussian',
  saveAllInputs: true,
  outputsToSave: [true, false],
  gradFunc: (dy, [heads, xi, actions], attributes) => {
    const [dActions, dLogDensity] = dy as unknown as Tensor[];
    const inputs = [heads!, xi!, actions!, dActions!, dLogDensity!];
    return [() => runFused('SquashedGaussianGradient', inputs, attributes)[0]!] as unknown as Gradients;
  },
});
