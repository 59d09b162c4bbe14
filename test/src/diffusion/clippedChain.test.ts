import { beforeAll, expect, test } from 'vitest';
import { ClippedChain } from '../../../src/diffusion/clippedChain.ts';
import { makeSchedule } from '../../../src/diffusion/schedules.ts';
import { Rng } from '../../../src/random/rng.ts';
import { StreamNoise } from '../../../src/tensor/noise.ts';
import { type Tensor2D, tf } from '../../../src/tensor/tf.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

/** The exact noise for data that is one point, at any step of the schedule. */
function pointModel(point: number, steps: number) {
  const { alphasCumprod } = makeSchedule('vp', steps);
  const at = (step: number) => {
    const low = Math.min(Math.floor(step), steps - 2);
    const fraction = step - low;
    return Math.exp((1 - fraction) * Math.log(alphasCumprod[low]!) + fraction * Math.log(alphasCumprod[low + 1]!));
  };
  return (x: Tensor2D, step: number) =>
    tf.div(tf.sub(x, point * Math.sqrt(at(step))), Math.sqrt(1 - at(step))) as Tensor2D;
}

test('the chain and both solvers end at the only point of the data', () => {
  const steps = 20;
  const chain = new ClippedChain(makeSchedule('vp', steps));
  const noise = new StreamNoise(new Rng(1));
  for (const sample of [chain.sample.bind(chain), chain.solver('dpm', 9), chain.solver('dpm++', 9)]) {
    const x = sample(pointModel(0.4, steps), [64, 2], 'x', noise);
    expect(x.mean().dataSync()[0]!).toBeCloseTo(0.4, 1);
    expect(x.abs().max().dataSync()[0]!).toBeLessThanOrEqual(1);
  }
});

test('one step follows the formula, clipping x', () => {
  const chain = new ClippedChain(makeSchedule('vp', 2));
  const { betas, alphasCumprod } = chain.schedule;
  const draws: Record<string, number[]> = { 'x/initial': [0.9], 'x/steps': [0.5, 7] };
  const noise = {
    normal: (name: string, shape: readonly number[]) => tf.tensor(draws[name]!, [...shape]),
  } as unknown as StreamNoise;
  const model = (x: Tensor2D, step: number) => tf.fill(x.shape, step === 1 ? -0.2 : 0.3) as Tensor2D;
  const clip = (x: number) => Math.max(-1, Math.min(1, x));
  const back = (x: number, t: number, eps: number) =>
    (x - (betas[t]! / Math.sqrt(1 - alphasCumprod[t]!)) * eps) / Math.sqrt(1 - betas[t]!);
  const x1 = clip(back(0.9, 1, -0.2) + Math.sqrt(betas[1]!) * 0.5);
  const x0 = clip(back(x1, 0, 0.3)); // no noise in the last step
  expect(chain.sample(model, [1, 1], 'x', noise).dataSync()[0]!).toBeCloseTo(x0, 5);
});
