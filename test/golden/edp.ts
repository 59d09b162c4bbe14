import { vi } from 'vitest';
import { EdpCritic, EdpPolicy, edpParams } from '../../src/algorithms/edp.ts';
import { hyperparameters as crrTable, EdpCrr } from '../../src/algorithms/edpCrr.ts';
import { EdpIql, hyperparameters as iqlTable } from '../../src/algorithms/edpIql.ts';
import { EdpTd3, hyperparameters as td3Table } from '../../src/algorithms/edpTd3.ts';
import { type AnyTable, resolve, table, type Values } from '../../src/config/hyperparameters.ts';
import type { Batch } from '../../src/data/batch.ts';
import { rangeScaled, returnsByStates } from '../../src/data/rewards.ts';
import { judge } from '../../src/diffusion/candidates.ts';
import { Ddpm } from '../../src/diffusion/ddpm.ts';
import { DpmSampler } from '../../src/diffusion/sampler.ts';
import { elboWeights, makeSchedule } from '../../src/diffusion/schedules.ts';
import { Adam } from '../../src/optim/adam.ts';
import type { Noise } from '../../src/tensor/noise.ts';
import { dense } from '../../src/tensor/ops/dense.ts';
import {
  type NamedTensorMap,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tf,
  type Variable,
} from '../../src/tensor/tf.ts';
import type { Entry, GoldenCase, Handler, Outputs } from './case.ts';
import { dump, load, theirName, zeroNoise } from './networks.ts';

export const edpHandlers: [RegExp, Handler][] = [
  [/^edp-13-rewards$/, rewards],
  [/^edp-14-schedule$/, schedules],
  [/^edp-14-action-approx$/, approximation],
  [/^edp-14-chain$/, chain],
  [/^edp-14-(td3|crr|iql)5/, fiveUpdates],
  [/^edp-14-(td3|crr|iql)/, update],
  [/^edp-15-dpm/, solver],
];

// ---- Parameters. The cases order the body's input [state, action, time], we [action, time, state].

type Named = Readonly<Record<string, Variable>>;
const TIME = 16;

/** Our column j is their column `order[j]`. */
function columns({ obs, act }: { obs: number; act: number }): number[] {
  const range = (from: number, n: number) => Array.from({ length: n }, (_, i) => from + i);
  return [...range(obs, act), ...range(obs + act, TIME), ...range(0, obs)];
}

function loadPolicy(golden: GoldenCase, variables: Named, factor = 1): void {
  const params = { ...golden.params('policy') };
  const first = params['body/0/weight']!;
  const [rows, width] = first.shape as [number, number];
  const order = columns(golden.dims);
  const data = Float32Array.from(first.data, (_, i) => first.data[Math.floor(i / width) * width + order[i % width]!]!);
  params['body/0/weight'] = { shape: [rows, width], data } as Entry;
  load(variables, params, factor);
}

/** Network tensors as outputs, their first body layer back in the cases' order. */
function dumpPolicy(golden: GoldenCase, prefix: string, tensors: Readonly<Record<string, Tensor>>): Outputs {
  const order = columns(golden.dims);
  const back = order.map((_, theirs) => order.indexOf(theirs));
  const weight = tf.gather(tensors['body/0/weight'] as Tensor2D, tf.tensor1d(back, 'int32'));
  return dump(prefix, { ...tensors, 'body/0/weight': weight });
}

function loadCritic(golden: GoldenCase, critic: EdpCritic): void {
  for (const q of ['q1', 'q2'] as const) {
    load(critic.critic[q].variables, golden.params(q));
    load(critic.target[q].variables, golden.params(q), Math.fround(0.95));
  }
}

// ---- Recorded noise. Several samples per state: the cases' rows are b·N + j or [j, b], ours j·B + b.

class EdpNoise implements Noise {
  readonly #golden: GoldenCase;
  readonly #step: string;
  constructor(golden: GoldenCase, step = '') {
    this.#golden = golden;
    this.#step = step;
  }

  normal(name: string, shape: readonly number[]): Tensor {
    const value = this.#input(name);
    const perState = value.rank - shape.length; // one axis more: the samples of a state stand next to each other
    if (perState === 0 || name === 'policy/samples') return value.reshape([...shape]);
    const axes = shape.length === 3 ? [0, 2, 1, 3] : [1, 0, 2];
    return tf.transpose(value, axes).reshape([...shape]);
  }

