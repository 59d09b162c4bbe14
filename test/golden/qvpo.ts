import { vi } from 'vitest';
import type { QTransformName } from '../../src/algorithms/qTransforms.ts';
import { qTransforms } from '../../src/algorithms/qTransforms.ts';
import { hyperparameters, Qvpo } from '../../src/algorithms/qvpo.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import type { Batch } from '../../src/data/batch.ts';
import { best, judge } from '../../src/diffusion/candidates.ts';
import { Ddpm } from '../../src/diffusion/ddpm.ts';
import { makeSchedule, type ScheduleName, scheduleNames } from '../../src/diffusion/schedules.ts';
import { Adam } from '../../src/optim/adam.ts';
import { dense } from '../../src/tensor/ops/dense.ts';
import { mish } from '../../src/tensor/ops/mish.ts';
import { type NamedTensorMap, type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';
import type { GoldenCase, Handler, Outputs } from './case.ts';
import { dump, load, RecordedNoise, theirName, zeroNoise } from './networks.ts';

export const qvpoHandlers: [RegExp, Handler][] = [
  [/^qvpo-01-schedules$/, schedules],
  [/^qvpo-02-denoiser$/, denoiser],
  [/^qvpo-03-sampling$/, sampling],
  [/^qvpo-04-selection$/, selection],
  [/^qvpo-05-candidates$/, candidates],
  [/^qvpo-06-weights$/, weights],
  [/^qvpo-07-update5/, fiveUpdates],
  [/^qvpo-07-update/, update],
];

function build(golden: GoldenCase, overrides: Record<string, unknown> = {}): Qvpo {
  const { obs, act, hidden } = golden.dims;
  const { values } = resolve(hyperparameters, [{ source: 'case', values: { hidden, ...overrides } }]);
  const algorithm = new Qvpo({ obsDim: obs, actDim: act }, values, zeroNoise);
  load(algorithm.denoiser.variables, golden.params('denoiser'));
  if (!/02|03/.test(golden.kind)) load(algorithm.critic.variables, golden.params('critic'));
  return algorithm;
}

function schedules(golden: GoldenCase): Outputs {
  const outputs: Outputs = {};
  for (const name of scheduleNames) {
    for (const steps of golden.dims.T) {
      const { steps: _, ...tables } = makeSchedule(name, steps);
      for (const [table, values] of Object.entries(tables)) outputs[`${name}/T${steps}/${theirTable(table)}`] = values;
    }
  }
  return outputs;
}

/** `posteriorMeanCoef1` → `posterior_mean_coef1`. */
const theirTable = theirName;

function denoiser(golden: GoldenCase): Outputs {
  const { denoiser: net } = build(golden);
  const [x, s, t] = [golden.input('x') as Tensor2D, golden.input('state') as Tensor2D, golden.input('t') as Tensor1D];
  const outputs: Outputs = {};
  const sinusoid = tf.gather(net.features, t.toInt());
  outputs['time/sinusoid'] = sinusoid;
  const [time0, time1] = net.timeMlp.layers;
  outputs['time/linear0'] = dense(sinusoid, time0!.weight, time0!.bias, 'linear');
  outputs['time/mish0'] = dense(sinusoid, time0!.weight, time0!.bias, 'mish');
  const e = dense(outputs['time/mish0'] as Tensor2D, time1!.weight, time1!.bias, 'linear');
  outputs['time/embedding'] = e;
  let h: Tensor2D = tf.concat2d([x, e, s], 1);
  net.body.layers.forEach(({ weight, bias }, i) => {
    const linear = dense(h, weight, bias, 'linear');
    outputs[`body/linear${i}`] = linear;
    h = mish(linear);
    if (i < net.body.layers.length - 1) outputs[`body/mish${i}`] = h;
  });
  outputs.eps = net.apply(x, t.toInt() as Tensor1D, s);
  return outputs;
}

/** The chain with every intermediate, step by step, beside the result of the fused `sample`. */
function sampling(golden: GoldenCase): Outputs {
  const net = build(golden).denoiser;
  const s = golden.input('state') as Tensor2D;
  const table = makeSchedule(golden.hyperparameters.beta_schedule, golden.dims.T);
  const ddpm = new Ddpm(table);
  const noise = new RecordedNoise(golden, { 'x/initial': 'noise/init', 'x/steps': 'noise/steps' });
  const stepNoise = golden.input('noise/steps');
  const outputs: Outputs = {};
  for (const [variant, ratio] of [
    ['ratio1', 1],
    ['ratio0.5', 0.5],
    ['deterministic', 0],
  ] as const) {
    let x = golden.input('noise/init') as Tensor2D;
    const rows: Record<string, Tensor2D[]> = { eps: [], x0_raw: [], x0: [], mean: [], x: [] };
    for (let k = table.steps - 1; k >= 0; k--) {
      const eps = net.apply(x, tf.fill([x.shape[0]], k, 'int32') as Tensor1D, s);
      const raw = x.mul(table.sqrtRecipAlphasCumprod[k]!).sub(eps.mul(table.sqrtRecipm1AlphasCumprod[k]!)) as Tensor2D;
      const x0 = tf.clipByValue(raw, -1, 1);
      const mean = x0.mul(table.posteriorMeanCoef1[k]!).add(x.mul(table.posteriorMeanCoef2[k]!)) as Tensor2D;
      const sigma = k === 0 ? 0 : Math.exp(0.5 * table.posteriorLogVarianceClipped[k]!) * ratio;
      const xi = stepNoise.slice([table.steps - 1 - k, 0, 0], [1, -1, -1]).reshape(x.shape) as Tensor2D;
      x = mean.add(xi.mul(sigma)) as Tensor2D;
      for (const [name, value] of Object.entries({ eps, x0_raw: raw, x0, mean, x })) rows[name]!.push(value);
    }
    for (const [name, list] of Object.entries(rows)) outputs[`${variant}/${name}`] = tf.stack(list);
    outputs[`${variant}/action`] = ddpm.sample(net, s, { candidates: 1, noiseRatio: ratio, name: 'x' }, noise);
  }
  return outputs;
}

function selection(golden: GoldenCase): Outputs {
  const { K_behaviour: behaviorCandidates, K_eval: evaluationCandidates } = golden.dims;
  const { action_low: low, action_high: high } = golden.hyperparameters;
  const states = golden.input('state') as Tensor2D;
  const one = golden.input('one_state').reshape([1, -1]) as Tensor2D;
  const outputs: Outputs = {};
  const toBounds = (a: Tensor2D) =>
    a
      .clipByValue(-1, 1)
      .mul((high - low) / 2)
      .add((high + low) / 2);
  const acted = (use: string) => ({
    'act/initial': `${use}/noise/init`,
    'act/steps': `${use}/noise/steps`,
    explore: `${use}/noise/uniform`,
  });
  for (const [use, mode, K] of [
    ['behaviour', 'explore', behaviorCandidates],
    ['eval', 'exploit', evaluationCandidates],
  ]) {
    const algorithm = build(golden, { behaviorCandidates, evaluationCandidates });
    const noise = new RecordedNoise(golden, acted(`batch/${use}`));
    const ddpm = new Ddpm(makeSchedule('cosine', golden.dims.T));
    const actions = ddpm.sample(algorithm.denoiser, states, { candidates: K, name: 'act' }, noise);
    const judged = judge(algorithm.critic, states, actions);
    outputs[`batch/${use}/candidates`] = actions.reshape([K, states.shape[0], -1]).transpose([1, 0, 2]);
    outputs[`batch/${use}/q`] = judged.q;
    outputs[`batch/${use}/index`] = tf.argMax(judged.q, 1);
    outputs[`batch/${use}/action`] = algorithm.act(states, mode, noise);
    const single = algorithm.act(one, mode, new RecordedNoise(golden, acted(`one/${use}`)));
    outputs[`one/${use}/action`] = toBounds(single);
  }
  const greedy = build(golden, { explorationRate: 1 });
  outputs['one/epsilon/action'] = toBounds(greedy.act(one, 'explore', new RecordedNoise(golden, acted('one/epsilon'))));
  return outputs;
}

function candidates(golden: GoldenCase): Outputs {
  const outputs: Outputs = {};
  const states = golden.input('state') as Tensor2D;
  for (const chosen of golden.hyperparameters.chosen as number[]) {
    const algorithm = build(golden, {
      candidates: golden.dims.N,
      chosen,
      uniformActions: 0,
      qTransform: 'qrelu',
      qNegative: 1e6,
    });
    const noise = new RecordedNoise(golden, { 'candidates/initial': 'noise/init', 'candidates/steps': 'noise/steps' });
    const { s, a, q, v, ownQ } = algorithm.chosen(states, noise);
    if (chosen === 1) outputs['chosen1/all_q'] = ownQ;
    Object.assign(outputs, {
      [`chosen${chosen}/states`]: s,
      [`chosen${chosen}/action`]: a,
      [`chosen${chosen}/q`]: q,
      [`chosen${chosen}/v`]: v,
      [`chosen${chosen}/mean`]: tf.mean(ownQ),
      [`chosen${chosen}/std`]: tf
        .moments(ownQ)
        .variance.mul(ownQ.size / (ownQ.size - 1))
        .sqrt(),
    });
  }
  return outputs;
}

function weights(golden: GoldenCase): Outputs {
  const q = golden.input('q').flatten();
  const v = tf.tidy(() => golden.input('v').expandDims(1).tile([1, golden.dims.chosen]).flatten());
  const statistics = {
    q,
    v,
    mean: golden.input('running_mean').asScalar(),
    deviation: golden.input('running_std').asScalar(),
  };
  const outputs: Outputs = {};
  for (const name of golden.expected) {
    const [transform, setting = ''] = name.split('/');
    const value = Number(/-?[\d.]+$/.exec(setting)?.[0] ?? 1);
    const config = { qBeta: transform === 'qexpn' ? value : 1, qNegative: value, qCut: value };
    outputs[name] = qTransforms[transform as QTransformName](statistics, config);
  }
  return outputs;
}

function updatable(golden: GoldenCase): Qvpo {
  const h = golden.hyperparameters;
  const algorithm = build(golden, {
    batchSize: golden.dims.batch,
    diffusionSteps: h.T,
    schedule: h.beta_schedule as ScheduleName,
    candidates: h.N,
    targetCandidates: h.K_target,
    chosen: h.chosen,
    qTransform: h.transform,
    qBeta: h.beta,
    qNegative: h.q_neg,
    qCut: h.cut,
    entropyWeight: h.entropy_alpha,
    uniformActions: h.entropy_alpha > 0 ? 10 : 0,
    noiseRatio: h.noise_ratio,
    policyLearningRate: h.lr_policy,
    criticLearningRate: h.lr_critic,
    adamEpsilon: h.adam_eps,
    clipNorm: h.grad_norm,
    tau: h.tau,
    statisticsRate: h.alpha_mean,
  });
  load(algorithm.targetDenoiser.variables, golden.params('denoiser'), Math.fround(0.95));
  load(algorithm.targetCritic.variables, golden.params('critic'), Math.fround(0.95));
  return algorithm;
}

function recordings(step: string) {
  return {
    'target/initial': `${step}critic/noise/init`,
    'target/steps': `${step}critic/noise/steps`,
    'candidates/initial': `${step}policy/noise/init`,
    'candidates/steps': `${step}policy/noise/steps`,
    uniformActions: `${step}policy/uniform_actions`,
    'loss/t': `${step}policy/t`,
    'loss/epsilon': `${step}policy/loss_noise`,
  };
}

/** The two draws of an update: transitions for the critic, then states for the policy. */
function draws(golden: GoldenCase, step: string): () => Batch {
  const critic: Batch = {
    observations: golden.input(`${step}critic/state`) as Tensor2D,
    actions: golden.input(`${step}critic/action`) as Tensor2D,
    rewards: golden.input(`${step}critic/reward`).flatten(),
    terminated: tf.cast(tf.equal(golden.input(`${step}critic/mask`).flatten(), 0), 'float32') as Tensor1D,
    nextObservations: golden.input(`${step}critic/next_state`) as Tensor2D,
  };
  const policy = { ...critic, observations: golden.input(`${step}policy/state`) as Tensor2D };
  const queue = [critic, policy];
  return () => queue.shift() as Batch;
}

function scalar(algorithm: Qvpo, name: string): number {
  return algorithm.variables[`statistics/${name}`]!.dataSync()[0]!;
}

function fiveUpdates(golden: GoldenCase): Outputs {
  const algorithm = updatable(golden);
  const outputs: Outputs = {};
  for (let i = 0; i < golden.dims.updates; i++) {
    const noise = new RecordedNoise(golden, recordings(`step${i}/`));
    const metrics = algorithm.stages[0]!.update(draws(golden, `step${i}/`), 0, noise);
    outputs[`step${i}/critic/loss`] = metrics['critic/loss']!;
    outputs[`step${i}/policy/loss`] = metrics['policy/loss']!;
    outputs[`step${i}/critic/grad_norm`] = metrics['critic/gradNorm']!;
    outputs[`step${i}/policy/grad_norm`] = metrics['policy/gradNorm']!;
    outputs[`step${i}/running_mean`] = scalar(algorithm, 'mean');
    outputs[`step${i}/running_std`] = scalar(algorithm, 'deviation');
  }
  return { ...outputs, ...finalState(golden, algorithm) };
}

function finalState(golden: GoldenCase, algorithm: Qvpo): Outputs {
  const v = algorithm.variables;
  const part = (prefix: string) =>
    Object.fromEntries(
      Object.entries(v)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, x]) => [name.slice(prefix.length), x]),
    );
  const all: Outputs = {};
  for (const [net, ours] of [
    ['denoiser', 'denoiser'],
    ['critic', 'critic'],
  ] as const) {
    Object.assign(all, dump(`params/${net}`, part(`${ours}/`)), dump(`adam_m/${net}`, part(`${ours}Optimizer/m/`)));
    Object.assign(all, dump(`adam_v/${net}`, part(`${ours}Optimizer/v/`)));
    Object.assign(all, dump(`target/${net}`, part(`target${net[0]!.toUpperCase()}${net.slice(1)}/`)));
  }
  return Object.fromEntries(golden.expected.filter(name => name in all).map(name => [name, all[name]!]));
}

