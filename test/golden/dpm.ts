import { solve } from '../../src/diffusion/dpmSolver.ts';
import { linearTime, type NoiseTime, noiseLevel, trimmedTime } from '../../src/diffusion/noiseTime.ts';
import { planSolver, type SolverOptions } from '../../src/diffusion/solverPlan.ts';
import { dense } from '../../src/tensor/ops/dense.ts';
import { type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';
import type { GoldenCase, Handler, Outputs } from './case.ts';

export const dpmHandlers: [RegExp, Handler][] = [
  [/^dpm-15-tables$/, tables],
  [/^dpm-15-/, sampling],
];

/** Betas linear from 0.1/K to 20/K in float32. */
function linearBetas(K: number): Float32Array {
  return Float32Array.from({ length: K }, (_, i) => 0.1 / K + (i * (19.9 / K)) / (K - 1));
}

function timeNamed(name: string): NoiseTime {
  const K = /\d{2,}/.exec(name.replace(/.*K = /, ''))?.[0];
  return name.startsWith('continuous') ? linearTime() : trimmedTime(linearBetas(Number(K)));
}

function tables(golden: GoldenCase): Outputs {
  const outputs: Outputs = {};
  const times = [...golden.input('t').dataSync()];
  for (const name of ['1000', '100', 'continuous']) {
    const time = timeNamed(name);
    const levels = times.map(t => noiseLevel(time, t));
    outputs[`${name}/n`] = time.steps ?? 1000;
    outputs[`${name}/log_alpha`] = levels.map(level => level.logAlpha);
    outputs[`${name}/sigma`] = levels.map(level => level.sigma);
    outputs[`${name}/lambda`] = levels.map(level => level.lambda);
    outputs[`${name}/inverse`] = levels.map(level => time.timeOf(level.lambda));
  }
  return outputs;
}

const spacings = { time_uniform: 'time', time_quadratic: 'quadratic', logSNR: 'logSnr' } as const;

function optionsOf(golden: GoldenCase): SolverOptions {
  const h = golden.hyperparameters;
  return {
    prediction: h.prediction,
    method: h.method,
    order: h.order,
    calls: h.steps,
    spacing: spacings[h.spacing as keyof typeof spacings],
    start: h.t_start,
    end: h.t_end,
    finalDenoise: h.final_denoise,
  };
}

function sampling(golden: GoldenCase): Outputs {
  const h = golden.hyperparameters;
  const plan = planSolver(timeNamed(h.schedule), optionsOf(golden));
  const levels = plan.calls.map(call => call.level);
  const model = golden.has('mu') ? analytic(golden) : network(golden);
  const predict = (x: Tensor2D, call: number) => model(x, levels[call]!);
  const clip = h.clip_x0_to_unit ? 1 : undefined;
  const { states, predictions } = solve(plan, predict, golden.input('x') as Tensor2D, clip);
  const reached = states.slice(1).filter((_, i) => plan.calls[i]!.order > 0);
  const stepEnds = h.method === 'multistep' ? [states[0]!, ...reached] : reached;
  return {
    'call/t': levels.map(level => level.t),
    'call/log_alpha': levels.map(level => level.logAlpha),
    'call/sigma': levels.map(level => level.sigma),
    'call/lambda': levels.map(level => level.lambda),
    'call/x': tf.stack(states.slice(0, -1)),
    'call/eps': tf.stack([...predictions]),
    'state/x': tf.stack(stepEnds),
    x: states.at(-1)!,
  };
}

type Model = (x: Tensor2D, level: { t: number; alpha: number; sigma: number }) => Tensor2D;

/** The exact noise prediction for normal data. */
function analytic(golden: GoldenCase): Model {
  const [mu, sd] = [golden.input('mu'), golden.input('sd')];
  return (x, { alpha, sigma }) =>
    x
      .sub(mu.mul(alpha))
      .mul(sigma)
      .div(
        sd
          .square()
          .mul(alpha * alpha)
          .add(sigma * sigma),
      );
}

function network(golden: GoldenCase): Model {
  const layer = (i: number) => ({
    weight: tf.transpose(golden.input(`params/${i}/weight`)) as Tensor2D,
    bias: golden.input(`params/${i}/bias`) as Tensor1D,
  });
  return (x, { t }) => {
    const input = tf.concat2d([x, tf.fill([x.shape[0], 1], t)], 1);
    return [0, 1, 2].reduce((h: Tensor2D, i) => {
      const { weight, bias } = layer(i);
      return dense(h, weight, bias, i === 2 ? 'linear' : 'tanh');
    }, input);
  };
}
