import { type QTransformName, qTransforms } from '../../src/algorithms/qTransforms.ts';
import { judge } from '../../src/diffusion/candidates.ts';
import { Ddpm } from '../../src/diffusion/ddpm.ts';
import { makeSchedule, scheduleNames } from '../../src/diffusion/schedules.ts';
import { dense } from '../../src/tensor/ops/dense.ts';
import { mish } from '../../src/tensor/ops/mish.ts';
import { type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';
import type { GoldenCase, Handler, Outputs } from './case.ts';
import { RecordedNoise, theirName } from './networks.ts';
import { build } from './qvpoParts.ts';
import { fiveUpdates, update } from './qvpoUpdate.ts';

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
  const net = build(golden).networks.denoiser;
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
  const net = build(golden).networks.denoiser;
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
    const actions = ddpm.sample(algorithm.networks.denoiser, states, { candidates: K, name: 'act' }, noise);
    const judged = judge(algorithm.networks.critic, states, actions);
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
