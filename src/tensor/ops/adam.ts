import { type AcceleratedBackend, accelerated } from '../../backend/accelerated.ts';
import { type Scalar, type Tensor, tf, type Variable } from '../tf.ts';

export interface AdamStep {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled weight decay (AdamW); 0 for Adam. */
  readonly weightDecay: number;
  /** Global L2 norm of all gradients beyond which they are scaled down; Infinity for none. */
  readonly clipNorm: number;
  /** Number of this step, from 1. */
  readonly step: number;
}

/**
 * One Adam step over all variables (Kingma & Ba 2015; AdamW: Loshchilov & Hutter 2019), in place, after clipping:
 * g ← g · min(1, clipNorm / (‖g‖ + 1e-6)). Returns the norm ‖g‖ before clipping.
 *   m ← β₁m + (1 − β₁)g,  v ← β₂v + (1 − β₂)g²,  θ ← θ(1 − η·decay) − η · m̂ / (√v̂ + ε)
 */
export function adamStep(
  variables: readonly Variable[],
  gradients: readonly Tensor[],
  m: readonly Variable[],
  v: readonly Variable[],
  args: AdamStep,
): Scalar {
  const backend = accelerated();
  return backend ? fused(backend, variables, gradients, m, v, args) : definition(variables, gradients, m, v, args);
}

function fused(
  backend: AcceleratedBackend,
  variables: readonly Variable[],
  gradients: readonly Tensor[],
  m: readonly Variable[],
  v: readonly Variable[],
  { learningRate, beta1, beta2, epsilon, weightDecay, clipNorm, step }: AdamStep,
): Scalar {
  const buffers: Float32Array[] = [];
  const ints = [variables.length];
  for (let i = 0; i < variables.length; i++) {
    const [variable, gradient] = [variables[i]!, gradients[i]!];
    if (gradient.size !== variable.size) throw new Error(`gradient [${gradient.shape}] of [${variable.shape}]`);
    buffers.push(backend.writable(variable), backend.values(gradient));
    buffers.push(backend.writable(m[i]!), backend.writable(v[i]!));
    ints.push(variable.size);
  }
  const norm = backend.output([]);
  norm.values[0] = backend.run('adam', buffers, ints, [
    learningRate / (1 - beta1 ** step),
    beta1,
    beta2,
    epsilon,
    1 / Math.sqrt(1 - beta2 ** step),
    1 - learningRate * weightDecay,
    Number.isFinite(clipNorm) ? clipNorm : 0,
  ]);
  return tf.engine().makeTensorFromTensorInfo(norm.info) as Scalar;
}

/** What `adamStep` means. */
export function definition(
  variables: readonly Variable[],
  gradients: readonly Tensor[],
  m: readonly Variable[],
  v: readonly Variable[],
  args: AdamStep,
): Scalar {
  return tf.tidy(() => {
    const { learningRate, beta1, beta2, epsilon, weightDecay, clipNorm, step } = args;
    const norm = tf.sqrt<Scalar>(tf.addN(gradients.map(g => tf.sum<Scalar>(tf.square(g)))));
    const scale = Number.isFinite(clipNorm) ? tf.minimum(1, tf.div(clipNorm, tf.add(norm, 1e-6))) : tf.scalar(1);
    const correction1 = 1 - beta1 ** step;
    const correction2 = Math.sqrt(1 - beta2 ** step);
    variables.forEach((variable, i) => {
      const g = tf.mul(gradients[i]!, scale);
      m[i]!.assign(tf.add(tf.mul(m[i]!, beta1), tf.mul(g, 1 - beta1)));
      v[i]!.assign(tf.add(tf.mul(v[i]!, beta2), tf.mul(tf.square(g), 1 - beta2)));
      const denominator = tf.add(tf.div(tf.sqrt(v[i]!), correction2), epsilon);
      const decayed = weightDecay === 0 ? variable : tf.mul(variable, 1 - learningRate * weightDecay);
      variable.assign(tf.sub(decayed, tf.mul(tf.div(m[i]!, denominator), learningRate / correction1)));
    });
    return norm;
  });
}