  uniform(name: string, shape: readonly number[]): Tensor {
    return this.#input(name).reshape([...shape]);
  }

  integers(name: string): Tensor1D {
    return tf.cast(this.#input(name), 'int32') as Tensor1D;
  }

  #input(name: string): Tensor {
    const source = {
      'act/initial': 'noise/init',
      'act/steps': 'noise/steps',
      'target/initial': 'value/noise/init',
      'target/steps': 'value/noise/steps',
      'policy/k': 'policy/k',
      'policy/epsilon': 'policy/noise',
      'policy/samples': 'policy/sample_noise',
      'policy/critic': 'policy/u',
    }[name];
    if (!source) throw new Error(`the case records no draw "${name}"`);
    return this.#golden.input(this.#step + source);
  }
}

// ---- Parts

function rewards(golden: GoldenCase): Outputs {
  const [reward, terminal, state, next] = ['reward', 'terminal', 'state', 'next_state'].map(
    name => golden.entry(name).data as Float32Array,
  );
  const outputs: Outputs = {};
  const cuts = episodeCuts(reward!, terminal!, state!, next!);
  const order = cuts.flatMap(({ rows }) => rows);
  const width = state!.length / reward!.length;
  const scaled = rangeScaled(reward!, returnsByStates(reward!, terminal!, state!, next!));
  const pick = (values: ArrayLike<number>, rows: number[], size: number) =>
    rows.flatMap(row => Array.from({ length: size }, (_, j) => values[row * size + j]!));
  for (const n of [1, 3]) {
    const summed = (values: Float32Array) =>
      cuts.flatMap(({ rows }) => nStep(pick(values, rows, 1), n, golden.hyperparameters.discount));
    const later = cuts.flatMap(({ rows }) => rows.map(row => Math.min(row + n - 1, rows.at(-1)!)));
    outputs[`n${n}/plain/reward`] = summed(reward!);
    outputs[`n${n}/scaled/reward`] = summed(scaled);
    outputs[`n${n}/plain/state`] = pick(state!, order, width);
    outputs[`n${n}/plain/next_state`] = pick(next!, later, width);
    outputs[`n${n}/plain/terminal`] = pick(terminal!, order, 1);
  }
  return outputs;
}

/** Rows of each episode, episodes in ascending order of return: the code's order. */
function episodeCuts(reward: Float32Array, terminal: Float32Array, state: Float32Array, next: Float32Array) {
  const returns = returnsByStates(reward, terminal, state, next);
  const width = state.length / reward.length;
  const row = (values: Float32Array, i: number) => values.subarray(i * width, (i + 1) * width);
  const episodes: { rows: number[]; total: number }[] = [];
  let rows: number[] = [];
  for (let i = 0; i < reward.length; i++) {
    rows.push(i);
    const gap = i + 1 < reward.length ? Math.hypot(...row(state, i + 1).map((x, j) => x - row(next, i)[j]!)) : 1;
    if (gap <= 1e-6 && terminal[i] === 0) continue;
    episodes.push({ rows, total: returns[episodes.length]! });
    rows = [];
  }
  if (episodes.length !== returns.length) throw new Error(`${episodes.length} episodes, ${returns.length} returns`);
  return episodes.sort((a, b) => a.total - b.total);
}

/** Within an episode: r_i = Σ_{j<n} γ^{n−1−j} r_{i+j}, as the official code has it. */
function nStep(rewards: number[], n: number, discount: number): number[] {
  return rewards.map((_, i) => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += discount ** (n - 1 - j) * (rewards[i + j] ?? 0);
    return sum;
  });
}

function schedules(golden: GoldenCase): Outputs {
  const outputs: Outputs = {};
  for (const K of golden.dims.K) {
    const schedule = makeSchedule('linear-scaled', K);
    const { steps: _, ...tables } = schedule;
    for (const [name, values] of Object.entries(tables)) outputs[`K${K}/${theirName(name)}`] = values;
    // Entry 0 repeats entry 1 there; no sampler reads it, the last step being without noise.
    const clipped = schedule.posteriorLogVarianceClipped;
    outputs[`K${K}/posterior_log_variance_clipped`] = clipped.map((value, k) => (k === 0 ? clipped[1]! : value));
    outputs[`K${K}/ts_weights`] = schedule.betas.map(
      (beta, k) => beta / (2 * Math.fround(1 - schedule.alphasCumprod[k]!) * Math.fround(1 - beta)),
    );
    outputs[`K${K}/normalized_ts_weights`] = elboWeights(schedule);
  }
  return outputs;
}

