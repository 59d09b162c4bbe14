import { hyperparameters, Srpo } from '../../src/algorithms/srpo.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import { cosine } from '../../src/config/offline.ts';
import { minusOne, rangeScaled, returnsByCount } from '../../src/data/rewards.ts';
import { VpSde } from '../../src/diffusion/vpSde.ts';
import type { LnResNet } from '../../src/networks/lnResNet.ts';
import { fourierFeatures } from '../../src/networks/timeEmbedding.ts';
import { dense } from '../../src/tensor/ops/dense.ts';
import { layerNorm } from '../../src/tensor/ops/layerNorm.ts';
import { lnResBlock } from '../../src/tensor/ops/lnResBlock.ts';
import { mish } from '../../src/tensor/ops/mish.ts';
import { type Tensor, type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';
import type { GoldenCase, Handler, Outputs } from './case.ts';
import { batch, gradientsOf, implicitQ, loadCritic } from './iql.ts';
import { dump, load, RecordedNoise, zeroNoise } from './networks.ts';

export const srpoHandlers: [RegExp, Handler][] = [
  [/^srpo-08-vpsde$/, vpSde],
  [/^srpo-09-score/, score],
  [/^srpo-10-behaviour5/, golden => behavior(golden, true)],
  [/^srpo-10-behaviour/, golden => behavior(golden, false)],
  [/^srpo-11-iql5/, golden => implicitQ(golden, true)],
  [/^srpo-11-iql/, golden => implicitQ(golden, false)],
  [/^srpo-12-learning-rate$/, learningRate],
  [/^srpo-12-policy-weights/, policyVariants],
  [/^srpo-12-policy5/, policySteps],
  [/^srpo-12-policy/, policyDepths],
  [/^srpo-13-rewards$/, rewards],
];

function loadScore(golden: GoldenCase, network: LnResNet): void {
  const used = Object.entries(golden.params('score')).filter(([name]) => !name.includes('/skip/')); // never used
  load(network.variables, Object.fromEntries(used));
}

function build(golden: GoldenCase, values: Record<string, unknown>): Srpo {
  const { obs, act, hidden, blocks = 3 } = golden.dims;
  const config = resolve(hyperparameters, [{ source: 'case', values: { hidden, blocks, ...values } }]).values;
  const algorithm = new Srpo({ obsDim: obs, actDim: act }, config, zeroNoise);
  loadScore(golden, algorithm.behavior);
  return algorithm;
}

function vpSde(golden: GoldenCase): Outputs {
  const { beta_0, beta_1 } = golden.hyperparameters;
  const { alpha, sigma } = new VpSde(beta_0, beta_1).at(golden.input('t') as Tensor1D);
  const allowed = golden.entry('std_atol_per_entry').data;
  const wanted = golden.expectedEntry('std').data;
  sigma.dataSync().forEach((x, i) => {
    if (!(Math.abs(x - wanted[i]!) <= allowed[i]!)) throw new Error(`std[${i}] is ${x}, expected ${wanted[i]}`);
  });
  return { alpha, std: sigma };
}

function score(golden: GoldenCase): Outputs {
  const outputs: Outputs = {};
  const { behavior: net } = build(golden, { dropout: golden.hyperparameters.dropout });
  const [x, t, s] = [golden.input('x') as Tensor2D, golden.input('t') as Tensor1D, golden.input('state') as Tensor2D];
  for (const mode of ['eval', 'train']) {
    const masks = mode === 'train' ? [0, 1, 2].map(i => golden.input(`train/keep${i}`) as Tensor2D) : undefined;
    const at = (name: string, value: Tensor) => {
      outputs[`${mode}/${name}`] = value;
    };
    const features = tf.concat2d(fourierFeatures(t, net.frequencies), 1);
    at('fourier', features);
    at('cond/linear0', dense(features, net.cond.layers[0]!.weight, net.cond.layers[0]!.bias, 'linear'));
    const e = net.cond.apply(features);
    at('cond/out', e);
    let h = net.input.apply(tf.concat2d([x, s, e], 1));
    at('in/linear', h);
    net.blocks.forEach((block, i) => {
      const { norm, fc1, fc2 } = block;
      const dropout = masks && { uniform: masks[i]!, rate: net.dropout }; // 0 or 1: below the rate, or not
      const dropped = dropout ? (h.mul(dropout.uniform).div(1 - net.dropout) as Tensor2D) : h;
      const normed = layerNorm(dropped, norm.weight, norm.bias);
      const linear = dense(normed, fc1.weight, fc1.bias, 'linear');
      at(`block${i}/norm`, normed);
      at(`block${i}/fc1`, linear);
      at(`block${i}/fc2`, dense(mish(linear), fc2.weight, fc2.bias, 'linear'));
      h = lnResBlock(h, block, dropout);
      at(`block${i}/out`, h);
    });
    at('eps', net.apply(x, t, s, masks));
  }
  return outputs;
}

function recordings(step: string) {
  return {
    ...{ 'behavior/t': `${step}u`, 'behavior/z': `${step}z`, 'policy/t': `${step}u`, 'policy/z': `${step}z` },
    ...{ dropout0: `${step}keep0`, dropout1: `${step}keep1`, dropout2: `${step}keep2` },
  };
}

function behavior(golden: GoldenCase, several: boolean): Outputs {
  const { lr, weight_decay: weightDecay, dropout } = golden.hyperparameters;
  const algorithm = build(golden, { behaviorLearningRate: lr, weightDecay, dropout });
  const outputs: Outputs = {};
  const [stage] = algorithm.stages;
  const update = (step: string) =>
    stage!.update(() => batch(golden, step), 0, new RecordedNoise(golden, recordings(step)))['behavior/loss']!;
  if (several) {
    for (let i = 0; i < golden.dims.updates; i++) outputs[`step${i}/loss`] = update(`step${i}/`);
  } else {
    const noise = new RecordedNoise(golden, recordings(''));
    const a = golden.input('a') as Tensor2D;
    const { t, x } = new VpSde().corrupt(a, { min: algorithm.config.behaviorTimeMin, max: 1 }, 'behavior', noise);
    outputs.noisy_action = x;
    outputs.eps = algorithm.behavior.apply(
      x,
      t,
      golden.input('s') as Tensor2D,
      algorithm.behavior.drops(a.shape[0]!, noise),
    );
    const [gradients] = gradientsOf(() => {
      outputs.loss = update('');
    });
    Object.assign(outputs, dump('grad/score', gradients!));
  }
  const { 'fourier/W': W, ...trained } = algorithm.behavior.variables;
  const skip = Object.entries(golden.params('score')).filter(([name]) => name.includes('/skip/'));
  for (const [name, { data }] of skip) outputs[`params/score/${name}`] = data; // we have none, so they stay
  return { ...outputs, ...dump('params/score', trained), 'params/score/fourier/W': W! };
}

function learningRate(golden: GoldenCase): Outputs {
  const { lr, T_max } = golden.hyperparameters;
  return { lr: Float32Array.from(golden.entry('n').data, n => cosine(lr, n / T_max)) };
}

const weightings: Record<string, string> = { VDS: 'vds', stable: 'stable', score: 'score' };

interface Variant {
  readonly weighting: string;
  readonly noise: boolean;
  readonly regq: boolean;
}

function extraction(golden: GoldenCase, { weighting, noise, regq }: Variant): Srpo {
  const { beta, lr } = golden.hyperparameters;
  const layers = (part: string) => Object.keys(golden.params(part)).length / 2 - 1;
  const algorithm = build(golden, {
    ...{ beta, policyLearningRate: lr, weighting: weightings[weighting], subtractNoise: noise, normalizeQ: regq },
    ...{ criticLayers: layers('q1'), policyLayers: layers('policy') },
  });
  loadCritic(golden, algorithm, 1);
  load(algorithm.policy.variables, golden.params('policy'));
  return algorithm;
}

function extract(golden: GoldenCase, algorithm: Srpo, step = '', progress = 0) {
  const noise = new RecordedNoise(golden, recordings(step));
  return algorithm.stages[2]!.update(() => batch(golden, step), progress, noise);
}

function intermediates(golden: GoldenCase): Outputs {
  const plain = extraction(golden, { weighting: 'VDS', noise: false, regq: false });
  const { a, t, x, predicted, g, q } = plain.direction(
    golden.input('s') as Tensor2D,
    new RecordedNoise(golden, recordings('')),
  );
  return { a, t, noisy: x, eps_network: predicted, dq_da: g, q_mean: q };
}

function policyVariants(golden: GoldenCase): Outputs {
  const outputs = intermediates(golden);
  for (const [weighting, noise, regq] of Object.keys(weightings).flatMap(name =>
    [false, true].flatMap(noise => [0, 1].map(regq => [name, noise, regq] as const)),
  )) {
    const prefix = `${weighting}${noise ? '+noise' : ''}/regq${regq}`;
    Object.assign(outputs, oneStep(golden, { weighting, noise, regq: regq === 1 }, `${prefix}/`));
  }
  return outputs;
}

function oneStep(golden: GoldenCase, variant: Variant, prefix: string): Outputs {
  const algorithm = extraction(golden, variant);
  const outputs: Outputs = {};
  const [gradients] = gradientsOf(() => {
    outputs[`${prefix}loss`] = extract(golden, algorithm)['policy/loss']!;
  });
  Object.assign(outputs, dump(`${prefix}grad/policy`, gradients!));
  return { ...outputs, ...dump(`${prefix}params/policy`, algorithm.policy.variables) };
}

function policyDepths(golden: GoldenCase): Outputs {
  const { weighting, regq } = golden.hyperparameters;
  return { ...intermediates(golden), ...oneStep(golden, { weighting, noise: false, regq: regq === 1 }, '') };
}

function policySteps(golden: GoldenCase): Outputs {
  const { weighting, regq, T_max } = golden.hyperparameters;
  const algorithm = extraction(golden, { weighting, noise: false, regq: regq === 1 });
  const outputs: Outputs = {};
  for (let i = 0; i < golden.dims.updates; i++) {
    const metrics = extract(golden, algorithm, `step${i}/`, i / T_max);
    outputs[`step${i}/loss`] = metrics['policy/loss']!;
    outputs[`step${i}/q_mean`] = metrics['critic/q']!;
  }
  return { ...outputs, ...dump('params/policy', algorithm.policy.variables) };
}

function rewards(golden: GoldenCase): Outputs {
  const [reward, terminal] = [golden.entry('reward').data, golden.entry('terminal').data] as Float32Array[];
  const returns = returnsByCount(reward!, terminal!, golden.hyperparameters.max_episode_steps);
  return {
    returns,
    min_return: Math.min(...returns),
    max_return: Math.max(...returns),
    'locomotion/reward': rangeScaled(reward!, returns),
    'antmaze/reward': minusOne(golden.entry('antmaze/reward').data as Float32Array),
  };
}