/** One update with every intermediate. Gradients are those the optimizer really receives. */
function update(golden: GoldenCase): Outputs {
  const algorithm = updatable(golden);
  const raw: NamedTensorMap[] = [];
  const step = Adam.prototype.step;
  const spy = vi.spyOn(Adam.prototype, 'step').mockImplementation(function (this: Adam, grads) {
    raw.push(Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, tf.keep(tf.clone(g))])));
    return step.call(this, grads);
  });
  const before = updatable(golden);
  const noise = new RecordedNoise(golden, recordings(''));
  const metrics = algorithm.stages[0]!.update(draws(golden, ''), 0, noise);
  spy.mockRestore();
  const outputs: Outputs = {
    'critic/loss': metrics['critic/loss']!,
    'critic/grad_norm': metrics['critic/gradNorm']!,
    'policy/loss': metrics['policy/loss']!,
    'policy/grad_norm': metrics['policy/gradNorm']!,
    running_mean: scalar(algorithm, 'mean'),
    running_std: scalar(algorithm, 'deviation'),
    ...criticIntermediates(golden, before),
    ...policyIntermediates(golden, before, algorithm),
    ...finalState(golden, algorithm),
  };
  for (const [net, grads, optimizer] of [
    ['critic', raw[0]!, 'criticOptimizer'],
    ['denoiser', raw[1]!, 'denoiserOptimizer'],
  ] as const) {
    Object.assign(outputs, dump(`grad_before_clip/${net}`, grads));
    const moments = Object.fromEntries(
      Object.keys(grads).map(name => [name, algorithm.variables[`${optimizer}/m/${name}`]!.div(0.1)]),
    );
    Object.assign(outputs, dump(`grad/${net}`, moments)); // after the first step m = (1 − β₁) g
  }
  return outputs;
}

