import { beforeAll, expect, test } from 'vitest';
import { makeSampler } from '../../../src/diffusion/sampler.ts';
import { makeSchedule, type Schedule } from '../../../src/diffusion/schedules.ts';
import { UsageError } from '../../../src/errors.ts';
import type { NoiseNetwork } from '../../../src/networks/noiseNetwork.ts';
import { Rng } from '../../../src/random/rng.ts';
import { StreamNoise } from '../../../src/tensor/noise.ts';
import { type Tensor2D, tf } from '../../../src/tensor/tf.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

/** The exact noise of data that is ±0.6 with equal chances, in a network's place; its "embedded" time is the step itself. */
function exact({ alphasCumprod, steps }: Schedule): NoiseNetwork {
  const acp = (step: number) => {
    const low = Math.max(0, Math.min(Math.floor(step), steps - 2));
    const part = step - low;
    return Math.exp((1 - part) * Math.log(alphasCumprod[low]!) + part * Math.log(alphasCumprod[low + 1]!));
  };
  const apply = (parts: readonly Tensor2D[]) => {
    const rows = tf.concat2d([...parts], 1).arraySync();
    return tf.tensor2d(
      rows.map(([x, step]) => {
        const [alpha, variance] = [Math.sqrt(acp(step!)), 1 - acp(step!)];
        return [(x! - alpha * 0.6 * Math.tanh((0.6 * alpha * x!) / variance)) / Math.sqrt(variance)];
      }),
    );
  };
  const embeddingsAt = (times: readonly number[]) => tf.tensor2d(times as number[], [times.length, 1]);
  return { actDim: 1, embeddingsAt, body: { apply } } as unknown as NoiseNetwork;
}

test.each(['dpm', 'dpm++'] as const)('%s finds both modes in eight calls, on a coarse schedule too', name => {
  for (const [kind, steps] of [
    ['vp', 10],
    ['cosine', 20],
  ] as const) {
    const schedule = makeSchedule(kind, steps);
    const options = { candidates: 200, name: 'x' };
    const noise = new StreamNoise(new Rng(2));
    const sampled = makeSampler(name, schedule, 8).sample(
      exact(schedule),
      tf.zeros([1, 1]) as Tensor2D,
      options,
      noise,
    );
    const x = [...sampled.dataSync()];
    expect(x.filter(value => Math.abs(Math.abs(value) - 0.6) < 0.1).length, kind).toBeGreaterThan(170);
    const positive = x.filter(value => value > 0).length;
    expect(positive, kind).toBeGreaterThan(70);
    expect(positive, kind).toBeLessThan(130);
  }
});

test('too few calls are refused with the least that will do', () => {
  const coarse = makeSchedule('vp', 5);
  expect(() => makeSampler('dpm', coarse, 3)).toThrow(UsageError);
  expect(() => makeSampler('dpm', coarse, 3)).toThrow('3 network calls are too few for the sampler dpm');
  expect(() => makeSampler('dpm', coarse, 4)).not.toThrow();
  expect(() => makeSampler('dpm', makeSchedule('linear-scaled', 1000), 3)).not.toThrow(); // nothing left to remove
});
