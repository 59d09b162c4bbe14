import { vi } from 'vitest';
import { hyperparameters, Iql } from '../../src/algorithms/iql.ts';
import type { IqlCritic } from '../../src/algorithms/iqlCritic.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import type { Batch } from '../../src/data/batch.ts';
import { Adam } from '../../src/optim/adam.ts';
import { type NamedTensorMap, type Tensor, type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';
import type { Entry, GoldenCase, Outputs } from './case.ts';
import { dump, load, zeroNoise } from './networks.ts';

type Params = Record<string, Entry>;

/** Parameters of several parts under one set of names: `q1/0/weight`. */
function parts(golden: GoldenCase, names: readonly string[]): Params {
  const all: Params = {};
  for (const part of names) {
    for (const [name, entry] of Object.entries(golden.params(part))) all[`${part}/${name}`] = entry;
  }
  return all;
}

/** Rows of the critics' first weights: the collection's input is [a, s], ours [s, a]. `move` of them go to the end. */
function rotateInput(params: Params, move: number): Params {
  const rotated = Object.entries(params).map(([name, entry]): [string, Entry] => {
    if (!/^q\d\/0\/weight$/.test(name)) return [name, entry];
    const [rows, width] = entry.shape as [number, number];
    const data = new Float32Array(entry.data.length);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < width; j++) data[i * width + j] = entry.data[i * width + ((j + move) % width)]!;
    }
    return [name, { shape: entry.shape, data }];
  });
  return Object.fromEntries(rotated);
}

/** The critics' tensors as outputs, in the collection's layout. */
function dumpCritic(prefix: string, tensors: Readonly<Record<string, Tensor>>, obsDim: number): Outputs {
  const outputs: Outputs = {};
  for (const [name, value] of Object.entries(tensors)) {
    const theirs = /^q\d\/0\/weight$/.test(name)
      ? tf.concat([tf.slice(value, [obsDim, 0]), tf.slice(value, [0, 0], [obsDim, -1])], 0)
      : value;
    Object.assign(outputs, dump(prefix, { [name]: theirs }));
  }
  return outputs;
}

export function loadCritic(golden: GoldenCase, algorithm: { readonly critic: IqlCritic }, factor: number): void {
  const params = rotateInput(parts(golden, ['q1', 'q2']), golden.dims.act);
  load(algorithm.critic.critic.variables, params);
  load(algorithm.critic.targetCritic.variables, params, factor);
}

/** The gradients an optimizer receives while `run` runs, one map for each of its steps. */
export function gradientsOf(run: () => void): NamedTensorMap[] {
  const raw: NamedTensorMap[] = [];
  const step = Adam.prototype.step;
  const spy = vi.spyOn(Adam.prototype, 'step').mockImplementation(function (this: Adam, grads) {
    const kept = Object.keys(this.variables).map((name, i) => [name, tf.keep(tf.clone(grads[i]!))]);
    raw.push(Object.fromEntries(kept));
    return step.call(this, grads);
  });
  run();
  spy.mockRestore();
  return raw;
}

export function batch(golden: GoldenCase, step: string): Batch {
  const s = golden.input(`${step}s`) as Tensor2D;
  const column = (name: string): Tensor1D =>
    golden.has(`${step}${name}`) ? golden.input(`${step}${name}`).flatten() : tf.zeros([s.shape[0]]);
  return {
    observations: s,
    actions: (golden.has(`${step}a`) ? golden.input(`${step}a`) : tf.zeros([s.shape[0], golden.dims.act])) as Tensor2D,
    rewards: column('r'),
    terminated: column('d'),
    nextObservations: golden.has(`${step}s_`) ? (golden.input(`${step}s_`) as Tensor2D) : s,
  };
}

export function implicitQ(golden: GoldenCase, several: boolean): Outputs {
  const { expectile, temperature, discount, target_rate: tau, lr, weight_limit: weightLimit } = golden.hyperparameters;
  const { obs: obsDim, act: actDim, hidden } = golden.dims;
  const outputs: Outputs = {};
  for (const name of Object.keys(expectile)) {
    const rates = { criticLearningRate: lr, policyLearningRate: lr };
    const own = { expectile: expectile[name], temperature: temperature[name], weightLimit };
    const values = { variant: 'srpo', hidden, discount, tau, ...rates, ...own };
    const config = resolve(hyperparameters, [{ source: 'case', values }]).values;
    const algorithm = new Iql({ obsDim, actDim }, config, zeroNoise);
    loadCritic(golden, algorithm, Math.fround(0.95));
    load(algorithm.critic.value.variables, golden.params('v'));
    load(algorithm.policy.mean.variables, golden.params('policy'));
    const update = (step: string, index: number) => {
      const metrics = algorithm.stages[0]!.update(() => batch(golden, step), index / 1_500_000, zeroNoise);
      const prefix = `${name}/${several ? step : ''}`;
      outputs[`${prefix}value_loss`] = metrics['value/loss']!;
      outputs[`${prefix}critic_loss`] = metrics['critic/loss']!;
      outputs[`${prefix}policy_loss`] = metrics['policy/loss']!;
      outputs[`${prefix}target_q_mean`] = metrics['critic/targetQ']!;
      outputs[`${prefix}next_v_mean`] = metrics['critic/nextV']!;
    };
    if (several) {
      for (let i = 0; i < golden.dims.updates; i++) update(`step${i}/`, i);
    } else {
      const b = batch(golden, '');
      const y = algorithm.critic.target(b.rewards, b.terminated, algorithm.critic.v(b.nextObservations));
      const [q1, q2] = algorithm.critic.critic.both(b.observations, b.actions);
      Object.assign(outputs, { [`${name}/q1`]: q1, [`${name}/q2`]: q2, [`${name}/y`]: y });
      const [value, critic, policy] = gradientsOf(() => update('', 0));
      Object.assign(outputs, dump(`${name}/grad/v`, value!), dumpCritic(`${name}/grad`, critic!, obsDim));
      Object.assign(outputs, dump(`${name}/grad/policy`, policy!));
    }
    Object.assign(
      outputs,
      dumpCritic(`${name}/params`, algorithm.critic.critic.variables, obsDim),
      dumpCritic(`${name}/target`, algorithm.critic.targetCritic.variables, obsDim),
      dump(`${name}/params/v`, algorithm.critic.value.variables),
      dump(`${name}/params/policy`, algorithm.policy.mean.variables),
    );
  }
  return outputs;
}