function policyOf(golden: GoldenCase, overrides: Record<string, unknown> = {}): EdpPolicy {
  const { obs, act, hidden, K } = golden.dims;
  const own = { hidden, diffusionSteps: K, sampler: 'ddpm', ...overrides };
  const { values } = resolve(table(edpParams), [{ source: 'case', values: own }]);
  const policy = new EdpPolicy({ obsDim: obs, actDim: act }, values, zeroNoise);
  loadPolicy(golden, policy.network.variables);
  return policy;
}

function approximation(golden: GoldenCase): Outputs {
  const policy = policyOf(golden);
  const { network } = policy;
  const [s, a, noise] = ['state', 'action', 'noise'].map(name => golden.input(name) as Tensor2D);
  const k = golden.input('k').toInt() as Tensor1D;
  const schedule = makeSchedule('linear-scaled', golden.dims.K);
  const x = new Ddpm(schedule).corrupt(a!, k, noise!);
  const { error, a0, raw } = policy.approximate({ s: s!, x, k, epsilon: noise! });
  const at = (values: Float32Array) => tf.gather(tf.tensor1d(values), k).expandDims(1);
  const mean = tf.add(tf.mul(at(schedule.posteriorMeanCoef1), a0), tf.mul(at(schedule.posteriorMeanCoef2), x));
  const outputs: Outputs = { x_t: x, mse: error, a0_raw: raw, a0, mean, eps: network.apply(x, k, s!) };
  outputs.ts_weights = policy.elbo(k);
  const sinusoid = tf.gather(network.features, k);
  outputs['time/sinusoid'] = sinusoid;
  const through = (layers: typeof network.body.layers, prefix: string, input: Tensor2D) =>
    layers.reduce((h, { weight, bias }, i) => {
      outputs[`layer/${prefix}/${i}`] = dense(h, weight, bias, 'linear');
      return dense(h, weight, bias, i === layers.length - 1 ? 'linear' : 'mish');
    }, input);
  const e = through(network.timeMlp.layers, 'time_mlp', sinusoid as Tensor2D);
  through(network.body.layers, 'body', tf.concat2d([x, e, s!], 1));
  return outputs;
}

function chain(golden: GoldenCase): Outputs {
  const { obs, act, N, batch, hidden } = golden.dims;
  const policy = policyOf(golden);
  const values = { ...policy.config, hidden };
  const critic = new EdpCritic({ obsDim: obs, actDim: act }, values, zeroNoise);
  for (const q of ['q1', 'q2'] as const) load(critic.critic[q].variables, golden.params(q));
  const s = golden.input('state') as Tensor2D;
  const options = { candidates: N, name: 'act' };
  const actions = policy.sampler.sample(policy.network, s, options, new EdpNoise(golden));
  const byState = (rows: Tensor) => tf.transpose(rows.reshape([N, batch, -1]), [1, 0, 2]);
  const [q1, q2] = critic.critic.both(tf.tile(s, [N, 1]), actions);
  return {
    actions: byState(actions),
    q1: byState(q1),
    q2: byState(q2),
    probability: tf.softmax(judge(critic.critic, s, actions).q),
  };
}

function solver(golden: GoldenCase): Outputs {
  const outputs: Outputs = {};
  const { network } = policyOf(golden);
  const schedule = makeSchedule('linear-scaled', golden.dims.K);
  const s = golden.input('state') as Tensor2D;
  for (const end of golden.hyperparameters.t_end as number[]) {
    const sampler = new DpmSampler(schedule, { prediction: 'noise', method: 'singlestep', order: 3, calls: 15, end });
    const { states, predictions, raw } = sampler.trace(network, s, golden.input('noise') as Tensor2D);
    const { calls } = sampler.plan;
    const ends = calls.flatMap(({ order }, i) => (order > 0 ? [i] : []));
    const put = (name: string, value: Outputs[string]) => (outputs[`t_end${end}/${name}`] = value);
    put('outer/t', [1, ...ends.map(i => calls[i + 1]?.level.t ?? end)]);
    put(
      'outer/order',
      ends.map(i => calls[i]!.order),
    );
    put('outer/x', tf.stack(ends.map(i => states[i + 1]!)));
    put(
      'call/t',
      calls.map(call => call.level.t),
    );
    put('call/network_time', sampler.networkTimes);
    put(
      'call/index',
      calls.map((_, i) => sampler.step(i)),
    );
    put('call/x', tf.stack(states.slice(0, -1)));
    put('call/eps_raw', tf.stack([...raw]));
    put('call/eps', tf.stack([...predictions]));
    put('action', states.at(-1)!);
  }
  return outputs;
}

