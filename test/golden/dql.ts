import { vi } from 'vitest';
import { DiffusionQl, hyperparameters } from '../../src/algorithms/diffusionQl.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import type { Batch } from '../../src/data/batch.ts';
import { Adam } from '../../src/optim/adam.ts';
import type { Noise } from '../../src/tensor/noise.ts';
import { type NamedTensorMap, type Tensor, type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';
import type { GoldenCase, Handler, Outputs } from './case.ts';
import { dump, load, zeroNoise } from './networks.ts';

export const dqlHandlers: [RegExp, Handler][] = [
  [/^dql-16-update5/, fiveUpdates],
  [/^dql-16-update/, update],
];

/** Recorded draws; where a state has several next actions, the case's rows are b·N + j and ours j·B + b. */
class DqlNoise implements Noise {
  readonly #golden: GoldenCase;
  readonly #step: string;
  constructor(golden: GoldenCase, step = '') {
    this.#golden = golden;
    this.#step = step;
  }

  normal(name: string, shape: readonly number[]): Tensor {
    const value = this.#input(name);
    const [rows, act] = [shape.at(-2)!, shape.at(-1)!];
    const batch = this.#golden.dims.batch as number;
    if (rows === batch) return value.reshape([...shape]);
    return tf.transpose(value.reshape([-1, batch, rows / batch, act]), [0, 2, 1, 3]).reshape([...shape]);
  }

  uniform(name: string, shape: readonly number[]): Tensor {
    return this.#input(name).reshape([...shape]);
  }

  integers(name: string): Tensor1D {
    return tf.cast(this.#input(name), 'int32') as Tensor1D;
  }

  #input(name: string): Tensor {
    const source = {
      'target/initial': 'critic/noise/init',
      'target/steps': 'critic/noise/steps',
      'policy/t': 'policy/t',
      'policy/epsilon': 'policy/loss_noise',
      'policy/initial': 'policy/noise/init',
      'policy/steps': 'policy/noise/steps',
      'policy/critic': 'policy/u',
    }[name];
    if (!source) throw new Error(`the case records no draw "${name}"`);
    return this.#golden.input(this.#step + source);
  }
}

function build(golden: GoldenCase): DiffusionQl {
  const h = golden.hyperparameters;
  const { obs: obsDim, act: actDim, hidden, T, batch } = golden.dims;
  const values = {
    hidden,
    batchSize: batch,
    diffusionSteps: T,
    schedule: h.beta_schedule,
    discount: h.discount,
    tau: h.tau,
    learningRate: h.lr,
    clipNorm: h.grad_norm,
    guidance: h.eta,
    maxQBackup: h.max_q_backup ?? false,
    averageAfter: 0,
  };
  const algorithm = new DiffusionQl(
    { obsDim, actDim },
    resolve(hyperparameters, [{ source: 'case', values }]).values,
    zeroNoise,
  );
  const scaled = Math.fround(0.95);
  load(algorithm.policy.variables, golden.params('policy'));
  load(algorithm.averagePolicy.variables, golden.params('policy'), scaled);
  for (const q of ['q1', 'q2'] as const) {
    load(algorithm.critic[q].variables, golden.params(q));
    load(algorithm.targetCritic[q].variables, golden.params(q), scaled);
  }
  return algorithm;
}

function batchOf(golden: GoldenCase, step = ''): Batch {
  return {
    observations: golden.input(`${step}state`) as Tensor2D,
    actions: golden.input(`${step}action`) as Tensor2D,
    rewards: golden.input(`${step}reward`).flatten(),
    terminated: tf.sub(1, golden.input(`${step}not_done`).flatten()) as Tensor1D,
    nextObservations: golden.input(`${step}next_state`) as Tensor2D,
  };
}

function run(golden: GoldenCase, algorithm: DiffusionQl, step: string): Outputs {
  const m = algorithm.stages[0]!.update(() => batchOf(golden, step), 0, new DqlNoise(golden, step));
  return {
    [`${step}critic/loss`]: m['critic/loss']!,
    [`${step}critic/grad_norm`]: m['critic/gradNorm']!,
    [`${step}policy/loss`]: m['policy/loss']!,
    [`${step}policy/bc_loss`]: m['policy/diffusionLoss']!,
    [`${step}policy/q_loss`]: m['policy/guideLoss']!,
    [`${step}policy/grad_norm`]: m['policy/gradNorm']!,
  };
}

function finalState({ policy, averagePolicy, critic, targetCritic }: DiffusionQl): Outputs {
  return {
    ...dump('params/policy', policy.variables),
    ...dump('target/policy', averagePolicy.variables),
    ...dump('params', critic.variables),
    ...dump('target', targetCritic.variables),
  };
}

function fiveUpdates(golden: GoldenCase): Outputs {
  const algorithm = build(golden);
  const outputs: Outputs = {};
  for (let i = 0; i < golden.dims.updates; i++) Object.assign(outputs, run(golden, algorithm, `step${i}/`));
  return { ...outputs, ...finalState(algorithm) };
}

/** One update with every intermediate. Gradients are those the optimizers really receive. */
function update(golden: GoldenCase): Outputs {
  const algorithm = build(golden);
  const raw: NamedTensorMap[] = [];
  const step = Adam.prototype.step;
  const spy = vi.spyOn(Adam.prototype, 'step').mockImplementation(function (this: Adam, grads) {
    const kept = Object.keys(this.variables).map((name, i) => [name, tf.keep(tf.clone(grads[i]!))]);
    raw.push(Object.fromEntries(kept));
    return step.call(this, grads);
  });
  const before = build(golden);
  const { observations: s, actions: a } = batchOf(golden);
  const noise = new DqlNoise(golden);
  const [q1, q2] = before.critic.both(s, a);
  const { predicted, sampled } = before.loss(s, a, noise);
  const outputs: Outputs = {
    'critic/q1': q1,
    'critic/q2': q2,
    'critic/y': before.tdTarget(batchOf(golden), noise),
    'policy/eps': predicted,
    'policy/new_action': sampled,
    ...run(golden, algorithm, ''),
  };
  spy.mockRestore();
  return { ...outputs, ...dump('grad', raw[0]!), ...dump('grad/policy', raw[1]!), ...finalState(algorithm) };
}
