import { type Scalar, type Tensor, type Tensor1D, tf } from '../tf.ts';
import { type Gradients, hasKernel, runFused } from './fused.ts';

/** The entropy term of soft actor-critic: weight α, which is a constant, and ln π(a|s) [B]. */
export interface Entropy {
  readonly alpha: Scalar;
  readonly logDensity: Tensor1D;
}

const inputsOf = (values: readonly Tensor1D[], entropy?: Entropy): Tensor[] =>
  entropy ? [entropy.alpha, entropy.logDensity, ...values] : [...values];

const leastOf = (values: readonly Tensor1D[]) => values.reduce((least, other) => tf.minimum<Tensor1D>(least, other));

/** What follows a transition, without the value of where it leads: r and terminated (0 or 1), both [B]. */
export interface Reward {
  readonly rewards: Tensor1D;
  readonly terminated: Tensor1D;
}

/** y = r + γ (1 − terminated) (min_i v_i − α ln π) [B], for values v_i [B] of the next state; no gradient. */
export function bootstrap(step: Reward, discount: number, values: readonly Tensor1D[], entropy?: Entropy): Tensor1D {
  const { rewards, terminated } = step;
  if (!hasKernel() || tf.engine().isTapeOn()) return bootstrapDefinition(step, discount, values, entropy);
  const inputs = [rewards, terminated, ...inputsOf(values, entropy)];
  return runFused('Bootstrap', inputs, { discount, entropy: entropy !== undefined })[0] as Tensor1D;
}

/** What `bootstrap` means. */
export function bootstrapDefinition(
  { rewards, terminated }: Reward,
  discount: number,
  values: readonly Tensor1D[],
  entropy?: Entropy,
): Tensor1D {
  const least = leastOf(values);
  const v = entropy ? tf.sub(least, tf.mul(entropy.alpha, entropy.logDensity)) : least;
  return tf.add(rewards, tf.mul(tf.mul(tf.sub(1, terminated), discount), v));
}

/** What an actor descends: mean (α ln π − min_i q_i), differentiable in ln π and all q_i [B]. */
export function actorObjective(values: readonly Tensor1D[], entropy?: Entropy): Scalar {
  if (!hasKernel()) return actorDefinition(values, entropy);
  return runFused('SoftObjective', inputsOf(values, entropy), { entropy: entropy !== undefined })[0] as Scalar;
}

/** What `actorObjective` means. */
export function actorDefinition(values: readonly Tensor1D[], entropy?: Entropy): Scalar {
  const least = leastOf(values);
  return tf.mean(entropy ? tf.sub(tf.mul(entropy.alpha, entropy.logDensity), least) : tf.neg(least));
}

tf.registerGradient({
  kernelName: 'SoftObjective',
  saveAllInputs: true,
  gradFunc: (dy, saved, attributes) => {
    const gradients = runFused('SoftObjectiveGradient', [dy as Tensor, ...saved], attributes);
    const thunks = gradients.map(gradient => () => gradient);
    if (!(attributes as unknown as { readonly entropy: boolean }).entropy) return thunks as unknown as Gradients;
    const none = () => {
      throw new Error('actorObjective: the weight of the entropy is a constant');
    };
    return [none, ...thunks] as unknown as Gradients;
  },
});
