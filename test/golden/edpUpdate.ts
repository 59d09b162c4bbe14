import { vi } from 'vitest';
import { hyperparameters as crrTable, EdpCrr } from '../../src/algorithms/edpCrr.ts';
import { EdpIql, hyperparameters as iqlTable } from '../../src/algorithms/edpIql.ts';
import { EdpTd3, hyperparameters as td3Table } from '../../src/algorithms/edpTd3.ts';
import { type AnyTable, resolve, type Values } from '../../src/config/hyperparameters.ts';
import type { Batch } from '../../src/data/batch.ts';
import { Adam } from '../../src/optim/adam.ts';
import { type NamedTensorMap, type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';
import type { GoldenCase, Outputs } from './case.ts';
import { dumpPolicy, EdpNoise, loadCritic, loadPolicy } from './edpNetworks.ts';
import { dump, load, zeroNoise } from './networks.ts';

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

export function fiveEdpUpdates(golden: GoldenCase): Outputs {
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
export function edpUpdate(golden: GoldenCase): Outputs {
  const algorithm = build(golden);
  const raw: NamedTensorMap[] = [];
  const step = Adam.prototype.step;
  const spy = vi.spyOn(Adam.prototype, 'step').mockImplementation(function (this: Adam, grads) {
    const kept = Object.keys(this.variables).map((name, i) => [name, tf.keep(tf.clone(grads[i]!))]);
    raw.push(Object.fromEntries(kept));
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
