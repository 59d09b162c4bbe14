import { vi } from 'vitest';
import type { Qvpo } from '../../src/algorithms/qvpo.ts';
import type { Batch } from '../../src/data/batch.ts';
import { best, judge } from '../../src/diffusion/candidates.ts';
import { Ddpm } from '../../src/diffusion/ddpm.ts';
import { makeSchedule, type ScheduleName } from '../../src/diffusion/schedules.ts';
import { Adam } from '../../src/optim/adam.ts';
import { type NamedTensorMap, type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';
import type { GoldenCase, Outputs } from './case.ts';
import { dump, load, RecordedNoise, theirName } from './networks.ts';
import { build } from './qvpoParts.ts';

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
  load(algorithm.networks.targetDenoiser.variables, golden.params('denoiser'), Math.fround(0.95));
  load(algorithm.networks.targetCritic.variables, golden.params('critic'), Math.fround(0.95));
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

export function fiveUpdates(golden: GoldenCase): Outputs {
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
export function update(golden: GoldenCase): Outputs {
  const algorithm = updatable(golden);
  const raw: NamedTensorMap[] = [];
  const step = Adam.prototype.step;
  const spy = vi.spyOn(Adam.prototype, 'step').mockImplementation(function (this: Adam, grads) {
    const kept = Object.keys(this.variables).map((name, i) => [name, tf.keep(tf.clone(grads[i]!))]);
    raw.push(Object.fromEntries(kept));
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
  const sampled = ddpm.sample(
    before.networks.targetDenoiser,
    sNext!,
    { candidates, noiseRatio, name: 'target' },
    noise,
  );
  const next = best(judge(before.networks.targetCritic, sNext!, sampled));
  const [q1, q2] = before.networks.critic.both(s!, a!);
  const y = golden.input('critic/reward').flatten().add(golden.input('critic/mask').flatten().mul(next.q));
  return { 'critic/next_action': next.actions, 'critic/q1': q1, 'critic/q2': q2, 'critic/y': y };
}

function policyIntermediates(golden: GoldenCase, before: Qvpo, after: Qvpo): Outputs {
  const noise = new RecordedNoise(golden, recordings(''));
  load(
    before.networks.critic.variables,
    Object.fromEntries(
      Object.entries(after.networks.critic.variables).map(([name, v]) => [
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
    'policy/eps': before.networks.denoiser.apply(x, t, rows.s),
  };
}
