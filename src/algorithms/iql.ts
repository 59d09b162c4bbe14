/**
 * IQL: Offline Reinforcement Learning with Implicit Q-Learning. Kostrikov, Nair & Levine 2021, arXiv:2110.06169.
 *
 *   s, a    observations, actions         V, Q_φ   value and critic, a pair (φ̄: targetCritic)
 *   π       policy                        τ        expectile       κ   temperature (β in the paper)
 *
 * `--variant iql` is the authors' code: a Gaussian around a tanh mean with one deviation per dimension, orthogonal
 * initial weights, V(s') after its update. `--variant srpo` is the policy that SRPO's code trains beside its critic:
 * deterministic, uniform initial weights, V(s') before its update, and the policy last.
 * Differs from the authors' code: actions of the data are not clipped to ±(1 − 10⁻⁵); an unsquashed Gaussian needs none.
 */

import { choice, count, param, table, type Values } from '../config/hyperparameters.ts';
import { cosine, offlineParams } from '../config/offline.ts';
import type { Batch } from '../data/batch.ts';
import { orthogonal, torchLinear } from '../networks/init.ts';
import { Mlp } from '../networks/mlp.ts';
import { group } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Scalar, type Tensor1D, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';
import { IqlCritic } from './iqlCritic.ts';

const maze = { expectile: 0.9, temperature: 10, rewardTransform: 'minus-one' } as const;
const mazes = ['umaze', 'umaze-diverse', 'medium-play', 'medium-diverse', 'large-play', 'large-diverse'];

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  ...offlineParams,
  trainSteps:         count(1_000_000, 'updates of V, policy and Q'),
  expectile:          param(0.7, 'τ: which expectile of Q the value is', { min: 0, max: 1 }),
  temperature:        param(3, 'κ: weight exp(κ A(s, a)) of an action of the data', { min: 0 }),
  weightLimit:        param(100, 'largest weight', { min: 0 }),
  tau:                param(0.005, 'Polyak rate of the target critic', { min: 0, max: 1 }),
  criticLearningRate: param(3e-4, 'Adam, of Q and V', { min: 0 }),
  policyLearningRate: param(3e-4, 'Adam, cosine to 0', { min: 0 }),
  criticLayers:       count(2, 'hidden layers of Q and V'),
  policyLayers:       count(2, 'hidden layers of the policy'),
  hidden:             count(256, 'width of every network'),
  variant:            choice('iql', ['iql', 'srpo'], 'policy, order and initial weights: IQL\'s code, or SRPO\'s'),
}, {
  tasks: Object.fromEntries(mazes.map(name => [`antmaze-${name}-v2`, maze])), // paper, section 5
});

type Config = Values<typeof hyperparameters>;

export class Iql implements Algorithm {
  readonly config: Config;
  readonly critic: IqlCritic;
  /** tanh mean [B, A], and the logarithm of the deviation [A] where the policy is a Gaussian. */
  readonly policy: { readonly mean: Mlp; readonly logDeviation?: Variable & Tensor1D };
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;
  readonly #policyOptimizer: Adam;

  constructor(sizes: Sizes, config: Config, initial: Noise) {
    this.config = config;
    const gaussian = config.variant === 'iql';
    const initializer = gaussian ? orthogonal(Math.SQRT2) : torchLinear;
    const inner = new Array<number>(config.policyLayers).fill(config.hidden);
    this.critic = new IqlCritic(sizes, config, initial, initializer);
    const layers = [sizes.obsDim, ...inner, sizes.actDim];
    const mean = new Mlp({ sizes: layers, activation: 'relu', outputActivation: 'tanh', initializer }, initial);
    const logDeviation = gaussian ? (tf.variable(tf.zeros([sizes.actDim])) as Variable & Tensor1D) : undefined;
    this.policy = { mean, logDeviation };
    const policy = { ...mean.variables, ...(logDeviation && { logDeviation }) };
    this.#policyOptimizer = new Adam(policy, { learningRate: config.policyLearningRate });
    this.variables = { ...this.critic.variables, ...group({ policy, policyOptimizer: this.#policyOptimizer.state }) };
    this.tunable = {
      criticLearningRate: this.critic.setLearningRate,
      policyLearningRate: this.#policyOptimizer.setLearningRate,
    };
    const { trainSteps: steps, batchSize } = config;
    const update = gaussian ? this.#update.bind(this) : this.#updateBeside.bind(this);
    const stage = { name: 'train', steps, batchSize, variables: this.variables };
    this.stages = [{ ...stage, update: (sample, progress) => update(sample(), progress) }];
  }

  /** The policy's mean; an offline policy never explores. */
  act(s: Tensor2D): Tensor2D {
    return this.policy.mean.apply(s);
  }

  /** IQL's order: V, policy, Q with the new V(s'), target. */
  #update(batch: Batch, progress: number): Metrics {
    const value = this.critic.updateValue(batch);
    const policy = this.#updatePolicy(batch, progress);
    const critic = this.critic.updateCritic(batch, this.critic.v(batch.nextObservations));
    this.critic.updateTarget();
    return { ...value, ...policy, ...critic };
  }

  /** SRPO's order: V, Q with the old V(s'), target, policy. */
  #updateBeside(batch: Batch, progress: number): Metrics {
    return { ...this.critic.update(batch), ...this.#updatePolicy(batch, progress) };
  }

  /** L(θ) = −E min(exp(κ A(s, a)), 100) log π_θ(a|s);  deterministic: squared distance Σ_d (π_θ(s) − a)²_d instead of −log π */
  #updatePolicy({ observations: s, actions: a }: Batch, progress: number): Metrics {
    const { temperature, weightLimit } = this.config;
    const w = tf.minimum(tf.exp(tf.mul(this.critic.advantage(s, a), temperature)), weightLimit);
    this.#policyOptimizer.decay(rate => cosine(rate, progress));
    const { loss, norm } = minimize(this.#policyOptimizer, () => ({
      loss: tf.mean<Scalar>(tf.mul(w, this.#distance(s, a))),
    }));
    return { 'policy/loss': loss, 'policy/gradNorm': norm, 'policy/weight': tf.mean<Scalar>(w) };
  }

  /** −log N(a; mean(s), σ²) [B], log σ in [−5, 2]; without σ the squared distance. */
  #distance(s: Tensor2D, a: Tensor2D): Tensor1D {
    const error = tf.sub(this.policy.mean.apply(s), a);
    if (!this.policy.logDeviation) return tf.sum(tf.square(error), 1);
    const log = tf.clipByValue(this.policy.logDeviation, -5, 2);
    const half = tf.mul(tf.square(tf.mul(error, tf.exp(tf.neg(log)))), 0.5);
    return tf.sum(tf.add(tf.add(half, log), 0.5 * Math.log(2 * Math.PI)), 1);
  }
}

export const iql: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'iql',
  kind: 'offline',
  title: 'Implicit Q-learning, Kostrikov, Nair & Levine 2021, arXiv:2110.06169',
  hyperparameters,
  create: (sizes, config, initial) => new Iql(sizes, config, initial),
};