// ---- Updates

type Edp = EdpTd3 | EdpCrr | EdpIql;

function configured<T extends AnyTable>(golden: GoldenCase, table: T, own: Record<string, unknown>): Values<T> {
  const h = golden.hyperparameters;
  const shared = {
    batchSize: golden.dims.batch,
    hidden: golden.dims.hidden,
    diffusionSteps: golden.dims.K,
    sampler: 'ddpm',
    discount: h.discount,
    tau: h.target_rate,
    learningRate: h.lr,
    clipNorm: h.grad_norm_limit,
    actionLimit: 1,
    targetPolicyEvery: 1,
    targetPolicyAfter: 0,
  };
  return resolve(table, [{ source: 'case', values: { ...shared, ...own } }]).values;
}

function build(golden: GoldenCase): Edp {
  const { obs: obsDim, act: actDim } = golden.dims;
  const algorithm = create(golden, { obsDim, actDim });
  loadPolicy(golden, algorithm.policy.network.variables);
  loadPolicy(golden, algorithm.policy.target.variables, Math.fround(0.95));
  loadCritic(golden, algorithm.critic);
  if (algorithm instanceof EdpIql) load(algorithm.value.variables, golden.params('value'));
  return algorithm;
}

function create(golden: GoldenCase, sizes: { obsDim: number; actDim: number }): Edp {
  const h = golden.hyperparameters;
  const backup = { maxQBackup: h.max_q_backup ?? false };
  if (golden.kind.includes('td3'))
    return new EdpTd3(sizes, configured(golden, td3Table, { ...backup, guidance: h.alpha }), zeroNoise);
  const weighting = h.adv_norm ? 'softmax' : 'exp';
  const likelihood = h.crr_weight_mode === 'elbo' ? 'elbo' : 'gaussian';
  if (golden.kind.includes('crr')) {
    const own = { ...backup, weighting, likelihood, temperature: h.crr_beta, weightLimit: h.crr_limit };
    return new EdpCrr(sizes, configured(golden, crrTable, { ...own, valueSamples: h.sample_actions }), zeroNoise);
  }
  const own = { weighting, expectile: h.expectile, temperature: h.temperature, weightLimit: h.weight_limit };
  return new EdpIql(sizes, configured(golden, iqlTable, own), zeroNoise);
}

function batchOf(golden: GoldenCase, step = ''): Batch {
  return {
    observations: golden.input(`${step}state`) as Tensor2D,
    actions: golden.input(`${step}action`) as Tensor2D,
    rewards: golden.input(`${step}reward`).flatten(),
    terminated: tf.cast(golden.input(`${step}done`).flatten(), 'float32') as Tensor1D,
    nextObservations: golden.input(`${step}next_state`) as Tensor2D,
  };
}

function run(golden: GoldenCase, algorithm: Edp, step: string): Outputs {
  const m = algorithm.stages[0]!.update(() => batchOf(golden, step), 0, new EdpNoise(golden, step));
  const named = {
    'q1/loss': m['critic/loss1'],
    'q2/loss': m['critic/loss2'],
    'value/loss': m['value/loss'],
    'policy/diff_loss': m['policy/diffusionLoss'],
    'policy/guide_loss': m['policy/guideLoss'],
    'policy/policy_loss': m['policy/loss'],
    'q1/grad_norm': m['critic/gradNorm1'],
    'q2/grad_norm': m['critic/gradNorm2'],
    'value/grad_norm': m['value/gradNorm'],
    'policy/grad_norm': m['policy/gradNorm'],
  };
  const defined = Object.entries(named).filter(([, value]) => value !== undefined);
  return Object.fromEntries(defined.map(([name, value]) => [step + name, value!]));
}