function criticIntermediates(golden: GoldenCase, before: Qvpo): Outputs {
  const { T, K_target: candidates, noise_ratio: noiseRatio, beta_schedule: name } = golden.hyperparameters;
  const noise = new RecordedNoise(golden, recordings(''));
  const [s, a, sNext] = ['state', 'action', 'next_state'].map(x => golden.input(`critic/${x}`) as Tensor2D);
  const ddpm = new Ddpm(makeSchedule(name, T));
  const sampled = ddpm.sample(before.targetDenoiser, sNext!, { candidates, noiseRatio, name: 'target' }, noise);
  const next = best(judge(before.targetCritic, sNext!, sampled));
  const [q1, q2] = before.critic.both(s!, a!);
  const y = golden.input('critic/reward').flatten().add(golden.input('critic/mask').flatten().mul(next.q));
  return { 'critic/next_action': next.actions, 'critic/q1': q1, 'critic/q2': q2, 'critic/y': y };
}

function policyIntermediates(golden: GoldenCase, before: Qvpo, after: Qvpo): Outputs {
  const noise = new RecordedNoise(golden, recordings(''));
  load(
    before.critic.variables,
    Object.fromEntries(
      Object.entries(after.critic.variables).map(([name, v]) => [
        theirName(name),
        {
          shape: v.rank === 2 ? [v.shape[1]!, v.shape[0]!] : v.shape,
          data: (v.rank === 2 ? tf.transpose(v) : v).dataSync() as Float32Array,
        },
      ]),
    ),
  );
  const states = golden.input('policy/state') as Tensor2D;
  const { a, q, v, ownQ } = before.chosen(states, noise);
  const rows = before.rows(states, noise);
  const t = noise.integers('loss/t', rows.a.shape[0]);
  const x = new Ddpm(makeSchedule(golden.hyperparameters.beta_schedule, golden.hyperparameters.T)).corrupt(
    rows.a,
    t,
    golden.input('policy/loss_noise'),
  );
  return {
    'policy/best_action': a,
    'policy/best_q': q,
    'policy/v': v,
    'policy/q_mean': tf.mean(ownQ),
    'policy/q_std': tf
      .moments(ownQ)
      .variance.mul(ownQ.size / (ownQ.size - 1))
      .sqrt(),
    'policy/weights': rows.weights,
    'policy/eps': before.denoiser.apply(x, t, rows.s),
  };
}
