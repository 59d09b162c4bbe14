import { EdpPolicy, edpParams } from '../../src/algorithms/edp.ts';
import { EdpCritic } from '../../src/algorithms/edpCritic.ts';
import { resolve, table } from '../../src/config/hyperparameters.ts';
import { rangeScaled, returnsByStates } from '../../src/data/rewards.ts';
import { judge } from '../../src/diffusion/candidates.ts';
import { Ddpm } from '../../src/diffusion/ddpm.ts';
import { DpmSampler } from '../../src/diffusion/sampler.ts';
import { elboWeights, makeSchedule } from '../../src/diffusion/schedules.ts';
import { dense } from '../../src/tensor/ops/dense.ts';
import { type Tensor, type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';
import type { GoldenCase, Handler, Outputs } from './case.ts';
import { EdpNoise, loadPolicy } from './edpNetworks.ts';
import { edpUpdate, fiveEdpUpdates } from './edpUpdate.ts';
import { load, theirName, zeroNoise } from './networks.ts';

export const edpHandlers: [RegExp, Handler][] = [
  [/^edp-13-rewards$/, rewards],
  [/^edp-14-schedule$/, schedules],
  [/^edp-14-action-approx$/, approximation],
  [/^edp-14-chain$/, chain],
  [/^edp-14-(td3|crr|iql)5/, fiveEdpUpdates],
  [/^edp-14-(td3|crr|iql)/, edpUpdate],
  [/^edp-15-dpm/, solver],
];

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