function fiveUpdates(golden: GoldenCase): Outputs {
  const algorithm = build(golden);
  const outputs: Outputs = {};
  for (let i = 0; i < golden.dims.updates; i++) Object.assign(outputs, run(golden, algorithm, `step${i}/`));
  return { ...outputs, ...finalState(golden, algorithm) };
}

function finalState(golden: GoldenCase, algorithm: Edp): Outputs {
  const { policy, critic } = algorithm;
  const value = algorithm instanceof EdpIql ? dump('params/value', algorithm.value.variables) : {};
  return {
    ...dumpPolicy(golden, 'params/policy', policy.network.variables),
    ...dumpPolicy(golden, 'target/policy', policy.target.variables),
    ...dump('params/q1', critic.critic.q1.variables),
    ...dump('params/q2', critic.critic.q2.variables),
    ...dump('target/q1', critic.target.q1.variables),
    ...dump('target/q2', critic.target.q2.variables),
    ...value,
  };
}

/** One update with every intermediate. Gradients are those the optimizers really receive. */
function update(golden: GoldenCase): Outputs {
  const algorithm = build(golden);
  const raw: NamedTensorMap[] = [];
  const step = Adam.prototype.step;
  const spy = vi.spyOn(Adam.prototype, 'step').mockImplementation(function (this: Adam, grads) {
    raw.push(Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, tf.keep(tf.clone(g))])));
    return step.call(this, grads);
  });
  const before = build(golden);
  const outputs = run(golden, algorithm, '');
  spy.mockRestore();
  const iql = algorithm instanceof EdpIql;
  if (iql) Object.assign(outputs, dump('grad/value', raw.shift()!));
  Object.assign(
    outputs,
    dumpPolicy(golden, 'grad/policy', raw[0]!),
    dump('grad/q1', raw[1]!),
    dump('grad/q2', raw[2]!),
  );
  const intermediates = iql ? iqlIntermediates(golden, before as EdpIql, algorithm) : others(golden, before);
  return { ...outputs, ...finalState(golden, algorithm), ...intermediates };
}

function others(golden: GoldenCase, before: Edp): Outputs {
  const noise = new EdpNoise(golden);
  const batch = batchOf(golden);
  const { observations: s, actions: a } = batch;
  const config = before.config as EdpTd3['config'];
  const { aNext, y } = before.critic.tdTarget(batch, before.policy, config, noise);
  const n = aNext.shape[0] / s.shape[0];
  const [q1, q2] = before.critic.critic.both(s, a);
  const next = n === 1 ? aNext : tf.transpose(aNext.reshape([n, s.shape[0], -1]), [1, 0, 2]);
  const shared = { 'value/next_action': next, 'value/y': y, 'value/q1': q1, 'value/q2': q2 };
  const noised = before.policy.corrupt(s, a, noise);
  if (before instanceof EdpTd3) {
    const { a0, lambda } = before.loss(noised, golden.input('policy/u').dataSync()[0]! > 0.5);
    return { ...shared, 'policy/a0': a0, 'policy/lambda': lambda };
  }
  const { a0, logp, v, advantage, w } = (before as EdpCrr).loss(noised, a, golden.input('policy/sample_noise'));
  return {
    ...shared,
    'policy/a0': a0,
    'policy/log_p': logp,
    'policy/v': v,
    'policy/adv': advantage,
    'policy/weight': w,
  };
}

function iqlIntermediates(golden: GoldenCase, before: EdpIql, after: EdpIql): Outputs {
  const batch = batchOf(golden);
  const { observations: s, actions: a } = batch;
  const q = before.critic.target.min(s, a);
  const w = before.weights(tf.sub(q, after.v(s))); // the policy and the critics see the new V
  const { a0, logp } = before.loss(before.policy.corrupt(s, a, new EdpNoise(golden)), a, w);
  const [q1, q2] = before.critic.critic.both(s, a);
  return {
    'policy/a0': a0,
    'policy/log_p': logp,
    'policy/weight': w,
    'value/diff': tf.sub(q, before.v(s)),
    'q/y': after.tdTarget(batch),
    'q1/value': q1,
    'q2/value': q2,
  };
}
