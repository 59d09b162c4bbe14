/**
 * BC: behaviour cloning. A deterministic policy π regressed on the actions of the data, the settings of CORL's and
 * TD3+BC's comparison: two hidden layers of 256, observations normalised, Adam 3e-4, a million updates.
 *
 * Not built: the variant that keeps the tenth of the trajectories with the largest returns (10 % BC). The diffusion
 * variant is Diffusion-QL with `--guidance 0 --evaluation-candidates 1`.
 */

import { count, param, table, type Values } from '../config/hyperparameters.ts';
import { offlineParams } from '../config/offline.ts';
import type { Batch, Transitions } from '../data/batch.ts';
import { momentsOf } from '../data/moments.ts';
import { Mlp } from '../networks/mlp.ts';
import { Normalizer } from '../networks/normalizer.ts';
import { group } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { minimize } from '../optim/minimize.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Scalar, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Algorithm, AlgorithmDefinition, Metrics, Sizes, Stage, Variables } from './algorithm.ts';

// biome-ignore format: a table reads by columns
export const hyperparameters = table({
  batchSize:             offlineParams.batchSize,
  trainSteps:            count(1_000_000, 'gradient updates'),
  normalizeObservations: param(true, 'subtract the mean of the data and divide by its deviation + 1e-3'),
  policyLearningRate:    param(3e-4, 'Adam', { min: 0 }),
  hidden:                count(256, 'width of both hidden layers'),
}, {
  presets: { paper: {}, fast: { trainSteps: 200_000 } },
});

type Config = Values<typeof hyperparameters>;

export class Bc implements Algorithm {
  readonly config: Config;
  readonly policy: Mlp;
  readonly normalizer: Normalizer;
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;
  readonly #optimizer: Adam;

  constructor({ obsDim, actDim }: Sizes, config: Config, initial: Noise) {
    this.config = config;
    const { hidden, policyLearningRate: learningRate, trainSteps: steps, batchSize } = config;
    const sizes = [obsDim, hidden, hidden, actDim];
    this.policy = new Mlp({ sizes, activation: 'relu', outputActivation: 'tanh' }, initial);
    this.normalizer = new Normalizer(obsDim);
    this.#optimizer = new Adam(this.policy.variables, { learningRate });
    this.tunable = { policyLearningRate: this.#optimizer.setLearningRate };
    this.variables = group({
      normalizer: this.normalizer.variables,
      policy: this.policy.variables,
      policyOptimizer: this.#optimizer.state,
    });
    const stage = { name: 'train', steps, batchSize, variables: this.variables };
    this.stages = [{ ...stage, update: sample => this.#update(sample()) }];
  }

  prepare(data: Transitions): void {
    if (this.config.normalizeObservations) this.normalizer.set(momentsOf(data));
  }

  /** π(s). */
  act(s: Tensor2D): Tensor2D {
    return this.policy.apply(this.normalizer.apply(s));
  }

  /** L(θ) = E (π_θ(s) − a)², the mean over rows and dimensions */
  #update({ observations: s, actions: a }: Batch): Metrics {
    const { loss, norm } = minimize(this.#optimizer, () => ({
      loss: tf.mean<Scalar>(tf.square(tf.sub(this.act(s), a))),
    }));
    return { 'policy/loss': loss, 'policy/gradNorm': norm };
  }
}

export const bc: AlgorithmDefinition<typeof hyperparameters> = {
  name: 'bc',
  kind: 'offline',
  title: 'Behaviour cloning with a deterministic policy',
  hyperparameters,
  create: (sizes, config, initial) => new Bc(sizes, config, initial),
};
